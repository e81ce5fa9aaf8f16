"""Find groups of neurons on six pairs of prompts, and swap them in pairs that were held out.

A split draws six pairs for choosing, and others for testing: pairs with the same sentence frames,
and pairs with frames on which no group of any split was chosen. Controls are swapped in the same
pairs: random neurons of the same layers, neurons of the same layers that change about as much, the
other behaviour's group, and neurons ranked by the size of their score instead of its sign.
"""

from typing import Any, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from docs._figures.lib.cached_steps import CachedSteps
from docs._figures.lib.models import load_with_tokenizer
from solutions.ch00_looking import bootstrap_interval
from solutions.ch02_transformer import HookedTransformer
from solutions.ch12_graphs import contrast, intervene, pairs, relp
from solutions.ch12_graphs.contrast import Pair, top_neurons

SPLITS = (0, 1, 2, 3)
N_TRAINING, N_HELD_OUT, N_NEW = 6, 16, 12
SIZES = (1, 3, 5, 10, 30)
BY_SIZE = (5,)
MODULES = (contrast, intervene, pairs, relp)
SOURCES = [__file__, *(str(module.__file__) for module in MODULES)]


class Scored(NamedTuple):
    """What six training pairs tell about neurons."""

    signed: Float[Tensor, "layer d_mlp"]
    """Signed group scores."""
    strength: Float[Tensor, "layer d_mlp"]
    """Largest change of the activation over positions, times the length of the output weights."""


def score(model: HookedTransformer, chosen: list[Pair]) -> Scored:
    """Score all neurons on pairs of prompts."""
    scores = [contrast.contrast_scores(model, pair) for pair in chosen]
    strengths = []
    for pair in chosen:
        run, other = (contrast.run_prompt(model, tokens) for tokens in pair.tokens)
        change = (run.acts() - other.acts())[:, 1:].abs().amax(dim=1)
        lengths = torch.stack([layer.W_out.norm(dim=1) for layer in run.layers])
        strengths.append(change * lengths)
    return Scored(contrast.group_scores(scores), torch.stack(strengths).mean(dim=0))


def strength_matched(
    group: list[tuple[int, int]], strength: Float[Tensor, "layer d_mlp"]
) -> list[tuple[int, int]]:
    """Choose for each neuron of a group another one of its layer that changes about as much."""
    free = strength.clone()
    for layer, neuron in group:
        free[layer, neuron] = torch.inf
    chosen = []
    for layer, neuron in group:
        nearest = int((free[layer] - strength[layer, neuron]).abs().argmin())
        free[layer, nearest] = torch.inf
        chosen.append((layer, nearest))
    return chosen


def groups_of(scored: dict[str, Scored], name: str, seed: int) -> dict[str, list[tuple[int, int]]]:
    """Build a behaviour's groups and their controls."""
    own, (other,) = scored[name], [one for key, one in scored.items() if key != name]
    d_mlp, largest = own.signed.shape[1], SIZES[-1]
    generator = torch.Generator().manual_seed(seed)
    made = {f"top {k}": top_neurons(own.signed, k) for k in SIZES}
    for k in (5, largest):
        made[f"random {k}"] = intervene.random_group(made[f"top {k}"], d_mlp, generator)
    made[f"as strong {largest}"] = strength_matched(made[f"top {largest}"], own.strength)
    made[f"other behaviour {largest}"] = top_neurons(other.signed, largest)
    made |= {f"by size {k}": top_neurons(own.signed.abs(), k) for k in BY_SIZE}
    return made


def run_split(model: HookedTransformer, tokenizer: Any, split: int) -> dict[str, Any]:
    """Choose groups of both behaviours on six pairs each, and swap them in other pairs."""
    scored, tests = {}, {}
    for place, (name, behaviour) in enumerate(pairs.BEHAVIOURS.items()):
        generator = torch.Generator().manual_seed(100 * split + place)
        pool = pairs.all_pairs(behaviour, tokenizer)
        drawn = pairs.draw_pairs(pool, N_TRAINING + N_HELD_OUT, generator)
        scored[name] = score(model, drawn[:N_TRAINING])
        new = pairs.all_pairs(behaviour, tokenizer, new_frames=True)
        tests[name] = {
            "held out": drawn[N_TRAINING:],
            "new frames": pairs.draw_pairs(new, N_NEW, generator),
        }
    found: dict[str, Any] = {}
    for name in pairs.BEHAVIOURS:
        groups = groups_of(scored, name, seed=split)
        found[name] = {"neurons": [list(one) for one in groups[f"top {SIZES[-1]}"]]}
        for kind, tested in tests[name].items():
            swaps = [intervene.swap(model, pair, list(groups.values())) for pair in tested]
            found[name][kind] = {
                "groups": list(groups),
                "before": torch.stack([one.before for one in swaps]),
                "after": torch.stack([one.after for one in swaps]),
            }
    return found


def run_splits() -> list[dict[str, Any]]:
    """Run every split, or load it from the cache."""
    model, tokenizer = load_with_tokenizer("smollm2-135m")
    model.requires_grad_(False)
    steps = CachedSteps("ch12_swaps", len(SPLITS), [N_TRAINING, N_HELD_OUT, N_NEW, SIZES], SOURCES)
    return [
        steps(f"split {split}", lambda: run_split(model, tokenizer, split), split)
        for split in SPLITS
    ]


def summarize(result: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return, per group, the share of switched cases with an interval over pairs, and how far."""
    before, after = result["before"], result["after"]  # [pair, 2], [pair, group, 2]
    right = (before > 0).all(dim=1)
    before, after = before[right], after[right]
    moved = (before[:, None] - after) / (before + before.flip(1))[:, None]
    summary = {}
    for index, name in enumerate(result["groups"]):
        switched = (after[:, index] < 0).double().mean(dim=1)  # per pair
        interval = bootstrap_interval(switched, 2000, 0.95, torch.Generator().manual_seed(0))
        summary[name] = {
            "switched": interval.estimate,
            "interval": [interval.low, interval.high],
            "moved": moved[:, index].mean().item(),
            "cases": 2 * len(before),
            "left out": 2 * int((~right).sum()),
        }
    return summary
