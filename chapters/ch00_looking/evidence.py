"""How sure can one be? Intervals, permutation nulls, random sets, seeds.

Every chapter from here on reports its numbers through this file. All four answer one question in
different ways: what would the number have been, had chance fallen otherwise?

1. other examples: resample the ones there are (`bootstrap_interval`);
2. no difference between two groups: shuffle who is in which (`permutation_p_value`);
3. another choice of heads, neurons or features: draw random ones (`random_sets`);
4. another training run: train again (`summarize_seeds`).
"""

from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor


class Interval(NamedTuple):
    """An estimate with the range in which it would fall on other examples."""

    low: float
    """Lower end."""
    estimate: float
    """The mean of the values themselves."""
    high: float
    """Upper end."""


def bootstrap_interval(
    values: Float[Tensor, " n"], n_resamples: int, level: float, generator: torch.Generator
) -> Interval:
    """Percentile bootstrap of the mean: the middle `level` of the means of resamples.

    A resample draws n of the n values with replacement. All are drawn at once, without a loop.

    Raises: ValueError without values, with NaN among them, with n_resamples below 1, or with a
        level outside (0, 1).
    Source: Efron 1979, "Bootstrap Methods: Another Look at the Jackknife".
    """
    check_values(values)
    if n_resamples < 1 or not 0 < level < 1:
        raise ValueError(
            f"expected n_resamples >= 1 and a level between 0 and 1, but {n_resamples} and {level} "
            "came"
        )
    # exercise 0.10
    raise NotImplementedError("exercise 0.10")


def permutation_p_value(
    a: Float[Tensor, " n"], b: Float[Tensor, " m"], n_permutations: int, generator: torch.Generator
) -> float:
    """How often a random division into two groups gives means as far apart as a's and b's.

    Two-sided. The division that was observed counts as one of the permutations, so the value is
    never 0: (1 + how many are as far apart or farther) / (1 + n_permutations).

    Units: a probability; small means that chance alone rarely does this.
    Raises: ValueError when a or b is empty or has NaN, or n_permutations is below 1.
    Source: Phipson and Smyth 2010, "Permutation P-values Should Never Be Zero".
    """
    check_values(a)
    check_values(b)
    if n_permutations < 1:
        raise ValueError(f"expected at least one permutation, but {n_permutations} came")
    both = torch.cat([a, b]).double()
    # a hair smaller, so that rounding does not turn an equal difference into a smaller one
    observed = (a.double().mean() - b.double().mean()).abs() * (1 - 1e-9)
    # exercise 0.11
    raise NotImplementedError("exercise 0.11")


def random_sets(
    n_items: int,
    size: int,
    n_sets: int,
    generator: torch.Generator,
    exclude: Int[Tensor, " k"] | None = None,
) -> Int[Tensor, "n_sets size"]:
    """Draw sets of items to compare a chosen set with: distinct within a set, none excluded.

    Every allowed set is equally likely; two sets may overlap. Items are 0 to n_items - 1.

    Raises: ValueError when size or n_sets is below 1, an excluded item does not exist, or fewer
        than `size` items are left.
    """
    excluded = torch.empty(0, dtype=torch.long) if exclude is None else exclude.unique()
    if len(excluded) and not 0 <= int(excluded.min()) <= int(excluded.max()) < n_items:
        raise ValueError(f"items are 0 to {n_items - 1}, but {excluded.tolist()} are excluded")
    if n_sets < 1 or not 1 <= size <= n_items - len(excluded):
        raise ValueError(
            f"expected n_sets >= 1 and a size from 1 to {n_items - len(excluded)}, the items left, "
            f"but {n_sets} and {size} came"
        )
    # exercise 0.12
    raise NotImplementedError("exercise 0.12")


def percentile_rank(value: float, others: Float[Tensor, " n"]) -> float:
    """Share of the others that are smaller than the value; an equal one counts half.

    Units: 0 to 1; .5 is what a random choice gets on average.
    """
    check_values(others)
    return ((others < value).double().mean() + 0.5 * (others == value).double().mean()).item()


class SeedSummary(NamedTuple):
    """What training again and again gives."""

    mean: float
    """Over the runs."""
    error: float
    """Standard error of that mean: standard deviation (with n - 1) over the root of n."""


def summarize_seeds(values: Float[Tensor, " n"]) -> SeedSummary:
    """Mean and standard error over training runs.

    Raises: ValueError with fewer than two runs, which have no spread, or with NaN.
    """
    check_values(values)
    if len(values) < 2:
        raise ValueError(f"a spread takes two runs or more, but {len(values)} came")
    values = values.double()
    return SeedSummary(values.mean().item(), (values.std() / len(values) ** 0.5).item())


def check_values(values: Float[Tensor, " n"]) -> None:
    """Refuse what has no mean."""
    if len(values) == 0:
        raise ValueError("expected at least one value, but none came")
    if values.isnan().any():
        raise ValueError(f"{int(values.isnan().sum())} of {len(values)} values are NaN")
