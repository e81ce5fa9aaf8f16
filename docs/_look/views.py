"""Measure what the three views show, in two forward passes."""

from typing import Any

import torch
from tokenizers import Tokenizer
from torch import Tensor

from chapters import look
from solutions.ch02_transformer import HookedTransformer
from solutions.ch03_circuits.decompose import direct_logit_attribution
from solutions.ch03_circuits.lens import logit_lens

EVERY = 3
"""The lens shows the embedding, every third layer and the last."""


@torch.no_grad()
def views(
    model: HookedTransformer, tokenizer: Tokenizer, tokens: Tensor, start: tuple[int, int] = (0, 0)
) -> dict[str, dict[str, Any]]:
    """Return the data of each view of one text, [1, pos]: kind of viewer -> JSON."""
    words = [tokenizer.decode([i], skip_special_tokens=False) for i in tokens[0].tolist()]
    n_layers = model.config.n_layers
    _, cache = model.run_with_cache(
        tokens,
        names=lambda name: name.endswith(("hook_pattern", "hook_resid_post", "hook_embed")),
        stop_at_layer=n_layers,
    )
    patterns = {name: x for name, x in cache.items() if name.endswith("hook_pattern")}
    shown = [*range(EVERY - 1, n_layers - 1, EVERY), n_layers - 1]
    resid = [cache["hook_embed"], *(cache[f"blocks.{i}.hook_resid_post"] for i in shown)]
    logits = logit_lens(model, torch.stack(resid))[:, 0]
    best = logits[-1].argmax(dim=-1)
    split = direct_logit_attribution(model, tokens, best[None])
    targets = [tokenizer.decode([i]) for i in best.tolist()]
    return {
        "patterns": look.pack_pattern(patterns, words, start),
        "lens": look.pack_lens(
            logits, words, lambda i: tokenizer.decode([i]), ["embed", *map(str, shown)]
        ),
        "attribution": look.pack_attribution(
            split.contributions[:, 0], split.names, words, targets
        ),
    }
