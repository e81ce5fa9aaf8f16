"""Direct logit attribution: write each logit as a sum over the components of the model.

1. The residual stream is a sum. Its terms, the components, are the embedding, the positions, each
   head's output, each layer's output bias and each MLP's output (`decompose`).
2. The final norm divides by a scale that depends on the whole sum. With that scale held fixed the
   norm is linear (`apply_frozen_norm`), so a component's contribution to a logit is a dot product
   (`direct_logit_attribution`).

In models with norms on the outputs of attention and MLP (`output_norms`), heads are divided by the
scales of those norms in this forward pass.

Holding the scale fixed is a choice. With it the contributions sum to the logit exactly, but
removing a component from the model would also change the scale.
Axes: component, batch, pos, d_model.
Source: Elhage et al. 2021, "A Mathematical Framework for Transformer Circuits".
"""

from typing import NamedTuple

import torch
from einops import einsum
from jaxtyping import Float
from torch import Tensor

from ..ch00_looking.checks import check_token_ids
from ..ch02_transformer import HookedTransformer
from ..ch02_transformer.layers import Tokens
from ..ch02_transformer.norms import Norm, at_least_float32
from ..ch02_transformer.output_norms import DIVISOR, divide_by_output_norms

Direction = Float[Tensor, "batch pos d_model"]


class Components(NamedTuple):
    """Components of the final residual stream, which is the sum of `values` over components."""

    names: list[str]
    """`embed`, `pos_embed`, `head 3.1`, `bias 3` (the output bias of layer 3), `mlp 3`."""
    values: Float[Tensor, "component batch pos d_model"]
    """The output of each component."""


def component_hook_names(model: HookedTransformer) -> list[str]:
    """List the hook points that `decompose` needs: embeddings, every z, every MLP output.

    Of a model with output norms, the divisors of attention too.
    """
    written = ("hook_embed", "hook_pos_embed", "hook_z", "hook_mlp_out", DIVISOR)
    return [name for name in model.hook_points() if name.endswith(written)]


def check_adds_up(model: HookedTransformer) -> None:
    """Raise ValueError unless the residual stream is a sum of what the blocks write to it."""
    for layer, block in enumerate(model.blocks):
        if not block.adds_up:
            raise ValueError(
                "expected a residual stream that is a sum of outputs, got a norm of the residual "
                f"stream itself in block {layer} ({type(block).__name__}); patch activations "
                "instead, which needs no sum"
            )


def head_results(
    z: Float[Tensor, "batch pos head d_head"], W_O: Float[Tensor, "head d_head d_model"]
) -> Float[Tensor, "head batch pos d_model"]:
    """Project each head's z through its own W_O; the layer's output bias is not included."""
    # exercise 3.1
    raise NotImplementedError("exercise 3.1")


@torch.no_grad()
def decompose(model: HookedTransformer, tokens: Tokens) -> Components:
    """Split the residual stream after the last block into its components, in one forward pass.

    Raises: ValueError for a model with norms of the residual stream itself (post-norm).
    """
    check_adds_up(model)
    _, cache = model.run_with_cache(tokens, names=component_hook_names(model))
    divide_by_output_norms(model, cache)
    pieces = {"embed": cache["hook_embed"], "pos_embed": cache["hook_pos_embed"]}
    # exercise 3.1
    raise NotImplementedError("exercise 3.1")


def apply_frozen_norm(
    values: Float[Tensor, "component batch pos d_model"],
    norm: Norm,
    scale: Float[Tensor, "batch pos 1"],
) -> Float[Tensor, "component batch pos d_model"]:
    """Apply a norm to each component, with its divisor held at `scale`.

    This is linear: the results sum to the norm of the sum, except for the norm's bias, which
    belongs to no component. A norm that centers subtracts each component's own mean.
    """
    gain, _ = norm.affine()
    # exercise 3.2
    raise NotImplementedError("exercise 3.2")


def logit_direction(
    model: HookedTransformer, token: Tokens, against: Tokens | None = None
) -> Direction:
    """Return the unembedding direction of a token's logit, or of the difference to `against`.

    The direction is read after the final norm. It is in float32 at least.

    Raises: ValueError for ids outside the vocabulary.
    """
    for tokens in (token,) if against is None else (token, against):
        check_token_ids(tokens, model.config.d_vocab)
    W_U = model.unembed.W_U.detach().T
    direction = at_least_float32(W_U[token])
    return direction if against is None else direction - at_least_float32(W_U[against])


class Attribution(NamedTuple):
    """Contributions to one logit, or to a difference of two, at each position."""

    names: list[str]
    """The components' names, then `norm bias` and `unembed bias`."""
    contributions: Float[Tensor, "component batch pos"]
    """Contributions of the components; they sum to the logit. Units: logits."""


@torch.no_grad()
def direct_logit_attribution(
    model: HookedTransformer, tokens: Tokens, token: Tokens, against: Tokens | None = None
) -> Attribution:
    """Compute each component's direct contribution to a token's logit at each position.

    Direct means through the unembedding, not through later layers. The final norm's scale is that
    of this forward pass, held fixed. Of a model that caps its logits, the contributions sum to the
    logit before the cap.

    Units: logits; with `against`, of the difference between the two tokens' logits.
    """
    _, cache = model.run_with_cache(tokens, names="ln_final.hook_scale")
    names, values = decompose(model, tokens)
    components = Components(names, at_least_float32(values))
    direction = logit_direction(model, token, against)
    norm_bias = at_least_float32(model.ln_final.affine().bias)
    b_U = at_least_float32(model.unembed.b_U)
    # exercise 3.3
    raise NotImplementedError("exercise 3.3")


def head_logit_contributions(
    z: Float[Tensor, "batch pos head d_head"],
    W_O: Float[Tensor, "head d_head d_model"],
    direction: Direction,
) -> Float[Tensor, "batch pos head"]:
    """Compute each head's dot product with a direction, without building the head outputs.

    The head outputs, [batch, pos, head, d_model], take d_model / d_head times the memory of z.
    Projecting the direction back through W_O gives the same numbers from vectors of size d_head.
    """
    z, W_O, direction = map(at_least_float32, (z, W_O, direction))
    # exercise 3.4
    raise NotImplementedError("exercise 3.4")


def neuron_logit_contributions(
    post: Float[Tensor, "batch pos d_mlp"],
    W_out: Float[Tensor, "d_mlp d_model"],
    direction: Direction,
) -> Float[Tensor, "batch pos d_mlp"]:
    """Compute each neuron's dot product with a direction; the MLP's output bias is not included."""
    post, W_out, direction = map(at_least_float32, (post, W_out, direction))
    return post * einsum(direction, W_out, "batch pos d_model, d_mlp d_model -> batch pos d_mlp")
