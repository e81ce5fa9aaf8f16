"""Graders of phase.py: the linear model's loss, and the loss with one feature on at a time."""

import pytest
import torch

from tests.grading import exercise
from tests.grading.assertions import assert_close
from tests.grading.side_effects import assert_no_side_effects

from . import slips
from .losses import (
    Problem,
    average,
    cost,
    guess,
    no_relu,
    problem,
    relu,
    relu_before_the_bias,
    relu_loss,
)
from .shapes import columns, rotation

shapes = pytest.mark.parametrize("shape", [(3, 2, 4), (2, 4, 3), (3, 3, 3), (1, 1, 2)])


def wrong_factors(p):
    """Words -> what usually stands in front instead of the variance."""
    return {
        "The variance is missing in front: p / 3 - p^2 / 4.": 1,
        "The factor is p / 3, which is E[x^2]: the best bias takes the mean away and leaves the "
        "variance, p / 3 - p^2 / 4.": p / 3,
        "The factor is p: it is the variance, p / 3 - p^2 / 4.": p,
        "The factor is p (1 - p), as if a feature that is on had strength 1.": p * (1 - p),
        "The factor is p / 12: while a feature is on its strength varies by that, but it is also "
        "on or off.": p / 12,
        "The factor is the standard deviation: it is the variance.": (p / 3 - p**2 / 4) ** 0.5,
        "Density and sparsity are exchanged: p is the probability to be ON.": (
            (1 - p) / 3 - (1 - p) ** 2 / 4
        ),
    }


def wrong_sums(W, importance):
    """Words -> what the usual mistakes about the errors' sum give."""
    error = torch.eye(W.shape[-1], dtype=torch.float64) - W.mT @ W
    squares, costs = error.square(), importance[..., None]
    each = squares * costs
    total, own = each.sum((1, 2)), each.diagonal(dim1=1, dim2=2).sum(1)
    others = squares.sum((1, 2)) - squares.diagonal(dim1=1, dim2=2).sum(1)
    shorter = (importance * (1 - W.norm(dim=1)).square()).sum(1)
    n = W.shape[-1]
    return {
        "What each feature lost, I_i (1 - ||W_i||^2)^2, is missing: the diagonal.": total - own,
        "Interference is missing: only what each feature lost is counted.": own,
        "Each pair is counted once: i disturbs j, and j disturbs i.": own + (total - own) / 2,
        "Each pair is counted from one side: i disturbs j, and j disturbs i.": (
            each.triu().sum((1, 2))
        ),
        "Each pair is counted from one side only: i disturbs j, and j disturbs i.": (
            each.tril().sum((1, 2))
        ),
        "The importance is squared: it weighs the squared error.": ((each * costs).sum((1, 2))),
        "Both features' importances are multiplied in: only that of the output counts.": (
            (each * costs.mT).sum((1, 2))
        ),
        "Importance is not applied.": squares.sum((1, 2)),
        "Importance weighs only what each feature lost: what is disturbed has one too.": (
            own + others
        ),
        "The errors are not squared.": (error * costs).sum((1, 2)),
        "Sizes of errors are summed: squares count.": (error.abs() * costs).sum((1, 2)),
        "What is lost is 1 - ||W_i||: the norm has to be squared.": total - own + shorter,
        "That is a mean over the outputs: the loss sums over features.": total / n,
        "That is a mean over all pairs: the loss sums.": total / n**2,
        "The instances are added up: each has its own loss.": total.sum().expand(len(W)),
        "The instances are averaged: each has its own loss.": total.mean().expand(len(W)),
        "That is half the squared error.": total / 2,
    } | slips.weighing(W, importance)


def linear_mistakes(W, importance, p):
    """Words -> what the usual mistakes about the linear model's loss give."""
    error = torch.eye(W.shape[-1], dtype=torch.float64) - W.mT @ W
    total = (error.square() * importance[..., None]).sum((1, 2))
    found = {words: factor * total for words, factor in wrong_factors(p).items()}
    sums = wrong_sums(W, importance)
    return found | {words: (p / 3 - p**2 / 4) * value for words, value in sums.items()}


