"""Behavioural tests: compare predictions with labels, group by group.

An average over all examples hides a group that is small or missing. Here the groups are reviews
whose mark agrees or disagrees with the words, with and without irony.
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor


def accuracy_by_group(
    predicted: Int[Tensor, " batch"],
    label: Int[Tensor, " batch"],
    group: Int[Tensor, " batch"],
    n_groups: int,
) -> Float[Tensor, " n_groups"]:
    """Compute the accuracy in each group; NaN for an empty group.

    An empty group has no accuracy. The value 0 would claim that every prediction in it is wrong.

    Units: a fraction from 0 to 1; higher is better.
    Raises: ValueError when n_groups is below 1, or a group index is outside 0..n_groups - 1.
    """
    if n_groups < 1:
        raise ValueError(f"expected n_groups >= 1, got {n_groups}")
    if len(group) and not 0 <= int(group.min()) <= int(group.max()) < n_groups:
        raise ValueError(
            f"expected group indices from 0 to {n_groups - 1}, got {int(group.min())} to "
            f"{int(group.max())}"
        )
    # exercise 0.4
    raise NotImplementedError("exercise 0.4")


def flips(before: Int[Tensor, " batch"], after: Int[Tensor, " batch"]) -> Float[Tensor, " batch"]:
    """Mark with 1 each prediction that changed, with 0 each that did not."""
    return (before != after).float()
