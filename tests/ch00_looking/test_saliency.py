"""Graders of saliency.py: gradients with respect to the embedding, and sums of them."""

import pytest
import torch

from tests.grading import exercise
from tests.grading.assertions import assert_close, normal
from tests.grading.side_effects import assert_no_side_effects, no_none

from .polynomial_score import BATCH, POS, WIDTH, PolynomialScore, embedded

seeds = pytest.mark.parametrize("seed", [0, 1])


def check_twice(function, score, x, expected, claim):
    """Check the value of two calls on one tensor, and that they leave no trace."""
    for call in ("first", "second"):
        with assert_no_side_effects(embedded=x), no_none():
            actual = function(score, x)
        assert_close(actual, expected, f"{claim} ({call} call on one tensor)", tolerance=1e-9)
    assert score.scale.grad is None, (
        "The model's own weights hold a gradient now: backward() stores one in every parameter, "
        "and the next training step would use it. torch.autograd.grad returns this one alone."
    )


@exercise("0.5")
@seeds
def test_input_gradient_is_that_of_each_score(saliency, seed):
    x, score = embedded(seed), PolynomialScore(seed, own_factors=True)
    claim = "The gradient of each example's score with respect to its own vectors is wrong."
    check_twice(saliency.input_gradient, score, x, score.gradient(x.detach()), claim)


@exercise("0.5")
@seeds
def test_gradient_times_input_multiplies_entry_by_entry(saliency, seed):
    x, score = embedded(seed + 2), PolynomialScore(seed + 2, own_factors=True)
    expected = score.gradient(x.detach()) * x.detach()
    check_twice(saliency.gradient_times_input, score, x, expected, "Gradient times input is wrong.")


@exercise("0.5")
def test_gradient_times_input_explains_a_linear_score(saliency):
    x, w = normal(BATCH, POS, WIDTH, seed=7), normal(POS, WIDTH, seed=8)
    total = saliency.gradient_times_input(lambda e: (w * e).sum((1, 2)), x).sum((1, 2))
    claim = "A linear score w . x without a constant is the sum of its gradient times input."
    assert_close(total, (w * x).sum((1, 2)), claim)


@exercise("0.5")
def test_an_input_without_a_graph_has_a_gradient(saliency):
    x, score = normal(BATCH, POS, WIDTH, seed=9), PolynomialScore(9)
    claim = "A plain tensor, without requires_grad, has a gradient too."
    expected = score.gradient(x)
    check_twice(saliency.input_gradient, score, x, expected, claim)
    check_twice(saliency.gradient_times_input, score, x, expected * x, claim)


@exercise("0.6")
@pytest.mark.parametrize("seed, steps", [(0, 2), (1, 3), (2, 7), (3, 1)])
def test_integrated_gradients_follow_the_midpoint_rule(saliency, seed, steps):
    x, score = embedded(seed + 10), PolynomialScore(seed + 10)
    value, base = x.detach(), normal(BATCH, POS, WIDTH, seed=seed + 300)
    mean = torch.zeros_like(value)
    for k in range(steps):
        mean += score.gradient(base + (k + 0.5) / steps * (value - base)) / steps
    claim = f"Integrated gradients of a cubic score with steps={steps} are wrong."

    def function(score, x):
        with assert_no_side_effects(baseline=base):
            return saliency.integrated_gradients(score, x, base, steps)

    check_twice(function, score, x, mean * (value - base), claim)


@exercise("0.6")
@pytest.mark.parametrize("steps", [1, 2, 5])
def test_attributions_of_a_quadratic_score_are_complete(saliency, steps):
    x, base = embedded(20).detach(), normal(BATCH, POS, WIDTH, seed=21)
    score = PolynomialScore(20, cubic=False)
    total = saliency.integrated_gradients(score, x, base, steps).sum((1, 2))
    claim = (
        f"Completeness: with steps={steps} the attributions must add up to score(embedded) - "
        "score(baseline), exactly so for a quadratic score."
    )
    assert_close(total, (score(x) - score(base)).detach(), claim, tolerance=1e-9)


def smooth(saliency, score, x):
    return saliency.smooth_grad(score, x, 0.0, 2, torch.Generator())


TINY = {
    "0.5": lambda saliency, score, x: saliency.input_gradient(score, x),
    "0.6": lambda saliency, score, x: saliency.integrated_gradients(score, x, 0 * x, 1) / x,
    "0.7": smooth,
}


@pytest.mark.parametrize("name", [pytest.param(name, marks=exercise(name)) for name in TINY])
def test_a_tiny_score_has_a_tiny_gradient(saliency, name):
    x, score = normal(BATCH, POS, WIDTH, seed=30), PolynomialScore(30)
    expected = 1e-9 * score.gradient(x / 2 if name == "0.6" else x)
    actual = TINY[name](saliency, lambda e: 1e-9 * score(e), x)
    assert_close(actual, expected, "The gradient of a score of about 1e-9 is wrong.", scale=1e-9)


@exercise("0.6")
def test_attributions_are_complete_where_the_gradient_is_zero(saliency):
    x = torch.full((1, 1, 2), 3.0, dtype=torch.float64)
    base = torch.zeros_like(x)
    actual = saliency.integrated_gradients(lambda e: e.clamp(max=1.0).sum((1, 2)), x, base, 300)
    claim = (
        "min(x, 1) is flat at x = 3, so its gradient there is 0; on the path from 0 it has risen "
        "by 1, which is the attribution of each entry."
    )
    assert_close(actual, torch.ones_like(x), claim)


@exercise("0.6")
def test_entries_equal_to_the_baseline_get_zero(saliency):
    x, base, score = embedded(23).detach(), normal(BATCH, POS, WIDTH, seed=24), PolynomialScore(23)
    base[:, 1] = x[:, 1]
    actual = saliency.integrated_gradients(score, x, base, 4)[:, 1]
    claim = "A position that holds the baseline's vector has not changed, so it gets 0."
    assert_close(actual, torch.zeros(BATCH, WIDTH), claim)
