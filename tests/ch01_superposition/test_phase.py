"""Graders of phase.py: the linear loss (1.10), one-sparse loss (1.11), expected loss (1.12)."""

import functools
import math

import pytest
import torch

from tests.grading import exercise
from tests.grading.assertions import assert_close, check, wrong_gradients

from .losses import Problem, average, hint, linear_output, on_subsets, problem, relu_loss, squares
from .shapes import columns, rotation

shapes = pytest.mark.parametrize("shape", [(3, 2, 4), (2, 4, 3), (3, 3, 3), (1, 1, 2)])


@exercise("1.10")
def test_linear_losses_of_three_models_by_hand(phase):
    W = torch.tensor([[[1.0, -1.0]], [[1.0, 0.0]], [[0.0, 0.0]]], dtype=torch.float64)
    importance = torch.tensor([[2.0, 4.0], [2.0, 5.0], [1.0, 2.0]], dtype=torch.float64)
    claim = (
        "At p = 1/2 the variance is 1/6 - 1/16 = 5/48. W = [1, -1] has interference only, 2 + 4; "
        "W = [1, 0] ignores the second, 5; W = 0 ignores both, 1 + 2."
    )
    expected = torch.tensor([30 / 48, 25 / 48, 15 / 48], dtype=torch.float64)
    check(phase.linear_loss, W, importance, 0.5, expected=expected, claim=claim)


def linear_loss_of_all_cases(task):
    """The expected loss at the best bias; two nodes integrate its squares exactly.

    The best bias of an output is its error at the mean input, p / 2 everywhere.
    """
    best = []
    for W, chances in zip(task.W.tolist(), task.probability.tolist(), strict=True):
        mean = [chance / 2 for chance in chances]
        output = linear_output(W, [0.0] * len(mean), mean)
        best.append([m - value for m, value in zip(mean, output, strict=True)])
    task = task._replace(b=torch.tensor(best, dtype=torch.float64))
    return average(task, 2, loss=lambda W, b, costs, x: squares(linear_output(W, b, x), x, costs))


@exercise("1.10")
@shapes
@pytest.mark.parametrize("p", [0.3, 1.0])
def test_linear_loss_is_the_expected_loss_at_the_best_bias(phase, shape, p):
    task = problem(1, *shape)
    task = task._replace(probability=torch.full_like(task.b, p))
    claim = f"The loss at p = {p} differs from its average over all cases."
    expected = linear_loss_of_all_cases(task)
    check(phase.linear_loss, task.W, task.importance, p, expected=expected, claim=claim)


@exercise("1.10")
def test_rotation_does_not_change_the_linear_loss(phase):
    task = problem(2, 2, 3, 5)
    before = phase.linear_loss(task.W, task.importance, 0.2)
    after = phase.linear_loss(rotation(3, seed=1) @ task.W, task.importance, 0.2)
    assert_close(after, before, "Rotating the hidden space must not change the loss.")


def one_sparse(task, strength):
    """The loss with feature i alone on, summed over i, input by input."""
    totals = []
    for W, b, importance, _ in zip(*(value.tolist() for value in task), strict=True):
        n = len(b)
        inputs = [[strength * (i == on) for i in range(n)] for on in range(n)]
        totals.append(sum(relu_loss(W, b, importance, x) for x in inputs))
    return torch.tensor(totals, dtype=torch.float64)


@exercise("1.11")
def test_one_sparse_losses_by_hand(phase):
    W = torch.cat([columns([1.0], [-1.0]), columns([1.0], [0.5])])
    b = torch.tensor([[0.1, 0.2], [0.0, 0.1]], dtype=torch.float64)
    importance = torch.tensor([[1.0, 3.0], [1.0, 2.0]], dtype=torch.float64)
    claim = (
        "At strength .5 W = [1, -1] with b = [.1, .2] outputs (.6, 0) and (0, .7), so "
        "1 x .1^2 + 3 x .2^2 = .13. W = [1, .5] with b = [0, .1] outputs (.5, .35) and (.25, .225)."
    )
    second = 2 * 0.35**2 + 0.25**2 + 2 * 0.275**2
    expected = torch.tensor([0.13, second], dtype=torch.float64)
    check(phase.one_sparse_loss, W, b, importance, 0.5, expected=expected, claim=claim)


@exercise("1.11")
@shapes
@pytest.mark.parametrize("strength", [0.7, 1.0])
def test_one_sparse_loss_sums_over_the_active_feature(phase, shape, strength):
    task = problem(3, *shape)
    claim = f"The sum of the losses with one feature on, at strength {strength}, differs."
    expected = one_sparse(task, strength)
    check(phase.one_sparse_loss, *task[:3], strength, expected=expected, claim=claim)


TASK = problem(6, 2, 2, 3)
LOSSES = {
    "linear_loss": lambda loss, i: loss(TASK.W, i, 0.3),
    "one_sparse_loss": lambda loss, i: loss(TASK.W, TASK.b, i, 0.7),
    "expected_loss": lambda loss, i: loss(TASK.W, TASK.b, i, TASK.probability, 2),
}


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=exercise(f"1.{number}"))
        for number, name in enumerate(LOSSES, start=10)
    ],
)
def test_loss_is_proportional_to_importance(phase, name):
    loss = functools.partial(LOSSES[name], getattr(phase, name))
    whole, small = loss(TASK.importance), loss(TASK.importance * 1e-9)
    claim = "Importances a billionth as large give a billionth of the loss."
    assert_close(small, whole * 1e-9, claim, scale=1e-9)


