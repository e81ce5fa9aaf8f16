"""Graders of train.py: one step for all instances (1.5)."""

import math

import pytest
import torch
from torch import nn

from tests.grading import exercise
from tests.grading.assertions import assert_close, is_close, normal
from tests.grading.plain_sgd import PlainSGD
from tests.grading.side_effects import assert_no_side_effects

from .losses import hint

INST, BATCH, N = 3, 5, 4
NO_GRAPH = (
    "backward() starts at one number, the sum of the losses; and these need their graph, without "
    "detach() or no_grad() on the way."
)
seeds = pytest.mark.parametrize("seed", [0, 1])


def build(toy_model, seed):
    """A toy that scales and shifts each feature, so that its gradient is known by hand."""

    class Affine(toy_model.AbstractToy):
        def __init__(self):
            super().__init__(toy_model.ToyConfig(n_inst=INST, n_features=N, d_hidden=2))
            self.gain = nn.Parameter(normal(INST, N, seed=seed))
            self.b = nn.Parameter(normal(INST, N, seed=seed + 100))

        def forward(self, x):
            return self.gain[:, None] * x + self.b[:, None]

    return Affine()


def state(model):
    """All weights as they are now, [two, inst, n_features]."""
    return torch.stack([model.gain.detach(), model.b.detach()]).clone()


def some_data(seed):
    """(x, target, importance); the target is not x."""
    x, target = normal(INST, BATCH, N, seed=seed + 200), normal(INST, BATCH, N, seed=seed + 300)
    return x, target, normal(INST, N, seed=seed + 400).abs() + 0.2


def losses_and_slope(weights, x, target, importance):
    """Each instance's loss, and the gradient of their sum, by hand."""
    gain, b = weights
    error = gain[:, None] * x + b[:, None] - target
    losses = (importance[:, None] * error**2).sum(2).mean(1)
    return losses, torch.stack(
        [2 * importance * (error * x).mean(1), 2 * importance * error.mean(1)]
    )


def why_still(model):
    """The likely reason why the weights did not move."""
    if all(p.grad is None or not p.grad.any() for p in model.parameters()):
        return (
            "The weights did not move: no gradient was left. Is there a backward(), and does "
            "zero_grad() come before it?"
        )
    return (
        "The weights did not move, though there is a gradient: call "
        "optimizer.step() after backward()."
    )


def step_mistakes(model, weights, x, target, importance):
    """Words -> the gradient that usual mistakes use."""
    slope = losses_and_slope(weights, x, target, importance)[1]
    only_first = torch.zeros_like(slope)
    only_first[:, 0] = slope[:, 0]
    plain = torch.ones_like(importance)
    return {
        why_still(model): torch.zeros_like(slope),
        "That is the gradient of the MEAN over instances: each would learn more slowly the more "
        "stand beside it. Add the losses up.": slope / INST,
        "Only the first instance moves: the losses of all are added up.": only_first,
        "The step goes uphill.": -slope,
        "The step is taken twice.": 2 * slope,
        "The guess is compared with x: the target may be something else.": (
            losses_and_slope(weights, x, x, importance)[1]
        ),
        "The model was given the target: it sees x.": (
            losses_and_slope(weights, target, target, importance)[1]
        ),
        "x and target have changed places.": losses_and_slope(weights, target, x, importance)[1],
        "The importance is not applied.": losses_and_slope(weights, x, target, plain)[1],
        "The importance is applied twice.": losses_and_slope(weights, x, target, importance**2)[1],
        "That is the gradient of the mean over features: reconstruction_loss sums them.": slope / N,
        "That is the gradient of the sum over examples.": slope * BATCH,
        "The gradient was shortened to length 1.": slope / (slope.norm() + 1e-6),
    }


