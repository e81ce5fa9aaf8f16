"""A polynomial score whose gradient is known in closed form."""

import torch
from torch import Tensor, nn

from tests.grading.assertions import normal

BATCH, POS, WIDTH = 3, 4, 2


class PolynomialScore:
    """u + u^2 / 2 + u^3 / 3 with u = sum(w * x), plus sum(c * x^3), for each example.

    The powers of u couple all positions of an example; the cubes differ from entry to entry. With
    `own_factors` each example has a factor, as in a score that compares with an answer for each.
    """

    def __init__(self, seed: int, cubic: bool = True, own_factors: bool = False):
        self.w, self.c = normal(POS, WIDTH, seed=seed), normal(POS, WIDTH, seed=seed + 50)
        self.scale = nn.Parameter(torch.ones((), dtype=torch.float64))
        ones = torch.ones(1, dtype=torch.float64)
        self.factors = torch.arange(1, BATCH + 1, dtype=torch.float64) if own_factors else ones
        if not cubic:
            self.c = torch.zeros_like(self.c)
        self.third = 1.0 if cubic else 0.0

    def __call__(self, x: Tensor) -> Tensor:
        u = (self.w * x).sum((1, 2))
        powers = u + u**2 / 2 + self.third * u**3 / 3
        return self.scale * self.factors * (powers + (self.c * x**3).sum((1, 2)))

    def gradient(self, x: Tensor) -> Tensor:
        """The gradient with respect to x, by hand."""
        u = (self.w * x).sum((1, 2))[:, None, None]
        gradient = (1 + u + self.third * u**2) * self.w + 3 * self.c * x**2
        return self.factors[:, None, None] * gradient


def embedded(seed: int) -> Tensor:
    """Vectors at every position with a graph behind them, as an embedding returns them."""
    table = normal(BATCH, POS, WIDTH, seed=seed + 100).requires_grad_()
    return table + 0.5