@exercise("1.11")
def test_negative_interference_is_free(phase):
    W = columns([1.0, 0.0], [-1.0, 0.0], [0.0, 1.0], [0.0, -1.0])
    zero, ones = torch.zeros(1, 4, dtype=torch.float64), torch.ones(1, 4, dtype=torch.float64)
    claim = "Two antipodal pairs without biases have no error with one feature on."
    check(phase.one_sparse_loss, W, zero, ones, 0.8, expected=zero[:, 0], claim=claim)


cases = pytest.mark.parametrize(
    "shape, nodes",
    [((3, 2, 3), 2), ((2, 1, 2), 3), ((2, 4, 3), 1), ((3, 3, 3), 3), ((2, 3, 1), 2)],
    ids=str,
)


@exercise("1.12")
def test_expected_loss_of_one_feature_by_hand(phase):
    one = torch.ones(1, 1, dtype=torch.float64)
    claim = (
        "W = 0 and b = .5 always output 1/2. Off costs 1/4; on, E[(x - 1/2)^2] = 1/12. With p = .2 "
        "and importance 5: 5 (.8 / 4 + .2 / 12) = 13 / 12."
    )
    expected = torch.tensor([13 / 12], dtype=torch.float64)
    with hint("With a single feature torch.cartesian_prod gives one axis only: .view(-1, 1)."):
        actual = phase.expected_loss(0.0 * one[None], 0.5 * one, 5.0 * one, 0.2 * one, 3)
    assert_close(actual, expected, claim)


@exercise("1.12")
@cases
def test_expected_loss_sums_over_all_combinations(phase, shape, nodes):
    task = problem(4, *shape)
    claim = f"The weighted sum over {nodes + 1}^{shape[2]} combinations differs."
    check(phase.expected_loss, *task, nodes, expected=average(task, nodes), claim=claim)


@exercise("1.12")
@pytest.mark.parametrize("p", [0.0, 0.15, 0.8, 1.0])
def test_expected_loss_sorted_by_active_features(phase, p):
    task, nodes, n = problem(5, 2, 2, 3), 3, 3
    task = task._replace(probability=torch.full_like(task.b, p))
    expected = torch.zeros(2, dtype=torch.float64)
    for n_on in range(n + 1):
        for inst, (W, b, importance) in enumerate(zip(*(v.tolist() for v in task[:3]))):
            share = p**n_on * (1 - p) ** (n - n_on)
            expected[inst] += share * on_subsets(W, b, importance, n_on, nodes)
    claim = f"L = sum_k p^k (1 - p)^(n - k) L_k does not hold at p = {p}."
    check(phase.expected_loss, *task, nodes, expected=expected, claim=claim)


@exercise("1.12")
def test_expected_loss_meets_the_closed_forms(phase):
    p, r = 0.3, 2.5
    W = torch.cat([columns([1.0], [0.0]), columns([1.0], [-1.0])])
    b = torch.tensor([[0.0, p / 2], [0.0, 0.0]], dtype=torch.float64)
    costs, chances = torch.tensor([[1.0, r]] * 2, dtype=torch.float64), torch.full_like(b, p)
    actual = phase.expected_loss(W, b, costs, chances, 24)
    claim = "Ignoring the second feature, with the output p / 2, costs r (p / 3 - p^2 / 4)."
    assert_close(actual[0], r * (p / 3 - p**2 / 4), claim)
    claim = "Antipodal directions cost p^2 (1 + r) / 6; 24 nodes are right to one in a thousand."
    assert_close(actual[1], p**2 * (1 + r) / 6, claim, tolerance=1e-3)


@exercise("1.12")
def test_expected_loss_is_the_mean_over_random_inputs(phase):
    task, batch = problem(6, 1, 2, 3), 100_000
    generator = torch.Generator().manual_seed(3)
    on, strength = torch.rand(2, batch, 3, generator=generator, dtype=torch.float64)
    x = (on < task.probability) * strength
    errors = (x - (x @ task.W[0].T @ task.W[0] + task.b).relu()).square() @ task.importance[0]
    mean, error = errors.mean().item(), (errors.std() / math.sqrt(batch)).item()
    actual = phase.expected_loss(*task, 10).item()
    assert abs(actual - mean) < 3 * error, (
        f"The loss of {batch} random inputs is {mean:.4f} +- {error:.4f}, the expected loss "
        f"{actual:.4f}."
    )


@exercise("1.12")
def test_rotation_does_not_change_the_expected_loss(phase):
    task = problem(7, 2, 3, 2)
    rotated = task._replace(W=rotation(3, seed=2) @ task.W)
    actual, expected = (phase.expected_loss(*one, 4) for one in (rotated, task))
    assert_close(actual, expected, "Rotating the hidden space must not change the loss.")


@exercise("1.12")
def test_gradients_flow_through_the_expected_loss(phase):
    task = problem(8, 2, 2, 3)
    leaves = {"W": task.W.requires_grad_(), "b": task.b.requires_grad_()}
    wrong = wrong_gradients(functools.partial(phase.expected_loss, *task, 2), leaves)
    assert not wrong, (
        f"`best_loss` minimises this loss, and its gradient with respect to {', '.join(wrong)} "
        "is wrong or missing."
    )


@exercise("1.12")
def test_expected_loss_works_in_float32(phase):
    task = problem(9, 2, 2, 3)
    single = Problem(*(value.float() for value in task))
    with hint("W is float32 here and `quadrature_nodes` gives float64: convert with .to(W)."):
        actual = phase.expected_loss(*single, 2)
    claim = "On float32 weights the loss is right to five digits."
    assert_close(actual, average(task, 2), claim, tolerance=1e-5)
