"""Graders of adversarial.py: an attack that climbs, within its ball, and leaves no traces."""

import math

import pytest
import torch

from tests.grading import exercise
from tests.grading.assertions import assert_close, is_close, normal, randomise
from tests.grading.side_effects import assert_no_side_effects

from .climbs import BATCH, D_HIDDEN, INST, N_FEATURES, RADIUS, Climb, climb, mistakes
from .losses import hint

NO_GRADIENT = "Does the perturbation ask for a gradient in every step (requires_grad_), and is it detached after?"


def compare(came, task, steps, claim):
    """Refuses another place than the climb's; looks for the mistake only where there is one."""
    right = climb(task, steps)
    known = {} if is_close(came, right, 1e-6) else mistakes(task, steps)
    assert_close(came, right, claim, known, tolerance=1e-6)


def attacked(toy_model, seed, neurons=True):
    """A model with random weights, what to attack, and the same as plain tensors."""
    kind = toy_model.ReluHiddenToy if neurons else toy_model.LinearToy
    model = randomise(kind(toy_model.ToyConfig(INST, N_FEATURES, D_HIDDEN)), seed)
    x = normal(INST, BATCH, N_FEATURES, seed=seed + 10).sigmoid()
    importance = normal(INST, N_FEATURES, seed=seed + 20).exp()
    W, b = model.W.detach().clone(), model.b.detach().clone()
    return model, Climb(W, b, neurons, x, importance)


@exercise("1.15")
@pytest.mark.parametrize("neurons", [True, False])
@pytest.mark.parametrize("steps", [1, 2, 7])
def test_attack_climbs_a_quarter_of_the_radius_a_step_within_its_ball(
    adversarial, toy_model, steps, neurons
):
    model, task = attacked(toy_model, steps, neurons)
    with hint(NO_GRADIENT):
        came = adversarial.attack(model, task.x, task.importance, RADIUS, steps)
    claim = f"Another place is reached after {steps} steps, by gradients from finite differences."
    compare(came, task, steps, claim)


@exercise("1.15")
def test_no_perturbation_is_longer_than_the_radius(adversarial, toy_model):
    model, task = attacked(toy_model, 4)
    for radius in (0.05, 3.0):
        with hint(NO_GRADIENT):
            came = adversarial.attack(model, task.x, task.importance, radius, 9)
        longest = (came - task.x).detach().norm(dim=-1).max().item()
        assert longest <= radius * (1 + 1e-9), (
            f"A perturbation is {longest:.4f} long, the radius is {radius}. After EACH step, the last one "
            "too, what is longer has to be scaled back, by its own Euclidean length."
        )


@exercise("1.15")
def test_attack_finds_the_worst_place_of_a_circle(adversarial, toy_model):
    model = randomise(toy_model.LinearToy(toy_model.ToyConfig(INST, 2, 2)), seed=5)
    x, importance = normal(INST, BATCH, 2, seed=6), normal(INST, 2, seed=7).exp()
    task = Climb(model.W.detach().clone(), model.b.detach().clone(), False, x, importance)
    with hint(NO_GRADIENT):
        came = adversarial.attack(model, x, importance, RADIUS, 40).detach()
    angles = torch.arange(0, 2 * math.pi, 0.01, dtype=torch.float64)
    circle = RADIUS * torch.stack([angles.cos(), angles.sin()], dim=-1)
    around = torch.stack([task.loss(x + place, x) for place in circle]).amax(0)
    share = (task.loss(came, x) / around).min().item()
    assert share > 0.99, (
        f"One example's loss reaches {share:.0%} of what the worst place of the circle gives. Does "
        "each example climb its own loss, weighed by importance, with x as the answer wanted?"
    )


@exercise("1.15")
def test_an_example_without_a_gradient_stays_finite(adversarial, toy_model):
    model, task = attacked(toy_model, 8)
    with torch.no_grad():
        model.b[1] = -100.0
    task = task._replace(b=model.b.detach().clone())
    came = adversarial.attack(model, task.x, task.importance, RADIUS, 3)
    assert came.isfinite().all(), (
        "Where every output is cut to zero the gradient is zero, and zero over its own length is "
        "NaN. F.normalize divides safely."
    )
    claim = "Where all outputs are cut there is nothing to climb; other instances go on."
    compare(came, task, 3, claim)


@exercise("1.15")
@pytest.mark.parametrize("had", ["a gradient", "none", "no wish for one"])
def test_attack_leaves_the_model_and_x_as_they_were(adversarial, toy_model, had):
    model, task = attacked(toy_model, 9)
    x, importance = task.x.clone(), task.importance.clone()
    model.requires_grad_(had != "no wish for one")
    if had == "a gradient":
        for parameter in model.parameters():
            parameter.grad = torch.ones_like(parameter)
    with hint(NO_GRADIENT), assert_no_side_effects(x=x, importance=importance):
        adversarial.attack(model, x, importance, RADIUS, 2)
    for name, parameter in model.named_parameters():
        grad, wanted = parameter.grad, had == "a gradient"
        assert (grad is None) != wanted and (grad is None or bool((grad == 1).all())), (
            f"The gradient of {name} is changed: an attack leaves none behind, and takes none "
            "away. torch.autograd.grad(loss, perturbation) gives the perturbation's without touching others."
        )
        assert parameter.requires_grad == (had != "no wish for one"), (
            f"{name} is switched from or to being trained: the model stays as it is."
        )
        same = torch.equal(parameter.detach(), getattr(task, name))
        assert same, f"{name} has moved: only the perturbation moves."
