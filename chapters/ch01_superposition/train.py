"""Train toy models, all instances in one batch.

1. Draw features for every instance. 2. Guess the target, measure each instance's loss. 3. Add the
losses up and take one step of Adam: no weight belongs to two instances, so each moves as if alone.

`train` yields one record a step; the caller decides about progress bars and about what to look at.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from .toy_model import AbstractToy, reconstruction_loss

Features = Float[Tensor, "inst batch n_features"]


@dataclass(frozen=True)
class ToyTrainConfig:
    """How long, how fast, and on how much at a time."""

    steps: int
    """Updates in all."""
    batch_size: int = 1024
    """Examples a step, for each instance."""
    lr: float = 1e-3
    """Learning rate of the first step."""
    linear_decay: bool = False
    """Whether the learning rate falls to zero in a line; else it stays."""
    seed: int = 0
    """Of the data; the weights' seed belongs to the model."""


class Record(NamedTuple):
    """What one training step reports."""

    step: int
    """Updates made so far."""
    losses: Float[Tensor, " inst"]
    """Each instance's loss on its batch, before the update."""


def train_step(
    model: AbstractToy,
    x: Features,
    target: Features,
    importance: Float[Tensor, "inst n_features"],
    optimizer: torch.optim.Optimizer,
) -> Float[Tensor, " inst"]:
    """Moves all instances once, against the gradient of the SUM of their losses.

    With a mean instead, the step of an instance would depend on how many stand beside it.
    Returns each instance's loss before the update, without its graph.
    """
    # exercise 1.5
    raise NotImplementedError("exercise 1.5")


def train(
    model: AbstractToy,
    draw: Callable[[int, torch.Generator], Features],
    importance: Float[Tensor, "inst n_features"],
    config: ToyTrainConfig,
    target: Callable[[Features], Features] = torch.clone,
) -> Iterator[Record]:
    """Train in place and yield a record a step.

    draw: (batch_size, generator) -> features; target: what the model should make of them.
    Raises: ValueError where importance does not fit the model, or where the data is not finite.
    """
    check_importance(importance, model)
    weights = list(model.parameters())
    generator = torch.Generator(weights[0].device).manual_seed(config.seed)
    # Without weight decay, which would shrink the features that are rare or unimportant.
    optimizer = torch.optim.Adam(weights, lr=config.lr, fused=True)
    for step in range(config.steps):
        if config.linear_decay:
            optimizer.param_groups[0]["lr"] = config.lr * (1 - step / config.steps)
        x = draw(config.batch_size, generator)
        if step == 0 and not x.isfinite().all():
            raise ValueError("the features drawn hold NaN or infinity; expected finite numbers")
        losses = train_step(model, x, target(x), importance, optimizer)
        yield Record(step + 1, losses)


def check_importance(importance: Tensor, model: AbstractToy) -> None:
    """Raises ValueError unless there is one importance, not negative, a feature and instance."""
    expected = (model.config.n_inst, model.config.n_features)
    if tuple(importance.shape) != expected:
        raise ValueError(
            f"importance has shape {list(importance.shape)}; one number for each instance and "
            f"feature is expected, {list(expected)} (use .expand for the same in all instances)"
        )
    if not (importance >= 0).all():
        raise ValueError("importances must be zero or more; a negative one or NaN came")