@exercise("1.5")
@seeds
def test_step_follows_the_gradient_of_the_sum_of_losses(train, toy_model, seed):
    model, data, lr = build(toy_model, seed), some_data(seed), 0.03
    start = state(model)
    with hint(NO_GRAPH), assert_no_side_effects(x=data[0], target=data[1], importance=data[2]):
        train.train_step(model, *data, PlainSGD(model, lr))
    moved = (start - state(model)) / lr
    claim = "Plain gradient descent moves each weight by lr times its own instance's gradient."
    mistakes = step_mistakes(model, start, *data)
    assert_close(moved, losses_and_slope(start, *data)[1], claim, mistakes, 1e-9)


@exercise("1.5")
@seeds
def test_second_step_forgets_the_first_gradient(train, toy_model, seed):
    model, lr, momentum = build(toy_model, seed + 2), 0.03, 0.9
    optimizer, one, two = PlainSGD(model, lr, momentum), some_data(seed), some_data(seed + 10)
    start = state(model)
    train.train_step(model, *one, optimizer)
    middle = state(model)
    train.train_step(model, *two, optimizer)
    first, second = losses_and_slope(start, *one)[1], losses_and_slope(middle, *two)[1]
    mistakes = {
        "The old gradient was never cleared: backward() adds to what is there, so zero_grad() "
        "belongs before it.": momentum * first + first + second,
        "The weights are moved by hand; the optimizer's own step() has momentum here.": second,
        "The optimizer steps before backward(), on the gradient of the step before.": (
            first if is_close(middle, start) else math.nan
        ),
        why_still(model): torch.zeros_like(first),
    }
    claim = "The second step uses the gradient of its own batch (plus momentum .9)."
    assert_close((middle - state(model)) / lr, momentum * first + second, claim, mistakes, 1e-9)


class Counted(PlainSGD):
    """An optimizer that counts its steps."""

    steps = 0

    def step(self, closure=None):
        self.steps += 1
        return super().step(closure)


@exercise("1.5")
def test_all_instances_move_in_one_step_of_the_optimizer_given(train, toy_model):
    model = build(toy_model, 6)
    optimizer = Counted(model, 0.03)
    with hint(NO_GRAPH):
        train.train_step(model, *some_data(6), optimizer)
    assert optimizer.steps, (
        "The optimizer given takes no step: call its step(). One made anew inside forgets, from "
        "call to call, what Adam remembers."
    )
    assert optimizer.steps == 1, (
        f"optimizer.step() is called {optimizer.steps} times: one step moves all instances, by the "
        "gradient of the sum of their losses."
    )


@exercise("1.5")
@seeds
def test_returns_each_instances_loss_before_the_update(train, toy_model, seed):
    model, data = build(toy_model, seed + 4), some_data(seed + 4)
    x, target, importance = data
    losses = losses_and_slope(state(model), *data)[0]
    plain = losses_and_slope(state(model), x, target, torch.ones_like(importance))[0]
    came = train.train_step(model, *data, PlainSGD(model, 0.03))
    assert not came.requires_grad, (
        "The losses still hang on their graph, which keeps the memory of the whole step alive: "
        "return losses.detach()."
    )
    mistakes = {
        "Those are the losses AFTER the update: compute them before the step.": (
            losses_and_slope(state(model), *data)[0]
        ),
        "That is the sum over instances: each has its own loss.": losses.sum().expand(INST),
        "That is the mean over instances: each has its own loss.": losses.mean().expand(INST),
        "Those are divided by the number of instances.": losses / INST,
        "The importance is missing in what is returned.": plain,
        "Those are minus the losses.": -losses,
    }
    assert_close(came, losses, "Each instance's loss on this batch is returned.", mistakes, 1e-9)


@exercise("1.5")
def test_an_instance_moves_as_if_it_were_alone(train, toy_model):
    x, target, importance = some_data(8)
    others = [(x, target), (x.clone(), target.clone())]
    others[1][0][1:] *= 3
    others[1][1][1:] -= 2
    ends = []
    for features, wanted in others:
        model = build(toy_model, 8)
        train.train_step(model, features, wanted, importance, PlainSGD(model, 0.03))
        ends.append(state(model)[:, 0])
    claim = "Other data for the other instances changes what the first one learns."
    assert_close(ends[1], ends[0], claim)
