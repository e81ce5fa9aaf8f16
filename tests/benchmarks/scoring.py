"""What it costs to score every head of a model, over the forward that shows their patterns."""

from collections.abc import Iterator

import torch

from solutions.ch02_transformer import HookedTransformer, load_pretrained
from solutions.ch02_transformer.pretrained.model_folders import cache_folder
from solutions.ch04_induction import head_scores, repeated_segments

from .rows import Bench, Row, explicit

REPEATS = 4
"""Readings of each segment."""


def scoring(bench: Bench) -> Iterator[Row]:
    """All heads' three scores on repeated text, against a forward with explicit patterns."""
    yield score_row(bench, bench.model(), bench.batch, max(2, bench.pos // REPEATS), "")
    if not (cache_folder() / "smollm2-135m" / "source.json").is_file():
        yield Row("real model, head scores", "", None, "skipped: `mi model` fetches it")
        return
    model, _ = load_pretrained("smollm2-135m")
    yield score_row(bench, model.to(bench.device), 10, 25, "real model, ")


def score_row(bench: Bench, model: HookedTransformer, batch: int, period: int, whose: str) -> Row:
    """One model's row; both sides stop before the unembedding, which no score needs."""
    generator = torch.Generator().manual_seed(0)
    tokens = repeated_segments(model.config.d_vocab, batch, period, REPEATS, generator)
    tokens = tokens.to(bench.device)
    last = len(model.blocks) - 1
    names = model.choose_names(lambda name: name.endswith("hook_pattern"))
    with torch.no_grad():
        timing = bench.against(
            lambda: head_scores(model, tokens, period),
            lambda: explicit(model, names, tokens, stop_at_layer=last + 1),
        )
    heads = len(model.blocks) * model.config.n_heads
    shape = f"{heads} heads, {batch} x {REPEATS * period} tokens"
    return Row(f"{whose}all heads scored / forward with explicit patterns", shape, timing)
