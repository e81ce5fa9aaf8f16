"""Replacement models: the transformer with its MLPs replaced by transcoders or a CLT.

Attention and norms are the model's own. An error at one layer changes the inputs of all later ones,
so errors grow with depth; how much is measured here, and it decides what a replacement model can
say about the model.
Axes: batch, pos, d_model, d_vocab.
Source: Ameisen et al. 2025, "Circuit Tracing", section 2.2.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn

from ..ch02_transformer import HookedTransformer, HookPoint
from ..ch02_transformer.layers import Resid, Tokens
from ..ch05_patching import kl_divergence
from ..ch08_saes.splice import put_module
from .crosslayer import AbstractCLT
from .transcoder import AbstractTranscoder

Logits = Float[Tensor, "batch pos d_vocab"]
ACTS = "hook_transcoder_acts"


class TranscoderMLP(nn.Module):
    """A transcoder in the place of an MLP. Its latents are a hook point."""

    def __init__(self, transcoder: AbstractTranscoder) -> None:
        super().__init__()
        self.transcoder = transcoder
        self.hook_transcoder_acts = HookPoint()  # [batch, pos, d_sae]

    def forward(self, x: Resid) -> Resid:
        """Predict the MLP's output."""
        made = self.transcoder(x)
        acts = self.hook_transcoder_acts(made.acts)
        return self.transcoder.decode(acts) + self.transcoder.bypass(x)


class CrossLayerMLP(nn.Module):
    """One layer of a CLT in the place of an MLP; the layers share a list of activations."""

    def __init__(self, clt: AbstractCLT, layer: int, acts: list[Tensor]) -> None:
        super().__init__()
        self.clt, self.layer, self.acts = clt, layer, acts
        self.hook_transcoder_acts = HookPoint()  # [batch, pos, d_sae]

    def forward(self, x: Resid) -> Resid:
        """Encode this layer's input; decode what this layer and all before it write here."""
        del self.acts[self.layer :]  # of the last forward
        # exercise 11.13
        raise NotImplementedError("exercise 11.13")


Replacements = Mapping[int, AbstractTranscoder] | AbstractCLT
"""Transcoders by layer, some or all; or a CLT, for all layers."""


@contextmanager
def replace_mlps(model: HookedTransformer, by: Replacements) -> Iterator[HookedTransformer]:
    """Replace MLPs of a model while a `with` block runs.

    The latents are hook points: `blocks.1.mlp.hook_transcoder_acts`.

    Raises: ValueError for layers that the model does not have, or a CLT of another depth.
    """
    mlps = {layer: block.get_submodule("mlp") for layer, block in enumerate(model.blocks)}
    modules: dict[int, nn.Module]
    if isinstance(by, AbstractCLT):
        acts: list[Tensor] = []
        modules = {layer: CrossLayerMLP(by, layer, acts) for layer in range(by.n_layers)}
    else:
        modules = {layer: TranscoderMLP(one) for layer, one in by.items()}
    wrong = sorted(set(modules) - set(mlps))
    if wrong or (isinstance(by, AbstractCLT) and len(modules) != len(mlps)):
        raise ValueError(f"expected layers of the model, 0 to {len(mlps) - 1}, got {[*modules]}")
    try:
        for layer, module in modules.items():
            put_module(model, f"blocks.{layer}.mlp", module)
        yield model
    finally:
        for layer in modules:
            put_module(model, f"blocks.{layer}.mlp", mlps[layer])


class Agreement(NamedTuple):
    """How well a replacement model predicts what the model predicts."""

    top1: float
    """Share of positions at which both have the same most likely token."""
    kl: float
    """Divergence of its predictions from the model's, nats per position."""
    sure: float
    """`top1` where the model gives its most likely token more than 1/2; NaN if it never does."""


def agreement(replaced: Logits, original: Logits) -> Agreement:
    """Compare two models' logits at every position.

    Of two equally likely tokens the first one counts.
    """
    # exercise 11.14
    raise NotImplementedError("exercise 11.14")


@torch.no_grad()
def measure_replacement(model: HookedTransformer, by: Replacements, tokens: Tokens) -> Agreement:
    """Compare the replacement model with the model on texts; position 0 counts too."""
    original = model(tokens)
    with replace_mlps(model, by):
        return agreement(model(tokens), original)


@torch.no_grad()
def error_by_layer(
    model: HookedTransformer, by: Replacements, tokens: Tokens
) -> Float[Tensor, " layer"]:
    """Compute how far the residual stream after each block is from the model's.

    ||difference||^2 / ||model's, around its mean||^2, each summed over texts and positions. Units:
    share of variance; 0 for a perfect replacement, 1 for one that knows only the mean.
    """
    names = [f"blocks.{layer}.hook_resid_post" for layer in range(len(model.blocks))]
    _, original = model.run_with_cache(tokens, names=names)
    with replace_mlps(model, by):
        _, replaced = model.run_with_cache(tokens, names=names)
    # exercise 11.14
    raise NotImplementedError("exercise 11.14")
