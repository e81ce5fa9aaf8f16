"""Graders of saliency.py's smooth_grad: the mean gradient over noisy copies of the input."""

import math

import pytest
import torch

from tests.grading import exercise
from tests.grading.assertions import assert_close, normal
from tests.grading.side_effects import assert_no_side_effects

from .scores import Score, embedded

SHAPE = (8, 50, 50)
ENTRIES = math.prod(SHAPE)


def new(seed):
    return torch.Generator().manual_seed(seed)


def parabola(x):
    """A score whose gradient at an entry is that entry: what comes out is what was read."""
    return (x**2).sum((1, 2)) / 2


def cube(x):
    return (x**3).sum((1, 2)) / 3


def noises(saliency, noise, n_samples, seed, level=0.0):
    """The mean noise at each entry, seen through a score whose gradient is its input."""
    x = torch.full(SHAPE, level, dtype=torch.float64)
    return saliency.smooth_grad(parabola, x, noise, n_samples, new(seed)) - x


@exercise("0.7")
def test_without_noise_it_is_the_gradient(saliency):
    x, score = embedded(1), Score(1)
    slope, value = score.slope(x.detach()), x.detach()
    mistakes = {
        "That is the sum over the samples: divide by n_samples.": 5 * slope,
        "It is multiplied by the input: SmoothGrad averages plain gradients.": slope * value,
        "The absolute value is taken.": slope.abs(),
        "The gradients are squared.": slope**2,
        "It is divided by the batch: take the gradient of the SUM of the scores.": slope / 3,
        "It is divided by n_samples twice.": slope / 5,
    }
    for call in ("first", "second"):
        with assert_no_side_effects(embedded=x):
            came = saliency.smooth_grad(score, x, 0.0, 5, new(0))
        claim = f"With noise 0 every copy is the input itself ({call} call)."
        assert_close(came, slope, claim, mistakes, tolerance=1e-9)
    assert score.scale.grad is None, (
        "The model's own weights hold a gradient now: backward() leaves one in every parameter."
    )


@exercise("0.7")
@pytest.mark.parametrize("noise", [0.2, 3.0])
def test_one_copy_has_noise_of_the_size_asked_for(saliency, noise):
    came = noises(saliency, noise, 1, seed=2, level=5.0)
    spread, centre = came.std().item(), came.mean().item()
    known = {
        "It is never scaled by `noise`.": 1.0,
        "The noise is squared: `noise` is its standard deviation.": noise**2,
        "Its root is taken: `noise` is the standard deviation, not the variance.": noise**0.5,
        "Is it drawn evenly (rand) and not from a normal distribution?": noise / 12**0.5,
        "Is it drawn evenly from -noise to noise, not from a normal distribution?": noise / 3**0.5,
        "Is it scaled by the input, too? `noise` is in the input's own units.": 5 * noise,
        "There is no noise at all: no copy differs from the input.": 0.0,
    }
    words = [text for text, value in known.items() if abs(spread - value) <= 0.04 * value]
    assert abs(spread - noise) < 0.03 * noise, "\n".join(
        [f"The noise must have standard deviation {noise}; it has {spread:.3g}.", *words]
    )
    assert abs(centre) < 6 * noise / ENTRIES**0.5, (
        f"The noise must be zero on average; its mean is {centre:.3g}. Is it drawn from rand?"
    )
    fourth = ((came / spread) ** 4).mean().item()
    assert 2.7 < fourth < 3.3, (
        "The noise must come from a normal distribution (randn): its fourth moment is "
        f"{fourth:.3g}, where a normal one has 3 and an even one 1.8."
    )


@exercise("0.7")
@pytest.mark.parametrize("n_samples", [4, 25])
def test_the_mean_of_many_copies_has_less_noise(saliency, n_samples):
    noise = 3.0  # with 4 copies of noise 2, noise**2 / sqrt(4) would be noise again
    spread = noises(saliency, noise, n_samples, seed=3).std().item()
    right = noise / n_samples**0.5
    known = {
        "Every copy has the same noise: draw anew for each.": noise,
        "Is this a sum over the copies, not a mean?": noise * n_samples**0.5,
        "Does each copy add noise to the copy before, so that noise heaps up? Start from the "
        "input each time.": noise * ((n_samples + 1) * (2 * n_samples + 1) / 6 / n_samples) ** 0.5,
        "The noise is squared: `noise` is its standard deviation.": noise**2 / n_samples**0.5,
        "Are copies divided by n_samples twice?": right / n_samples,
    }
    words = [text for text, value in known.items() if abs(spread - value) < 0.05 * value]
    assert abs(spread - right) < 0.04 * right, "\n".join(
        [
            f"The mean of {n_samples} noises of size 3 has size 3 / sqrt({n_samples}) = "
            f"{right:.3g}; here it has {spread:.3g}.",
            *words,
        ]
    )


@exercise("0.7")
@pytest.mark.parametrize("axis, name", [(0, "example"), (1, "position"), (2, "entry")])
def test_every_entry_has_noise_of_its_own(saliency, axis, name):
    came = noises(saliency, 1.0, 1, seed=4)
    apart = came.mean(axis).std().item() * SHAPE[axis] ** 0.5
    assert 0.8 < apart < 1.2, (
        f"Noises of one {name} and the next must have nothing in common, yet their mean over this "
        f"axis is {apart:.3g} times as large as that of independent ones. Is one noise drawn for "
        "all and spread out? Draw one of embedded's whole shape."
    )


@exercise("0.7")
def test_gradients_are_averaged_not_inputs(saliency):
    x, noise = torch.full(SHAPE, 0.5, dtype=torch.float64), 2.0
    came = saliency.smooth_grad(cube, x, noise, 20, new(5)).mean().item()
    known = {
        "That is the gradient at the mean of the copies: take a gradient at each copy.": (
            0.25 + noise**2 / 20
        ),
        "That is the gradient at the input, without noise.": 0.25,
        "That is the mean of gradient times input.": 0.125 + 3 * 0.5 * noise**2,
        "The gradients are squared.": 0.0625 + 6 * 0.25 * noise**2 + 3 * noise**4,
        "Is it a sum over the copies, not a mean?": 20 * (0.25 + noise**2),
    }
    words = [text for text, value in known.items() if abs(came - value) < 0.05 * value]
    assert abs(came - (0.25 + noise**2)) < 0.1, "\n".join(
        [
            "The slope x^2 at x = .5 with noise 2 averages .25 + 4 = 4.25 over the copies; here "
            f"it averages {came:.3g}.",
            *words,
        ]
    )


@exercise("0.7")
def test_the_generator_decides_the_noise(saliency):
    x, score = normal(3, 4, 2, seed=6), Score(6)
    with assert_no_side_effects(embedded=x):
        one, same = (saliency.smooth_grad(score, x, 0.5, 3, new(7)) for _ in range(2))
        other = saliency.smooth_grad(score, x, 0.5, 3, new(8))
    assert_close(
        one, same, "The same generator state must give the same noise: pass generator=generator."
    )
    assert not torch.allclose(one, other), (
        "Two generators give the same noise: is `generator` used, and not seeded anew inside?"
    )
    generator = new(9)
    first = saliency.smooth_grad(score, x, 0.5, 3, generator)
    second = saliency.smooth_grad(score, x, 0.5, 3, generator)
    assert not torch.allclose(first, second), (
        "Two calls with one generator give the same noise: a generator goes on from where it is."
    )
