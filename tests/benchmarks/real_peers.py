"""The real model in the transformers library: loading it, attention patterns, and head scores.

Both libraries read the same converted folder, compute in float32 and load the same tokenizer. The
weights are in the page cache, and our checksums were verified by an earlier load.
"""

import importlib.util
from collections.abc import Iterator
from typing import Any

import torch
from tokenizers import Tokenizer
from torch import Tensor

from solutions.ch02_transformer import HookedTransformer, load_pretrained
from solutions.ch02_transformer.pretrained.model_folders import cache_folder
from solutions.ch04_induction import (
    duplicate_token_score,
    head_scores,
    prefix_matching_score,
    previous_token_score,
    repeated_segments,
)

from .rows import Bench, Row

NAME, PERIOD, REPEATS = "smollm2-135m", 25, 4
BATCHES = (2, 10)
"""Prompts in one pass; the scores are timed on the fewest."""


def load_theirs() -> tuple[Any, Tokenizer]:
    """Load the model by transformers, with explicit attention, and its tokenizer as we do."""
    from transformers import LlamaForCausalLM

    folder = cache_folder() / NAME
    model = LlamaForCausalLM.from_pretrained(
        folder, dtype=torch.float32, attn_implementation="eager"
    )
    return model.eval(), Tokenizer.from_file(str(folder / "tokenizer.json"))


def our_patterns(model: HookedTransformer, tokens: Tensor, names: list[str]) -> list[Tensor]:
    """Keep the patterns of all layers and compute nothing after the last."""
    patterns: list[Tensor] = []
    model.run_until_observed(tokens, names=names, observer=lambda x, _: patterns.append(x))
    return patterns


def their_scores(model: Any, tokens: Tensor) -> list[Tensor]:
    """Score all heads from the patterns of transformers; no logits, as in `head_scores`."""
    patterns = model.model(tokens, output_attentions=True, use_cache=False).attentions
    return [
        torch.stack([prefix_matching_score(pattern, PERIOD) for pattern in patterns]),
        torch.stack([previous_token_score(pattern) for pattern in patterns]),
        torch.stack([duplicate_token_score(pattern, PERIOD) for pattern in patterns]),
    ]


def real_peers(bench: Bench) -> Iterator[Row]:
    """Time loading, patterns and scores in ours and in transformers, where both can run."""
    what = "real model in transformers"
    if importlib.util.find_spec("transformers") is None:
        yield Row(what, "", None, "skipped: not installed")
        return
    if not (cache_folder() / NAME / "source.json").is_file():
        yield Row(what, "", None, "skipped: `mi model` fetches it")
        return
    timing = bench.against(lambda: load_pretrained(NAME), load_theirs)
    yield Row("loading the real model / transformers", "134.5 M weights", timing)
    ours, theirs = load_pretrained(NAME)[0].to(bench.device), load_theirs()[0].to(bench.device)
    names = ours.choose_names(lambda name: name.endswith("hook_pattern"))
    with torch.no_grad():
        for batch in reversed(BATCHES):
            generator = torch.Generator().manual_seed(0)
            tokens = repeated_segments(ours.config.d_vocab, batch, PERIOD, REPEATS, generator)
            tokens = tokens.to(bench.device)
            shape = f"270 heads, {batch} x {REPEATS * PERIOD} tokens"
            timing = bench.against(
                lambda t=tokens: ours.run_with_cache(t, names=names),
                lambda t=tokens: theirs(t, output_attentions=True, use_cache=False),
            )
            yield Row("logits and patterns of all layers / transformers", shape, timing)
        timing = bench.against(
            lambda: our_patterns(ours, tokens, names),
            lambda: theirs.model(tokens, output_attentions=True, use_cache=False).attentions,
        )
        yield Row("patterns of all layers / transformers", shape, timing, "no logits")
        pairs = zip(head_scores(ours, tokens, PERIOD), their_scores(theirs, tokens), strict=True)
        gap = max((a - b).abs().max().item() for a, b in pairs)
        timing = bench.against(
            lambda: head_scores(ours, tokens, PERIOD), lambda: their_scores(theirs, tokens)
        )
    note = f"three scores of each head, which differ by {gap:.0e} at most"
    yield Row("scores of all heads / transformers", shape, timing, note)
