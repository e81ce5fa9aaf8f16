"""JumpReLU SAEs: a threshold per latent, trained by straight-through gradients.

What it solves: ReLU confuses "is it there?" with "how strong?"; a threshold separates them without
a second set of weights, and the penalty can be L0 itself.
    JumpReLU(z) = z where z > threshold, else 0
Both it and L0 are steps in the threshold, with gradient zero almost everywhere. The gradient of
their expectation over the data is not zero: it is the density of z at the threshold. A kernel of
some width estimates it from the z that happen to lie close by.
What it costs: the width. Too narrow for the batch, and no z lies in it; too wide, and the estimate
is biased.

Axes: batch (tokens), d_in, d_sae.
Source: Rajamanoharan et al. 2024, "Jumping Ahead: Improving Reconstruction Fidelity with JumpReLU
Sparse Autoencoders". Tanh penalty: Anthropic's Circuits Updates, January 2025.
Differs: the paper's width of .001 suits batches of 4,096 and unit scale; small batches need a wider
kernel, so the default is .05.
"""

from typing import Any, Literal

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from ..ch08_saes import AbstractSAE, LossParts, Reconstruction
from ..ch08_saes.sae import Acts, squared_error
from ..ch08_saes.vanilla import check_coefficient, normalize_rows, remove_parallel_gradient

X = Float[Tensor, "*batch d_in"]
Threshold = Float[Tensor, " d_sae"]
Penalty = Literal["step", "tanh"]


def in_window(z: Acts, threshold: Threshold, width: float) -> Bool[Tensor, "*batch d_sae"]:
    """Mark where z is closer than half a width to the threshold: the rectangular kernel."""
    return (z - threshold).abs() < width / 2


class JumpReLU(torch.autograd.Function):
    """z where z > threshold, else 0, with a straight-through gradient for the threshold."""

    @staticmethod
    def forward(ctx: Any, z: Acts, threshold: Threshold, width: float) -> Acts:
        """Set entries up to the threshold to zero."""
        ctx.save_for_backward(z, threshold)
        ctx.width = width
        return z * (z > threshold)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        """Compute the gradients of z, where it is active, and of the threshold, in its window."""
        z, threshold = ctx.saved_tensors
        (grad,) = grads
        # exercise 9.11
        raise NotImplementedError("exercise 9.11")


class Step(torch.autograd.Function):
    """1 where z > threshold, else 0, with a straight-through gradient for the threshold alone."""

    @staticmethod
    def forward(ctx: Any, z: Acts, threshold: Threshold, width: float) -> Acts:
        """Compare."""
        ctx.save_for_backward(z, threshold)
        ctx.width = width
        return (z > threshold).to(z.dtype)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        """Pass -1 / width times the gradient to the threshold in the window, and nothing to z."""
        z, threshold = ctx.saved_tensors
        (grad,) = grads
        # exercise 9.12
        raise NotImplementedError("exercise 9.12")


class JumpReLUSAE(AbstractSAE):
    """A threshold per latent, and a penalty on the number of active latents.

    coefficient: of the penalty.
    penalty: "step" for L0, "tanh" for sum tanh(4 f ||W_dec,i||), which also has a gradient for
        latents that are active.
    threshold: at the start, positive.
    width: of the kernel.
    """

    def __init__(
        self,
        d_in: int,
        d_sae: int,
        coefficient: float,
        seed: int = 0,
        penalty: Penalty = "step",
        threshold: float = 0.05,
        width: float = 0.05,
    ) -> None:
        super().__init__(d_in, d_sae, seed)
        if penalty not in ("step", "tanh"):
            raise ValueError(f"expected penalty step or tanh, got {penalty!r}")
        if not (threshold > 0 and width > 0):
            raise ValueError(
                f"expected a positive threshold and width, got {threshold} and {width}"
            )
        self.coefficient = check_coefficient(coefficient)
        self.penalty, self.width = penalty, width
        start = torch.full((d_sae,), threshold).log()
        self.log_threshold: Threshold = nn.Parameter(start)

    @property
    def threshold(self) -> Threshold:
        """Compute the thresholds, which are positive whatever the optimizer does."""
        return self.log_threshold.exp()

    def activate(self, pre_acts: Acts) -> Acts:
        """Keep what exceeds the threshold."""
        acts: Acts = JumpReLU.apply(pre_acts, self.threshold, self.width)
        return acts

    def loss_parts(self, x: X, made: Reconstruction) -> LossParts:
        """Compute the squared error and the penalty."""
        penalty = self.coefficient * self.count(made).sum(dim=-1).mean()
        return LossParts(squared_error(x, made.x_hat), penalty, x.new_zeros(()))

    def count(self, made: Reconstruction) -> Acts:
        """Compute for each latent 1 if it is active, or tanh(4 f ||W_dec,i||)."""
        # exercise 9.13
        raise NotImplementedError("exercise 9.13")

    def constrain_gradients(self) -> None:
        """Remove the component of the decoder's gradient along its rows."""
        remove_parallel_gradient(self.W_dec)

    def constrain_weights(self) -> None:
        """Normalize the decoder's rows."""
        normalize_rows(self.W_dec)
