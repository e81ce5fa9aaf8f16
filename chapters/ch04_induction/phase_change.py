"""The phase change: a short part of training in which a model learns to use its context.

A run is a series of snapshots. Loss, in-context score, head scores and composition are measured at
each; in a phase change they all move within a short window. Three measures that do not refer to
heads: how fast the in-context score changes, how the loss falls with the index of the token, and
a principal component analysis of the losses of many single tokens.
Axes: snapshot, token (the same tokens for all snapshots), index (position in the text).
Source: Olsson et al. 2022, "In-context Learning and Induction Heads", argument 1.
"""

from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from ..ch00_looking.checks import check_finite
from ..ch02_transformer.norms import at_least_float32


class Window(NamedTuple):
    """The part of training in which most of a change happens."""

    start: int
    """First step of the window."""
    stop: int
    """Last step of the window."""
    share: float
    """Change within the window over the change from the first snapshot to the last."""


def steepest_window(
    steps: Int[Tensor, " snapshot"], values: Float[Tensor, " snapshot"], length: int
) -> Window:
    """Find the two snapshots, at most `length` steps apart, between which the values change most.

    Raises: ValueError with fewer than two snapshots, when no two are within `length` steps, or when
        the last value equals the first.
    """
    if len(steps) < 2 or not (steps.diff() <= length).any():
        raise ValueError(
            f"expected snapshots at most {length} steps apart, got steps {steps.tolist()}"
        )
    check_finite(values, "values")
    if values[0] == values[-1]:
        raise ValueError(f"expected a change from first to last, got {values[0]:.4g} at both")
    # exercise 4.6
    raise NotImplementedError("exercise 4.6")


def loss_slope(
    losses: Float[Tensor, "*snapshot batch index"], width: int
) -> Float[Tensor, "*snapshot band"]:
    """Fit the slope of the mean loss over the log of the index, in bands of `width` indices.

    The slope is negative where later tokens are easier. The first predicted token has index 1.

    Units: nats per factor of e in the index.
    """
    losses = at_least_float32(losses)
    # exercise 4.7
    raise NotImplementedError("exercise 4.7")


def loss_pca(
    losses: Float[Tensor, "snapshot token"], n_components: int = 2
) -> Float[Tensor, "snapshot component"]:
    """Project the snapshots' per-token losses onto their principal components.

    Each token's mean over the snapshots is subtracted. Signs are fixed so that each component is
    larger at the last snapshot than at the first.

    Raises: ValueError for more components than snapshots or tokens.
    """
    if n_components > min(losses.shape):
        raise ValueError(
            f"expected at most {min(losses.shape)} components of losses {list(losses.shape)}, got "
            f"{n_components}"
        )
    check_finite(losses, "losses")
    losses = at_least_float32(losses)
    # exercise 4.8
    raise NotImplementedError("exercise 4.8")


def turning_angle(path: Float[Tensor, "snapshot component"], at: int) -> float:
    """Compute the angle between the displacement up to snapshot `at` and the one after it.

    Units: degrees, 0 to 180; 0 is a straight path.
    Raises: ValueError unless `at` is between the first and the last snapshot.
    """
    if not 0 < at < len(path) - 1:
        raise ValueError(f"expected a snapshot between 0 and {len(path) - 1}, got {at}")
    before, after = path[at] - path[0], path[-1] - path[at]
    cosine = torch.cosine_similarity(before, after, dim=0).clamp(-1, 1)
    return cosine.arccos().rad2deg().item()
