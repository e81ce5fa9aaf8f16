"""Swap groups of neurons in many pairs of prompts: what `intervene.swap` computes pair by pair.

Pairs of one length run together, once without a change, and once per group from its first layer.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor


@torch.no_grad()
def swap_all(
    intervene: Any, model: Any, pairs: Sequence[Any], groups: Sequence[Sequence[tuple[int, int]]]
) -> list[Any]:
    """Swap each group in each pair, in both prompts at once: one `Swaps` per pair."""
    lengths: dict[int, list[int]] = {}
    for index, pair in enumerate(pairs):
        lengths.setdefault(pair.tokens.shape[1], []).append(index)
    found = {}
    for indices in lengths.values():
        chosen = [pairs[index] for index in indices]
        before, after = _swapped(model, chosen, groups)
        parts = zip(before.split(2), after.split(2, dim=1), strict=True)
        found |= {i: intervene.Swaps(*part) for i, part in zip(indices, parts, strict=True)}
    return [found[index] for index in range(len(pairs))]


def _swapped(model: Any, pairs: Sequence[Any], groups: Sequence) -> tuple[Tensor, Tensor]:
    """Compute each prompt's logit difference before, [row], and with each group, [group, row].

    Rows 2 i and 2 i + 1 are the prompts of pair i.
    """
    tokens, answers = (
        torch.cat([getattr(p, name) for p in pairs]) for name in ("tokens", "answers")
    )
    other = torch.arange(len(tokens)).unflatten(0, (-1, 2)).flip(1).flatten()
    first = min(layer for group in groups for layer, _ in group)
    layers = {layer: f"blocks.{layer}.mlp.hook_post" for group in groups for layer, _ in group}
    start = f"blocks.{first}.hook_resid_pre"
    end, cache = model.run_with_cache(
        tokens, names=[start, *layers.values()], stop_at_layer=len(model.blocks)
    )

    def exchange(x: Tensor, point: Any) -> None:
        """Give the neurons of each group, in its rows, the other prompt's values after the sink."""
        for rows, group in zip(x.split(len(tokens)), groups, strict=True):
            neurons = [neuron for layer, neuron in group if layers[layer] == point.name]
            if neurons:
                rows[:, 1:, neurons] = cache[point.name][other][:, 1:, neurons]

    with model.hooks({name: exchange for name in layers.values()}):
        changed = model.run_blocks(cache[start].repeat(len(groups), 1, 1), first)
    logits = model.unembed_resid(torch.cat([end[:, -1:], changed[:, -1:]]))[:, 0]
    right, wrong = (x.repeat(len(groups) + 1)[:, None] for x in (answers, answers[other]))
    differences = (logits.gather(1, right) - logits.gather(1, wrong))[:, 0]
    before, after = differences.split([len(tokens), len(groups) * len(tokens)])
    return before, after.unflatten(0, (len(groups), -1))
