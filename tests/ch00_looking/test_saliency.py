"""Graders of saliency.py: gradients with respect to what a model reads, and sums of them."""

import pytest
import torch

from tests.grading import exercise
from tests.grading.assertions import assert_close, normal
from tests.grading.side_effects import assert_no_side_effects, no_none

from .scores import BATCH, POS, WIDTH, Score, embedded

seeds = pytest.mark.parametrize("seed", [0, 1])


def shapes_of(slope):
    """Words -> a gradient after the usual mistakes that follow it."""
    return {
        "It is divided by the batch: the gradient of the SUM of the scores gives each example its "
        "own, the gradient of their mean does not.": slope / BATCH,
        "The sign is gone (absolute value): a word may speak against a verdict.": slope.abs(),
        "It is squared.": slope**2,
        "The sign is turned round.": -slope,
        "It is scaled to length 1: the size of a gradient is part of what it says.": (
            slope / slope.flatten(1).norm(dim=1)[:, None, None]
        ),
        "It is scaled to length 1 at every position: sizes are part of what it says.": (
            slope / slope.norm(dim=-1, keepdim=True)
        ),
        "It is summed over d_model and spread out again: every entry has its own.": (
            slope.sum(-1, keepdim=True).expand_as(slope)
        ),
        "It is averaged over the batch: each example has its own.": (
            slope.mean(0, keepdim=True).expand_as(slope)
        ),
        "It came out twice as large. Did it add itself to an earlier one?": 2 * slope,
        "It is zero everywhere. Was a graph cut (detach, no_grad)?": torch.zeros_like(slope),
    }


def check_twice(function, score, x, right, claim, mistakes):
    """Refuses another value than the right one, at the first call or the second, and traces."""
    for call in ("first", "second"):
        with assert_no_side_effects(embedded=x), no_none():
            came = function(score, x)
        words = f"{claim} ({call} call on the same tensor)"
        assert_close(came, right, words, mistakes, tolerance=1e-9)
    assert score.scale.grad is None, (
        "The model's own weights hold a gradient now: backward() leaves one in every parameter, "
        "and the next training step would use it. torch.autograd.grad asks for this one alone."
    )


@exercise("0.5")
@seeds
def test_input_gradient_is_the_slope_of_each_examples_score(saliency, seed):
    x, score = embedded(seed), Score(seed)
    slope = score.slope(x.detach())
    mistakes = {
        "That is gradient times input already; this function gives the gradient.": (
            slope * x.detach()
        ),
        "That is the gradient of the squared score.": 2 * score(x).detach()[:, None, None] * slope,
        "That is the input itself.": x.detach(),
    }
    claim = "The gradient of each example's score with respect to its own vectors is wrong."
    check_twice(saliency.input_gradient, score, x, slope, claim, shapes_of(slope) | mistakes)


@exercise("0.5")
@seeds
def test_gradient_times_input_multiplies_entry_by_entry(saliency, seed):
    x, score = embedded(seed + 2), Score(seed + 2)
    value = x.detach()
    slope = score.slope(value)
    right = slope * value
    mistakes = {
        "That is the gradient WITHOUT the input: multiply by embedded.": slope,
        "That is the input without the gradient.": value,
        "It is multiplied by the input's absolute value; its sign counts.": slope * value.abs(),
        "It is multiplied by the input twice.": slope * value**2,
        "The input is added, not multiplied.": slope + value,
        "The input is scaled to length 1 before the product.": (
            slope * value / value.norm(dim=-1, keepdim=True)
        ),
        "It is multiplied by the mean over positions, not by each position's own vector.": (
            slope * value.mean(1, keepdim=True)
        ),
        "It is multiplied by the score, not by the input.": (
            slope * score(value).detach()[:, None, None]
        ),
    }
    claim = "Gradient times input is wrong."
    mistakes = shapes_of(right) | mistakes
    check_twice(saliency.gradient_times_input, score, x, right, claim, mistakes)


@exercise("0.5")
def test_for_a_linear_score_gradient_times_input_adds_up_to_the_score(saliency):
    x, w = normal(BATCH, POS, WIDTH, seed=7), normal(POS, WIDTH, seed=8)
    total = saliency.gradient_times_input(lambda e: (w * e).sum((1, 2)), x).sum((1, 2))
    claim = "A linear score w . x without a constant is the sum of its gradient times input."
    mistakes = {"That is the sum of the gradient, without the input.": w.sum().expand(BATCH)}
    assert_close(total, (w * x).sum((1, 2)), claim, mistakes)


@exercise("0.5")
def test_an_input_without_a_graph_has_a_gradient_too(saliency):
    x, score = normal(BATCH, POS, WIDTH, seed=9), Score(9)
    claim = "A plain tensor, which asks for no gradient, has a slope all the same."
    slope = score.slope(x)
    for _ in range(2):
        with assert_no_side_effects(embedded=x):
            assert_close(saliency.input_gradient(score, x), slope, claim, shapes_of(slope))
            assert_close(
                saliency.gradient_times_input(score, x), slope * x, claim, shapes_of(slope * x)
            )


