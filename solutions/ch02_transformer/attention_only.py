"""Transformers without MLPs, the simplest in which heads compose.

Positions are added to queries and keys only, so values carry tokens, not positions. Without norms
too, everything but the patterns is linear, and the weights can be multiplied out.
Source: Elhage et al. 2021, "A Mathematical Framework for Transformer Circuits".
"""

from collections.abc import Iterator
from dataclasses import replace

import torch
from jaxtyping import Float
from torch import Tensor

from .attention import AbstractLayerCache, plain_attention
from .config import TransformerConfig
from .layers import AbstractMLP, NoPositions, Resid, ResidualModule, Unembed, empty
from .model import Block, Parts
from .norms import Affine, Norm, at_least_float32
from .padding import rows_from


class UnscaledNorm(Norm):
    """Base class of norms without gain and bias, so that weights can be read without folding.

    A gain would not apply to the positions, which are added to the norm's output.
    """

    one: Tensor

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__(config)
        self.register_buffer("one", torch.ones(1), persistent=False)
        self.d_model = config.d_model

    def affine(self) -> Affine:
        """Return a gain of ones and a bias of zeros."""
        gain = self.one.expand(self.d_model)
        return Affine(gain, torch.zeros_like(gain))

    def reset_affine(self) -> None:
        """Do nothing: gain and bias are constant."""


class NoNorm(UnscaledNorm):
    """Leave the residual stream unchanged; the hook points exist, and the scale is 1."""

    centers = False

    def forward(self, x: Float[Tensor, "*batch d_model"]) -> Float[Tensor, "*batch d_model"]:
        """Return x, divided by what a hook at `hook_scale` returns, if there is one."""
        if not self.hook_scale.has_hooks:
            return self.hook_normalized(x)
        return self.hook_normalized(x / self.hook_scale(torch.ones_like(x[..., :1])))


class LayerNormPre(UnscaledNorm):
    """LayerNorm without gain and bias: centre a vector, divide by its standard deviation."""

    centers = True

    def forward(self, x: Float[Tensor, "*batch d_model"]) -> Float[Tensor, "*batch d_model"]:
        """Normalise over d_model, in float32 at least, and return x's own precision."""
        wide = at_least_float32(x)
        centred = wide - wide.mean(dim=-1, keepdim=True)
        scale = self.hook_scale((centred.pow(2).mean(dim=-1, keepdim=True) + self.eps).sqrt())
        return self.hook_normalized(centred / scale).to(x.dtype)


class AttentionOnlyBlock(Block):
    """Attention without an MLP. Each block has position embeddings for its queries and keys."""

    W_pos: Float[Tensor, "n_ctx d_model"]

    def __init__(self, config: TransformerConfig, parts: Parts, layer: int) -> None:
        super().__init__(config, parts, layer)
        self.W_pos = empty(config.n_ctx, config.d_model)

    def forward(self, resid: Resid, past: AbstractLayerCache | None = None) -> Resid:
        """Add the attention output to the residual stream."""
        resid_pre = self.hook_resid_pre(resid)
        start = 0 if past is None else past.start
        pos_embed = rows_from(self.W_pos, start, resid.shape[1]).expand_as(resid)
        attn_out = self.hook_attn_out(self.attn(self.ln1(resid_pre), past, pos_embed))
        return self.hook_resid_post(resid_pre + attn_out)

    def norms_and_readers(self) -> Iterator[tuple[Norm, ResidualModule]]:
        """Yield the norm with the attention that reads through it."""
        yield self.ln1, self.attn


def no_mlp(config: TransformerConfig) -> AbstractMLP:
    """Fail: attention-only blocks do not build an MLP."""
    raise ValueError(f"an attention-only model has no MLP, whatever d_mlp is: {config.d_mlp}")


ATTENTION_ONLY = Parts(NoPositions, NoNorm, plain_attention, no_mlp, AttentionOnlyBlock, Unembed)
ATTENTION_ONLY_NORMED = replace(ATTENTION_ONLY, norm=LayerNormPre)