@exercise("1.10")
def test_linear_losses_of_three_models_worked_by_hand(phase):
    W = torch.tensor([[[1.0, -1.0]], [[1.0, 0.0]], [[0.0, 0.0]]], dtype=torch.float64)
    importance = torch.tensor([[2.0, 4.0], [2.0, 5.0], [1.0, 2.0]], dtype=torch.float64)
    claim = (
        "At p = 1/2 the variance is 1/6 - 1/16 = 5/48. W = [1, -1] loses nothing and disturbs "
        "both, 2 + 4; W = [1, 0] loses the second, 5; W = 0 loses both, 1 + 2."
    )
    right = torch.tensor([30 / 48, 25 / 48, 15 / 48], dtype=torch.float64)
    mistakes = linear_mistakes(W, importance, 0.5)
    assert_close(phase.linear_loss(W, importance, 0.5), right, claim, mistakes)


def linear_loss_of_all_cases(task):
    """The loss averaged over off and on; two nodes integrate its squares exactly.

    The best bias of an output is what it lacks on average, which is what it lacks at the mean
    input, p / 2 everywhere.
    """
    best = []
    for W, chances in zip(task.W.tolist(), task.probability.tolist(), strict=True):
        mean = [chance / 2 for chance in chances]
        guessed = guess(W, [0.0] * len(mean), mean)
        best.append([m - g for m, g in zip(mean, guessed, strict=True)])
    task = task._replace(b=torch.tensor(best, dtype=torch.float64))
    return average(task, 2, loss=no_relu)


@exercise("1.10")
@shapes
@pytest.mark.parametrize("p", [0.3, 1.0])
def test_linear_loss_is_the_expected_loss_at_the_best_bias(phase, shape, p):
    task = problem(1, *shape)
    task = task._replace(probability=torch.full_like(task.b, p))
    with assert_no_side_effects(W=task.W, importance=task.importance):
        came = phase.linear_loss(task.W, task.importance, p)
    claim = f"The loss at p = {p}, averaged over every case that can be drawn, is another."
    mistakes = linear_mistakes(task.W, task.importance, p)
    assert_close(came, linear_loss_of_all_cases(task), claim, mistakes)


@exercise("1.10")
def test_turning_the_hidden_space_does_not_change_the_linear_loss(phase):
    task = problem(2, 2, 3, 5)
    before = phase.linear_loss(task.W, task.importance, 0.2)
    after = phase.linear_loss(rotation(3, seed=1) @ task.W, task.importance, 0.2)
    assert_close(after, before, "The hidden space may be turned; the loss is about overlaps alone.")


def one_sparse(task, strength, loss=relu_loss):
    """The loss with feature i alone on, summed over i, input by input."""
    totals = []
    for W, b, importance, _ in zip(*(value.tolist() for value in task), strict=True):
        n = len(b)
        inputs = [[strength * (i == on) for i in range(n)] for on in range(n)]
        totals.append(sum(loss(W, b, importance, x) for x in inputs))
    return torch.tensor(totals, dtype=torch.float64)


def scaled_bias(W, b, importance, x):
    return relu_loss(W, [sum(x) * bias for bias in b], importance, x)


def importance_of_the_input(W, b, importance, x):
    """With the bias of the input instead the sum is the same: overlaps are symmetric."""
    return relu_loss(W, b, [importance[x.index(sum(x))]] * len(b), x)


def wants_one(W, b, importance, x):
    return cost(relu(guess(W, b, x)), [float(value > 0) for value in x], importance)


def only(own):
    """A loss that counts the feature that is on, or only the others."""

    def loss(W, b, importance, x):
        costs = [i * ((value != 0) == own) for i, value in zip(importance, x, strict=True)]
        return relu_loss(W, b, costs, x)

    return loss


