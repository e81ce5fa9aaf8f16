"""Train on any loss: the loop of `train` for other tasks than predicting a text."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn

from ..ch00_looking.checks import check_finite
from .train import TrainConfig, make_optimizer, scheduled_steps, step_generator


class FitRecord(NamedTuple):
    """What one step of `fit` reports."""

    step: int
    """Updates made so far."""
    loss: float
    """Loss before the update."""


def fit(
    model: nn.Module,
    loss_fn: Callable[[int, torch.Generator], Float[Tensor, ""]],
    config: TrainConfig,
) -> Iterator[FitRecord]:
    """Train a model in place with AdamW, clipped gradients and the schedule of `learning_rate`.

    loss_fn: draws a batch and computes its loss, from the step and a generator that depends on
    the seed and the step alone. What the caller does after a record happens before the
    next step.

    Raises: ValueError when a loss is NaN or infinite; the weights are those before the step.
    """
    optimizer = make_optimizer(model, config)
    for step in scheduled_steps(optimizer, config):
        loss = loss_fn(step, step_generator(step, config))
        check_finite(loss, f"losses (step {step + 1})")
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), config.clip)
        optimizer.step()
        yield FitRecord(step + 1, loss.item())
