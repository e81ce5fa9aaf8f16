"""Graders of adversarial.py: an attack that ascends within its ball and leaves no traces (1.15)."""

import math

import pytest
import torch

from tests.grading import exercise
from tests.grading.assertions import assert_close, normal, randomise
from tests.grading.side_effects import assert_no_side_effects

from .attack_reference import BATCH, D_HIDDEN, INST, N_FEATURES, RADIUS, Attacked, attack
from .losses import hint, sparse

NO_GRADIENT = (
    "Does the perturbation require a gradient in every step (requires_grad_), and is it detached "
    "after?"
)


def attacked(toy_model, seed, has_relus=True):
    """A model with random weights, and the same as plain tensors."""
    kind = toy_model.ReluHiddenToy if has_relus else toy_model.LinearToy
    model = randomise(kind(toy_model.ToyConfig(INST, N_FEATURES, D_HIDDEN)), seed)
    x = normal(INST, BATCH, N_FEATURES, seed=seed + 10)
    x = sparse(x) if seed % 2 else x.sigmoid()
    importance = normal(INST, N_FEATURES, seed=seed + 20).exp()
    W, b = model.W.detach().clone(), model.b.detach().clone()
    return model, Attacked(W, b, has_relus, x, importance)


@exercise("1.15")
@pytest.mark.parametrize("has_relus", [True, False])
@pytest.mark.parametrize("steps", [1, 2, 7])
def test_attack_is_projected_gradient_ascent(adversarial, toy_model, steps, has_relus):
    model, task = attacked(toy_model, steps, has_relus)
    with hint(NO_GRADIENT):
        actual = adversarial.attack(model, task.x, task.importance, RADIUS, steps)
    claim = f"The inputs after {steps} steps differ from those by finite differences."
    assert_close(actual, attack(task, steps), claim, tolerance=1e-6)


@exercise("1.15")
def test_no_perturbation_is_longer_than_the_radius(adversarial, toy_model):
    model, task = attacked(toy_model, 4)
    for radius in (0.05, 3.0):
        with hint(NO_GRADIENT):
            actual = adversarial.attack(model, task.x, task.importance, radius, 9)
        longest = (actual - task.x).detach().norm(dim=-1).max().item()
        assert longest <= radius * (1 + 1e-9), (
            f"A perturbation is {longest:.4f} long, the radius is {radius}. After EACH step, also "
            "the last, scale long perturbations to the radius by their own Euclidean length."
        )
        expected, claim = attack(task, 9, radius), f"The inputs at radius {radius} differ."
        assert_close(actual, expected, claim, tolerance=1e-6)


@exercise("1.15")
def test_tiny_attacks_on_absent_features_of_two_models(adversarial, toy_model):
    for model, task in (attacked(toy_model, seed, has_relus=False) for seed in (5, 7)):
        actual = adversarial.attack(model, task.x, task.importance, 1e-7, 3)
        expected, claim = attack(task, 3, 1e-7), "The inputs at radius 1e-7 differ."
        assert_close(actual, expected, claim, tolerance=1e-6, scale=1e-7)


@exercise("1.15")
def test_attack_finds_the_worst_point_of_a_circle(adversarial, toy_model):
    model = randomise(toy_model.LinearToy(toy_model.ToyConfig(INST, 2, 2)), seed=5)
    x, importance = normal(INST, BATCH, 2, seed=6), normal(INST, 2, seed=7).exp()
    task = Attacked(model.W.detach().clone(), model.b.detach().clone(), False, x, importance)
    with hint(NO_GRADIENT):
        actual = adversarial.attack(model, x, importance, RADIUS, 40).detach()
    angles = torch.arange(0, 2 * math.pi, 0.01, dtype=torch.float64)
    circle = RADIUS * torch.stack([angles.cos(), angles.sin()], dim=-1)
    around = torch.stack([task.losses(x + point) for point in circle]).amax(0)
    share = (task.losses(actual) / around).min().item()
    assert share > 0.99, (
        f"One example's loss reaches {share:.0%} of that at the worst point of the circle. Does "
        "each example follow its own loss, weighted by importance, with x as the target?"
    )


@exercise("1.15")
def test_an_example_without_a_gradient_stays_finite(adversarial, toy_model):
    model, task = attacked(toy_model, 8)
    with torch.no_grad():
        model.b[1] = -100.0
    task = task._replace(b=model.b.detach().clone())
    actual = adversarial.attack(model, task.x, task.importance, RADIUS, 3)
    assert actual.isfinite().all(), (
        "Where the ReLU sets every output to zero the gradient is zero, and zero over its own "
        "length is NaN. F.normalize divides safely."
    )
    claim = "An example without a gradient keeps its perturbation; other instances go on."
    assert_close(actual, attack(task, 3), claim, tolerance=1e-6)


@exercise("1.15")
@pytest.mark.parametrize("had", ["a gradient", "none", "requires_grad=False"])
def test_attack_leaves_the_model_and_x_unchanged(adversarial, toy_model, had):
    model, task = attacked(toy_model, 9)
    x, importance = task.x.clone(), task.importance.clone()
    model.requires_grad_(had != "requires_grad=False")
    if had == "a gradient":
        for parameter in model.parameters():
            parameter.grad = torch.ones_like(parameter)
    with hint(NO_GRADIENT), assert_no_side_effects(x=x, importance=importance):
        adversarial.attack(model, x, importance, RADIUS, 2)
    for name, parameter in model.named_parameters():
        grad, wanted = parameter.grad, had == "a gradient"
        assert (grad is None) != wanted and (grad is None or bool((grad == 1).all())), (
            f"The gradient of {name} is changed: an attack leaves no gradients in the model, and "
            "deletes none. torch.autograd.grad(loss, perturbation) returns the perturbation's only."
        )
        assert parameter.requires_grad == (had != "requires_grad=False"), (
            f"{name}.requires_grad is changed: the model stays as it is."
        )
        same = torch.equal(parameter.detach(), getattr(task, name))
        assert same, f"{name} has changed: only the perturbation does."
