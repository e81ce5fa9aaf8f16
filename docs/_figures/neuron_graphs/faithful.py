"""Keep or remove the N best neurons of a pair of prompts, and test the graph's predictions.

Neurons, each at one position, are ranked by the size of their contrast score in that pair. Random
sets have as many neurons at the same layers and positions. In the joined variant all neurons of
layer 0 stay live too, since they mostly tell which token there is.
"""

from functools import partial
from typing import Any

import torch
from jaxtyping import Bool
from torch import Tensor

from docs._figures.lib.cached_steps import CachedSteps
from docs._figures.lib.models import load_with_tokenizer
from solutions.ch02_transformer import HookedTransformer
from solutions.ch12_graphs import contrast, intervene, pairs, relp
from solutions.ch12_graphs.contrast import Pair, largest_nodes

SEED, N_PAIRS = 77, 6
SIZES = (10, 30, 100, 300, 1000)
N_NODES = 24
MODULES = (contrast, intervene, pairs, relp)
SOURCES = [__file__, *(str(module.__file__) for module in MODULES)]


def as_mask(where: relp.Where, shape: torch.Size) -> Bool[Tensor, "layer pos d_mlp"]:
    """Mark nodes in a mask."""
    mask = torch.zeros(shape, dtype=torch.bool)
    mask[tuple(where)] = True
    return mask


def study(model: HookedTransformer, pair: Pair, seed: int) -> dict[str, Any]:
    """Measure one pair of prompts."""
    scores = contrast.contrast_scores(model, pair)
    generator = torch.Generator().manual_seed(seed)
    best = [as_mask(largest_nodes(scores, n), scores.shape) for n in SIZES]
    random = [intervene.matched_random(mask, generator) for mask in best]
    later = scores.clone()
    later[0] = 0
    joined = [as_mask(largest_nodes(later, n), scores.shape) for n in SIZES]
    joined = [torch.zeros_like(best[0]), *joined]
    for mask in joined:
        mask[0] = True
    found = intervene.keep_and_remove(model, pair, torch.stack([*best, *random, *joined]))
    effects = intervene.predicted_and_measured(model, pair, largest_nodes(scores, N_NODES))
    n = len(SIZES)
    return {
        "whole": found.whole,
        "empty": found.empty,
        "kept": {"best": found.kept[:n], "random": found.kept[n : 2 * n]},
        "removed": {"best": found.removed[:n], "random": found.removed[n : 2 * n]},
        "joined": found.kept[2 * n :],
        "predicted": effects.predicted,
        "measured": effects.measured,
    }


def study_all() -> dict[str, list[dict[str, Any]]]:
    """Study six pairs of each behaviour, or load them from the cache."""
    model, tokenizer = load_with_tokenizer("smollm2-135m")
    model.requires_grad_(False)
    total = N_PAIRS * len(pairs.BEHAVIOURS)
    steps = CachedSteps("ch12_faithful", total, [SEED, SIZES, N_NODES], SOURCES)
    found: dict[str, list[dict[str, Any]]] = {}
    for name, behaviour in pairs.BEHAVIOURS.items():
        generator = torch.Generator().manual_seed(SEED)
        drawn = pairs.draw_pairs(pairs.all_pairs(behaviour, tokenizer), N_PAIRS, generator)
        found[name] = [
            steps(f"{name} {index}", partial(study, model, pair, index))
            for index, pair in enumerate(drawn)
        ]
    return found
