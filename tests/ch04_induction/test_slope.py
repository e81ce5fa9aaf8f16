"""Graders of loss_slope: how loss falls with the logarithm of the token's index."""

import math

import pytest
import torch

from tests.grading import exercise
from tests.grading.assertions import assert_close, normal
from tests.grading.side_effects import assert_no_side_effects


def fit(x, y):
    """Slope of the line of least squares, by the sums of a textbook."""
    n = len(x)
    sx, sy = sum(x), sum(y)
    sxx, sxy = sum(a * a for a in x), sum(a * b for a, b in zip(x, y, strict=True))
    return (n * sxy - sx * sy) / (n * sxx - sx * sx)


def by_loop(losses, width, axis=math.log, origin=1):
    """The slope in each band of each snapshot."""
    lead = losses.shape[:-2]
    out = []
    for snapshot in losses.reshape(-1, *losses.shape[-2:]).tolist():
        mean = [sum(column) / len(column) for column in zip(*snapshot, strict=True)]
        for start in range(0, len(mean) - width + 1, width):
            x = [axis(i + origin) for i in range(start, start + width)]
            out.append(fit(x, mean[start : start + width]))
    return torch.tensor(out, dtype=torch.float64).reshape(*lead, losses.shape[-1] // width)


def axes(losses, width):
    """Another line is fitted: by another axis, to other losses, in other bands."""
    n = losses.shape[-1]
    whole = losses[..., : n // width * width]
    restart = [by_loop(part, width) for part in whole.split(width, dim=-1)]
    return {
        "The slope is by the index itself: its logarithm is asked for.": (
            by_loop(losses, width, float)
        ),
        "The first index is 2 here: the first predicted token has index 1.": (
            by_loop(losses, width, origin=2)
        ),
        "The logarithm is to base 10: the natural one is asked for.": (
            by_loop(losses, width, math.log10)
        ),
        "The logarithm is to base 2: the natural one is asked for.": (
            by_loop(losses, width, math.log2)
        ),
        "The index starts again in each band: it counts from the start of the text.": (
            torch.cat(restart, -1)
        ),
        "The sign is turned round: a loss that falls has a negative slope.": -by_loop(
            losses, width
        ),
        "The logarithm of the loss is fitted: the loss itself falls by nats.": (
            by_loop(losses.mean(-2, keepdim=True).abs().log(), width)
        ),
        "Only the first text is used: the mean is over all.": by_loop(losses[..., :1, :], width),
        "The sum over texts is used: the mean is asked for.": by_loop(losses, width)
        * losses.shape[-2],
        "`width` counts bands here: it is the number of indices in a band.": (
            by_loop(losses, n // width) if n // width > 1 else 2 * losses.mean(-2)
        ),
    }


def mistakes(losses, width):
    """Words -> what the usual mistakes give."""
    n = losses.shape[-1]
    right, mean = by_loop(losses, width), losses.mean(-2)
    whole = n // width * width
    bands = mean[..., :whole].unflatten(-1, (-1, width))
    t = torch.arange(1, whole + 1, dtype=torch.float64).log().unflatten(0, (-1, width))
    centred = t - t.mean(-1, keepdim=True)
    square = centred.square().sum(-1)
    across, level = t - t.mean(), bands.mean(-1, keepdim=True)
    zero = torch.arange(whole, dtype=torch.float64).log().unflatten(0, (-1, width))
    zero = zero - zero.mean(-1, keepdim=True)
    return axes(losses, width) | {
        "The first index is 0 here, and has no logarithm: it is 1.": (
            (bands * zero).sum(-1) / zero.square().sum(-1)
        ),
        "log(index) is not centred below the line.": (bands * centred).sum(-1) / (t * t).sum(-1),
        "log(index) is not centred: take away its mean in the band.": (
            (bands * t).sum(-1) / (t * t).sum(-1)
        ),
        "log(index) is centred over the whole text: the mean is the band's own.": (
            (bands * across).sum(-1) / across.square().sum(-1)
        ),
        "The two ends of each band are compared: all its losses take part in a line.": (
            (bands[..., -1] - bands[..., 0]) / (t[:, -1] - t[:, 0])
        ),
        "The mean of neighbours' slopes is taken: a line of least squares is asked for.": (
            (bands.diff(dim=-1) / t.diff(dim=-1)).mean(-1)
        ),
        "This is the covariance: divide by the variance of log(index).": (
            (bands * centred).sum(-1) / width
        ),
        "It is not divided by the squares of log(index).": (bands * centred).sum(-1),
        "This is the correlation: the slope is asked for.": (
            right * (square / (bands - level).square().sum(-1)) ** 0.5
        ),
        "What fills no band is dropped at the START: the bands begin at index 1.": (
            late_bands(mean, width)
        ),
    }


def late_bands(mean, width):
    """Slopes of bands that end where the text does."""
    n = mean.shape[-1]
    bands = mean[..., n % width :].unflatten(-1, (-1, width))
    t = torch.arange(n % width + 1, n + 1, dtype=torch.float64).log().unflatten(0, (-1, width))
    t = t - t.mean(-1, keepdim=True)
    return (bands * t).sum(-1) / t.square().sum(-1)


@exercise("4.7")
@pytest.mark.parametrize("lead", [(), (4,), (2, 3)])
@pytest.mark.parametrize("width, index", [(5, 15), (4, 14), (3, 11)])
def test_a_line_is_fitted_to_the_mean_loss_in_each_band(phase_change, lead, width, index):
    losses = 4 + normal(*lead, 6, index, seed=width)
    with assert_no_side_effects(losses=losses):
        came = phase_change.loss_slope(losses, width)
    claim = f"The slopes of losses {list(losses.shape)} in bands of {width} are wrong."
    assert_close(came, by_loop(losses, width), claim, mistakes(losses, width))


@exercise("4.7")
@pytest.mark.parametrize("slope", [-0.4, 0.0, 0.25])
def test_losses_on_a_line_of_the_log_index_have_its_slope_everywhere(phase_change, slope):
    index = torch.arange(1, 64, dtype=torch.float64)
    losses = (5 + slope * index.log()).expand(3, -1)
    claim = f"Losses 5 + {slope} log(index), the first index being 1, in bands of 10."
    right = torch.full((6,), slope, dtype=torch.float64)
    came = phase_change.loss_slope(losses, 10)
    assert_close(came, right, claim, mistakes(losses, 10))


@exercise("4.7")
def test_each_band_has_a_slope_of_its_own(phase_change):
    index = torch.arange(1, 41, dtype=torch.float64)
    knee = (3 - 0.5 * index.clamp(max=20).log()).expand(2, -1)
    claim = "Losses that fall by 0.5 log(index) up to index 20, and no more: bands of 20."
    right = torch.tensor([-0.5, 0.0], dtype=torch.float64)
    assert_close(phase_change.loss_slope(knee, 20), right, claim, mistakes(knee, 20))
