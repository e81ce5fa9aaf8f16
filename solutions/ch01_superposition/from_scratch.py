"""Superposition from an empty file: data, model, loss and training, without any other file.

Axes: start (models that are trained at once), batch, n_features, d_hidden.
Source: Elhage et al. 2022, "Toy Models of Superposition".
"""

from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor


class FittedToy(NamedTuple):
    """The weights of x' = ReLU(W^T W x + b)."""

    W: Float[Tensor, "d_hidden n_features"]
    """One direction per feature."""
    b: Float[Tensor, " n_features"]
    """One bias per feature."""


def fit_toy(
    probability: Float[Tensor, " n_features"],
    importance: Float[Tensor, " n_features"],
    d_hidden: int,
    steps: int,
    generator: torch.Generator,
) -> FittedToy:
    """Train models from several starts at once, and return the best of them.

    A feature is on with its own probability, independently, and then uniform on [0, 1]. Loss:
    squared error times importance, summed over features, mean over examples. The best start is the
    one with the lowest loss on new examples.
    """
    # exercise 1.19
    n_features, starts = len(probability), 8

    def draw(batch: int) -> Tensor:
        lots, strengths = torch.rand(2, starts, batch, n_features, generator=generator)
        return (lots < probability) * strengths

    def losses(x: Tensor) -> Tensor:
        x_hat = (x @ W.mT @ W + b[:, None]).relu()
        return ((x_hat - x).square() @ importance).mean(dim=1)

    scale = (2 / (n_features + d_hidden)) ** 0.5
    W = scale * torch.randn(starts, d_hidden, n_features, generator=generator)
    b = torch.zeros(starts, n_features)
    W.requires_grad_()
    b.requires_grad_()
    optimizer = torch.optim.Adam([W, b], lr=0.02)
    decay = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.0, steps)
    for _ in range(steps):
        optimizer.zero_grad()
        losses(draw(256)).sum().backward()
        optimizer.step()
        decay.step()
    with torch.no_grad():
        best = losses(draw(5000)).argmin()
        return FittedToy(W[best].detach().clone(), b[best].detach().clone())
