"""Uncertainty of a measured number: intervals, permutation tests, random sets, seeds.

All four ask how much a number would vary under a different source of chance. Every later chapter
reports its numbers with them.

1. other examples: resample the examples (`bootstrap_interval`);
2. two groups that do not differ: shuffle the group labels (`permutation_p_value`);
3. another choice of heads, neurons or features: draw random sets (`random_sets`);
4. another training run: train with other seeds (`summarize_seeds`).
"""

from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from .checks import check_finite


class Interval(NamedTuple):
    """An estimate with its confidence interval."""

    low: float
    """Lower end."""
    estimate: float
    """Mean of the original values."""
    high: float
    """Upper end."""


def bootstrap_interval(
    values: Float[Tensor, " n"], n_resamples: int, level: float, generator: torch.Generator
) -> Interval:
    """Compute a percentile bootstrap interval of the mean.

    A resample draws n of the n values with replacement. The interval holds the middle `level` of
    the resamples' means. All resamples are drawn at once, without a loop.

    Raises: ValueError without values, with one that is not finite, with n_resamples below 1, or
        with a level outside (0, 1).
    Source: Efron 1979, "Bootstrap Methods: Another Look at the Jackknife".
    """
    check_values(values)
    if n_resamples < 1 or not 0 < level < 1:
        raise ValueError(
            f"expected n_resamples >= 1 and 0 < level < 1, got n_resamples {n_resamples} and level "
            f"{level}"
        )
    # exercise 0.10
    picked = torch.randint(len(values), (n_resamples, len(values)), generator=generator)
    means = values.double()[picked].mean(dim=1)
    outside = (1 - level) / 2
    low, high = means.quantile(means.new_tensor([outside, 1 - outside])).tolist()
    return Interval(low, values.double().mean().item(), high)


def permutation_p_value(
    a: Float[Tensor, " n"], b: Float[Tensor, " m"], n_permutations: int, generator: torch.Generator
) -> float:
    """Compute the p-value of a two-sided permutation test on the difference of two means.

    p = (1 + number of permutations with a difference at least as large) / (1 + n_permutations).
    The observed split into a and b counts as one permutation, so p is never 0.

    Units: a probability; small when the means of random splits rarely differ as much.
    Raises: ValueError when a or b is empty or has a value that is not finite, or when
        n_permutations is below 1.
    Source: Phipson and Smyth 2010, "Permutation P-values Should Never Be Zero".
    """
    check_values(a)
    check_values(b)
    if n_permutations < 1:
        raise ValueError(f"expected n_permutations >= 1, got {n_permutations}")
    both = torch.cat([a, b]).double()
    # slightly smaller, so that rounding cannot make an equal difference count as a smaller one
    observed = (a.double().mean() - b.double().mean()).abs() * (1 - 1e-9)
    # exercise 0.11
    shuffled = both[torch.rand(n_permutations, len(both), generator=generator).argsort(dim=1)]
    gaps = shuffled[:, : len(a)].mean(dim=1) - shuffled[:, len(a) :].mean(dim=1)
    as_far = (gaps.abs() >= observed).sum().item()
    return (1 + as_far) / (1 + n_permutations)


def random_sets(
    n_items: int,
    size: int,
    n_sets: int,
    generator: torch.Generator,
    exclude: Int[Tensor, " k"] | None = None,
) -> Int[Tensor, "n_sets size"]:
    """Draw random sets of distinct items, as a baseline for a chosen set.

    Items are 0 to n_items - 1, without those in `exclude`. Every allowed set is equally likely, and
    two sets may overlap.

    Raises: ValueError when size or n_sets is below 1, an excluded item does not exist, or fewer
        than `size` items remain.
    """
    excluded = torch.empty(0, dtype=torch.long) if exclude is None else exclude.unique()
    if len(excluded) and not 0 <= int(excluded.min()) <= int(excluded.max()) < n_items:
        raise ValueError(
            f"expected excluded items from 0 to {n_items - 1}, got {excluded.tolist()}"
        )
    if n_sets < 1 or not 1 <= size <= n_items - len(excluded):
        raise ValueError(
            f"expected n_sets >= 1 and 1 <= size <= {n_items - len(excluded)}, the items not "
            f"excluded, got n_sets {n_sets} and size {size}"
        )
    # exercise 0.12
    lots = torch.rand(n_sets, n_items, generator=generator)
    lots[:, excluded] = torch.inf
    return lots.argsort(dim=1)[:, :size]


def percentile_rank(value: float, others: Float[Tensor, " n"]) -> float:
    """Compute the fraction of the others that are smaller than the value; ties count half.

    Units: a fraction from 0 to 1; a random choice has 0.5 on average.
    """
    check_values(others)
    check_finite(torch.tensor(value), "values")
    return ((others < value).double().mean() + 0.5 * (others == value).double().mean()).item()


class SeedSummary(NamedTuple):
    """Mean over training runs, with its standard error."""

    mean: float
    """Mean over the runs."""
    error: float
    """Standard error of the mean: sample standard deviation (n - 1) over sqrt(n)."""


def summarize_seeds(values: Float[Tensor, " n"]) -> SeedSummary:
    """Compute the mean and its standard error over training runs.

    Raises: ValueError with fewer than two runs, because their spread is unknown, or with a value
        that is not finite.
    """
    check_values(values)
    if len(values) < 2:
        raise ValueError(f"expected at least two runs, got {len(values)}; train more seeds")
    values = values.double()
    return SeedSummary(values.mean().item(), (values.std() / len(values) ** 0.5).item())


def check_values(values: Float[Tensor, " n"]) -> None:
    """Raise ValueError if there are no values, or if one is not finite."""
    if len(values) == 0:
        raise ValueError("expected at least one value, got none")
    check_finite(values, "values")
