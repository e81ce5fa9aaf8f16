"""Train SAEs of any variant, several on one stream of activations.

1. Take this step's batch of activations; all SAEs get the same one.
2. Loss, gradients, the SAE's constraint on gradients, clipping, Adam, its constraint on weights.
3. Count for how many steps each latent has been silent; resample those that died, if asked to.

A stream is a function of the step, so a run that stops and resumes from its checkpoint gives, bit
for bit on a CPU, the same weights as one without a stop. `train_saes` yields a record per step;
`training_folder.py` adds the progress bar, the log and the picture.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from .resample import resample
from .sae import AbstractSAE, LossParts, TrainedModule
from .sae_checkpoint import describe, restore_checkpoint, save_checkpoint

Stream = Callable[[int], Tensor]
"""Step -> batch of activations, [batch, d_in]; the same for the same step."""
RESAMPLE_BATCHES = 16


@dataclass(frozen=True)
class SAETrainConfig:
    """Settings of a training run; sizes and coefficients belong to the SAEs.

    Raises: ValueError for fewer than one step, or phases that do not fit.
    """

    steps: int
    """Number of updates."""
    lr: float = 1e-3
    """Highest learning rate of Adam."""
    betas: tuple[float, float] = (0.9, 0.999)
    """Decay rates of Adam's averages of the gradient and of its square."""
    lr_warmup: int = 0
    """Steps over which the learning rate grows linearly."""
    lr_decay: int = 0
    """Steps at the end over which it falls linearly to zero."""
    sparsity_warmup: int = 0
    """Steps over which the weight of the sparsity loss grows linearly from 0 to 1."""
    clip: float | None = 1.0
    """Largest norm of an SAE's gradient; None leaves it."""
    resample_at: tuple[int, ...] = ()
    """Steps before which dead latents are resampled."""
    dead_after: int = 1000
    """Steps of silence after which a latent counts as dead."""
    checkpoint_every: int = 500
    """Steps between checkpoints; the last step has one too."""
    seed: int = 0
    """Seed of resampling."""

    def __post_init__(self) -> None:
        if self.steps < 1:
            raise ValueError(f"expected at least one step, got {self.steps}")
        if self.lr_warmup + self.lr_decay > self.steps:
            raise ValueError(
                f"expected warm-up and decay within {self.steps} steps, got {self.lr_warmup} + "
                f"{self.lr_decay}"
            )


class TrainingPass(NamedTuple):
    """What a step needs to know of a forward pass."""

    loss: LossParts
    """Loss with its graph."""
    n_active: Float[Tensor, " d_sae"]
    """Number of tokens of the batch on which each latent is active."""


class StepResult(NamedTuple):
    """What one training step of one SAE reports."""

    loss: LossParts
    """Loss before the update, detached."""
    l0: float
    """Active latents per token, before the update."""
    dead: int
    """Latents that have been silent for `dead_after` steps."""


class TrainRecord(NamedTuple):
    """What one step reports."""

    step: int
    """Updates made so far."""
    results: dict[str, StepResult]
    """Result per SAE."""


@torch.no_grad()
def count_active(acts: Float[Tensor, "batch d_sae"]) -> Float[Tensor, " d_sae"]:
    """Count the tokens on which each latent is active.

    On a CPU in pieces that stay in its cache: comparing the whole batch at once takes ten times as
    long, and a twentieth of a training step.
    """
    pieces = acts.split(64) if acts.device.type == "cpu" else (acts,)
    counts = torch.zeros(acts.shape[-1], device=acts.device)
    for rows in pieces:
        counts += rows.sign().sum(dim=0, dtype=torch.float32)
    return counts


PassFunction = Callable[[Any, Tensor], TrainingPass]
"""(module, batch) -> pass. It knows what a row is: an activation, or an input and its target."""


def dense_pass(sae: AbstractSAE, x: Tensor) -> TrainingPass:
    """Run the SAE with all its latents. Variants with few active latents may have a faster pass."""
    out = sae(x)
    return TrainingPass(out.loss, count_active(out.acts))


def train_step(
    sae: TrainedModule,
    x: Float[Tensor, "batch row"],
    optimizer: torch.optim.Optimizer,
    sparsity_weight: float = 1.0,
    clip: float | None = None,
    training_pass: PassFunction = dense_pass,
) -> TrainingPass:
    """Update an SAE once, and return the pass before the update.

    Order: backward, the SAE's constraint on gradients, clipping, the optimizer's step, the SAE's
    constraint on weights.
    """
    result = training_pass(sae, x)
    # exercise 8.12
    optimizer.zero_grad()
    result.loss.total(sparsity_weight).backward()
    sae.constrain_gradients()
    if clip is not None:
        nn.utils.clip_grad_norm_(sae.parameters(), clip)
    optimizer.step()
    sae.constrain_weights()
    return result


