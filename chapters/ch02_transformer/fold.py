"""Weight folding: simplify a model's weights without changing what it predicts.

1. Gain and bias of each norm are folded into the matrices that read through it (`fold_affine`).
2. The values' biases are folded into the output bias: each row of a pattern sums to one.
3. Weights that write to the residual stream lose their mean over d_model, which LayerNorm would
   subtract anyway.
4. The unembedding loses its mean over tokens, which the softmax ignores.

Logits change by at most a constant per position; log-probabilities do not change.
"""

from collections.abc import Iterator
from copy import deepcopy
from dataclasses import replace

import torch
from einops import einsum
from jaxtyping import Float
from torch import Tensor, nn

from .attention import repeat_kv_heads
from .layers import ResidualModule, Unembed
from .model import HookedTransformer


def fold_affine(
    W: Float[Tensor, "*head d_model d_out"],
    b: Float[Tensor, "*head d_out"],
    gain: Float[Tensor, " d_model"],
    bias: Float[Tensor, " d_model"],
) -> tuple[Float[Tensor, "*head d_model d_out"], Float[Tensor, "*head d_out"]]:
    """Compute new W and b that map x to what the old ones map x * gain + bias to."""
    # exercise 2.20
    raise NotImplementedError("exercise 2.20")


def center_output(weight: Float[Tensor, "*rows d_model"]) -> Float[Tensor, "*rows d_model"]:
    """Subtract each row's mean: the part that adds the same amount to every dimension."""
    # exercise 2.21
    raise NotImplementedError("exercise 2.21")


def center_unembed(W_U: Float[Tensor, "d_model d_vocab"]) -> Float[Tensor, "d_model d_vocab"]:
    """Subtract the mean over tokens: the part that raises every token's logit alike."""
    # exercise 2.21
    raise NotImplementedError("exercise 2.21")


def fold_value_bias(
    b_V: Float[Tensor, "kv_head d_head"],
    W_O: Float[Tensor, "head d_head d_model"],
    b_O: Float[Tensor, " d_model"],
) -> Float[Tensor, " d_model"]:
    """Compute the output bias that replaces the values' biases.

    Each row of a pattern sums to one, so every head adds all of its value bias to z, whatever the
    pattern.
    """
    b_V = repeat_kv_heads(b_V[None, None], len(W_O))[0, 0]  # [head, d_head]
    # exercise 2.22
    raise NotImplementedError("exercise 2.22")


@torch.no_grad()
def fold(model: HookedTransformer) -> HookedTransformer:
    """Return a copy of the model with the four simplifications, as far as its norms allow.

    RMSNorm does not centre, so a model with RMSNorm keeps its means (step 3 is left out). Capped
    logits depend on their mean, so a model with a cap keeps it (step 4 is left out). A tied
    unembedding becomes untied, since it now differs from the embedding. The copy is in float32 at
    least.
    """
    model = deepcopy(model).to(torch.promote_types(model.embed.W_E.dtype, torch.float32))
    if model.unembed.linear:
        unembed = Unembed(model.config, model.embed).to(model.embed.W_E)
        unembed.W_U.copy_(model.unembed.W_U)
        unembed.b_U.copy_(model.unembed.b_U)
        model.unembed, model.parts = unembed, replace(model.parts, unembed=Unembed)
    for norm, part in model.norms_and_readers():
        gain, bias = norm.affine()
        for W, b in part.readers:
            new_W, new_b = fold_affine(getattr(part, W), getattr(part, b), gain, bias)
            getattr(part, W).copy_(new_W)
            getattr(part, b).copy_(new_b)
        norm.reset_affine()
    for block in model.blocks:
        attn = block.attn
        attn.b_O.copy_(fold_value_bias(attn.b_V, attn.W_O, attn.b_O))
        attn.b_V.zero_()
    if model.ln_final.centers:
        for weight in residual_writing_weights(model):
            weight.copy_(center_output(weight))
    if model.unembed.linear:
        model.unembed.W_U.copy_(center_unembed(model.unembed.W_U))
        model.unembed.b_U.sub_(model.unembed.b_U.mean())
    return model


def residual_writing_weights(model: HookedTransformer) -> Iterator[nn.Parameter]:
    """Yield every weight and bias whose last axis is added to the residual stream."""
    parts: list[ResidualModule] = [model.embed, model.pos_embed]
    parts += [part for block in model.blocks for _, part in block.norms_and_readers()]
    for part in parts:
        yield from (getattr(part, name) for name in part.writers)
