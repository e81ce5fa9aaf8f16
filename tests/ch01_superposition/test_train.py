"""Graders of train.py: one step for all instances (1.5)."""

import pytest
import torch
from torch import nn

from tests.grading import exercise
from tests.grading.assertions import assert_close, normal
from tests.grading.plain_sgd import PlainSGD
from tests.grading.side_effects import assert_no_side_effects

from .losses import hint, sparse

INST, BATCH, N, LR = 3, 5, 4, 0.03
NO_GRAPH = (
    "backward() needs one number, the sum of the losses, with its graph: without detach() or "
    "no_grad() before it."
)
seeds = pytest.mark.parametrize("seed", [0, 1])


def build(toy_model, seed, inst=INST):
    """A toy that scales and shifts each feature, so that its gradient is known by hand."""

    class Affine(toy_model.AbstractToy):
        def __init__(self):
            super().__init__(toy_model.ToyConfig(n_inst=inst, n_features=N, d_hidden=2))
            self.gain = nn.Parameter(normal(inst, N, seed=seed))
            self.b = nn.Parameter(normal(inst, N, seed=seed + 100))

        def forward(self, x):
            return self.gain[:, None] * x + self.b[:, None]

    return Affine()


def state(model):
    """All weights, [two, inst, n_features]."""
    return torch.stack([model.gain.detach(), model.b.detach()]).clone()


def some_data(seed, inst=INST):
    """(x, target, importance); the target is not x."""
    x, target = normal(inst, BATCH, N, seed=seed + 200), normal(inst, BATCH, N, seed=seed + 300)
    x, target = (sparse(x), sparse(target)) if seed % 2 else (x, target)
    return x, target, normal(inst, N, seed=seed + 400).abs() + 0.2


def losses_and_gradient(weights, x, target, importance):
    """Each instance's loss, and the gradient of their sum, by hand."""
    gain, b = weights
    error = gain[:, None] * x + b[:, None] - target
    losses = (importance[:, None] * error**2).sum(2).mean(1)
    gradients = [2 * importance * (error * x).mean(1), 2 * importance * error.mean(1)]
    return losses, torch.stack(gradients)


@exercise("1.5")
@seeds
def test_step_follows_the_gradient_of_the_summed_losses(train, toy_model, seed):
    model, data = build(toy_model, seed), some_data(seed)
    start = state(model)
    with hint(NO_GRAPH), assert_no_side_effects(x=data[0], target=data[1], importance=data[2]):
        train.train_step(model, *data, PlainSGD(model, LR))
    claim = "Plain gradient descent moves each weight by lr times its own instance's gradient."
    actual, expected = (start - state(model)) / LR, losses_and_gradient(start, *data)[1]
    assert_close(actual, expected, claim, tolerance=1e-9)


@exercise("1.5")
@seeds
def test_second_step_uses_its_own_gradient(train, toy_model, seed):
    model, momentum = build(toy_model, seed + 2), 0.9
    optimizer, one, two = PlainSGD(model, LR, momentum), some_data(seed), some_data(seed + 10)
    start = state(model)
    train.train_step(model, *one, optimizer)
    middle = state(model)
    train.train_step(model, *two, optimizer)
    first, second = (losses_and_gradient(*pair)[1] for pair in ((start, *one), (middle, *two)))
    claim = "The second step uses the gradient of its own batch (plus momentum .9)."
    actual = (middle - state(model)) / LR
    assert_close(actual, momentum * first + second, claim, tolerance=1e-9)


class CountedSGD(PlainSGD):
    """An optimizer that counts its steps."""

    steps = 0

    def step(self, closure=None):
        self.steps += 1
        return super().step(closure)


@exercise("1.5")
def test_one_step_of_the_given_optimizer_updates_all(train, toy_model):
    model = build(toy_model, 6)
    optimizer = CountedSGD(model, LR)
    with hint(NO_GRAPH):
        train.train_step(model, *some_data(6), optimizer)
    assert optimizer.steps, (
        "The optimizer that was passed in takes no step: call its step(). A new one inside forgets "
        "what Adam remembers from call to call."
    )
    assert optimizer.steps == 1, (
        f"optimizer.step() is called {optimizer.steps} times: one step updates all instances, by "
        "the gradient of the sum of their losses."
    )


@exercise("1.5")
@pytest.mark.parametrize("seed, inst", [(4, INST), (5, INST), (4, 1)])
def test_returned_losses_are_those_before_the_update(train, toy_model, seed, inst):
    model, data = build(toy_model, seed, inst), some_data(seed, inst)
    expected = losses_and_gradient(state(model), *data)[0]
    actual = train.train_step(model, *data, PlainSGD(model, LR))
    assert not actual.requires_grad, (
        "The losses still have their graph, which keeps the memory of the whole step: return "
        "losses.detach()."
    )
    claim = "Each instance's loss on this batch is returned."
    assert_close(actual, expected, claim, tolerance=1e-9)


@exercise("1.5")
@pytest.mark.parametrize("size", [0.0, 1e-6])
def test_a_step_near_the_minimum_is_as_small_as_its_gradient(train, toy_model, size):
    model, (x, _, importance) = build(toy_model, 7), some_data(7)
    target = model(x).detach() + size * normal(INST, BATCH, N, seed=70)
    start = state(model)
    expected, slope = losses_and_gradient(start, x, target, importance)
    actual = train.train_step(model, x, target, importance, PlainSGD(model, LR))
    claim = f"The loss where every error is about {size} differs."
    assert_close(actual, expected, claim, tolerance=1e-9, scale=size**2)
    claim = f"The step where every error is about {size} differs."
    assert_close((start - state(model)) / LR, slope, claim, tolerance=1e-6, scale=1e-7)


@exercise("1.5")
def test_an_instance_trains_as_if_alone(train, toy_model):
    x, target, importance = some_data(8)
    others = [(x, target), (x.clone(), target.clone())]
    others[1][0][1:] *= 3
    others[1][1][1:] -= 2
    ends = []
    for features, wanted in others:
        model = build(toy_model, 8)
        train.train_step(model, features, wanted, importance, PlainSGD(model, LR))
        ends.append(state(model)[:, 0])
    assert_close(ends[1], ends[0], "Other instances' data changes the first instance's update.")
