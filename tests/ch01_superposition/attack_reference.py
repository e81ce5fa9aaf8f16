"""The attack by finite differences: projected gradient ascent on each example by itself."""

import math
from typing import NamedTuple

import torch
from torch import Tensor

INST, BATCH, N_FEATURES, D_HIDDEN = 2, 4, 3, 2
RADIUS = 0.6


class Attacked(NamedTuple):
    """A model by its weights, and the inputs to attack."""

    W: Tensor
    b: Tensor
    has_relus: bool
    x: Tensor
    importance: Tensor

    def losses(self, inputs):
        """Each example's own loss; the target is x."""
        hidden = inputs @ self.W.mT
        output = (hidden.relu() if self.has_relus else hidden) @ self.W + self.b[:, None]
        output = output.relu() if self.has_relus else output
        return ((output - self.x) ** 2 * self.importance[:, None]).sum(-1)

    def gradient(self, perturbation):
        """Each example's gradient by central differences, one feature after the other."""
        slopes = []
        for step in 1e-5 * torch.eye(N_FEATURES, dtype=torch.float64):
            up, down = (self.losses(self.x + perturbation + end) for end in (step, -step))
            slopes.append((up - down) / 2e-5)
        return torch.stack(slopes, dim=-1)


def attack(task, steps, radius=RADIUS):
    """The inputs that the attack reaches."""
    perturbation = torch.full_like(task.x, 1e-3 * radius / math.sqrt(N_FEATURES))
    for _ in range(steps):
        slope = task.gradient(perturbation)
        length = slope.norm(dim=-1, keepdim=True)
        perturbation = perturbation + radius / 4 * torch.where(length > 1e-9, slope / length, 0.0)
        perturbation = perturbation * (radius / perturbation.norm(dim=-1, keepdim=True)).clamp(
            max=1
        )
    return task.x + perturbation