def learning_rate(step: int, config: SAETrainConfig) -> float:
    """Compute the learning rate of a step, counted from 0: warm-up, constant, decay.

    The first step of a warm-up of n has lr / n, its last one lr. In the decay over the last m steps
    the first has lr, the last one lr / m.
    """
    # exercise 8.13
    rising = (step + 1) / config.lr_warmup if config.lr_warmup else 1.0
    falling = (config.steps - step) / config.lr_decay if config.lr_decay else 1.0
    return config.lr * min(1.0, rising, falling)


def sparsity_weight(step: int, config: SAETrainConfig) -> float:
    """Compute the weight of the sparsity loss: 0 at step 0, 1 from step `sparsity_warmup` on.

    With the full penalty from the start many latents die before they mean anything.
    """
    # exercise 8.13
    return min(1.0, step / config.sparsity_warmup) if config.sparsity_warmup else 1.0


@torch.no_grad()
def count_silence(
    silent_for: Tensor, active: Bool[Tensor, " d_sae"], dead_after: int
) -> Bool[Tensor, " d_sae"]:
    """Add a step of silence to latents that were not active, in place; return which are dead."""
    silent_for += 1
    silent_for[active] = 0
    return silent_for >= dead_after


def check_batch(x: Tensor, saes: Mapping[str, TrainedModule], step: int) -> None:
    """Raise ValueError for a batch that no SAE can train on."""
    if x.ndim != 2 or not len(x):
        raise ValueError(
            f"expected a batch of shape [batch, d_in] with at least one row at step {step}, got "
            f"{list(x.shape)}"
        )
    for name, sae in saes.items():
        if x.shape[1] != sae.row_size:
            raise ValueError(
                f"expected rows of {sae.row_size} numbers for {name!r}, got {x.shape[1]}"
            )


def check_loss(name: str, loss: Tensor, x: Tensor, step: int) -> None:
    """Raise ValueError when a loss is not finite, naming the cause."""
    if loss.isfinite():
        return
    if not x.isfinite().all():
        raise ValueError(f"expected finite activations at step {step}, got NaN or infinity")
    raise ValueError(
        f"expected a finite loss of {name!r} at step {step}, got {loss.item()}; lower lr, or "
        "scale the activations"
    )


def make_optimizer(sae: TrainedModule, config: SAETrainConfig) -> torch.optim.Adam:
    """Create Adam, without weight decay."""
    return torch.optim.Adam(sae.parameters(), lr=config.lr, betas=config.betas, fused=True)


def resample_dead(
    sae: TrainedModule,
    stream: Stream,
    step: int,
    optimizer: torch.optim.Optimizer,
    config: SAETrainConfig,
) -> None:
    """Resample the dead latents on the batches of the last steps.

    Raises: TypeError for a module other than an SAE.
    """
    if not isinstance(sae, AbstractSAE):
        raise TypeError(f"expected an SAE to resample, got {type(sae).__name__}; leave resample_at")
    dead = sae.silent_for >= config.dead_after
    if dead.any() and not dead.all():
        first = max(0, step - RESAMPLE_BATCHES)
        x = torch.cat([stream(earlier) for earlier in range(first, step)]).to(sae.W_dec)
        generator = torch.Generator().manual_seed(config.seed * 1_000_003 + step)
        sae.silent_for[resample(sae, dead, x, optimizer, generator)] = 0


def train_saes(
    saes: Mapping[str, TrainedModule],
    stream: Stream,
    config: SAETrainConfig,
    checkpoint: Path | None = None,
    training_pass: PassFunction = dense_pass,
) -> Iterator[TrainRecord]:
    """Train SAEs in place on one stream, yielding a TrainRecord after each step.

    checkpoint: a file to resume from if it exists.

    Raises: ValueError for a batch of a wrong shape, or with NaN; for a loss that is not finite; for
        a checkpoint of another run.
    """
    optimizers = {name: make_optimizer(sae, config) for name, sae in saes.items()}
    about = {name: describe(sae) for name, sae in saes.items()}
    run = json.dumps({"training": asdict(config), "saes": about}, sort_keys=True)
    start = restore_checkpoint(checkpoint, saes, optimizers, run) if checkpoint else 0
    for step in range(start, config.steps):
        batch = stream(step)
        check_batch(batch, saes, step)
        results = {}
        for name, sae in saes.items():
            if step in config.resample_at:
                resample_dead(sae, stream, step, optimizers[name], config)
            for group in optimizers[name].param_groups:
                group["lr"] = learning_rate(step, config)
            x, weight = batch.to(next(sae.parameters())), sparsity_weight(step, config)
            result = train_step(sae, x, optimizers[name], weight, config.clip, training_pass)
            loss = LossParts(*(part.detach() for part in result.loss))
            check_loss(name, loss.total(), x, step)
            dead = count_silence(sae.silent_for, result.n_active > 0, config.dead_after)
            l0 = result.n_active.sum().item() / len(x)
            results[name] = StepResult(loss, l0, int(dead.sum()))
        due = (step + 1) % config.checkpoint_every == 0 or step + 1 == config.steps
        if due and checkpoint:
            save_checkpoint(checkpoint, step + 1, saes, optimizers, run)
        yield TrainRecord(step + 1, results)
