"""Norms: every part reads the residual stream at a standard size.

Each norm divides by a measure of the vector's size (`hook_scale`), then applies a learned gain. The
arithmetic happens in float32 at least, because squares overflow in float16.
"""

from abc import ABC, abstractmethod

import torch
from jaxtyping import Float
from torch import Tensor, nn

from .config import TransformerConfig
from .hooks import HookPoint


def at_least_float32(x: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    """Give x in float32 when it came in a lower precision, untouched otherwise."""
    return x.to(torch.promote_types(x.dtype, torch.float32))


class Norm(nn.Module, ABC):
    """A norm, and what folding needs to know of it."""

    centers: bool
    """Whether the norm takes the mean away first."""

    @abstractmethod
    def affine(self) -> tuple[Float[Tensor, " d_model"], Float[Tensor, " d_model"]]:
        """Gain and bias: what the norm does after normalising, x * gain + bias."""

    @abstractmethod
    def reset_affine(self) -> None:
        """Set gain and bias to one and zero, once somebody else has taken them over."""


class LayerNorm(Norm):
    """Centre a vector, divide by its standard deviation, then apply gain and bias.

    (x - mean) / sqrt(var + eps) * w + b, with the biased variance (divide by d_model, not by
    d_model - 1). `hook_scale` sees the divisor, `hook_normalized` what comes out, gain and bias
    included, as in TransformerLens up to version 3.

    Source: Ba, Kiros, Hinton 2016, "Layer Normalization".
    """

    w: Float[Tensor, " d_model"]
    b: Float[Tensor, " d_model"]
    centers = True

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        self.eps = config.eps
        self.w = nn.Parameter(torch.ones(config.d_model))
        self.b = nn.Parameter(torch.zeros(config.d_model))
        self.hook_scale = HookPoint()  # [batch, pos, 1]
        self.hook_normalized = HookPoint()  # [batch, pos, d_model]

    def forward(self, x: Float[Tensor, "*batch d_model"]) -> Float[Tensor, "*batch d_model"]:
        """Normalise over d_model, in float32 at least, and return x's own precision."""
        wide = at_least_float32(x)
        # exercise 2.4
        raise NotImplementedError("exercise 2.4")

    def affine(self) -> tuple[Float[Tensor, " d_model"], Float[Tensor, " d_model"]]:
        """Gain and bias."""
        return self.w, self.b

    def reset_affine(self) -> None:
        """Set the gain to one and the bias to zero."""
        self.w.fill_(1.0)
        self.b.zero_()


class RMSNorm(Norm):
    """Divide a vector by its root mean square, then apply the gain: no centring, no bias.

    x / sqrt(mean(x^2) + eps) * w. `hook_normalized` sees the vector before the gain, as in
    TransformerLens up to version 3.

    Source: Zhang and Sennrich 2019, "Root Mean Square Layer Normalization".
    """

    w: Float[Tensor, " d_model"]
    centers = False

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        self.eps = config.eps
        self.w = nn.Parameter(torch.ones(config.d_model))
        self.hook_scale = HookPoint()  # [batch, pos, 1]
        self.hook_normalized = HookPoint()  # [batch, pos, d_model]

    def forward(self, x: Float[Tensor, "*batch d_model"]) -> Float[Tensor, "*batch d_model"]:
        """Normalise over d_model, in float32 at least, and return x's own precision."""
        wide = at_least_float32(x)
        # exercise 2.5
        raise NotImplementedError("exercise 2.5")

    def affine(self) -> tuple[Float[Tensor, " d_model"], Float[Tensor, " d_model"]]:
        """Gain, and a bias of zeros: RMSNorm has none."""
        return self.w, torch.zeros_like(self.w)

    def reset_affine(self) -> None:
        """Set the gain to one."""
        self.w.fill_(1.0)
