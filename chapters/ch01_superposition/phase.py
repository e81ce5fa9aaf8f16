"""Compute a toy model's expected loss without sampling, and from it which phase is best.

Training shows what a model does; these functions say what it should do.
1. A feature is off, or it has a strength that Gauss and Legendre's nodes stand for. 2. All
combinations of the features' nodes, each weighed by its probability, give the expected loss.
3. Descent on that loss from many starts finds the best weights: the oracle `best_loss`.
4. Closed forms for the simplest weights show where intuition ends.
Axes: inst (weights side by side), point (combinations of nodes), cell (problems side by side).
Source: Elhage et al. 2022, "Toy Models of Superposition"; the closed forms are derived on the page.
"""

from enum import IntEnum
from typing import NamedTuple

import torch
from einops import einsum, repeat
from jaxtyping import Float, Int
from numpy.polynomial.legendre import leggauss
from torch import Tensor

from .geometry import Weights, interference
from .toy_model import ReluOutputToy, ToyConfig

Biases = Float[Tensor, "inst n_features"]


def feature_variance(probability: float) -> float:
    """Variance of one feature: E[x^2] - E[x]^2 = p / 3 - p^2 / 4."""
    return probability / 3 - probability**2 / 4


def linear_loss(
    W: Weights, importance: Float[Tensor, "inst n_features"], probability: float
) -> Float[Tensor, " inst"]:
    """Expected loss of x' = W^T W x + b at its best bias, all features equally sparse.

    The best bias takes care of the mean, so only variance is left. Each feature pays for what it
    lost, I_i (1 - ||W_i||^2)^2, and for what the others add to it, I_j (W_j . W_i)^2.

    Units: squared strength; lower is better.
    """
    # exercise 1.10
    raise NotImplementedError("exercise 1.10")


def one_sparse_loss(
    W: Weights, b: Biases, importance: Float[Tensor, "inst n_features"], strength: float
) -> Float[Tensor, " inst"]:
    """Loss of x' = ReLU(W^T W x + b) summed over the inputs with one feature on, at one strength.

    When features are very sparse nearly all inputs have one feature on or none, and this loss
    decides which directions are best. Negative interference costs nothing: the ReLU cuts it.

    Units: squared strength; lower is better.
    """
    # exercise 1.11
    raise NotImplementedError("exercise 1.11")


def quadrature_nodes(nodes: int) -> tuple[Float[Tensor, " nodes"], Float[Tensor, " nodes"]]:
    """Points of [0, 1] and their weights, such that sum(w f(x)) is the integral of f.

    Exact for polynomials of degree 2 nodes - 1; a ReLU's kink costs a little, the less the more
    nodes. Raises: ValueError for fewer than one node.
    """
    if nodes < 1:
        raise ValueError(f"an integral needs at least one node; {nodes} came")
    points, weights = (torch.from_numpy(values) for values in leggauss(nodes))
    return (points + 1) / 2, weights / 2


def expected_loss(
    W: Weights,
    b: Biases,
    importance: Float[Tensor, "inst n_features"],
    probability: Float[Tensor, "inst n_features"],
    nodes: int,
) -> Float[Tensor, " inst"]:
    """Loss of x' = ReLU(W^T W x + b), averaged over all features that can be drawn.

    Every feature is off with probability 1 - p, or on at one of the nodes, whose weights share p.
    There are (nodes + 1)^n_features combinations: this is for two or three features.

    Units: squared strength; lower is better.
    """
    # exercise 1.12
    raise NotImplementedError("exercise 1.12")


def dropped_loss(probability: float, importance: float) -> float:
    """Loss of leaving one feature out altogether, at its best constant guess, p / 2."""
    return importance * feature_variance(probability)


def antipodal_loss(probability: float, importance: float) -> float:
    """Loss of W = [1, -1] without biases: two features, of importance 1 and `importance`.

    It errs only where both are on, by the smaller strength in each; E[min(x, y)^2] = 1/6.
    """
    return probability**2 * (1 + importance) / 6


class Optimum(NamedTuple):
    """The best weights found, one for each cell."""

    loss: Float[Tensor, " cell"]
    """Expected loss of the best of all starts."""
    W: Float[Tensor, "cell d_hidden n_features"]
    """Its directions."""
    b: Float[Tensor, "cell n_features"]
    """Its biases."""
    share_of_starts: Float[Tensor, " cell"]
    """Share of the starts that came within 1 % of the best loss."""


def best_loss(
    importance: Float[Tensor, "cell n_features"],
    probability: Float[Tensor, "cell n_features"],
    d_hidden: int,
    starts: int = 12,
    steps: int = 1000,
    nodes: int = 8,
    seed: int = 0,
) -> Optimum:
    """The lowest expected loss of a ReLU-output model, by descent from many random starts.

    All cells and starts are instances of one batch. The loss has no noise, so Adam with a falling
    learning rate settles; single starts often end in a worse valley, hence their number.
    """
    cells, n_features = importance.shape
    model = ReluOutputToy(ToyConfig(starts * cells, n_features, d_hidden), seed).to(importance)
    tile = "cell n_features -> (start cell) n_features"
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
        best, which = losses.min(dim=0)
        rows = which * cells + torch.arange(cells, device=which.device)
        found = (losses <= 1.01 * best).double().mean(dim=0)
        return Optimum(best, model.W[rows], model.b[rows], found.to(best))


class Phase(IntEnum):
    """What becomes of a feature."""

    IGNORED = 0
    """Its direction is short: the model guesses a constant."""
    DEDICATED = 1
    """It has a direction that no other feature disturbs."""
    SUPERPOSED = 2
    """It is kept, and shares."""


def classify_phase(
    W: Weights, feature: int, kept: float = 0.5, shared: float = 0.25
) -> Int[Tensor, " inst"]:
    """Which phase a feature is in.

    It is kept where its norm exceeds `kept`, and then in superposition where its interference
    exceeds `shared`.
    """
    norm = W[:, :, feature].norm(dim=1)
    disturbed = interference(W)[:, feature] > shared
    phase = torch.where(disturbed, Phase.SUPERPOSED, Phase.DEDICATED)
    return torch.where(norm > kept, phase, Phase.IGNORED)