def path_mistakes(score, x, base, steps):
    """Words -> what the usual mistakes about the path and its sum give."""
    gap, zero = x - base, torch.zeros_like(x)
    middle = [(k + 0.5) / steps for k in range(steps)]

    def along(start, step):
        return sum(score.slope(start + a * step) for a in middle) / steps

    mean = along(base, gap)
    return {
        "The gradient's mean is right, but it is not multiplied by (embedded - baseline).": mean,
        "It is multiplied by embedded: the factor is the way from the baseline, embedded - "
        "baseline.": mean * x,
        "It is multiplied by the baseline.": mean * base,
        "The sign is turned round: the way goes from the baseline TO the input, so the factor is "
        "embedded - baseline.": -mean * gap,
        "The baseline is forgotten: the path starts at zero and the factor is embedded.": (
            along(zero, x) * x
        ),
        "The path starts at zero: it goes from the baseline to the input.": along(zero, x) * gap,
        "The path is baseline + alpha * embedded, which does not end at the input: it is baseline "
        "+ alpha * (embedded - baseline).": along(base, x) * gap,
        "The path runs from the input away from the baseline.": along(x, gap) * gap,
        "The baseline is taken twice: the path ends at embedded - baseline.": along(zero, gap)
        * gap,
        "That is the sum over the steps: divide by their number.": mean * gap * steps,
        "This is gradient times input.": score.slope(x) * x,
        "It is divided by steps + 1.": mean * gap * steps / (steps + 1),
    } | (point_mistakes(score, x, base, steps) | shapes_of(mean * gap))


def point_mistakes(score, x, base, steps):
    """Words -> what other points on the right path give."""
    gap, last = x - base, max(steps - 1, 1)

    def at(points):
        return sum(score.slope(base + a * gap) for a in points) / len(points) * gap

    closed, wide = [k / last for k in range(steps)], range(steps + 1)
    trapezoid = (at([0.0, 1.0]) + sum(at([k / steps]) for k in range(1, steps))) / steps
    return {
        "Each step starts at its left end (a left Riemann sum): take its midpoint, (k + 1/2) / "
        "steps.": at([k / steps for k in range(steps)]),
        "Each step ends at its right end (a right Riemann sum): take its midpoint, (k + 1/2) / "
        "steps.": at([(k + 1) / steps for k in range(steps)]),
        "The points run from 0 to 1 with both ends counted in full: take the midpoints of the "
        "steps.": at(closed),
        "The points are k / (steps + 1): take the midpoints, (k + 1/2) / steps.": (
            at([(k + 1) / (steps + 1) for k in range(steps)])
        ),
        "This is the trapezoid rule: the midpoint rule is asked for.": trapezoid,
        "This takes the gradient at the input alone: average it along the path.": at([1.0]),
        "This takes the gradient at the baseline alone: average it along the path.": at([0.0]),
        "There is one point too many: steps + 1 midpoints.": (
            at([(k + 0.5) / (steps + 1) for k in wide])
        ),
        "This takes the gradient at the middle of the path alone.": at([0.5]),
    }


@exercise("0.6")
@pytest.mark.parametrize("seed, steps", [(0, 2), (1, 3), (2, 7), (3, 1)])
def test_integrated_gradients_follow_the_midpoint_rule(saliency, seed, steps):
    x, score = embedded(seed + 10), Score(seed + 10)
    value, base = x.detach(), normal(BATCH, POS, WIDTH, seed=seed + 300)
    gap, mean = value - base, torch.zeros_like(value)
    for k in range(steps):
        mean += score.slope(base + (k + 0.5) / steps * gap) / steps
    claim = f"Integrated gradients of a cubic score in {steps} step{'s' * (steps > 1)} are wrong."
    wrong = path_mistakes(score, value, base, steps)

    def function(score, x):
        with assert_no_side_effects(baseline=base):
            return saliency.integrated_gradients(score, x, base, steps)

    check_twice(function, score, x, mean * gap, claim, wrong)


@exercise("0.6")
@pytest.mark.parametrize("steps", [1, 2, 5])
def test_for_a_quadratic_score_attributions_add_up_at_any_number_of_steps(saliency, steps):
    x, base, score = embedded(20).detach(), normal(BATCH, POS, WIDTH, seed=21), Score(20, False)
    total = saliency.integrated_gradients(score, x, base, steps).sum((1, 2))
    risen = (score(x) - score(base)).detach()
    wrong = path_mistakes(score, x, base, steps)
    mistakes = {words: value.sum((1, 2)) for words, value in wrong.items()}
    mistakes["They add up to the score itself: score(baseline) is forgotten."] = score(x).detach()
    claim = (
        f"Completeness: with {steps} step{'s' * (steps > 1)} the attributions must add up to "
        "score(embedded) - score(baseline), exactly so for a quadratic score, whose slope changes "
        "evenly between the midpoints."
    )
    assert_close(total, risen, claim, mistakes, tolerance=1e-9)


@exercise("0.6")
def test_attributions_add_up_where_the_gradient_is_already_zero(saliency):
    x = torch.full((1, 1, 2), 3.0, dtype=torch.float64)
    base = torch.zeros_like(x)
    came = saliency.integrated_gradients(lambda e: e.clamp(max=1.0).sum((1, 2)), x, base, 300)
    claim = (
        "min(x, 1) is flat at x = 3, so its gradient there is 0; on the way from 0 it has risen "
        "by 1, which is what each entry must get."
    )
    mistakes = {
        "That is the gradient at the input, where the score is flat.": torch.zeros_like(x),
        "That is the mean gradient, 1/3, without the factor embedded - baseline.": (
            torch.full_like(x, 1 / 3)
        ),
    }
    assert_close(came, torch.ones_like(x), claim, mistakes)


@exercise("0.6")
def test_entries_equal_to_the_baseline_get_nothing(saliency):
    x, base, score = embedded(23).detach(), normal(BATCH, POS, WIDTH, seed=24), Score(23)
    base[:, 1] = x[:, 1]
    came = saliency.integrated_gradients(score, x, base, 4)[:, 1]
    claim = "A position that holds the baseline's vector has changed nothing, so it gets 0."
    assert_close(came, torch.zeros(BATCH, WIDTH), claim)
