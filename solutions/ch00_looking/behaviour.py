"""The first way of looking: what the model does, from outside.

One average over everything hides what happens to the few. So count by group: reviews whose mark
agrees with the words and those whose mark does not, plain ones and ironic ones.
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
    """Share of right predictions in each group; NaN for a group that nobody is in.

    An empty group has no accuracy: 0 would say that everything in it is wrong.

    Units: a share from 0 to 1; higher is better.
    Raises: ValueError when n_groups is below 1, or a group's number is outside 0..n_groups - 1.
    """
    if n_groups < 1:
        raise ValueError(f"n_groups must be at least 1, but it is {n_groups}")
    if len(group) and not 0 <= int(group.min()) <= int(group.max()) < n_groups:
        raise ValueError(
            f"groups are numbered 0 to {n_groups - 1}, but numbers from {int(group.min())} to "
            f"{int(group.max())} came"
        )
    # exercise 0.4
    right = torch.bincount(group, weights=(predicted == label).double(), minlength=n_groups)
    return right / torch.bincount(group, minlength=n_groups)


def flips(before: Int[Tensor, " batch"], after: Int[Tensor, " batch"]) -> Float[Tensor, " batch"]:
    """1 where the verdict has changed, 0 where it has not."""
    return (before != after).float()
