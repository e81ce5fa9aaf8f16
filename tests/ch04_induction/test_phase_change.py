"""Graders of phase_change.py: steepest window (4.6), loss slope (4.7), loss PCA (4.8)."""

import itertools
import math

import pytest
import torch

from tests.grading import exercise
from tests.grading.assertions import check, normal
from tests.grading.odd_inputs import check_odd


def window_by_loop(steps, values, length):
    """The pair of snapshots with the largest change, and its share of the whole change."""
    pairs = itertools.combinations(zip(steps.tolist(), values.tolist(), strict=True), 2)
    near = [(s, t, w - v) for (s, v), (t, w) in pairs if t - s <= length]
    start, stop, change = max(near, key=lambda pair: abs(pair[2]))
    return start, stop, change / (values[-1] - values[0]).item()


WORKED = {
    "a fall from 5 to 1": ([0, 100, 200, 300, 400], [5.0, 4.8, 3.0, 1.2, 1.0], 200),
    "a score that rises late": ([0, 10, 20, 50, 90], [0.0, 0.1, 0.0, 0.7, 0.8], 30),
    "a largest change against the trend": ([0, 10, 20, 30], [0.0, 4.0, 0.5, 1.0], 10),
    "changes over one long gap": ([0, 5, 10, 60, 65], [3.0, 2.9, 2.7, 1.0, 0.8], 10),
    "two snapshots": ([3, 8], [1.0, 2.0], 5),
    "a fast small step and a slow large one": ([0, 1, 10, 20], [0.0, 1.0, 2.5, 3.0], 10),
    "a rise from below zero": ([0, 10, 20, 30], [-0.5, -0.4, 0.5, 0.3], 15),
}


@exercise("4.6")
@pytest.mark.parametrize("curve", WORKED)
def test_window_of_a_curve_drawn_by_hand(phase_change, curve):
    steps, values, length = WORKED[curve]
    steps, values = torch.tensor(steps), torch.tensor(values, dtype=torch.float64)
    expected = window_by_loop(steps, values, length)
    claim = f"The window (start, stop, share) of {curve} is wrong."
    check(phase_change.steepest_window, steps, values, length, expected=expected, claim=claim)


@exercise("4.6")
@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("length", [7, 20, 60])
def test_window_of_random_curves(phase_change, seed, length):
    steps = torch.randint(1, 15, (12,), generator=torch.Generator().manual_seed(seed)).cumsum(0)
    steps[1] = steps[0] + 3  # so that two are near enough
    steps[2:] += 3
    values = normal(12, seed=seed).cumsum(0)
    expected = window_by_loop(steps, values, length)
    claim = "The window (start, stop, share) of twelve unevenly spaced snapshots is wrong."
    check(phase_change.steepest_window, steps, values, length, expected=expected, claim=claim)


def fit(x, y):
    """Slope of the line of least squares."""
    n, sx, sy = len(x), sum(x), sum(y)
    sxx, sxy = sum(a * a for a in x), sum(a * b for a, b in zip(x, y, strict=True))
    return (n * sxy - sx * sy) / (n * sxx - sx * sx)


def slope_by_loop(losses, width):
    """The slope over log(index) in each band of each snapshot."""
    out = []
    for snapshot in losses.reshape(-1, *losses.shape[-2:]).tolist():
        mean = [sum(column) / len(column) for column in zip(*snapshot, strict=True)]
        for start in range(0, len(mean) - width + 1, width):
            x = [math.log(i + 1) for i in range(start, start + width)]
            out.append(fit(x, mean[start : start + width]))
    bands = losses.shape[-1] // width
    return torch.tensor(out, dtype=torch.float64).reshape(*losses.shape[:-2], bands)


@exercise("4.7")
@pytest.mark.parametrize("lead", [(), (4,), (2, 3)])
@pytest.mark.parametrize("width, index", [(5, 15), (4, 14), (3, 11)])
def test_slope_of_the_mean_loss_in_each_band(phase_change, lead, width, index):
    losses = 4 + normal(*lead, 6, index, seed=width)
    claim = f"The slopes of losses {list(losses.shape)} in bands of {width} are wrong."
    expected = slope_by_loop(losses, width)
    check(phase_change.loss_slope, losses, width, expected=expected, claim=claim)


@exercise("4.7")
def test_slope_on_odd_inputs(phase_change):
    def make(snapshot, batch):
        return 4 + normal(snapshot, batch, 14, seed=3), 4

    check_odd(phase_change.loss_slope, slope_by_loop, make, snapshot=2, batch=3)


@exercise("4.7")
def test_slope_of_a_knee_worked_by_hand(phase_change):
    index = torch.arange(1, 41, dtype=torch.float64)
    losses = (3 - 0.5 * index.clamp(max=20).log()).expand(2, -1)
    claim = "Losses that fall by 0.5 log(index) up to index 20 only, in bands of 20."
    expected = torch.tensor([-0.5, 0.0], dtype=torch.float64)
    check(phase_change.loss_slope, losses, 20, expected=expected, claim=claim)


SHAPES = [(7, 20, 2), (9, 5, 3), (5, 12, 1)]


def pca_by_covariance(losses, n):
    """Coordinates along the first eigenvectors of the tokens' covariance, signs fixed."""
    centred = losses - losses.mean(0)
    vectors = torch.linalg.eigh(centred.mT @ centred).eigenvectors.flip(-1)[:, :n]
    path = centred @ vectors
    return torch.where(path[-1] < path[0], -path, path)


@exercise("4.8")
@pytest.mark.parametrize("snapshots, tokens, n", SHAPES)
@pytest.mark.parametrize("seed", [2, 3, 4])
def test_pca_finds_the_directions_of_largest_spread(phase_change, snapshots, tokens, n, seed):
    losses = 2 + normal(snapshots, tokens, seed=seed)
    claim = f"{n} components of random losses {list(losses.shape)} are wrong."
    expected = pca_by_covariance(losses, n)
    check(phase_change.loss_pca, losses, n, expected=expected, claim=claim, tolerance=1e-8)


@exercise("4.8")
def test_pca_has_two_components_by_default(phase_change):
    losses = normal(6, 11, seed=6)
    expected = pca_by_covariance(losses, 2)
    claim = "Without n_components there must be two."
    check(phase_change.loss_pca, losses, expected=expected, claim=claim, tolerance=1e-8)


@exercise("4.8")
@pytest.mark.parametrize("seed", [1, 5, 9])
def test_pca_recovers_a_planted_path(phase_change, seed):
    start = normal(7, 2, seed=seed)
    path = torch.linalg.qr(start - start.mean(0)).Q * torch.tensor([9.0, 4.0])
    path = torch.where(path[-1] < path[0], -path, path).double()
    directions = torch.linalg.qr(normal(20, 2, seed=seed + 1)).Q
    losses = path @ directions.mT + 3 * normal(1, 20, seed=seed + 2)
    claim = "A path of two orthogonal components, embedded in losses, is not recovered."
    check(phase_change.loss_pca, losses, 2, expected=path, claim=claim, tolerance=1e-8)
