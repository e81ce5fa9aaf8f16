"""Graders of phase.py: the expected loss, exact over all that can be drawn."""

import functools
import math

import pytest
import torch

from tests.grading import exercise
from tests.grading.assertions import assert_close, is_close, wrong_gradients
from tests.grading.side_effects import assert_no_side_effects

from .expected import mistakes, rarer_mistakes
from .losses import (
    Problem,
    average,
    hint,
    on_subsets,
    problem,
)
from .shapes import columns, rotation

shapes = pytest.mark.parametrize(
    "shape, nodes",
    [((3, 2, 3), 2), ((2, 1, 2), 3), ((2, 4, 3), 1), ((3, 3, 3), 3), ((2, 3, 1), 2)],
    ids=str,
)


def compare(came, right, claim, task, nodes):
    """Refuses another loss; looks for the mistake only where there is one."""
    known = {}
    if not is_close(came, right):
        known = rarer_mistakes(task, nodes) | mistakes(task, nodes)
        near = is_close(came, right, 0.05)
        claim += " It is near: is something sampled, or are nodes or weights others?" * near
    assert_close(came, right, claim, known)


def ask(phase, task, nodes):
    """The answer's expected loss."""
    W, b, importance, probability = task
    return phase.expected_loss(W, b, importance, probability, nodes)


@exercise("1.12")
def test_expected_loss_of_one_feature_worked_by_hand(phase):
    one = torch.ones(1, 1, dtype=torch.float64)
    task = Problem(0.0 * one[None], 0.5 * one, 5.0 * one, 0.2 * one)
    claim = (
        "W = 0 and b = .5 guess 1/2 always. Off costs 1/4; on, E[(x - 1/2)^2] = 1/12. With p = .2 "
        "and importance 5: 5 (.8 / 4 + .2 / 12) = 13 / 12."
    )
    right = torch.tensor([13 / 12], dtype=torch.float64)
    with hint("With a single feature torch.cartesian_prod gives one axis only: .view(-1, 1)."):
        came = ask(phase, task, 3)
    compare(came, right, claim, task, 3)


@exercise("1.12")
@shapes
def test_expected_loss_is_the_sum_over_all_combinations_of_cases(phase, shape, nodes):
    task = problem(4, *shape)
    with assert_no_side_effects(**task._asdict()):
        came = ask(phase, task, nodes)
    claim = f"The sum over {nodes + 1}^{shape[2]} combinations, each weighed, is another."
    compare(came, average(task, nodes), claim, task, nodes)


@exercise("1.12")
@pytest.mark.parametrize("p", [0.0, 0.15, 0.8, 1.0])
def test_expected_loss_sorted_by_how_many_features_are_on(phase, p):
    task, nodes, n = problem(5, 2, 2, 3), 3, 3
    task = task._replace(probability=torch.full_like(task.b, p))
    right = torch.zeros(2, dtype=torch.float64)
    for n_on in range(n + 1):
        for inst, (W, b, importance) in enumerate(zip(*(v.tolist() for v in task[:3]))):
            share = p**n_on * (1 - p) ** (n - n_on)
            right[inst] += share * on_subsets(W, b, importance, n_on, nodes)
    claim = f"L = sum_k p^k (1 - p)^(n - k) L_k does not hold at p = {p}."
    compare(ask(phase, task, nodes), right, claim, task, nodes)


@exercise("1.12")
def test_expected_loss_meets_the_closed_forms(phase):
    p, r = 0.3, 2.5
    W = torch.cat([columns([1.0], [0.0]), columns([1.0], [-1.0])])
    b = torch.tensor([[0.0, p / 2], [0.0, 0.0]], dtype=torch.float64)
    costs, chances = torch.tensor([[1.0, r]] * 2, dtype=torch.float64), torch.full_like(b, p)
    came = phase.expected_loss(W, b, costs, chances, 24)
    claim = f"Dropping the second, with the guess p / 2, costs r (p / 3 - p^2 / 4) = {came[0]:.6g}."
    assert_close(came[0], r * (p / 3 - p**2 / 4), claim)
    claim = (
        "Opposite directions cost p^2 (1 + r) / 6; with 24 nodes it is met to one in a thousand."
    )
    assert_close(came[1], p**2 * (1 + r) / 6, claim, tolerance=1e-3)


@exercise("1.12")
def test_expected_loss_is_what_random_inputs_cost_on_average(phase):
    task, batch = problem(6, 1, 2, 3), 100_000
    generator = torch.Generator().manual_seed(3)
    shape = (batch, 3)
    on = torch.rand(shape, generator=generator, dtype=torch.float64) < task.probability
    x = on * torch.rand(shape, generator=generator, dtype=torch.float64)
    W = task.W[0]
    errors = (x - (x @ W.T @ W + task.b).relu()).square() @ task.importance[0]
    mean, error = errors.mean().item(), (errors.std() / math.sqrt(batch)).item()
    came = ask(phase, task, 10).item()
    assert abs(came - mean) < 3 * error, (
        f"{batch} random inputs cost {mean:.4f} +- {error:.4f} on average; the expected loss came "
        f"as {came:.4f}."
    )


@exercise("1.12")
def test_turning_the_hidden_space_does_not_change_the_expected_loss(phase):
    task = problem(7, 2, 3, 2)
    turned = task._replace(W=rotation(3, seed=2) @ task.W)
    claim = "The hidden space may be turned; the loss is about overlaps alone."
    assert_close(ask(phase, turned, 4), ask(phase, task, 4), claim)


@exercise("1.12")
def test_gradients_flow_through_the_expected_loss(phase):
    task = problem(8, 2, 2, 3)
    leaves = {"W": task.W.requires_grad_(), "b": task.b.requires_grad_()}
    wrong = wrong_gradients(functools.partial(ask, phase, task, 2), leaves)
    assert not wrong, (
        f"`best_loss` descends on this loss, and its gradient with respect to {', '.join(wrong)} "
        "is wrong or missing."
    )


@exercise("1.12")
def test_expected_loss_works_on_a_models_float32_weights(phase):
    task = problem(9, 2, 2, 3)
    single = Problem(*(value.float() for value in task))
    with hint("W is float32 here and `quadrature_nodes` gives float64: .to(W) makes them fit."):
        came = ask(phase, single, 2)
    claim = "On float32 weights the loss is right to five digits."
    assert_close(came, average(task, 2), claim, tolerance=1e-5)
