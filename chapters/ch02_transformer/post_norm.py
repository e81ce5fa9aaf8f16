"""Blocks that normalise the residual stream itself, after each addition (post-norm).

Every norm rescales all that was written before it, so the residual stream is not the sum of the
outputs. What needs that sum (`decompose`, attribution graphs) refuses such a model.
Source: Vaswani et al. 2017, "Attention Is All You Need"; OPT-350m is the one OPT model built so.
"""

from .attention import AbstractLayerCache
from .attention_only import NoNorm
from .config import TransformerConfig
from .hooks import HookPoint
from .layers import Resid
from .model import MLPBlock, Parts
from .norms import LayerNorm


class PostNormBlock(MLPBlock):
    """Attention, then an MLP; a LayerNorm after each of the two additions.

    `ln1` and `ln2`, through which attention and MLP read, are those of `parts`: `NoNorm`.
    """

    adds_up = False

    def __init__(self, config: TransformerConfig, parts: Parts, layer: int) -> None:
        super().__init__(config, parts, layer)
        if parts.norm is not NoNorm:
            raise ValueError(
                f"expected NoNorm as the norm of parts, got {parts.norm}; a post-norm block has "
                "norms of its own"
            )
        self.ln1_post, self.ln2_post = LayerNorm(config), LayerNorm(config)
        self.hook_normalized_resid_mid = HookPoint()  # [batch, pos, d_model]

    def forward(self, resid: Resid, past: AbstractLayerCache | None = None) -> Resid:
        """Add the attention output and normalise, add the MLP output and normalise."""
        resid_pre = self.hook_resid_pre(resid)
        attn_out = self.hook_attn_out(self.attn(self.ln1(resid_pre), past))
        resid_mid = self.hook_normalized_resid_mid(self.ln1_post(resid_pre + attn_out))
        mlp_out = self.hook_mlp_out(self.mlp(self.ln2(resid_mid)))
        return self.hook_resid_post(self.ln2_post(resid_mid + mlp_out))
