"""Measure how features share dimensions, and identify the polytopes that they form.

A feature's direction is a column of W; the column's norm measures how well the feature is
represented. Features that are not orthogonal interfere. Their cosines show which features share a
subspace, and in which arrangement: antipodal pairs, triangles, pentagons.
Axes: inst, n_features, d_hidden; in `interference` and `partners` n_features stands for both.
Source: Elhage et al. 2022, "Toy Models of Superposition", its sections on geometry.
"""

import math
from typing import NamedTuple

import torch
from einops import einsum
from jaxtyping import Bool, Float
from torch import Tensor

from ..ch00_looking.checks import check_finite

MIN_NORM = 1e-6
"""Columns of W with a smaller norm count as absent: normalising them would amplify noise."""

Weights = Float[Tensor, "inst d_hidden n_features"]


def dimensions_per_feature(W: Weights) -> Float[Tensor, " inst"]:
    """Compute the mean number of dimensions per represented feature, D* = d_hidden / ||W||_F^2.

    The squared Frobenius norm counts features, since the column of a represented feature has a norm
    near 1.

    Units: dimensions per feature; 1 without superposition, less with it.
    """
    # exercise 1.6
    raise NotImplementedError("exercise 1.6")


def unit_directions(W: Weights) -> Weights:
    """Normalise each feature's direction; zeros for a feature that is absent.

    Raises: ValueError for a weight that is NaN or infinite: its feature would count as absent.
    """
    check_finite(W, "weights")
    norm = W.norm(dim=1, keepdim=True)
    return torch.where(norm > MIN_NORM, W / norm, 0.0)


def cosines(W: Weights) -> Float[Tensor, "inst n_features n_features"]:
    """Compute the cosine between each two features; 0 where either is absent."""
    units = unit_directions(W)
    return einsum(units, units, "inst d_hidden first, inst d_hidden second -> inst first second")


def feature_dimensionality(W: Weights) -> Float[Tensor, "inst n_features"]:
    """Compute each feature's dimensionality, D_i = ||W_i||^2 / sum_j (What_i . W_j)^2.

    What_i is W_i normalised. The denominator counts the features along W_i, the feature itself
    included. Where the features fill the space evenly (a tight frame), the D_i sum to d_hidden.

    Units: dimensions, 0 to 1: 1 for a dimension of its own, 1/2 in an antipodal pair, 0 if absent.
    """
    # exercise 1.7
    raise NotImplementedError("exercise 1.7")


def interference(W: Weights) -> Float[Tensor, "inst n_features"]:
    """Compute each feature's interference from the others: sum over j != i of (What_i . W_j)^2.

    Units: squared length; 0 where it is orthogonal to all others, 1 in an antipodal pair
    of unit directions.
    """
    # exercise 1.8
    raise NotImplementedError("exercise 1.8")


def partners(W: Weights, threshold: float) -> Bool[Tensor, "inst n_features n_features"]:
    """Mark the pairs of features in superposition: |cosine| of their directions above a threshold.

    A feature is not its own partner, and an absent feature has no partners.
    """
    # exercise 1.8
    raise NotImplementedError("exercise 1.8")


class Polytope(NamedTuple):
    """An arrangement of features that share a subspace evenly."""

    name: str
    """The paper's name."""
    vertices: Float[Tensor, "d_hidden n_features"]
    """Unit directions, one per column."""

    @property
    def dimensionality(self) -> float:
        """Dimensionality of each of its features, d_hidden / n_features."""
        d_hidden, n_features = self.vertices.shape
        return d_hidden / n_features


def polygon(n: int) -> Float[Tensor, "two n"]:
    """Compute n evenly spaced unit vectors in the plane."""
    angles = 2 * math.pi * torch.arange(n, dtype=torch.float64) / n
    return torch.stack([angles.cos(), angles.sin()])


def square_antiprism(height: float = 3**-0.5) -> Float[Tensor, "three eight"]:
    """Compute the corners of two parallel squares, one rotated by 45 degrees, on the unit sphere.

    `height` is half the distance of the squares. At 1/sqrt(3) all eight have dimensionality 3/8.
    Eight repelling charges on a sphere (Thomson's problem) settle near .56, where it differs a
    little from 3/8.
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
"""Ordered by dimensionality, largest first."""


def nearest_polytope(dimensionality: float, tolerance: float = 0.03) -> str | None:
    """Name the polytope with the nearest dimensionality; None if it differs by over `tolerance`."""
    check_finite(torch.tensor(dimensionality), "dimensionalities")
    best = min(POLYTOPES, key=lambda p: abs(p.dimensionality - dimensionality))
    return best.name if abs(best.dimensionality - dimensionality) <= tolerance else None
