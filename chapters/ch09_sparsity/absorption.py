"""Does a latent of a parent feature fire wherever the parent is present?

A parent that is present with each of its children can be described with fewer active latents if
the child's latent contains the parent's direction: the parent's own latent then has holes.
Axes: batch (tokens), feature, d_sae.
Source: Chanin et al. 2024, "A is for Absorption", here where parents and children are known.
"""

from typing import NamedTuple

from jaxtyping import Bool, Float
from torch import Tensor

Present = Bool[Tensor, "batch feature"]


class FeatureRecall(NamedTuple):
    """How well one latent detects one feature."""

    latent: int
    """The latent with the best F1 for the feature."""
    recall: float
    """Fraction of the tokens with the feature at which the latent is active."""
    precision: float
    """Fraction of the tokens at which the latent is active that have the feature."""


def best_detector(
    acts: Float[Tensor, "batch d_sae"], present: Bool[Tensor, " batch"]
) -> FeatureRecall:
    """Find the latent whose activity has the best F1 for a feature.

    A latent that is never active has an F1 of zero. Counts are divided in float64.

    Raises: ValueError when the feature is nowhere present.
    """
    if not present.any():
        raise ValueError("expected the feature on some tokens, got none")
    # exercise 9.15
    raise NotImplementedError("exercise 9.15")


def absorbed_fraction(
    acts: Float[Tensor, "batch d_sae"],
    parent: Bool[Tensor, " batch"],
    children: Present,
) -> Float[Tensor, " feature"]:
    """Compute for each child the fraction of its tokens at which the parent's latent is silent.

    The parent's latent is the best detector of the parent on tokens without any child. 0 means
    that nothing is absorbed. NaN for a child that is nowhere present. In the dtype of acts.

    Raises: ValueError when the parent never occurs alone.
    """
    alone = parent & ~children.any(dim=-1)
    # exercise 9.15
    raise NotImplementedError("exercise 9.15")
