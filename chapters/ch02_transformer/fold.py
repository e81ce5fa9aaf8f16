"""Rewrite a model's weights so that they are easier to read, without changing what it predicts.

1. Gain and bias of each norm move into the matrices that read through it (`fold_affine`).
2. The values' biases move into the output bias: each row of a pattern sums to one.
3. What writes to the stream loses its mean over d_model, which LayerNorm would remove anyway.
4. The unembedding loses its mean over tokens, which the softmax ignores.

Logits change by at most a constant a position; log-probabilities do not change.
"""

from collections.abc import Iterator
from copy import deepcopy
from dataclasses import replace
from typing import Any

import torch
from einops import einsum
from jaxtyping import Float
from torch import Tensor, nn

from .attention import repeat_kv_heads
from .model import HookedTransformer
from .unembed import Unembed


def fold_affine(
    W: Float[Tensor, "*head d_model d_out"],
    b: Float[Tensor, "*head d_out"],
    gain: Float[Tensor, " d_model"],
    bias: Float[Tensor, " d_model"],
) -> tuple[Float[Tensor, "*head d_model d_out"], Float[Tensor, "*head d_out"]]:
    """New W and b that do to x what the old ones did to x * gain + bias."""
    # exercise 2.20
    raise NotImplementedError("exercise 2.20")


def center_output(weight: Float[Tensor, "*rows d_model"]) -> Float[Tensor, "*rows d_model"]:
    """The weight without the part that writes the same amount to every dimension of the stream."""
    # exercise 2.21
    raise NotImplementedError("exercise 2.21")


def center_unembed(W_U: Float[Tensor, "d_model d_vocab"]) -> Float[Tensor, "d_model d_vocab"]:
    """The unembedding without the part that raises every token's logit alike."""
    # exercise 2.21
    raise NotImplementedError("exercise 2.21")


def fold_value_bias(
    b_V: Float[Tensor, "kv_head d_head"],
    W_O: Float[Tensor, "head d_head d_model"],
    b_O: Float[Tensor, " d_model"],
) -> Float[Tensor, " d_model"]:
    """The output bias that makes up for values without a bias.

    A pattern's row sums to one, so each head passes its value bias on whole, wherever it looks.
    """
    b_V = repeat_kv_heads(b_V[None, None], len(W_O))[0, 0]
    # exercise 2.22
    raise NotImplementedError("exercise 2.22")


@torch.no_grad()
def fold(model: HookedTransformer) -> HookedTransformer:
    """A copy of the model with the four rewritings applied, as far as its norms allow.

    RMSNorm does not centre, so a model built on it keeps its means (step 3 is left out). A tied
    unembedding becomes one of its own, since it now differs from the embedding. The copy works in
    float32 at least.
    """
    model = untie(deepcopy(model).to(torch.promote_types(model.embed.W_E.dtype, torch.float32)))
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
    model.unembed.W_U.copy_(center_unembed(model.unembed.W_U))
    model.unembed.b_U.sub_(model.unembed.b_U.mean())
    return model


def residual_writing_weights(model: HookedTransformer) -> Iterator[nn.Parameter]:
    """Every weight and bias whose last axis is the residual stream."""
    parts: list[Any] = [model.embed, model.pos_embed, *(part for _, part in model.norms_and_readers())]
    for part in parts[:-1]:
        yield from (getattr(part, name) for name in part.writers)


def untie(model: HookedTransformer) -> HookedTransformer:
    """Give the model an unembedding of its own, equal to what it read out with before."""
    unembed = Unembed(model.config, model.embed).to(model.embed.W_E)
    unembed.W_U.copy_(model.unembed.W_U)
    unembed.b_U.copy_(model.unembed.b_U)
    model.unembed, model.parts = unembed, replace(model.parts, unembed=Unembed)
    return model
