"""Find the moment at which a model learns to learn from its context.

A run is a series of snapshots. Loss, in-context score, head scores and composition are measured on
each; a phase change is a short stretch in which they all move. Three ways to see it that use no
head at all: how fast the in-context score moves, how the loss falls with the token's index, and
the path of the losses of many single tokens (PCA).
Axes: snapshot, token (the same tokens for all snapshots), index (position in the text).
Source: Olsson et al. 2022, "In-context Learning and Induction Heads", argument 1.
"""

from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor


class Window(NamedTuple):
    """The stretch of training in which most of a change happens."""

    start: int
    """Step at which it begins."""
    stop: int
    """Step at which it ends."""
    share: float
    """How much of the whole change falls into it."""


def steepest(
    steps: Int[Tensor, " snapshot"], values: Float[Tensor, " snapshot"], length: int
) -> Window:
    """The stretch of at most `length` steps between two snapshots with the largest change.

    share: that change over the change from the first snapshot to the last.

    Raises: ValueError with fewer than two snapshots, when no two are within `length` steps, or when
        the last value is the first again.
    """
    if len(steps) < 2 or not (steps.diff() <= length).any():
        raise ValueError(f"expected snapshots at most {length} steps apart; {steps.tolist()} came")
    if values[0] == values[-1]:
        raise ValueError(f"nothing changes from first to last: {values[0]:.4g} at both")
    # exercise 4.6
    raise NotImplementedError("exercise 4.6")


def loss_slope(
    losses: Float[Tensor, "*snapshot batch index"], width: int
) -> Float[Tensor, "*snapshot band"]:
    """Slope of the mean loss by the logarithm of the token's index, in bands of `width` indices.

    Negative where a later token is easier. Before the phase change it is nearly zero beyond the
    first tokens; after it, it is negative far into the text. The first token predicted has index 1.

    Units: nats for each factor of e in the index.
    """
    # exercise 4.7
    raise NotImplementedError("exercise 4.7")


def trajectory(
    losses: Float[Tensor, "snapshot token"], n_components: int = 2
) -> Float[Tensor, "snapshot component"]:
    """Principal components of the snapshots' per-token losses: a path through function space.

    Each token's mean over the snapshots is taken away. Signs are fixed so that each component ends
    above where it began.

    Raises: ValueError for more components than snapshots or tokens.
    """
    if n_components > min(losses.shape):
        raise ValueError(f"{n_components} components of {list(losses.shape)} numbers: too many")
    # exercise 4.8
    raise NotImplementedError("exercise 4.8")


def turn(path: Float[Tensor, "snapshot component"], at: int) -> float:
    """Angle between the way from the first snapshot to `at` and the way from there to the last.

    Units: degrees, 0 to 180; 0 goes straight on.
    Raises: ValueError unless `at` lies between the first and the last snapshot.
    """
    if not 0 < at < len(path) - 1:
        raise ValueError(f"expected a snapshot between 0 and {len(path) - 1}; {at} came")
    before, after = path[at] - path[0], path[-1] - path[at]
    cosine = torch.cosine_similarity(before, after, dim=0).clamp(-1, 1)
    return cosine.arccos().rad2deg().item()
