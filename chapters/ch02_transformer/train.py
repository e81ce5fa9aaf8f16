"""Train a small language model on text, and be able to stop and go on.

1. Draw a batch of windows from the text (`draw_batch`): step number and seed decide which, nothing else.
2. Predict every next token, average the surprise (`next_token_loss`).
3. Gradient, clip, AdamW, with a learning rate that warms up and then falls (`train_step`).

`train` yields one record a step, so the caller decides about progress bars and plots. A run that
stops and goes on from its checkpoint gives, bit for bit on a CPU, the run that never stopped.
"""

import json
import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from .checkpoint import restore_checkpoint, save_checkpoint
from .model import HookedTransformer


@dataclass(frozen=True)
class TrainConfig:
    """How long, how fast, and on how much at a time."""

    steps: int
    """Updates in all."""
    batch_size: int
    """Windows a step."""
    window: int
    """Tokens a window; the model predicts window - 1 of them."""
    lr: float = 1e-3
    """Highest learning rate, reached when the warm-up ends."""
    warmup: int = 100
    """Steps over which the learning rate grows from zero."""
    weight_decay: float = 0.1
    """AdamW's pull towards zero, on matrices only."""
    betas: tuple[float, float] = (0.9, 0.95)
    """AdamW's memory of gradients and of their squares."""
    clip: float = 1.0
    """Longest gradient; a longer one is shortened to this."""
    eval_every: int = 100
    """Steps between two held-out losses and checkpoints; the last step always has both."""
    seed: int = 0
    """Of the batches drawn."""


class TrainRecord(NamedTuple):
    """What one training step reports."""

    step: int
    """Updates made so far."""
    loss: float
    """Training loss before the update, nats a token."""
    eval_loss: float | None
    """Held-out loss after the update, nats a token; None where it was not measured."""


def next_token_loss(
    logits: Float[Tensor, "batch pos d_vocab"], tokens: Int[Tensor, "batch pos"]
) -> Float[Tensor, ""]:
    """Mean surprise at each next token: -log softmax(logits[t])[tokens[t + 1]].

    The last position predicts a token that is not there; the first token is predicted by nobody.

    Units: nats a token; 0 is certainty, log(d_vocab) is guessing; lower is better.
    """
    # exercise 2.15
    raise NotImplementedError("exercise 2.15")


def train_step(
    model: nn.Module,
    tokens: Int[Tensor, "batch pos"],
    optimizer: torch.optim.Optimizer,
    clip: float,
) -> float:
    """Move the weights once, against the gradient of the loss on these tokens.

    clip: the longest gradient over all parameters together. Returns the loss before the update.
    """
    # exercise 2.16
    raise NotImplementedError("exercise 2.16")


def learning_rate(step: int, config: TrainConfig) -> float:
    """Rise in a line to lr over the warm-up, then fall along a cosine to a tenth of it."""
    if step < config.warmup:
        return config.lr * (step + 1) / config.warmup
    done = (step - config.warmup) / max(1, config.steps - config.warmup)
    return config.lr * (0.1 + 0.45 * (1 + math.cos(math.pi * done)))


def draw_batch(text: Int[Tensor, " n"], step: int, config: TrainConfig) -> Int[Tensor, "batch pos"]:
    """The batch of this step: windows that start anywhere in the text."""
    generator = torch.Generator().manual_seed(config.seed * 1_000_003 + step)
    last = len(text) - config.window
    starts = torch.randint(last + 1, (config.batch_size, 1), generator=generator)
    return text[starts.to(text.device) + torch.arange(config.window, device=text.device)]


@torch.no_grad()
def held_out_loss(model: nn.Module, text: Int[Tensor, " n"], config: TrainConfig) -> float:
    """Loss on windows laid end to end over a text, at most 64 batches of it."""
    fits = len(text) // config.window
    windows = text[: fits * config.window].view(fits, config.window)
    batches = windows[: 64 * config.batch_size].split(config.batch_size)
    losses = [next_token_loss(model(batch), batch).item() * len(batch) for batch in batches]
    return sum(losses) / sum(len(batch) for batch in batches)


def make_optimizer(model: nn.Module, config: TrainConfig) -> torch.optim.AdamW:
    """AdamW that pulls matrices towards zero, and leaves biases and gains alone."""
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

    checkpoint: a file to go on from when it is there, written at each evaluation.

    Raises: ValueError when a text is shorter than one window, or a window than two tokens or
        longer than the model reads; when the checkpoint belongs to another model or another run.
    """
    check_texts(model, text, held_out, config)
    optimizer = make_optimizer(model, config)
    run = json.dumps({"training": asdict(config), "model": asdict(model.config)}, sort_keys=True)
    start = restore_checkpoint(checkpoint, model, optimizer, run) if checkpoint else 0
    for step in range(start, config.steps):
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(step, config)
        loss = train_step(model, draw_batch(text, step, config), optimizer, config.clip)
        due = (step + 1) % config.eval_every == 0 or step + 1 == config.steps
        if due and checkpoint:
            save_checkpoint(checkpoint, step + 1, model, optimizer, run)
        yield TrainRecord(step + 1, loss, held_out_loss(model, held_out, config) if due else None)


def check_texts(model: HookedTransformer, text: Tensor, held_out: Tensor, c: TrainConfig) -> None:
    """Refuse texts and windows that training cannot use."""
    if not 2 <= c.window <= model.config.n_ctx:
        raise ValueError(
            f"a window has 2 to n_ctx={model.config.n_ctx} tokens, but {c.window} came"
        )
    for name, tokens in (("text", text), ("held_out", held_out)):
        if len(tokens) < c.window:
            raise ValueError(
                f"{name} has {len(tokens)} tokens, fewer than one window of {c.window}"
            )
