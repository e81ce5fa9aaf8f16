"""Activations with known features: sparse sums of unit directions that the experimenter chose.

In the activations of a model the features are not known, so it cannot be counted how many a
dictionary found. Here it can: the directions are drawn first, and each example adds a few of
them with random strengths. A method that fails here has no claim on a real model; one that works
here may still fail there, where features are not independent, not linear, or not of unit length.

Features may form groups of which at most one is active (`group_size` > 1): its members share a
direction up to `spread`, as the base64 features of the paper do, which split in larger SAEs.
Axes: batch, feature, d_in.
"""

from dataclasses import dataclass
from typing import NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor


@dataclass(frozen=True)
class PlantedConfig:
    """Sizes and statistics of planted data.

    Raises: ValueError for sizes below 1, a group size that does not divide the features, or a
        probability outside (0, 1].
    """

    n_features: int
    """Number of directions."""
    d_in: int
    """Size of an activation."""
    probability: float
    """Probability that a feature is active; of a group, that one of its members is."""
    weakest: float = 0.5
    """Smallest strength of an active feature; strengths are uniform."""
    strongest: float = 1.5
    """Largest strength."""
    group_size: int = 1
    """Features per group; 1 for independent features."""
    spread: float = 0.5
    """Length of a member's own direction, where the direction it shares has length 1."""
    mean: float = 0.0
    """Length of a constant vector that every activation contains."""
    noise: float = 0.0
    """Standard deviation of Gaussian noise per entry."""
    seed: int = 0
    """Seed of the directions."""

    def __post_init__(self) -> None:
        for name in ("n_features", "d_in", "group_size"):
            if getattr(self, name) < 1:
                raise ValueError(f"expected {name} of at least 1, got {getattr(self, name)}")
        if self.n_features % self.group_size:
            raise ValueError(
                f"expected n_features to be a multiple of group_size, got {self.n_features} and "
                f"{self.group_size}"
            )
        if not 0 < self.probability <= 1:
            raise ValueError(f"expected a probability in (0, 1], got {self.probability}")


class PlantedBatch(NamedTuple):
    """Activations, and the features they are made of."""

    x: Float[Tensor, "batch d_in"]
    """Activations."""
    strengths: Float[Tensor, "batch feature"]
    """Strength of each feature; zero where it is not active."""


class PlantedFeatures:
    """Directions drawn from a seed, and the activations that are made of them."""

    def __init__(self, config: PlantedConfig) -> None:
        self.config = config
        # Not the plain seed: an SAE of the same seed would begin at the true directions.
        generator = torch.Generator().manual_seed(61_000_003 + config.seed)
        n_groups = config.n_features // config.group_size
        own = self._unit(config.n_features, generator)
        if config.group_size > 1:
            shared = self._unit(n_groups, generator).repeat_interleave(config.group_size, dim=0)
            own = F.normalize(shared + config.spread * own, dim=-1)
        self.directions: Float[Tensor, "feature d_in"] = own
        self.mean: Float[Tensor, " d_in"] = config.mean * self._unit(1, generator)[0]

    def _unit(self, rows: int, generator: torch.Generator) -> Float[Tensor, "rows d_in"]:
        return F.normalize(torch.randn(rows, self.config.d_in, generator=generator), dim=-1)

    def sample(self, batch: int, generator: torch.Generator) -> PlantedBatch:
        """Draw a batch of activations."""
        c = self.config
        n_groups = c.n_features // c.group_size
        on = torch.rand(batch, n_groups, generator=generator) < c.probability
        if c.group_size > 1:
            member = torch.randint(c.group_size, (batch, n_groups), generator=generator)
            on = (F.one_hot(member, c.group_size).bool() & on[:, :, None]).flatten(1)
        uniform = torch.rand(batch, c.n_features, generator=generator)
        strengths = torch.where(on, c.weakest + (c.strongest - c.weakest) * uniform, 0.0)
        x = strengths @ self.directions + self.mean
        if c.noise:
            x = x + c.noise * torch.randn(x.shape, generator=generator)
        return PlantedBatch(x, strengths)

    def batch(self, step: int, size: int = 256, seed: int = 0) -> Float[Tensor, "batch d_in"]:
        """Draw the training batch of a step, which depends on the seed and the step alone."""
        generator = torch.Generator().manual_seed(1_000_003 * (seed + 1) + step)
        return self.sample(size, generator).x
