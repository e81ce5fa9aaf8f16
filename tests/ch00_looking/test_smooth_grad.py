"""Graders of saliency.py's smooth_grad: the mean gradient over noisy copies of the input."""

import math

import pytest
import torch

from tests.grading import exercise
from tests.grading.assertions import assert_close, normal
from tests.grading.side_effects import assert_no_side_effects

from .polynomial_score import PolynomialScore, embedded

SHAPE = (8, 50, 50)
ENTRIES = math.prod(SHAPE)


def new(seed):
    return torch.Generator().manual_seed(seed)


def parabola(x):
    """A score whose gradient at an entry is that entry."""
    return (x**2).sum((1, 2)) / 2


def cube(x):
    return (x**3).sum((1, 2)) / 3


def mean_noise(saliency, noise, n_samples, seed, level=0.0):
    """The mean noise at each entry: the score's gradient is its input."""
    x = torch.full(SHAPE, level, dtype=torch.float64)
    return saliency.smooth_grad(parabola, x, noise, n_samples, new(seed)) - x


@exercise("0.7")
def test_without_noise_it_is_the_gradient(saliency):
    x, score = embedded(1), PolynomialScore(1)
    for call in ("first", "second"):
        with assert_no_side_effects(embedded=x):
            actual = saliency.smooth_grad(score, x, 0.0, 5, new(0))
        claim = f"With noise 0 every copy is the input itself ({call} call)."
        assert_close(actual, score.gradient(x.detach()), claim, tolerance=1e-9)
    assert score.scale.grad is None, (
        "The model's own weights hold a gradient now: backward() stores one in every parameter."
    )


@exercise("0.7")
@pytest.mark.parametrize("noise", [0.2, 3.0])
def test_one_copy_has_normal_noise_of_the_given_size(saliency, noise):
    added = mean_noise(saliency, noise, 1, seed=2, level=5.0)
    spread, centre = added.std().item(), added.mean().item()
    assert abs(spread - noise) < 0.03 * noise, (
        f"The noise must have standard deviation {noise}; it has {spread:.3g}."
    )
    assert abs(centre) < 6 * noise / ENTRIES**0.5, (
        f"The noise must be zero on average; its mean is {centre:.3g}."
    )
    fourth = ((added / spread) ** 4).mean().item()
    assert 2.7 < fourth < 3.3, (
        "The noise must be normal (randn): its fourth moment is "
        f"{fourth:.3g}; that of a normal distribution is 3, of a uniform one 1.8."
    )


@exercise("0.7")
@pytest.mark.parametrize("n_samples", [4, 25])
def test_the_mean_of_many_copies_has_less_noise(saliency, n_samples):
    noise = 3.0  # with 4 copies of noise 2, noise**2 / sqrt(4) would be noise again
    spread = mean_noise(saliency, noise, n_samples, seed=3).std().item()
    expected = noise / n_samples**0.5
    assert abs(spread - expected) < 0.04 * expected, (
        f"The mean of {n_samples} noises of size 3 has size 3 / sqrt({n_samples}) = "
        f"{expected:.3g}; here it has {spread:.3g}."
    )


@exercise("0.7")
@pytest.mark.parametrize("axis, name", [(0, "example"), (1, "position"), (2, "entry")])
def test_every_entry_has_noise_of_its_own(saliency, axis, name):
    added = mean_noise(saliency, 1.0, 1, seed=4)
    apart = added.mean(axis).std().item() * SHAPE[axis] ** 0.5
    assert 0.8 < apart < 1.2, (
        f"The noise of one {name} and the next must be independent, yet their mean over this axis "
        f"is {apart:.3g} times as large as that of independent ones. Draw noise of the whole shape "
        "of embedded."
    )


@exercise("0.7")
def test_gradients_are_averaged_not_inputs(saliency):
    x, noise = torch.full(SHAPE, 0.5, dtype=torch.float64), 2.0
    actual = saliency.smooth_grad(cube, x, noise, 20, new(5)).mean().item()
    assert abs(actual - (0.25 + noise**2)) < 0.1, (
        "The gradient x^2 at x = .5 with noise 2 averages .25 + 4 = 4.25 over the copies; here it "
        f"averages {actual:.3g}."
    )


@exercise("0.7")
def test_the_generator_decides_the_noise(saliency):
    x, score = normal(3, 4, 2, seed=6), PolynomialScore(6)
    with assert_no_side_effects(embedded=x):
        one, same = (saliency.smooth_grad(score, x, 0.5, 3, new(7)) for _ in range(2))
        other = saliency.smooth_grad(score, x, 0.5, 3, new(8))
    assert_close(
        one, same, "The same generator state must give the same noise: generator=generator."
    )
    assert not torch.allclose(one, other), (
        "Two generators give the same noise: is `generator` used, and not seeded inside?"
    )
    generator = new(9)
    first, second = (saliency.smooth_grad(score, x, 0.5, 3, generator) for _ in range(2))
    assert not torch.allclose(first, second), (
        "Two calls with one generator give the same noise: it must advance."
    )
