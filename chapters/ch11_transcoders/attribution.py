"""Where does a latent's pre-activation come from? A sum over everything that was written before.

A latent of layer L reads the residual stream through the norm before the MLP. With the norm's scale
held at its value in this forward pass, reading is linear, and the residual stream is a sum:

    token + position + heads of layers 0 to L + attention biases
      + for each earlier layer: its latents, its transcoder's bias, what the transcoder missed

So the pre-activation is exactly the sum of what each of these contributes, plus two constants: the
norm's bias and b_enc. A list that leaves one out explains another number.
Axes: late (latents of layer L), early (latents of one earlier layer), component.
Source: Dunefsky et al. 2024, section 4; Ameisen et al. 2025, section 3.
"""

from collections.abc import Mapping
from typing import NamedTuple, cast

import torch
from jaxtyping import Float
from torch import Tensor

from ..ch02_transformer import HookedTransformer
from ..ch02_transformer.layers import Tokens
from ..ch02_transformer.model import MLPBlock
from ..ch03_circuits.decompose import decompose
from .transcoder import AbstractTranscoder
from .virtual_weights import direct_weights, reading_directions

NAMES = ("ln2.hook_scale", "hook_resid_mid", "hook_mlp_out")


class Sources(NamedTuple):
    """Contributions to the pre-activations of one layer's latents, at one position."""

    components: dict[str, Float[Tensor, " late"]]
    """Embeddings, heads and biases, under the names of chapter 3; `norm bias` and `b_enc`."""
    latents: dict[int, Float[Tensor, "early late"]]
    """Latents of each earlier layer."""
    rest: dict[int, Float[Tensor, " late"]]
    """Of each earlier layer, what is not from a latent: b_dec, a bypass, and the error."""

    def total(self) -> Float[Tensor, " late"]:
        """Sum all contributions: the pre-activations."""
        parts = [*self.components.values(), *self.rest.values()]
        return torch.stack([*parts, *(one.sum(dim=0) for one in self.latents.values())]).sum(dim=0)


def layer_of(component: str) -> int:
    """Return the layer of a component of chapter 3, `head 3.1` or `bias 3`; -1 for embeddings."""
    number = component.partition(" ")[2].partition(".")[0]
    return int(number) if number else -1


@torch.no_grad()
def split_pre_activations(
    model: HookedTransformer,
    tokens: Tokens,
    transcoders: Mapping[int, AbstractTranscoder],
    layer: int,
    pos: int,
) -> Sources:
    """Split the pre-activations of a layer's latents, for a batch of one text.

    Raises: ValueError for a batch of several texts, or when a transcoder is missing.
    """
    if len(tokens) != 1 or any(early not in transcoders for early in range(layer + 1)):
        raise ValueError(
            f"expected one text and transcoders of layers 0 to {layer}, got {len(tokens)} and "
            f"{sorted(transcoders)}"
        )
    points = [f"blocks.{early}.{name}" for early in range(layer + 1) for name in NAMES]
    _, cache = model.run_with_cache(tokens, names=points)
    norms = [cast(MLPBlock, block).ln2 for block in model.blocks]
    norm, late = norms[layer], transcoders[layer]
    written = dict(zip(*decompose(model, tokens), strict=True))
    # exercise 11.8
    raise NotImplementedError("exercise 11.8")
