"""Train a small language model on text; stop at any time and resume.

1. Draw a batch of windows from the text (`draw_batch`), by the seed and the step alone.
2. Predict every next token and average the losses (`next_token_loss`).
3. Gradient, clipping, AdamW, with a learning rate that warms up and then decays (`train_step`).

`train` yields one record per step, so the caller decides about progress bars and plots. A run that
stops and resumes from its checkpoint gives, bit for bit on a CPU, the same weights as a run without
a stop.
"""

import json
import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import NamedTuple

import torch
import torch.nn.functional as F
from einops import rearrange
from jaxtyping import Float, Int
from torch import Tensor, nn

from ..ch00_looking.checks import check_finite, check_token_ids
from .checkpoint import restore_checkpoint, save_checkpoint
from .config import check_size
from .layers import Tokens
from .model import HookedTransformer
from .norms import at_least_float32


@dataclass(frozen=True)
class TrainConfig:
    """Settings of a training run.

    Raises: ValueError for a number of steps, windows or tokens, or a rate, that cannot be.
    """

    steps: int
    """Number of updates."""
    batch_size: int
    """Windows per step."""
    window: int
    """Tokens per window; the model predicts window - 1 of them."""
    lr: float = 1e-3
    """Highest learning rate, reached at the end of the warm-up."""
    warmup: int = 100
    """Steps over which the learning rate grows from zero."""
    weight_decay: float = 0.1
    """Weight decay of AdamW, on matrices only."""
    betas: tuple[float, float] = (0.9, 0.95)
    """Decay rates of AdamW's averages of the gradient and of its square."""
    clip: float = 1.0
    """Largest norm of the gradient; a longer one is scaled down to this."""
    eval_every: int = 100
    """Steps between held-out losses and checkpoints; the last step always has both."""
    seed: int = 0
    """Seed of the batches."""

    def __post_init__(self) -> None:
        for name in ("steps", "batch_size", "window", "warmup", "eval_every"):
            check_size(name, getattr(self, name), 0 if name in ("steps", "warmup") else 1)
        for name, most in (("lr", 1e6), ("weight_decay", 1e6), ("clip", math.inf)):
            if not 0 <= getattr(self, name) <= most:
                raise ValueError(
                    f"expected {name} as a number from 0 to {most:g}, got {getattr(self, name)}"
                )


class TrainRecord(NamedTuple):
    """What one training step reports."""

    step: int
    """Updates made so far."""
    loss: float
    """Training loss before the update, nats per token."""
    eval_loss: float | None
    """Held-out loss after the update, nats per token; None where it was not measured."""


def next_token_loss(
    logits: Float[Tensor, "batch pos d_vocab"], tokens: Tokens
) -> Float[Tensor, ""]:
    """Compute the mean cross-entropy of the next tokens: -log softmax(logits[t])[tokens[t + 1]].

    The last position has no target, and the first token is never a target.

    Units: nats per token; 0 is certainty, log(d_vocab) is guessing; lower is better.
    Raises: ValueError for ids outside the vocabulary, or fewer than two tokens.
    """
    check_token_ids(tokens, logits.shape[-1])
    if tokens[..., 1:].numel() == 0:
        raise ValueError(
            f"expected texts of at least two tokens, got tokens of shape {list(tokens.shape)}; the "
            "first token is never a target"
        )
    logits, tokens = at_least_float32(logits), tokens.long()
    # exercise 2.15
    raise NotImplementedError("exercise 2.15")


def train_step(
    model: nn.Module, tokens: Tokens, optimizer: torch.optim.Optimizer, clip: float
) -> float:
    """Update the weights once, against the gradient of the loss on these tokens.

    clip: the largest norm of the gradient over all parameters together. Returns the loss before the
    update.
    """
    # exercise 2.16
    raise NotImplementedError("exercise 2.16")


