"""The third way: what can be read off the activations?

A probe is a small model that is trained on the activations of a frozen one. If it predicts a
property on fresh examples, the property is decodable. Two questions remain: did the model put it
there, or did the probe work it out (an untrained model, a control task)? And does the model use it
(interventions.py)? Axes: batch, d_model.
"""

from collections.abc import Callable
from typing import NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn


class LinearProbe(nn.Module):
    """Logits are W acts + b: it can tell apart what a plane separates."""

    def __init__(self, d_model: int, n_classes: int = 2) -> None:
        super().__init__()
        self.W = nn.Parameter(torch.zeros(d_model, n_classes))
        self.b = nn.Parameter(torch.zeros(n_classes))

    def forward(self, acts: Float[Tensor, "batch d_model"]) -> Float[Tensor, "batch n_classes"]:
        """One logit for each class."""
        return acts @ self.W + self.b

    @property
    def direction(self) -> Float[Tensor, " d_model"]:
        """Where the logit of class 1 grows fastest against that of class 0."""
        return (self.W[:, 1] - self.W[:, 0]).detach()


class MLPProbe(nn.Module):
    """One hidden ReLU layer: it can compute things that are not there yet, such as an XOR."""

    def __init__(self, d_model: int, d_hidden: int, n_classes: int = 2, seed: int = 0) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(seed)
        first = torch.randn(d_model, d_hidden, generator=generator) * d_model**-0.5
        self.W_in, self.b_in = nn.Parameter(first), nn.Parameter(torch.zeros(d_hidden))
        second = torch.randn(d_hidden, n_classes, generator=generator) * d_hidden**-0.5
        self.W_out, self.b_out = nn.Parameter(second), nn.Parameter(torch.zeros(n_classes))

    def forward(self, acts: Float[Tensor, "batch d_model"]) -> Float[Tensor, "batch n_classes"]:
        """One logit for each class."""
        return (acts @ self.W_in + self.b_in).relu() @ self.W_out + self.b_out


def fit_probe(
    probe: nn.Module,
    acts: Float[Tensor, "batch d_model"],
    labels: Int[Tensor, " batch"],
    steps: int,
    lr: float,
    weight_decay: float,
) -> list[float]:
    """Train a probe in place on all examples at once, and return the loss before each step.

    AdamW on the mean cross-entropy. The activations are data: nothing flows back into the model
    that made them.

    Units: nats; lower is better.
    Raises: ValueError when steps is below 1.
    """
    if steps < 1:
        raise ValueError(f"expected at least one step, but steps is {steps}")
    # exercise 0.8
    raise NotImplementedError("exercise 0.8")


def control_labels(
    types: Int[Tensor, " batch"], labels: Int[Tensor, " batch"], generator: torch.Generator
) -> Int[Tensor, " batch"]:
    """Labels that mean nothing, to see what a probe learns by heart.

    Each type gets one random label, the same wherever the type occurs, drawn with the frequencies
    that the task's own labels have. A probe that is as good at this as at the task has shown that
    it can memorise, and nothing about the model.

    Source: Hewitt and Liang 2019, "Designing and Interpreting Probes with Control Tasks".
    """
    # exercise 0.9
    raise NotImplementedError("exercise 0.9")


@torch.no_grad()
def probe_accuracy(
    probe: nn.Module, acts: Float[Tensor, "batch d_model"], labels: Int[Tensor, " batch"]
) -> float:
    """Share of examples whose likeliest class is the label."""
    return (probe(acts).argmax(dim=-1) == labels).float().mean().item()


def held_out_accuracy(
    probe: nn.Module, acts: Float[Tensor, "batch d_model"], labels: Int[Tensor, " batch"]
) -> float:
    """Fit a probe on the first half of the examples, and return its accuracy on the second.

    Activations are scaled to a standard deviation of 1, so that one learning rate suits all.
    """
    half, acts = len(acts) // 2, acts / acts.std()
    fit_probe(probe, acts[:half], labels[:half], steps=100, lr=0.05, weight_decay=0.01)
    return probe_accuracy(probe, acts[half:], labels[half:])


class Selectivity(NamedTuple):
    """How good a probe is at a task, and at a control task that means nothing."""

    task: float
    """Held-out accuracy with the real labels."""
    control: float
    """Held-out accuracy with one random label a type; the types are those of the training half."""

    @property
    def difference(self) -> float:
        """Selectivity: what of the accuracy is not mere capacity to memorise."""
        return self.task - self.control


def selectivity(
    new_probe: Callable[[], nn.Module],
    acts: Float[Tensor, "batch d_model"],
    labels: Int[Tensor, " batch"],
    types: Int[Tensor, " batch"],
    generator: torch.Generator,
) -> Selectivity:
    """Fit one fresh probe on the task and another one on its control."""
    control = control_labels(types, labels, generator)
    return Selectivity(
        held_out_accuracy(new_probe(), acts, labels), held_out_accuracy(new_probe(), acts, control)
    )
