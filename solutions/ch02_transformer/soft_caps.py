"""Soft-caps: scores or logits squeezed into an interval by tanh.

Source: Gemma Team 2024, "Gemma 2: Improving Open Language Models at a Practical Size", section 2.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from .config import TransformerConfig
from .layers import Embed, Unembed


@dataclass(frozen=True)
class SoftCap:
    """Squeeze numbers into -cap to cap: cap * tanh(x / cap)."""

    cap: float
    """Size that no result exceeds."""

    def __call__(self, x: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
        """Compute the capped numbers."""
        return self.cap * torch.tanh(x / self.cap)


class CappedUnembed(Unembed):
    """Map the residual stream to capped logits: softcap(x @ W_U + b_U).

    Where logits are attributed to components (`direct_logit_attribution`, attribution graphs), they
    are the logits before the cap.
    """

    linear = False

    def __init__(self, config: TransformerConfig, embed: Embed, softcap: SoftCap) -> None:
        super().__init__(config, embed)
        self.softcap = softcap

    def forward(self, x: Float[Tensor, "*batch d_model"]) -> Float[Tensor, "*batch d_vocab"]:
        """Compute logits."""
        return self.softcap(super().forward(x))


@dataclass(frozen=True)
class CappedLogits:
    """Build an unembedding whose logits are capped."""

    softcap: SoftCap
    """Cap of the logits."""

    def __call__(self, config: TransformerConfig, embed: Embed) -> CappedUnembed:
        """Build the unembedding."""
        return CappedUnembed(config, embed, self.softcap)
