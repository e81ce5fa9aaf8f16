"""Graders of evidence.py: a bootstrap interval."""

import math

import pytest
import torch

from tests.grading import exercise
from tests.grading.assertions import assert_close, normal
from tests.grading.side_effects import assert_no_side_effects, python_steps


def new(seed):
    return torch.Generator().manual_seed(seed)


def binomial_quantile(n, share, q):
    """The smallest k with P(K <= k) >= q, for K binomial."""
    total = 0.0
    for k in range(n + 1):
        total += math.comb(n, k) * share**k * (1 - share) ** (n - k)
        if total >= q:
            return k
    return n


def ones_and_zeros(n, ones, size):
    """n values, of which some are `size` and the rest zero, in a fixed random order."""
    values = torch.zeros(n, dtype=torch.float64)
    values[:ones] = size
    return values[torch.randperm(n, generator=new(n))]


def interval_mistakes(n, ones, size, level):
    """Words -> the [low, high] that usual mistakes give on such values."""
    share, out = ones / n, (1 - level) / 2
    mean = size * share
    error = size * (share * (1 - share) / n) ** 0.5
    wide = 2**0.5 * torch.special.erfinv(torch.tensor(level)).item() * error

    def between(low, high, count=n):
        ends = [size * binomial_quantile(count, share, q) / count for q in (low, high)]
        return torch.tensor(ends, dtype=torch.float64)

    right, half = between(out, 1 - out), between(*sorted([level / 2, 1 - level / 2]))
    still = "It has no width: is it drawn WITHOUT replacement, so that all resamples have one mean?"
    halved = "The quantiles are level / 2 and 1 - level / 2: leave out (1 - level) / 2 at each end."
    if half[0] == half[1] == mean:
        still = halved = (
            "Low and high are both the mean: is it drawn WITHOUT replacement, or are the quantiles "
            "level / 2 and 1 - level / 2? Leave out (1 - level) / 2 at each end."
        )
    return {
        still: torch.tensor([mean, mean]),
        "The level is taken one-sided, as quantiles 1 - level and level: leave out (1 - level) / 2 "
        "at EACH end.": between(1 - level, level),
        halved: half,
        "These are quantiles of the values themselves: take those of the resamples' means.": (
            torch.tensor([0.0 if out < 1 - share else size, size if 1 - out > 1 - share else 0])
        ),
        "It is the mean plus and minus a normal quantile times the standard error: percentiles of "
        "the resamples' means are asked for.": torch.tensor([mean - wide, mean + wide]),
        "It is reflected at the mean (the 'basic' bootstrap): the percentiles themselves are asked "
        "for.": 2 * mean - right.flip(0),
        "Low and high are the wrong way round.": right.flip(0),
        "Half as many values as there are make each resample.": between(out, 1 - out, n // 2),
    }


#: n, how many are not zero, their size, level: no jump of the distribution near a quantile, and
#: at level .6 the mistakes' quantiles .3 and .4 have different values
CASES = [(8, 1, 10.0, 0.95), (23, 8, 2.0, 0.8), (51, 24, 5.0, 0.6)]


@exercise("0.10")
@pytest.mark.parametrize("n, ones, size, level", CASES)
def test_interval_of_a_mean_of_zeros_and_ones_has_binomial_ends(evidence, n, ones, size, level):
    values, out = ones_and_zeros(n, ones, size), (1 - level) / 2
    low, high = (size * binomial_quantile(n, ones / n, q) / n for q in (out, 1 - out))
    with assert_no_side_effects(values=values):
        came = evidence.bootstrap_interval(values, 4000, level, new(1))
    right = torch.tensor([low, high], dtype=torch.float64)
    claim = (
        f"{ones} of {n} values are {size}, the rest 0: how many a resample holds is binomial, and "
        f"the middle {level} of their means reaches from {low:.4g} to {high:.4g}."
    )
    mistakes = interval_mistakes(n, ones, size, level)
    assert_close(torch.tensor([came.low, came.high]).double(), right, claim, mistakes, 1e-6)


@exercise("0.10")
@pytest.mark.parametrize("level, n, n_resamples", [(0.95, 100, 6000), (0.7, 300, 6000)])
def test_ends_lie_as_many_standard_errors_away_as_the_level_says(evidence, level, n, n_resamples):
    values = 2 * normal(n, seed=2) + 3
    came = evidence.bootstrap_interval(values, n_resamples, level, new(3))
    error = values.std(correction=0).item() / n**0.5
    z = 2**0.5 * torch.special.erfinv(torch.tensor(level)).item()
    one_sided = 2**0.5 * torch.special.erfinv(torch.tensor(2 * level - 1)).item()
    wide = (came.high - came.low) / 2 / error
    known = {
        "Is the level taken one-sided? Leave out (1 - level) / 2 at each end.": one_sided,
        "Are the quantiles level / 2 and 1 - level / 2? Leave out (1 - level) / 2 at each end.": (
            2**0.5 * torch.special.erfinv(torch.tensor(1 - level)).item()
        ),
        "Is the mean taken over the wrong axis? A resample is a row of n values; this is as narrow "
        "as the mean of n_resamples values.": z * (n / n_resamples) ** 0.5,
        "Are these quantiles of the values, not of the means of resamples?": z * n**0.5,
        "Is it drawn without replacement, so that every resample has the same mean?": 0.0,
    }
    words = [text for text, value in known.items() if abs(wide - value) < 0.02 + 0.1 * value]
    assert abs(wide - z) < 0.15, "\n".join(
        [
            f"The mean of {n} normal values has an interval of level {level} whose half width is "
            f"{z:.3g} standard errors; with {n_resamples} resamples {wide:.3g} came.",
            *words,
        ]
    )


@exercise("0.10")
@pytest.mark.parametrize("seed", [4, 5])
def test_the_estimate_is_the_mean_of_the_values_themselves(evidence, seed):
    values = normal(17, seed=seed).exp()
    came = evidence.bootstrap_interval(values, 40, 0.8, new(seed))
    other = evidence.bootstrap_interval(values, 40, 0.8, new(seed + 10)).estimate
    middle = (came.low + came.high) / 2
    mistakes = {
        "That is the median.": values.median(),
        "That is the middle of the interval, which need not be the mean.": middle,
    }
    if came.estimate != other and abs(came.estimate - middle) > 1e-6:
        words = "Another generator gives another estimate: it is made of resamples (their mean?)."
        mistakes[words] = came.estimate
    claim = "The estimate is the mean of the values themselves, whatever was resampled."
    assert_close(came.estimate, values.mean(), claim, mistakes, tolerance=1e-6)
    assert came.low <= came.high, f"low is {came.low:.4g}, above high, {came.high:.4g}."


@exercise("0.10")
def test_one_value_or_equal_values_leave_no_doubt(evidence):
    for values in (torch.tensor([1234.567]), torch.full((6,), 1234.567)):
        came = evidence.bootstrap_interval(values, 30, 0.9, new(6))
        claim = "Where all values are 1234.567, so is every resample's mean."
        ends = torch.tensor([came.low, came.estimate, came.high])
        assert_close(ends, torch.full((3,), 1234.567), claim, {}, tolerance=1e-6)


@exercise("0.10")
def test_resamples_are_drawn_at_once_and_by_the_generator(evidence):
    values = normal(12, seed=7)
    one, same = (evidence.bootstrap_interval(values, 50, 0.7, new(8)) for _ in range(2))
    assert one == same, "The same generator state must give the same interval: generator=generator."
    other = evidence.bootstrap_interval(values, 50, 0.7, new(9))
    assert one != other, "Two generators give the same interval: is it seeded anew inside?"
    generator = new(10)
    first, second = (evidence.bootstrap_interval(values, 50, 0.7, generator) for _ in range(2))
    assert first != second, (
        "Two calls with one generator give the same interval: a generator goes on from where it is."
    )
    steps = [
        python_steps(lambda: evidence.bootstrap_interval(values, count, 0.7, new(11)))
        for count in (20, 420)
    ]
    assert steps[1] - steps[0] < 200, (
        f"400 resamples more take {steps[1] - steps[0]} steps of Python more: a loop. Draw all "
        "indices at once, as a table with a row for each resample."
    )
