"""Graders of activation_store.py (8.15): the mean and the scale of a data set."""

import pytest
import torch

from tests.grading import exercise
from tests.grading.assertions import assert_close, check, normal
from tests.grading.odd_inputs import check_odd


@pytest.fixture
def moments_of(activation_store):
    def Moments(*parts):
        moments = activation_store.Moments(parts[0].shape[1])
        for part in parts:
            moments.add(part)
        return {"mean": moments.mean(), "scale": moments.scale()}

    return Moments


def moments_by_loop(*parts):
    rows = torch.cat([part.double() for part in parts])
    mean = sum(rows) / len(rows)
    squared = sum(sum(row.square()) for row in rows) / len(rows)
    return {"mean": mean, "scale": float((rows.shape[1] / squared) ** 0.5)}


@exercise("8.15")
def test_moments_on_odd_inputs(moments_of):
    def make(first, second, d_in):
        return 3 * normal(first, d_in, seed=1) + 1, normal(second, d_in, seed=2)

    check_odd(moments_of, moments_by_loop, make, skip="zeros", first=4, second=7, d_in=3)


@exercise("8.15")
def test_sums_are_kept_in_float64(moments_of):
    parts = [torch.full((1000, 2), 0.1) for _ in range(20)]
    exact = torch.tensor(0.1).double().item()
    expected = {"mean": torch.full((2,), exact, dtype=torch.float64), "scale": 1 / exact}
    claim = "20,000 rows of .1: the sums must be kept in float64."
    check(moments_of, *parts, expected=expected, claim=claim, tolerance=1e-12)


@exercise("8.15")
def test_long_rows_leave_the_digits_of_short_ones(moments_of):
    parts = [torch.full((1000, 2), 0.1) for _ in range(20)]
    for part in parts:
        part[0], part[1] = 1e4, -1e4
    claim = "20,000 rows, some of 10,000 and -10,000: the sums must be kept in float64."
    check(moments_of, *parts, expected=moments_by_loop(*parts), claim=claim, tolerance=1e-12)


@exercise("8.15")
def test_the_scale_gives_a_mean_squared_length_of_d_in(activation_store):
    x = 7 * normal(50, 4, seed=3)
    moments = activation_store.Moments(4)
    moments.add(x)
    scaled = moments.scale() * x
    claim = "After scaling, the mean squared length of rows must be d_in = 4."
    assert_close(scaled.square().sum(1).mean(), 4.0, claim)


@exercise("8.15")
@pytest.mark.parametrize("unit", [1e-9, 1e9])
def test_mean_and_scale_follow_the_unit(moments_of, unit):
    x = 7 * normal(50, 4, seed=3)
    mean, scale = moments_of(unit * x).values()
    expected_mean, expected_scale = moments_by_loop(x).values()
    claim = f"Rows {unit:g} times as long have a mean {unit:g} times as long."
    assert_close(mean / unit, expected_mean, claim)
    claim = f"Rows {unit:g} times as long have a factor {unit:g} times smaller."
    assert_close(scale * unit, expected_scale, claim)
