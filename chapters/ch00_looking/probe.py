"""Probing: which properties can be decoded from the activations?

A probe is a small model trained on the activations of a frozen model. If it predicts a property on
fresh examples, the property is decodable. Two questions remain. Did the model learn to represent
it, or did the probe compute it (compare an untrained model and a control task)? And does the model
use it (interventions.py)? Axes: batch, d_model.
"""

from collections.abc import Callable
from typing import NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from .checks import check_finite

Acts = Float[Tensor, "batch d_model"]
Labels = Int[Tensor, " batch"]


class LinearProbe(nn.Module):
    """Linear classifier, acts @ W + b: it separates two classes by a hyperplane."""

    def __init__(self, d_model: int, n_classes: int = 2) -> None:
        super().__init__()
        self.W = nn.Parameter(torch.zeros(d_model, n_classes))
        self.b = nn.Parameter(torch.zeros(n_classes))

    def forward(self, acts: Acts) -> Float[Tensor, "batch n_classes"]:
        """Compute one logit per class."""
        return acts @ self.W + self.b

    @property
    def direction(self) -> Float[Tensor, " d_model"]:
        """The direction in which the logit of class 1 grows fastest relative to class 0."""
        return (self.W[:, 1] - self.W[:, 0]).detach()


class MLPProbe(nn.Module):
    """Classifier with one hidden ReLU layer: it can compute new features, such as an XOR."""

    def __init__(self, d_model: int, d_hidden: int, n_classes: int = 2, seed: int = 0) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(seed)
        first = torch.randn(d_model, d_hidden, generator=generator) * d_model**-0.5
        self.W_in, self.b_in = nn.Parameter(first), nn.Parameter(torch.zeros(d_hidden))
        second = torch.randn(d_hidden, n_classes, generator=generator) * d_hidden**-0.5
        self.W_out, self.b_out = nn.Parameter(second), nn.Parameter(torch.zeros(n_classes))

    def forward(self, acts: Acts) -> Float[Tensor, "batch n_classes"]:
        """Compute one logit per class."""
        return (acts @ self.W_in + self.b_in).relu() @ self.W_out + self.b_out


def fit_probe(
    probe: nn.Module, acts: Acts, labels: Labels, steps: int, lr: float, weight_decay: float
) -> list[float]:
    """Train a probe in place on all examples at once; return the loss before each step.

    AdamW on the mean cross-entropy. The activations are detached: no gradient reaches the model
    that computed them.

    Units: nats; lower is better.
    Raises: ValueError when steps is below 1, or an activation is NaN or infinite.
    """
    if steps < 1:
        raise ValueError(f"expected steps >= 1, got {steps}")
    check_finite(acts, "activations")
    acts = acts.to(next(probe.parameters()).dtype)
    # exercise 0.8
    raise NotImplementedError("exercise 0.8")


def control_labels(types: Labels, labels: Labels, generator: torch.Generator) -> Labels:
    """Draw random labels for a control task: one per type.

    Every example of a type has the label of the type. Labels are drawn with the frequencies of the
    task's own labels. A probe that is as accurate here as on the task has shown that it can
    memorise, and nothing about the model.

    Source: Hewitt and Liang 2019, "Designing and Interpreting Probes with Control Tasks".
    """
    # exercise 0.9
    raise NotImplementedError("exercise 0.9")


def held_out_accuracy(probe: nn.Module, acts: Acts, labels: Labels) -> float:
    """Fit a probe on the first half of the examples; return its accuracy on the second half.

    Activations are scaled to a standard deviation of 1, so that one learning rate fits all models.

    Raises: ValueError for an activation that is NaN or infinite, or when all are equal.
    """
    check_finite(acts, "activations")
    acts = acts.detach().to(next(probe.parameters()).dtype)
    half, scale = len(acts) // 2, acts.std()
    if not scale > 0:
        raise ValueError(f"expected activations that vary, got {acts.numel()} equal ones")
    acts = acts / scale
    fit_probe(probe, acts[:half], labels[:half], steps=100, lr=0.05, weight_decay=0.01)
    predicted: Labels = probe(acts[half:]).argmax(dim=-1)
    return (predicted == labels[half:]).float().mean().item()


class Selectivity(NamedTuple):
    """Accuracy of a probe on a task and on its control task."""

    task: float
    """Held-out accuracy with the real labels."""
    control: float
    """Held-out accuracy with one random label per type; both halves have the same types."""

    @property
    def difference(self) -> float:
        """Selectivity: the accuracy on the task minus the accuracy on its control."""
        return self.task - self.control


def selectivity(
    new_probe: Callable[[], nn.Module],
    acts: Acts,
    labels: Labels,
    types: Labels,
    generator: torch.Generator,
) -> Selectivity:
    """Fit a new probe on the task and another new probe on its control task."""
    control = control_labels(types, labels, generator)
    return Selectivity(
        held_out_accuracy(new_probe(), acts, labels), held_out_accuracy(new_probe(), acts, control)
    )
