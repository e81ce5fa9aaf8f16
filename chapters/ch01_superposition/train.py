"""Train toy models, all instances in one batch.

1. Draw features for every instance. 2. Run the models and compute each instance's loss. 3. Sum the
losses and take one step of Adam: no weight is shared by two instances, so each trains as if alone.

`train` yields one record per step; progress bars and measurements are the caller's choice.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from ..ch00_looking.checks import check_finite
from .toy_model import AbstractToy, Features, PerFeature, reconstruction_loss


@dataclass(frozen=True)
class ToyTrainConfig:
    """Hyperparameters of a training run."""

    steps: int
    """Number of updates."""
    batch_size: int = 1024
    """Examples per step and instance."""
    lr: float = 1e-3
    """Learning rate of the first step."""
    linear_decay: bool = False
    """Whether the learning rate falls linearly to zero; otherwise it is constant."""
    seed: int = 0
    """Seed of the data; the model has its own seed for the weights."""


class Record(NamedTuple):
    """Result of one training step."""

    step: int
    """Updates made so far."""
    losses: Float[Tensor, " inst"]
    """Each instance's loss on its batch, before the update."""


def train_step(
    model: AbstractToy,
    x: Features,
    target: Features,
    importance: PerFeature,
    optimizer: torch.optim.Optimizer,
) -> Float[Tensor, " inst"]:
    """Update all instances once by the gradient of the SUM of their losses.

    With the mean, the size of an instance's gradient would depend on how many instances are trained
    together. Returns each instance's loss before the update, detached.
    """
    # exercise 1.5
    raise NotImplementedError("exercise 1.5")


def train(
    model: AbstractToy,
    draw: Callable[[int, torch.Generator], Features],
    importance: PerFeature,
    config: ToyTrainConfig,
    target: Callable[[Features], Features] = torch.clone,
) -> Iterator[Record]:
    """Train a model in place and yield one record per step.

    draw: (batch_size, generator) -> features; target: features -> what the model should output.
    Raises: ValueError unless importance has one number per instance and feature, zero or more;
        where the data is not finite.
    """
    expected = (model.config.n_inst, model.config.n_features)
    if tuple(importance.shape) != expected:
        raise ValueError(
            f"expected importance of shape [inst, n_features], here {list(expected)}, got "
            f"{list(importance.shape)}; repeat it for all instances with .expand"
        )
    if not (importance >= 0).all():
        raise ValueError("expected importances of zero or more, got a negative number or NaN")
    weights = list(model.parameters())
    generator = torch.Generator(weights[0].device).manual_seed(config.seed)
    # Without weight decay, which would shrink the features that are rare or unimportant.
    optimizer = torch.optim.Adam(weights, lr=config.lr, fused=True)
    for step in range(config.steps):
        if config.linear_decay:
            optimizer.param_groups[0]["lr"] = config.lr * (1 - step / config.steps)
        x = draw(config.batch_size, generator)
        if step == 0:
            check_finite(x, "features from `draw`")
        losses = train_step(model, x, target(x), importance, optimizer)
        yield Record(step + 1, losses)
