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
    raise NotImplementedError("exercise 1.19")
