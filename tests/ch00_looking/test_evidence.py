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


#: n, how many are not zero, their size, level: no jump of the distribution near a quantile, and
#: at level .6 the quantiles .3 and .4, which a mistake takes, have different values
CASES = [(8, 1, 10.0, 0.95), (23, 8, 2.0, 0.8), (51, 24, 5.0, 0.6)]


@exercise("0.10")
@pytest.mark.parametrize("n, ones, size, level", CASES)
def test_interval_of_zeros_and_ones_is_binomial(evidence, n, ones, size, level):
    values = torch.zeros(n, dtype=torch.float64)
    values[torch.randperm(n, generator=new(n))[:ones]] = size
    out = (1 - level) / 2
    low, high = (size * binomial_quantile(n, ones / n, q) / n for q in (out, 1 - out))
    with assert_no_side_effects(values=values):
        actual = evidence.bootstrap_interval(values, 4000, level, new(1))
    claim = (
        f"{ones} of {n} values are {size}, the rest 0: how many a resample holds is binomial, and "
        f"the middle {level} of their means is from {low:.4g} to {high:.4g}."
    )
    assert_close([actual.low, actual.high], [low, high], claim, tolerance=1e-6)


@exercise("0.10")
@pytest.mark.parametrize("level, n, mean", [(0.95, 100, 3), (0.7, 300, -3)])
def test_half_width_in_standard_errors_fits_the_level(evidence, level, n, mean):
    values, n_resamples = 2 * normal(n, seed=2) + mean, 6000
    actual = evidence.bootstrap_interval(values, n_resamples, level, new(3))
    error = values.std(correction=0).item() / n**0.5
    z = 2**0.5 * torch.special.erfinv(torch.tensor(level)).item()
    wide = (actual.high - actual.low) / 2 / error
    assert actual.low < values.mean() < actual.high, "The interval holds the mean of the values."
    assert abs(wide - z) < 0.15, (
        f"The mean of {n} normal values has an interval of level {level} whose half width is "
        f"{z:.3g} standard errors; with {n_resamples} resamples it is {wide:.3g}."
    )


@exercise("0.10")
@pytest.mark.parametrize("seed", [4, 5])
def test_the_estimate_is_the_mean_of_the_values(evidence, seed):
    values = normal(17, seed=seed).exp()
    actual = evidence.bootstrap_interval(values, 40, 0.8, new(seed))
    claim = "The estimate is the mean of the original values, whatever was resampled."
    assert_close(actual.estimate, values.mean(), claim, tolerance=1e-6)
    assert actual.low <= actual.high, f"low is {actual.low:.4g}, above high, {actual.high:.4g}."


@exercise("0.10")
def test_equal_values_give_an_interval_of_width_zero(evidence):
    for values in (torch.tensor([1234.567]), torch.full((6,), 1234.567)):
        actual = evidence.bootstrap_interval(values, 30, 0.9, new(6))
        claim = "Where all values are 1234.567, so is every resample's mean."
        assert_close(list(actual), [1234.567] * 3, claim, tolerance=1e-6)
    actual = evidence.bootstrap_interval(torch.full((6,), 1e-9), 30, 0.9, new(6))
    assert_close(list(actual), [1e-9] * 3, "All values are 1e-9.", tolerance=1e-6, scale=1e-9)


@exercise("0.10")
def test_resamples_are_drawn_at_once_by_the_generator(evidence):
    values = normal(12, seed=7)
    one, same = (evidence.bootstrap_interval(values, 50, 0.7, new(8)) for _ in range(2))
    assert one == same, "The same generator state must give the same interval: generator=generator."
    other = evidence.bootstrap_interval(values, 50, 0.7, new(9))
    assert one != other, "Two generators give the same interval: is it seeded inside?"
    generator = new(10)
    first, second = (evidence.bootstrap_interval(values, 50, 0.7, generator) for _ in range(2))
    assert first != second, "Two calls with one generator give the same interval: it must advance."
    steps = [
        python_steps(lambda: evidence.bootstrap_interval(values, count, 0.7, new(11)))
        for count in (20, 420)
    ]
    assert steps[1] - steps[0] < 200, (
        f"400 resamples more take {steps[1] - steps[0]} steps of Python more: a loop. Draw all "
        "indices at once, as a table with one row per resample."
    )