def learning_rate(step: int, config: TrainConfig) -> float:
    """Compute the learning rate: linear up to lr in the warm-up, then a cosine down to lr / 10."""
    if step < config.warmup:
        return config.lr * (step + 1) / config.warmup
    done = (step - config.warmup) / max(1, config.steps - config.warmup)
    return config.lr * (0.1 + 0.45 * (1 + math.cos(math.pi * done)))


def step_generator(step: int, config: TrainConfig) -> torch.Generator:
    """Seed the random numbers of one step."""
    return torch.Generator().manual_seed(config.seed * 1_000_003 + step)


def scheduled_steps(
    optimizer: torch.optim.Optimizer, config: TrainConfig, start: int = 0
) -> Iterator[int]:
    """Set the learning rate of every parameter group and yield the step, for all steps of a run."""
    for step in range(start, config.steps):
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(step, config)
        yield step


def draw_batch(text: Int[Tensor, " n"], step: int, config: TrainConfig) -> Tokens:
    """Draw the batch of a step: windows that start anywhere in the text."""
    last = len(text) - config.window
    starts = torch.randint(last + 1, (config.batch_size, 1), generator=step_generator(step, config))
    offsets = torch.arange(config.window, device=text.device)
    return text[starts.to(text.device) + offsets]  # [batch, window]


@torch.no_grad()
def held_out_loss(model: nn.Module, text: Int[Tensor, " n"], config: TrainConfig) -> float:
    """Compute the loss on consecutive windows of a text, at most 64 batches of them."""
    fits = len(text) // config.window
    windows = rearrange(text[: fits * config.window], "(fits window) -> fits window", fits=fits)
    batches = windows[: 64 * config.batch_size].split(config.batch_size)
    losses = [next_token_loss(model(batch), batch).item() * len(batch) for batch in batches]
    return sum(losses) / sum(len(batch) for batch in batches)


def make_optimizer(model: nn.Module, config: TrainConfig) -> torch.optim.AdamW:
    """Create AdamW with weight decay on matrices, and none on biases and gains."""
    weights = dict(model.named_parameters())
    matrices = [w for name, w in weights.items() if ".W_" in name]
    others = [w for name, w in weights.items() if ".W_" not in name]
    groups = [
        {"params": matrices, "weight_decay": config.weight_decay},
        {"params": others, "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=config.lr, betas=config.betas)


def train(
    model: HookedTransformer,
    text: Int[Tensor, " n"],
    held_out: Int[Tensor, " m"],
    config: TrainConfig,
    checkpoint: Path | None = None,
) -> Iterator[TrainRecord]:
    """Train the model in place, yielding a TrainRecord after each step.

    checkpoint: a file to resume from if it exists, written at each evaluation.

    Raises: ValueError when a text is shorter than one window, or a window has fewer than two tokens
        or more than n_ctx; when the checkpoint belongs to another model or another run; when a
            loss is NaN or infinite.
    """
    if not 2 <= config.window <= model.config.n_ctx:
        raise ValueError(
            f"expected a window of 2 to n_ctx={model.config.n_ctx} tokens, got {config.window}"
        )
    for name, tokens in (("text", text), ("held_out", held_out)):
        if len(tokens) < config.window:
            raise ValueError(
                f"expected {name} of at least one window, {config.window} tokens, got {len(tokens)}"
            )
    optimizer = make_optimizer(model, config)
    run = json.dumps({"training": asdict(config), "model": asdict(model.config)}, sort_keys=True)
    start = restore_checkpoint(checkpoint, model, optimizer, run) if checkpoint else 0
    for step in scheduled_steps(optimizer, config, start):
        loss = train_step(model, draw_batch(text, step, config), optimizer, config.clip)
        check_finite(torch.tensor(loss), f"losses (step {step + 1})")
        due = (step + 1) % config.eval_every == 0 or step + 1 == config.steps
        if due and checkpoint:
            save_checkpoint(checkpoint, step + 1, model, optimizer, run)
        yield TrainRecord(step + 1, loss, held_out_loss(model, held_out, config) if due else None)
