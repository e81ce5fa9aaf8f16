"""Norms, which rescale the residual stream before attention or an MLP reads it.

Each norm divides by a measure of the vector's size (`hook_scale`), then applies a learned gain. The
arithmetic is in float32 or more, because squares overflow in float16.
"""

from abc import ABC, abstractmethod
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn

from .config import TransformerConfig
from .hooks import HookPoint


def at_least_float32(x: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    """Convert float16 and bfloat16 to float32; leave float32 and float64 unchanged."""
    return x.to(torch.promote_types(x.dtype, torch.float32))


class Affine(NamedTuple):
    """What a norm does after it has normalised: x * gain + bias."""

    gain: Float[Tensor, " d_model"]
    """Learned gain; ones if the norm has none."""
    bias: Float[Tensor, " d_model"]
    """Learned bias; zeros if the norm has none."""


class Norm(nn.Module, ABC):
    """Base class of norms: their hook points, and what weight folding needs to know."""

    centers: bool
    """Whether the norm subtracts the mean first."""

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        self.eps = config.eps
        self.hook_scale = HookPoint()  # [batch, pos, 1]
        self.hook_normalized = HookPoint()  # [batch, pos, d_model]

    @abstractmethod
    def affine(self) -> Affine:
        """Return gain and bias."""

    def reset_affine(self) -> None:
        """Reset gain to 1 and bias to 0, after they were folded into the next weights."""
        gain, bias = self.affine()
        gain.fill_(1.0)
        bias.zero_()


class LayerNorm(Norm):
    """Centre a vector, divide by its standard deviation, then apply gain and bias.

    (x - mean) / sqrt(var + eps) * w + b, with the biased variance (divide by d_model, not by
    d_model - 1). `hook_scale` receives the divisor, `hook_normalized` the output, gain and bias
    included, as in TransformerLens up to version 3.

    Source: Ba, Kiros, Hinton 2016, "Layer Normalization".
    """

    w: Float[Tensor, " d_model"]
    b: Float[Tensor, " d_model"]
    centers = True

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__(config)
        self.w = nn.Parameter(torch.ones(config.d_model))
        self.b = nn.Parameter(torch.zeros(config.d_model))

    def forward(self, x: Float[Tensor, "*batch d_model"]) -> Float[Tensor, "*batch d_model"]:
        """Normalise over d_model, in float32 at least, and return x's own precision."""
        wide = at_least_float32(x)
        # exercise 2.4
        centred = wide - wide.mean(dim=-1, keepdim=True)
        variance = centred.pow(2).mean(dim=-1, keepdim=True)
        scale = self.hook_scale((variance + self.eps).sqrt())
        return self.hook_normalized(centred / scale * self.w + self.b).to(x.dtype)

    def affine(self) -> Affine:
        """Return gain and bias."""
        return Affine(self.w, self.b)


class RMSNorm(Norm):
    """Divide a vector by its root mean square, then apply the gain; no centring, no bias.

    x / sqrt(mean(x^2) + eps) * w. `hook_normalized` receives the vector before the gain,
    as in TransformerLens up to version 3.

    Source: Zhang and Sennrich 2019, "Root Mean Square Layer Normalization".
    """

    w: Float[Tensor, " d_model"]
    centers = False

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__(config)
        self.w = nn.Parameter(torch.ones(config.d_model))

    def forward(self, x: Float[Tensor, "*batch d_model"]) -> Float[Tensor, "*batch d_model"]:
        """Normalise over d_model, in float32 at least, and return x's own precision."""
        wide = at_least_float32(x)
        # exercise 2.5
        scale = self.hook_scale((wide.pow(2).mean(dim=-1, keepdim=True) + self.eps).sqrt())
        return (self.hook_normalized(wide / scale) * self.w).to(x.dtype)

    def affine(self) -> Affine:
        """Return the gain, and a bias of zeros: RMSNorm has none."""
        return Affine(self.w, torch.zeros_like(self.w))
