"""The attack worked out by finite differences, and where mistakes about it end."""

import math
from typing import NamedTuple

import torch
from torch import Tensor

INST, BATCH, N_FEATURES, D_HIDDEN = 2, 4, 3, 2
RADIUS = 0.6


class Climb(NamedTuple):
    """A model by its weights, what is attacked, and how."""

    W: Tensor
    b: Tensor
    neurons: bool
    """Whether there are ReLUs."""
    x: Tensor
    importance: Tensor

    def guess(self, inputs):
        """What the model makes of some inputs."""
        hidden = inputs @ self.W.mT
        guess = (hidden.relu() if self.neurons else hidden) @ self.W + self.b[:, None]
        return guess.relu() if self.neurons else guess

    def loss(self, inputs, wanted):
        """Each example's own loss."""
        return ((self.guess(inputs) - wanted) ** 2 * self.importance[:, None]).sum(-1)

    def slope(self, perturbation, moves_target=False, guessed=False):
        """Each example's gradient by central differences, one feature after the other."""
        slopes = []
        for feature in range(perturbation.shape[-1]):
            step = 1e-5 * torch.eye(perturbation.shape[-1], dtype=torch.float64)[feature]
            ends = [self.x + perturbation + sign * step for sign in (1, -1)]
            wanted = self.guess(self.x) if guessed else self.x
            up, down = (self.loss(end, end if moves_target else wanted) for end in ends)
            slopes.append((up - down) / 2e-5)
        return torch.stack(slopes, dim=-1)


def unit(slope):
    length = slope.norm(dim=-1, keepdim=True)
    return torch.where(length > 1e-9, slope / length, 0.0)


def ball(perturbation, radius):
    length = perturbation.norm(dim=-1, keepdim=True)
    return torch.where(length > radius, perturbation * radius / length, perturbation)


def climb(task, steps, project=ball, direction=unit, stride=0.25, **how):
    """Where the attack ends; other functions and numbers give the usual mistakes."""
    start = how.get("start", 1e-3) * RADIUS / math.sqrt(N_FEATURES)
    perturbation = torch.full_like(task.x, start)
    heard = 0.0
    for step in range(steps):
        if step == 0 or not how.get("once"):
            slope = task.slope(
                perturbation, how.get("moves_target", False), how.get("guessed", False)
            )
        heard = slope + heard if how.get("adds_up") else slope
        perturbation = project(perturbation + stride * RADIUS * direction(heard), RADIUS)
    return task.x + perturbation


whole = torch.linalg.vector_norm


def one_ball(perturbation, radius):
    return perturbation * min(radius / whole(perturbation).item(), 1.0)


def sphere(perturbation, radius):
    return radius * unit(perturbation)


WAYS = {
    "Perturbations leave the ball: bring them back after each step.": {"project": lambda d, r: d},
    "Each entry is clamped to the radius, a box: the ball is Euclidean, a length over all "
    "features.": {"project": lambda d, r: d.clamp(-r, r)},
    "All examples share one ball: each has its own, its length is over the last axis.": {
        "project": one_ball
    },
    "Perturbations inside the ball are pushed out to its surface: only long ones are scaled.": {
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
    "x + perturbation is what the model should give here: the answer wanted stays x.": {
        "moves_target": True
    },
    "A step goes the whole radius: a quarter of it.": {"stride": 1.0},
    "A step goes a fixed length, whatever the radius: a quarter of it.": {"stride": 0.25 / RADIUS},
    "The attack starts at x itself, not at the perturbation given.": {"start": 0.0},
    "The radius is ignored: this is a ball of radius 1.": {
        "stride": 0.25 / RADIUS,
        "project": lambda d, _: ball(d, 1.0),
    },
    "The gradient is taken once, at the start: each step takes its own.": {"once": True},
    "The guess on x is the answer wanted here: it is x itself.": {"guessed": True},
    "Only the first instance climbs: the gradient is that of the SUM of the losses.": {
        "direction": lambda g: unit(g) * (torch.arange(INST) == 0)[:, None, None]
    },
    "All examples of an instance share one ball: each has its own, dim=-1.": {
        "project": lambda d, r: d * (r / d.norm(dim=(1, 2), keepdim=True)).clamp(max=1)
    },
    "The ball is that of sums of sizes: it is Euclidean.": {
        "project": lambda d, r: d * (r / d.abs().sum(-1, keepdim=True)).clamp(max=1)
    },
    "The gradient is divided by its sum of sizes: its Euclidean length is meant.": {
        "direction": lambda g: g / g.abs().sum(-1, keepdim=True).clamp(min=1e-12)
    },
    "The gradient is divided by its largest entry: its Euclidean length is meant.": {
        "direction": lambda g: g / g.abs().amax(-1, keepdim=True).clamp(min=1e-12)
    },
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
    free = climb(task, steps, project=lambda d, r: d)
    squared = task._replace(importance=task.importance.square())
    return found | {
        "Perturbations come back to the ball at the end alone: after each step.": (
            task.x + ball(free - task.x, RADIUS)
        ),
        "x + perturbation is brought onto a ball around 0: the ball is around x.": climb(
            task, steps, project=lambda d, r: ball(task.x + d, r) - task.x
        ),
        "x + perturbation is cut at 0 or 1: the only bound is the ball.": right.clamp(0, 1),
        "x + perturbation is cut at 0: the only bound is the ball.": right.clamp(min=0),
        "The perturbation is taken away from x.": 2 * task.x - right,
        "A step goes the radius over the number of steps: a quarter of it.": (
            climb(task, steps, stride=1 / steps)
        ),
        "The importance is squared.": climb(squared, steps),
        "That is the perturbation alone: return x + perturbation.": right - task.x,
        "Importance is not applied.": climb(equal, steps),
        "Half the steps are taken, or steps are left out.": climb(task, steps // 2),
        "One step is missing.": climb(task, steps - 1),
        "There is a step too many.": climb(task, steps + 1),
        "One step is taken, whatever `steps` says.": climb(task, 1),
        "x comes back as it was: nothing is attacked.": task.x,
    }
