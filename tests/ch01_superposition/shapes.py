"""Directions whose geometry is known, built without the course's own code, and slow measures."""

import math

import torch
from torch import Tensor

from tests.grading.assertions import normal

INST, D_HIDDEN, N_FEATURES = 3, 4, 6


def weights(seed: int, *shape: int) -> Tensor:
    """Random directions, [inst, d_hidden, n_features], of lengths from .4 to 2 or so."""
    inst, d_hidden, n_features = shape or (INST, D_HIDDEN, N_FEATURES)
    lengths = torch.linspace(0.4, 1.6, n_features, dtype=torch.float64)
    return normal(inst, d_hidden, n_features, seed=seed) * lengths / d_hidden**0.5


def rotation(size: int, seed: int) -> Tensor:
    """A random orthogonal matrix."""
    return torch.linalg.qr(normal(size, size, seed=seed)).Q


def columns(*vectors: list[float]) -> Tensor:
    """Vectors as the columns of one instance's W, [1, d_hidden, n_features]."""
    return torch.tensor(vectors, dtype=torch.float64).T[None]


def antiprism(squared_height: float) -> Tensor:
    """Eight corners: a square at height h, and below at -h the same one turned by 45 degrees."""
    radius, height = math.sqrt(1 - squared_height), math.sqrt(squared_height)
    corners = []
    for quarter in range(4):
        for turn, up in ((0.0, height), (math.pi / 4, -height)):
            angle = quarter * math.pi / 2 + turn
            corners.append([radius * math.cos(angle), radius * math.sin(angle), up])
    return columns(*corners)[0]


def ring(n: int) -> Tensor:
    """n corners of a regular polygon."""
    angles = [2 * math.pi * corner / n for corner in range(n)]
    return columns(*[[math.cos(angle), math.sin(angle)] for angle in angles])[0]


def tetrahedron() -> Tensor:
    """Four corners at equal angles: one up, three below it."""
    down, out = -1 / 3, math.sqrt(8) / 3
    below = torch.cat([out * ring(3), torch.full((1, 3), down, dtype=torch.float64)])
    return torch.cat([torch.tensor([[0.0], [0.0], [1.0]], dtype=torch.float64), below], dim=1)


SHAPES = {
    "dedicated": (torch.ones(1, 1, dtype=torch.float64), 1.0),
    "tetrahedron": (tetrahedron(), 3 / 4),
    "triangle": (ring(3), 2 / 3),
    "digon": (torch.tensor([[1.0, -1.0]], dtype=torch.float64), 1 / 2),
    "pentagon": (ring(5), 2 / 5),
    "square antiprism": (antiprism(1 / 3), 3 / 8),
    # 1 / (4 (1 - h^2)^2 + 8 h^4) at h^2 = .314, where eight charges on a sphere settle.
    "antiprism of charges": (antiprism(0.314), 1 / (4 * 0.686**2 + 8 * 0.314**2)),
}
"""Name -> unit corners, one a column, and the dimensionality of each."""


def onto(W: Tensor, this: int, other: int, inst: int, unit: str = "this") -> float:
    """What_this . W_other by plain arithmetic; `unit` says which of them are at length 1."""
    first, second = W[inst, :, this].tolist(), W[inst, :, other].tolist()
    product = sum(a * b for a, b in zip(first, second, strict=True))
    for name, vector in (("this", first), ("other", second)):
        length = math.sqrt(sum(entry**2 for entry in vector))
        if name in unit and length:
            product /= length
    return product


def pairs(W: Tensor, unit: str = "this") -> Tensor:
    """`onto` for every pair of features: [inst, this, other]."""
    inst, _, n = W.shape
    table = [[[onto(W, i, j, a, unit) for j in range(n)] for i in range(n)] for a in range(inst)]
    return torch.tensor(table, dtype=torch.float64)
