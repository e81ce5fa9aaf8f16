"""Graders of adversarial.py: an attack that climbs, within its ball, and leaves no traces."""

import math
from typing import NamedTuple

import pytest
import torch
from torch import Tensor

from tests.ch00_looking.manners import unchanged
from tests.grading import exercise
from tests.grading.diagnose import agree, match, normal, randomise

from .losses import hint

INST, BATCH, N_FEATURES, D_HIDDEN = 2, 4, 3, 2
RADIUS = 0.6
NO_GRADIENT = (
    "Does the nudge ask for a gradient in every step (requires_grad_), and is it detached after?"
)


class Climb(NamedTuple):
    """A model by its weights, what is attacked, and how."""

    W: Tensor
    b: Tensor
    neurons: bool
    """Whether there are ReLUs."""
    x: Tensor
    importance: Tensor

    def loss(self, inputs, wanted):
        """Each example's own loss."""
        hidden = inputs @ self.W.mT
        guess = (hidden.relu() if self.neurons else hidden) @ self.W + self.b[:, None]
        guess = guess.relu() if self.neurons else guess
        return ((guess - wanted) ** 2 * self.importance[:, None]).sum(-1)

    def slope(self, nudge, moves_target=False):
        """Each example's gradient by central differences, one feature after the other."""
        slopes = []
        for feature in range(nudge.shape[-1]):
            step = 1e-5 * torch.eye(nudge.shape[-1], dtype=torch.float64)[feature]
            ends = [self.x + nudge + sign * step for sign in (1, -1)]
            up, down = (self.loss(end, end if moves_target else self.x) for end in ends)
            slopes.append((up - down) / 2e-5)
        return torch.stack(slopes, dim=-1)


def unit(slope):
    length = slope.norm(dim=-1, keepdim=True)
    return torch.where(length > 1e-9, slope / length, 0.0)


def ball(nudge, radius):
    length = nudge.norm(dim=-1, keepdim=True)
    return torch.where(length > radius, nudge * radius / length, nudge)


def climb(task, steps, project=ball, direction=unit, stride=0.25, **how):
    """Where the attack ends; other functions and numbers give the usual mistakes."""
    start = how.get("start", 1e-3) * RADIUS / math.sqrt(N_FEATURES)
    nudge = torch.full_like(task.x, start)
    heard = 0.0
    for step in range(steps):
        if step == 0 or not how.get("once"):
            slope = task.slope(nudge, how.get("moves_target", False))
        heard = slope + heard if how.get("adds_up") else slope
        nudge = project(nudge + stride * RADIUS * direction(heard), RADIUS)
    return task.x + nudge


whole = torch.linalg.vector_norm


def one_ball(nudge, radius):
    return nudge * min(radius / whole(nudge).item(), 1.0)


def sphere(nudge, radius):
    return radius * unit(nudge)


WAYS = {
    "Nudges leave the ball: bring them back after each step.": {"project": lambda d, r: d},
    "Each entry is clamped to the radius, a box: the ball is Euclidean, a length over all "
    "features.": {"project": lambda d, r: d.clamp(-r, r)},
    "All examples share one ball: each has its own, its length is over the last axis.": {
        "project": one_ball
    },
    "Nudges inside the ball are pushed out to its surface: only long ones are scaled.": {
        "project": sphere
    },
    "The loss goes down: climb, along the gradient and not against it.": {
        "direction": lambda g: -unit(g)
    },
    "One norm of the gradient serves the batch: each example's is brought to length 1.": {
        "direction": lambda g: g / whole(g)
    },
    "One norm of the gradient serves an instance: each example's is brought to length 1.": {
        "direction": lambda g: g / g.norm(dim=(1, 2), keepdim=True)
    },
    "The gradient is not brought to length 1.": {"direction": lambda g: g},
    "The gradient, as a mean over the batch, is not brought to length 1.": {
        "direction": lambda g: g / BATCH
    },
    "The SIGN of the gradient is taken: it is brought to length 1.": {"direction": torch.sign},
    "The gradient is normalised over the batch (dim=1): over the features, dim=-1.": {
        "direction": lambda g: g / g.norm(dim=1, keepdim=True).clamp(min=1e-12)
    },
    "x + nudge is what the model should give here: the answer wanted stays x.": {
        "moves_target": True
    },
    "A step goes the whole radius: a quarter of it.": {"stride": 1.0},
    "A step goes a fixed length, whatever the radius: a quarter of it.": {"stride": 0.25 / RADIUS},
    "The attack starts at x itself, not at the nudge given.": {"start": 0.0},
    "The radius is ignored: this is a ball of radius 1.": {
        "stride": 0.25 / RADIUS,
        "project": lambda d, _: ball(d, 1.0),
    },
    "The gradient is taken once, at the start: each step takes its own.": {"once": True},
    "Gradients of earlier steps are still in there: each step takes its own alone.": {
        "adds_up": True
    },
}
"""What usual mistakes do -> how the climb goes then."""


def mistakes(task, steps):
    """Words -> where the usual mistakes end."""
    equal = task._replace(importance=torch.ones_like(task.importance))
    found = {words: climb(task, steps, **how) for words, how in WAYS.items()}
    right = climb(task, steps)
    return found | {
        "That is the nudge alone: return x + nudge.": right - task.x,
        "Importance is not applied.": climb(equal, steps),
        "Half the steps are taken, or steps are left out.": climb(task, steps // 2),
        "One step is missing.": climb(task, steps - 1),
        "There is a step too many.": climb(task, steps + 1),
        "One step is taken, whatever `steps` says.": climb(task, 1),
        "x comes back as it was: nothing is attacked.": task.x,
    }


def compare(came, task, steps, claim):
    """Refuses another place than the climb's; looks for the mistake only where there is one."""
    right = climb(task, steps)
    known = {} if agree(came, right, 1e-6) else mistakes(task, steps)
    match(came, right, claim, known, tolerance=1e-6)


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
def test_no_nudge_is_longer_than_the_radius(adversarial, toy_model):
    model, task = attacked(toy_model, 4)
    for radius in (0.05, 3.0):
        with hint(NO_GRADIENT):
            came = adversarial.attack(model, task.x, task.importance, radius, 9)
        longest = (came - task.x).detach().norm(dim=-1).max().item()
        assert longest <= radius * (1 + 1e-9), (
            f"A nudge is {longest:.4f} long, the radius is {radius}. After EACH step, the last one "
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
    with hint(NO_GRADIENT), unchanged(x=x, importance=importance):
        adversarial.attack(model, x, importance, RADIUS, 2)
    for name, parameter in model.named_parameters():
        grad, wanted = parameter.grad, had == "a gradient"
        assert (grad is None) != wanted and (grad is None or bool((grad == 1).all())), (
            f"The gradient of {name} is changed: an attack leaves none behind, and takes none "
            "away. torch.autograd.grad(loss, nudge) gives the nudge's without touching others."
        )
        assert parameter.requires_grad == (had != "no wish for one"), (
            f"{name} is switched from or to being trained: the model stays as it is."
        )
        same = torch.equal(parameter.detach(), getattr(task, name))
        assert same, f"{name} has moved: only the nudge moves."
