"""Graders of steepest_window: the stretch of training in which most of a change happens."""

import itertools

import pytest
import torch

from tests.grading import exercise
from tests.grading.assertions import assert_close, normal
from tests.grading.side_effects import assert_no_side_effects


def stretches(steps, values, most):
    """(start, stop, change) of all pairs at most so many steps apart."""
    pairs = itertools.combinations(zip(steps.tolist(), values.tolist(), strict=True), 2)
    return [(s, t, w - v) for (s, v), (t, w) in pairs if t - s <= most]


def best(steps, values, most, size=abs):
    """The window of the largest change, by a loop."""
    whole = (values[-1] - values[0]).item()
    found = stretches(steps, values, most) or [(0, 0, 0.0)]
    start, stop, change = max(found, key=lambda pair: size(pair[2]))
    return torch.tensor([start, stop, change / whole], dtype=torch.float64)


def mistakes(steps, values, most):
    """Words -> what the usual mistakes give."""
    whole = (values[-1] - values[0]).item()
    places = steps.tolist()
    found = stretches(steps, values, most)
    near = [(s, t, c) for s, t, c in found if places.index(t) == places.index(s) + 1]
    rate = max(found, key=lambda pair: abs(pair[2]) / (pair[1] - pair[0]))
    next_to = max(near or found, key=lambda pair: abs(pair[2]))
    longest = max(found, key=lambda pair: (pair[1] - pair[0], abs(pair[2])))
    index = torch.arange(len(steps))
    counted = best(index, values, most)[:2].long()

    def window(start, stop, change):
        return torch.tensor([start, stop, change / whole], dtype=torch.float64)

    return {
        "Only neighbouring snapshots are compared: all pairs within `length` steps count.": (
            window(*next_to)
        ),
        "The largest change in EACH step is taken: the change itself is asked for.": window(*rate),
        "Only rises are looked at: a fall is a change too.": (
            best(steps, values, most, lambda change: change)
        ),
        "Only falls are looked at: a rise is a change too.": (
            best(steps, values, most, lambda change: -change)
        ),
        "Stretches of exactly `length` steps are left out: `at most` holds them.": (
            best(steps, values, most - 1)
        ),
        "Only the longest stretches are compared: all up to `length` steps count.": (
            window(*longest)
        ),
        "`length` counts snapshots here: it is a number of steps.": torch.tensor(
            [*steps[counted].tolist(), best(index, values, most)[2]], dtype=torch.float64
        ),
        "The length is not looked at: the largest change of all is taken.": (
            best(steps, values, 10**9)
        ),
    } | wrong_shares(steps, values, most)


def wrong_shares(steps, values, most):
    """The right stretch, told in another way."""
    start, stop, share = best(steps, values, most).tolist()
    whole = (values[-1] - values[0]).item()
    change = share * whole

    def window(start, stop, change):
        return torch.tensor([start, stop, change / whole], dtype=torch.float64)

    return {
        "Start and stop are exchanged.": window(stop, start, change),
        "Start and stop are exchanged, and the share's sign with them.": (
            window(stop, start, -change)
        ),
        "Start and stop are numbers of snapshots: steps are asked for.": (
            window(steps.tolist().index(int(start)), steps.tolist().index(int(stop)), change)
        ),
        "The share is the change itself: divide it by the change from first to last.": (
            window(start, stop, change * whole)
        ),
        "The share has lost its sign: a stretch against the trend has a negative one.": (
            window(start, stop, abs(change) * (1 if whole > 0 else -1))
        ),
        "The share's sign is turned round.": window(start, stop, -change),
        "It is divided by the range of the values: first to last is asked for.": (
            window(start, stop, change * whole / (values.max() - values.min()).item())
        ),
        "It is divided by the size of the whole change: the sign of the trend is lost.": (
            window(start, stop, change * whole / abs(whole))
        ),
        "It is divided by the last value: first to last is asked for.": (
            window(start, stop, change * whole / values[-1].item())
        ),
        "The share is in percent: 1 is the whole.": window(start, stop, 100 * change),
    }


def check(phase_change, steps, values, most, claim):
    """One window against the loop's."""
    steps, values = torch.as_tensor(steps), torch.as_tensor(values, dtype=torch.float64)
    with assert_no_side_effects(steps=steps, values=values):
        came = phase_change.steepest_window(steps, values, most)
    got = torch.tensor([float(part) for part in came], dtype=torch.float64)
    claim = f"{claim} (start, stop, share) at most {most} steps long is wrong."
    assert_close(got, best(steps, values, most), claim, mistakes(steps, values, most))


WORKED = {
    "A fall from 5 to 1": ([0, 100, 200, 300, 400], [5.0, 4.8, 3.0, 1.2, 1.0], 200),
    "A score that rises late": ([0, 10, 20, 50, 90], [0.0, 0.1, 0.0, 0.7, 0.8], 30),
    "The largest change is one down again": ([0, 10, 20, 30], [0.0, 4.0, 0.5, 1.0], 10),
    "Changes over one long gap": ([0, 5, 10, 60, 65], [3.0, 2.9, 2.7, 1.0, 0.8], 10),
    "Two snapshots": ([3, 8], [1.0, 2.0], 5),
    "A small step quickly, a larger one in longer": ([0, 1, 10, 20], [0.0, 1.0, 2.5, 3.0], 10),
    "Up from below zero": ([0, 10, 20, 30], [-0.5, -0.4, 0.5, 0.3], 15),
}


@exercise("4.6")
@pytest.mark.parametrize("claim", WORKED)
def test_the_window_of_a_curve_is_the_one_seen(phase_change, claim):
    check(phase_change, *WORKED[claim], f"{claim}:")


@exercise("4.6")
@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("most", [7, 20, 60])
def test_no_pair_within_the_length_changes_more(phase_change, seed, most):
    generator = torch.Generator().manual_seed(seed)
    steps = torch.randint(1, 15, (12,), generator=generator).cumsum(0)
    steps[1] = steps[0] + 3  # so that two are near enough
    steps[2:] += 3
    values = normal(12, seed=seed).cumsum(0)
    check(phase_change, steps, values, most, "Twelve snapshots, unevenly far apart:")


@exercise("4.6")
def test_the_share_of_a_curve_does_not_depend_on_its_level_size_or_sign(phase_change):
    steps, values = torch.arange(0, 100, 10), normal(10, seed=9).cumsum(0)
    before = phase_change.steepest_window(steps, values, 30)
    after = phase_change.steepest_window(steps, 7 - 3 * values, 30)
    got = torch.tensor([float(part) for part in after], dtype=torch.float64)
    right = torch.tensor([float(part) for part in before], dtype=torch.float64)
    claim = "7 - 3 x values must give the same window and the same share as the values."
    assert_close(got, right, f"{claim} Are falls and rises treated alike?")
