"""Compute a toy model's expected loss without sampling, and from it which phase is optimal.

Training shows which weights a model finds; these functions show which weights are best.
1. A feature is off, or its strength is one of the nodes of Gauss-Legendre quadrature.
2. All combinations of the features' nodes, weighted by probability, give the expected loss.
3. Gradient descent on that loss from many starts finds the best weights: the oracle `best_loss`.
4. Closed forms of the simplest weights give exact boundaries between phases.
Axes: inst (a batch of weights), point (combinations of nodes), cell (a batch of problems).
Source: Elhage et al. 2022, "Toy Models of Superposition"; the closed forms are derived on the page.
"""

from enum import IntEnum
from typing import NamedTuple

import torch
from einops import einsum, repeat
from jaxtyping import Float, Int
from numpy.polynomial.legendre import leggauss
from torch import Tensor

from ..ch00_looking.checks import check_finite
from .geometry import Weights, interference
from .toy_model import PerFeature, ReluOutputToy, ToyConfig


def feature_variance(probability: float) -> float:
    """Compute the variance of one feature: E[x^2] - E[x]^2 = p / 3 - p^2 / 4."""
    return probability / 3 - probability**2 / 4


def linear_loss(W: Weights, importance: PerFeature, probability: float) -> Float[Tensor, " inst"]:
    """Compute the expected loss of x' = W^T W x + b at its best bias, all features equally sparse.

    The best bias removes the error of the mean, so only variance remains. Each feature contributes
    a reconstruction term, I_i (1 - ||W_i||^2)^2, and interference terms, I_j (W_j . W_i)^2.

    Units: squared strength; lower is better.
    """
    # exercise 1.10
    raise NotImplementedError("exercise 1.10")


def one_sparse_loss(
    W: Weights, b: PerFeature, importance: PerFeature, strength: float
) -> Float[Tensor, " inst"]:
    """Sum the loss of x' = ReLU(W^T W x + b) over the inputs with a single feature on.

    When features are very sparse, nearly all inputs have one feature on or none, and this loss
    decides which directions are best. Negative interference is free: the ReLU removes it.

    Units: squared strength; lower is better.
    """
    # exercise 1.11
    raise NotImplementedError("exercise 1.11")


def quadrature_nodes(nodes: int) -> tuple[Float[Tensor, " nodes"], Float[Tensor, " nodes"]]:
    """Return the points and weights of Gauss-Legendre quadrature on [0, 1].

    sum(w f(x)) is the integral of f: exact for polynomials up to degree 2 nodes - 1. A ReLU's kink
    leaves a small error, which falls with the number of nodes.

    Raises: ValueError for fewer than one node.
    """
    if nodes < 1:
        raise ValueError(f"expected at least one node, got {nodes}")
    points, weights = (torch.from_numpy(values) for values in leggauss(nodes))
    return (points + 1) / 2, weights / 2


def expected_loss(
    W: Weights, b: PerFeature, importance: PerFeature, probability: PerFeature, nodes: int
) -> Float[Tensor, " inst"]:
    """Compute the expected loss of x' = ReLU(W^T W x + b) by quadrature instead of sampling.

    A feature is off with probability 1 - p, or its strength is one of the nodes, with probability
    p times the node's weight. There are (nodes + 1)^n_features combinations, so this is for two or
    three features.

    Units: squared strength; lower is better.
    """
    # exercise 1.12
    raise NotImplementedError("exercise 1.12")


def dropped_loss(probability: float, importance: float) -> float:
    """Compute the loss of ignoring one feature: the output is the best constant, p / 2."""
    return importance * feature_variance(probability)


def antipodal_loss(probability: float, importance: float) -> float:
    """Compute the loss of W = [1, -1], b = 0 for two features of importance 1 and `importance`.

    Only inputs with both features on have an error: each output is too small by the smaller
    strength, and E[min(x, y)^2] = 1/6.
    """
    return probability**2 * (1 + importance) / 6


class Optimum(NamedTuple):
    """Best weights found for each cell."""

    loss: Float[Tensor, " cell"]
    """Expected loss of the best start."""
    W: Float[Tensor, "cell d_hidden n_features"]
    """Weights of the best start."""
    b: Float[Tensor, "cell n_features"]
    """Biases of the best start."""
    share_of_starts: Float[Tensor, " cell"]
    """Share of the starts that end within 1 % of the best loss."""


def best_loss(
    importance: Float[Tensor, "cell n_features"],
    probability: Float[Tensor, "cell n_features"],
    d_hidden: int,
    starts: int = 12,
    steps: int = 1000,
    nodes: int = 8,
    seed: int = 0,
) -> Optimum:
    """Minimise the expected loss of a ReLU-output model from many random starts.

    All cells and starts are instances of one batch. The loss has no sampling noise, so Adam with a
    decaying learning rate converges. Single starts often end in a worse local minimum.
    """
    cells, n_features = importance.shape
    model = ReluOutputToy(ToyConfig(starts * cells, n_features, d_hidden), seed).to(importance)
    tile = "cell n_features -> (start cell) n_features"  # instance = start * cells + cell
    costs = repeat(importance, tile, start=starts)
    chances = repeat(probability, tile, start=starts)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.03)
    decay = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.0, total_iters=steps)
    for _ in range(steps):
        optimizer.zero_grad()
        expected_loss(model.W, model.b, costs, chances, nodes).sum().backward()
        optimizer.step()
        decay.step()
    with torch.no_grad():
        losses = expected_loss(model.W, model.b, costs, chances, nodes).view(starts, cells)
        check_finite(losses, "losses")
        best, which = losses.min(dim=0)
        rows = which * cells + torch.arange(cells, device=which.device)
        found = (losses <= 1.01 * best).double().mean(dim=0)
        return Optimum(best, model.W[rows], model.b[rows], found.to(best))


class Phase(IntEnum):
    """How a model represents a feature."""

    IGNORED = 0
    """Its direction has a small norm: the output is a constant."""
    DEDICATED = 1
    """Its direction is orthogonal to the others."""
    SUPERPOSED = 2
    """It is represented, and shares its direction with others."""


def classify_phase(
    W: Weights, feature: int, kept: float = 0.5, shared: float = 0.25
) -> Int[Tensor, " inst"]:
    """Classify the phase of one feature in each instance.

    It is represented where its norm exceeds `kept`, and then in superposition where its
    interference exceeds `shared`.
    """
    norm = W[:, :, feature].norm(dim=1)
    is_shared = interference(W)[:, feature] > shared
    phase = torch.where(is_shared, Phase.SUPERPOSED, Phase.DEDICATED)
    return torch.where(norm > kept, phase, Phase.IGNORED)
