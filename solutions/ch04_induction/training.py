"""Train the small models of this chapter, and measure them at snapshots.

All are attention-only, with norms that have no gain, so their weights can be read directly. They
differ in two things: one layer or two, plain keys or smeared keys. `train_on_texts` yields after
each step; the caller decides when to measure (`measure`) and which weights to keep.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple, cast

import torch
from jaxtyping import Float, Int
from torch import Tensor

from ..ch02_transformer import HookedTransformer, TransformerConfig
from ..ch02_transformer.attention_only import ATTENTION_ONLY_NORMED, AttentionOnlyBlock
from ..ch02_transformer.fit import FitRecord, fit
from ..ch02_transformer.layers import Tokens
from ..ch02_transformer.train import TrainConfig, next_token_loss
from ..ch03_circuits import all_composition_scores
from .scores import head_scores, in_context_score, token_losses
from .smeared import SMEARED

Draw = Callable[[int, torch.Generator], Int[Tensor, "batch pos"]]


def small_model(
    n_layers: int, d_vocab: int, seed: int, *, smeared: bool = False
) -> HookedTransformer:
    """Build a model of this chapter before training: d_model 64, two heads of 32, 64 positions.

    The position vectors start larger than the other weights. With much smaller ones, heads learn
    to attend to the previous token only slowly.
    """
    sizes = TransformerConfig(
        n_layers=n_layers, d_model=64, n_heads=2, d_head=32, d_mlp=0, d_vocab=d_vocab, n_ctx=64
    )
    model = HookedTransformer(sizes, SMEARED if smeared else ATTENTION_ONLY_NORMED, seed)
    with torch.no_grad():
        for block in model.blocks:
            cast(AttentionOnlyBlock, block).W_pos.mul_(5)
    return model


def train_on_texts(
    model: HookedTransformer, draw: Draw, config: TrainConfig
) -> Iterator[FitRecord]:
    """Train a model in place on newly drawn texts, and yield a record after each step.

    draw: (batch_size, generator) -> tokens. The texts of a step depend only on seed and step.
    """

    def loss(step: int, generator: torch.Generator) -> Float[Tensor, ""]:
        del step
        tokens = draw(config.batch_size, generator)
        return next_token_loss(model(tokens), tokens)

    yield from fit(model, loss, config)


class Snapshot(NamedTuple):
    """Measurements of a model at one step of its training."""

    loss: float
    """Mean next-token loss on texts of the task, in nats."""
    in_context: float
    """In-context score on these texts: late minus early, in nats; negative is better."""
    prefix: Float[Tensor, "layer head"]
    """Prefix matching on repeated segments."""
    previous: Float[Tensor, "layer head"]
    """Attention to the previous token, on the same segments."""
    k_composition: Float[Tensor, "earlier later"] | None
    """K-composition of layers 0 and 1, the baseline not subtracted; None for one layer."""
    token_losses: Float[Tensor, "batch predicted"]
    """Loss of each token of the texts."""


@torch.no_grad()
def measure(
    model: HookedTransformer, texts: Tokens, repeats: Int[Tensor, "segments length"], period: int
) -> Snapshot:
    """Measure a model on texts of its task and on repeated segments.

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
