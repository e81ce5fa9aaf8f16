"""Measure how features share dimensions, and name the shapes that they make.

A feature's direction is a column of W; its norm says how much of it is kept. Two features that are
not orthogonal disturb each other. From the cosines follows which share a subspace, and in which
shape: opposite pairs, triangles, pentagons.
Axes: inst, n_features, d_hidden; in `interference` and `partners` n_features stands for both.
Source: Elhage et al. 2022, "Toy Models of Superposition", its sections on geometry.
"""

import math
from typing import NamedTuple

import torch
from einops import einsum
from jaxtyping import Bool, Float
from torch import Tensor

MIN_NORM = 1e-6
"""A direction shorter than this counts as absent: dividing by its length would give noise."""

Weights = Float[Tensor, "inst d_hidden n_features"]


def dimensions_per_feature(W: Weights) -> Float[Tensor, " inst"]:
    """Dimensions that each kept feature has on average, D* = d_hidden / ||W||_F^2.

    The squared norm counts features, since a kept one has length 1 or nearly so.

    Units: dimensions a feature; 1 without superposition, less with it.
    """
    # exercise 1.6
    raise NotImplementedError("exercise 1.6")


def unit_directions(W: Weights) -> Weights:
    """Each feature's direction at length 1; zeros for a feature that is absent."""
    norm = W.norm(dim=1, keepdim=True)
    return torch.where(norm > MIN_NORM, W / norm, 0.0)


def cosines(W: Weights) -> Float[Tensor, "inst n_features n_features"]:
    """Cosine of the angle between each two features; 0 with a feature that is absent."""
    units = unit_directions(W)
    return einsum(units, units, "inst d_hidden first, inst d_hidden second -> inst first second")


def feature_dimensionality(W: Weights) -> Float[Tensor, "inst n_features"]:
    """Share of a dimension that each feature has, D_i = ||W_i||^2 / sum_j (What_i . W_j)^2.

    The denominator counts the features in W_i's direction, the feature itself included; What_i is
    W_i at length 1. Where features pack a space tightly, the D_i of all of them sum to d_hidden.

    Units: dimensions, 0 to 1: 1 for a dimension of its own, 1/2 in an opposite pair, 0 for a
    feature that is absent.
    """
    # exercise 1.7
    raise NotImplementedError("exercise 1.7")


def interference(W: Weights) -> Float[Tensor, "inst n_features"]:
    """How much the other features disturb each one: sum over j != i of (What_i . W_j)^2.

    Units: squared length; 0 for a feature orthogonal to all others, 1 or more in superposition
    with as much again as itself.
    """
    # exercise 1.8
    raise NotImplementedError("exercise 1.8")


def partners(W: Weights, threshold: float) -> Bool[Tensor, "inst n_features n_features"]:
    """Which other features each one is in superposition with: |cosine| above the threshold.

    No feature is its own partner, and an absent one has none.
    """
    # exercise 1.8
    raise NotImplementedError("exercise 1.8")


class Polytope(NamedTuple):
    """A shape that features make when they share a subspace evenly."""

    name: str
    """As the paper calls it."""
    vertices: Float[Tensor, "d_hidden n_features"]
    """Unit directions, one a column."""

    @property
    def dimensionality(self) -> float:
        """Dimensions of each of its features, d_hidden / n_features."""
        d_hidden, n_features = self.vertices.shape
        return d_hidden / n_features


def polygon(n: int) -> Float[Tensor, "two n"]:
    """Unit vectors in the plane, evenly spaced."""
    angles = 2 * math.pi * torch.arange(n, dtype=torch.float64) / n
    return torch.stack([angles.cos(), angles.sin()])


def square_antiprism(height: float = 3**-0.5) -> Float[Tensor, "three eight"]:
    """Two squares above each other, one turned by an eighth; `height` is half their distance.

    At 1/sqrt(3) the eight share space evenly, 3/8 each. Eight charges on a sphere that push each
    other away settle near .56, where the shares differ a little from 3/8.
    """
    eight = polygon(8) * (1 - height**2) ** 0.5
    up_and_down = height * torch.tensor([1.0, -1.0], dtype=torch.float64).repeat(4)
    return torch.cat([eight, up_and_down[None]])


CORNERS = [[1.0, 1.0, -1.0, -1.0], [1.0, -1.0, 1.0, -1.0], [1.0, -1.0, -1.0, 1.0]]

POLYTOPES = (
    Polytope("dedicated", torch.ones(1, 1, dtype=torch.float64)),
    Polytope("tetrahedron", torch.tensor(CORNERS, dtype=torch.float64) / 3**0.5),
    Polytope("triangle", polygon(3)),
    Polytope("digon", torch.tensor([[1.0, -1.0]], dtype=torch.float64)),
    Polytope("pentagon", polygon(5)),
    Polytope("square antiprism", square_antiprism()),
)
"""From the most room to the least."""


def nearest_polytope(dimensionality: float, tolerance: float = 0.03) -> str | None:
    """The polytope whose features have this dimensionality, or None where none is as near."""
    best = min(POLYTOPES, key=lambda p: abs(p.dimensionality - dimensionality))
    return best.name if abs(best.dimensionality - dimensionality) <= tolerance else None