def one_sparse_mistakes(task, strength):
    """Words -> what the usual mistakes about the one-sparse loss give."""
    n, right = task.b.shape[1], one_sparse(task, strength)
    free = task._replace(b=torch.zeros_like(task.b))
    squared = task._replace(importance=task.importance.square())
    equal = task._replace(importance=torch.ones_like(task.importance))
    losses = {
        "The bias is scaled by the strength: it is added after, as it is.": scaled_bias,
        "Bias or importance is that of the feature that is on: both belong to the output, b_j and "
        "I_j.": importance_of_the_input,
        "The ReLU is missing: negative interference would cost.": no_relu,
        "The ReLU comes before the bias: it acts on the sum of both.": relu_before_the_bias,
        "Strength 1 is wanted of the feature that is on: it is `strength`.": wants_one,
        "Interference is missing: the other outputs err too.": only(own=True),
        "The error of the feature that is on is missing.": only(own=False),
        "The bias is subtracted.": slips.minus,
        "The ReLU stands at the hidden layer too: only the output has one.": slips.filtered,
    }
    first = slips.first_only(task, lambda changed: one_sparse(changed, strength))
    zero = (task.importance * task.b.relu().square()).sum(1)
    found = {words: one_sparse(task, strength, loss) for words, loss in losses.items()} | first
    return found | {
        "The input without any feature is counted too: one feature is on.": right + zero,
        "That is half the sum.": right / 2,
        "The root is taken.": right.sqrt(),
        "The bias is ignored.": one_sparse(free, strength),
        "The strength is ignored: this is strength 1.": one_sparse(task, 1.0),
        "The strength is squared.": one_sparse(task, strength**2),
        "The importance is squared: it weighs the squared error.": one_sparse(squared, strength),
        "Importance is not applied.": one_sparse(equal, strength),
        "That is a mean over the features that are on (or over the outputs): sum.": right / n,
        "That is a mean over inputs and outputs: sum.": right / n**2,
        "The instances are added up: each has its own loss.": right.sum().expand(len(right)),
        "The instances are averaged: each has its own loss.": right.mean().expand(len(right)),
    }


@exercise("1.11")
def test_one_sparse_losses_worked_by_hand(phase):
    task = problem(0, 2, 1, 2)._replace(
        W=torch.cat([columns([1.0], [-1.0]), columns([1.0], [0.5])]),
        b=torch.tensor([[0.1, 0.2], [0.0, 0.1]], dtype=torch.float64),
        importance=torch.tensor([[1.0, 3.0], [1.0, 2.0]], dtype=torch.float64),
    )
    came = phase.one_sparse_loss(task.W, task.b, task.importance, 0.5)
    claim = (
        "At strength .5 W = [1, -1] with b = [.1, .2] guesses (.6, 0) and (0, .7), so "
        "1 x .1^2 + 3 x .2^2 = .13. W = [1, .5] with b = [0, .1] guesses (.5, .35) and (.25, .225)."
    )
    second = 2 * 0.35**2 + 0.25**2 + 2 * 0.275**2
    right = torch.tensor([0.13, second], dtype=torch.float64)
    assert_close(came, right, claim, one_sparse_mistakes(task, 0.5))


@exercise("1.11")
@shapes
@pytest.mark.parametrize("strength", [0.7, 1.0])
def test_one_sparse_loss_sums_a_forward_pass_for_every_feature(phase, shape, strength):
    task = problem(3, *shape)
    with assert_no_side_effects(W=task.W, b=task.b, importance=task.importance):
        came = phase.one_sparse_loss(task.W, task.b, task.importance, strength)
    claim = f"The losses with one feature on, at strength {strength}, add up to another sum."
    assert_close(came, one_sparse(task, strength), claim, one_sparse_mistakes(task, strength))


@exercise("1.11")
def test_negative_interference_costs_nothing(phase):
    W = columns([1.0, 0.0], [-1.0, 0.0], [0.0, 1.0], [0.0, -1.0])
    zero, ones = torch.zeros(1, 4, dtype=torch.float64), torch.ones(1, 4, dtype=torch.float64)
    came = phase.one_sparse_loss(W, zero, ones, 0.8)
    claim = "Two opposite pairs without biases make no error at all with one feature on."
    task = Problem(W, zero, ones, ones)
    assert_close(came, zero[:, 0], claim, one_sparse_mistakes(task, 0.8))
