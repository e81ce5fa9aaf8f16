"""Take the residual stream apart: it is a sum, so every logit is a sum too.

1. Everything that is ever written to the stream is one component: the embedding, the positions,
   each head, each layer's output bias, each MLP (`decompose`).
2. The final norm divides by a scale that depends on all of them. Held fixed, it is linear
   (`freeze_norm`), and each component's share of a logit is a dot product (`attribute`).

Holding the scale fixed is a choice: shares then add up to the logit, but a component that is taken
away would have changed the scale as well.
Axes: component, batch, pos, d_model.
Source: Elhage et al. 2021, "A Mathematical Framework for Transformer Circuits".
"""

from typing import NamedTuple

import torch
from einops import einsum
from jaxtyping import Float, Int
from torch import Tensor

from ..ch02_transformer import HookedTransformer
from ..ch02_transformer.norms import Norm

Direction = Float[Tensor, "batch pos d_model"]


class Components(NamedTuple):
    """All that is written to the residual stream; the values sum to it."""

    names: list[str]
    """`embed`, `pos_embed`, `head 3.1`, `bias 3` (of layer 3's heads together), `mlp 3`."""
    values: Float[Tensor, "component batch pos d_model"]
    """What each one writes."""


def writing_names(model: HookedTransformer) -> list[str]:
    """The hook points that `decompose` needs: embeddings, every z, every MLP's output."""
    written = ("hook_embed", "hook_pos_embed", "hook_z", "hook_mlp_out")
    return [name for name in model.hook_points() if name.endswith(written)]


def head_results(
    z: Float[Tensor, "batch pos head d_head"], W_O: Float[Tensor, "head d_head d_model"]
) -> Float[Tensor, "head batch pos d_model"]:
    """What each head writes to the stream, without the bias that all heads of a layer share."""
    # exercise 3.1
    raise NotImplementedError("exercise 3.1")


@torch.no_grad()
def decompose(model: HookedTransformer, tokens: Int[Tensor, "batch pos"]) -> Components:
    """Every component of the residual stream after the last block, from one forward pass."""
    _, cache = model.run_with_cache(tokens, names=writing_names(model))
    pieces = {"embed": cache["hook_embed"], "pos_embed": cache["hook_pos_embed"]}
    # exercise 3.1
    raise NotImplementedError("exercise 3.1")


def freeze_norm(
    values: Float[Tensor, "component batch pos d_model"],
    norm: Norm,
    scale: Float[Tensor, "batch pos 1"],
) -> Float[Tensor, "component batch pos d_model"]:
    """What a norm makes of each component when its divisor is held at `scale`.

    Linear: the results sum to what the norm makes of the sum, but for the norm's bias, which
    belongs to no component. A norm that centres takes each component's own mean away.
    """
    gain, _ = norm.affine()
    # exercise 3.2
    raise NotImplementedError("exercise 3.2")


def logit_direction(
    model: HookedTransformer,
    token: Int[Tensor, "batch pos"],
    against: Int[Tensor, "batch pos"] | None = None,
) -> Direction:
    """Direction after the final norm that a token's logit reads; a difference with `against`."""
    W_U = model.unembed.W_U.detach().T
    return W_U[token] if against is None else W_U[token] - W_U[against]


class Attribution(NamedTuple):
    """Shares of one logit, or of a difference of two, at each position."""

    names: list[str]
    """The components', then `norm bias` and `unembed bias`."""
    shares: Float[Tensor, "component batch pos"]
    """They sum to the logit. Units: logits."""


@torch.no_grad()
def attribute(
    model: HookedTransformer,
    tokens: Int[Tensor, "batch pos"],
    token: Int[Tensor, "batch pos"],
    against: Int[Tensor, "batch pos"] | None = None,
) -> Attribution:
    """Direct logit attribution: each component's share of a token's logit at each position.

    Direct means: through the unembedding, not through later layers. The final norm's scale is the
    one of this forward pass, held fixed.

    Units: logits; with `against`, of the difference between the two tokens' logits.
    """
    _, cache = model.run_with_cache(tokens, names="ln_final.hook_scale")
    components = decompose(model, tokens)
    direction = logit_direction(model, token, against)
    _, norm_bias = model.ln_final.affine()
    b_U = model.unembed.b_U
    # exercise 3.3
    raise NotImplementedError("exercise 3.3")


def head_shares(
    z: Float[Tensor, "batch pos head d_head"],
    W_O: Float[Tensor, "head d_head d_model"],
    direction: Direction,
) -> Float[Tensor, "batch pos head"]:
    """Each head's dot product with a direction of the stream, without what each head writes.

    Writing out [batch, pos, head, d_model] first costs d_model / d_head times the memory of z.
    Reading the direction back through W_O gives the same number from vectors of d_head.
    """
    # exercise 3.4
    raise NotImplementedError("exercise 3.4")


def neuron_shares(
    post: Float[Tensor, "batch pos d_mlp"],
    W_out: Float[Tensor, "d_mlp d_model"],
    direction: Direction,
) -> Float[Tensor, "batch pos d_mlp"]:
    """Each neuron's dot product with a direction of the stream; the MLP's bias belongs to none."""
    return post * einsum(direction, W_out, "batch pos d_model, d_mlp d_model -> batch pos d_mlp")
