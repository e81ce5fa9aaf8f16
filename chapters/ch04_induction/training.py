"""Train the small models of this chapter, and measure them on the way.

All are attention-only with norms that have no gain, so that weights can be read as they are. They
differ in two things: one layer or two, plain keys or smeared ones. `training` yields after every
step; whoever calls it decides when to measure (`measure`) and what to keep.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from ..ch02_transformer import HookedTransformer, TransformerConfig
from ..ch02_transformer.attention_only import ATTENTION_ONLY_NORMED
from ..ch02_transformer.train import TrainConfig, learning_rate, make_optimizer, train_step
from ..ch03_circuits import all_composition_scores
from .scores import head_scores, in_context_score, token_losses
from .smeared import SMEARED

Draw = Callable[[int, torch.Generator], Int[Tensor, "batch pos"]]


def small_model(n_layers: int, smeared: bool, d_vocab: int, seed: int) -> HookedTransformer:
    """A model of this chapter before training: d_model 64, two heads of 32, 64 positions.

    Positions start larger than the other weights: with much smaller ones heads take long to find
    the previous token.
    """
    sizes = TransformerConfig(
        n_layers=n_layers, d_model=64, n_heads=2, d_head=32, d_mlp=0, d_vocab=d_vocab, n_ctx=64
    )
    model = HookedTransformer(sizes, SMEARED if smeared else ATTENTION_ONLY_NORMED, seed)
    with torch.no_grad():
        for block in model.blocks:
            block.W_pos.mul_(5)
    return model


def training(model: HookedTransformer, draw: Draw, config: TrainConfig) -> Iterator[int]:
    """Train in place on fresh texts, and yield how many steps have been made.

    draw: (batch_size, generator) -> tokens. The texts of a step depend on the seed and the step.
    """
    optimizer = make_optimizer(model, config)
    for step in range(config.steps):
        generator = torch.Generator().manual_seed(config.seed * 1_000_003 + step)
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(step, config)
        train_step(model, draw(config.batch_size, generator), optimizer, config.clip)
        yield step + 1


class Snapshot(NamedTuple):
    """What is measured on a model at one moment of its training."""

    loss: float
    """Mean next-token loss on texts of the task, nats."""
    in_context: float
    """In-context score on them: late minus early, nats; negative is better."""
    prefix: Float[Tensor, "layer head"]
    """Prefix matching on repeated segments."""
    previous: Float[Tensor, "layer head"]
    """Attention to the previous token, on the same."""
    k_composition: Float[Tensor, "earlier later"] | None
    """Of the heads of layer 0 with those of layer 1, no baseline subtracted; None for one layer."""
    token_losses: Float[Tensor, "batch predicted"]
    """Loss of each token of the texts."""


@torch.no_grad()
def measure(
    model: HookedTransformer,
    texts: Int[Tensor, "batch pos"],
    repeats: Int[Tensor, "segments length"],
    period: int,
) -> Snapshot:
    """Take all measures of a model, on texts of its task and on repeated segments.

    The in-context score compares the indices pos / 10 and pos - 12, as 50 and 500 of 512 do.
    """
    losses = token_losses(model(texts), texts)
    pos = texts.shape[1]
    scores = head_scores(model, repeats, period)
    two = len(model.blocks) > 1
    return Snapshot(
        losses.mean().item(),
        in_context_score(losses, early=pos // 10, late=pos - 12).item(),
        scores.prefix,
        scores.previous,
        all_composition_scores(model, 0, 1).k if two else None,
        losses,
    )
