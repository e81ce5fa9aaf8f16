"""Measure head 23.1, a name mover that the rule of the main experiment rejects.

`python -m docs._figures.ioi.fourth_mover` takes about two minutes of one thread, and writes
docs/figures/ch07_fourth_mover.json: attention, copying, direct and total effects of the four heads,
and what is lost without three, four, or 23.1 alone, by resampling and by means.
Intervals are over pairs: a prompt and its copy with swapped names are one draw.
"""

from typing import Any

import torch
from torch import Tensor

from docs._figures.ioi.circuit_tests import as_circuit, interval, make_evaluator
from docs._figures.ioi.experiment import EACH, SEEDS, Half, draw_halves
from docs._figures.ioi.style import WEIGHTS, load
from docs._figures.lib.figure_files import FIGURES, write_metadata
from solutions.ch02_transformer import HookedTransformer, Site, load_pretrained
from solutions.ch05_patching import (
    Intervention,
    cache_sites,
    logit_diff_from_resid,
    patch_sweep,
    path_patch,
)
from solutions.ch05_patching.metrics import unpatched
from solutions.ch07_ioi.circuit import Node
from solutions.ch07_ioi.heads import (
    copy_score,
    direct_and_total_effects,
    role_attention,
    site_positions,
)

MOVERS = ((23, 0), (23, 2), (23, 7))
FOURTH = (23, 1)
SETS = {"three": MOVERS, "four": (*MOVERS, FOURTH), "23.1 alone": (FOURTH,)}


def over_pairs(values: Tensor) -> Tensor:
    """Average each prompt with its copy with swapped names: [pair]."""
    return values.reshape(len(SEEDS), 2, EACH // 2).mean(dim=1).flatten()


def pair_interval(values: Tensor) -> list[float]:
    """Compute the mean with its 95 % interval, resampling pairs."""
    return interval(over_pairs(values))


def standard_errors(values: Tensor) -> float:
    """Divide the mean by its standard error over pairs."""
    pairs = over_pairs(values)
    return (pairs.mean() / pairs.std() * len(pairs) ** 0.5).item()


@torch.no_grad()
def measure_heads(model: HookedTransformer, half: Half) -> dict[str, Any]:
    """Measure attention END to IO, copying, and effects of the four heads on one half."""
    clean, corrupted = half
    metric = logit_diff_from_resid(model, clean.io_token, clean.s_token)
    heads = SETS["four"]
    end = site_positions(clean.positions.end)
    sites = [[Site("attn.hook_z", layer, head=head, position=end)] for layer, head in heads]
    base = unpatched(model, clean.tokens, metric)
    recomputed = base - path_patch(model, clean.tokens, corrupted.tokens, sites, [], metric)
    effects = direct_and_total_effects(model, clean, corrupted, heads, metric)
    attention, copies = role_attention(model, clean, "end", "io"), copy_score(model, clean, heads)
    return {
        f"{layer}.{head}": {
            "end to io": pair_interval(attention[layer, head]),
            "copies": pair_interval(copies[i]),
            "direct, MLPs recomputed": pair_interval(recomputed[i]),
            "direct, MLPs recomputed, standard errors": standard_errors(recomputed[i]),
            "direct, MLPs frozen": pair_interval(effects.direct[i]),
            "direct, MLPs frozen, standard errors": standard_errors(effects.direct[i]),
            "total": pair_interval(effects.total[i]),
        }
        for i, (layer, head) in enumerate(heads)
    }


@torch.no_grad()
def ablate_by_resampling(model: HookedTransformer, half: Half) -> dict[str, Any]:
    """Replace the outputs of each set at END by those on the ABC corruption."""
    clean, corrupted = half
    metric = logit_diff_from_resid(model, clean.io_token, clean.s_token)
    end = site_positions(clean.positions.end)
    sites = {
        name: [Site("attn.hook_z", layer, head=head, position=end) for layer, head in heads]
        for name, heads in SETS.items()
    }
    runs = {"abc": cache_sites(model, corrupted.tokens, sites["four"])}
    patches = [[Intervention.patch(site, "abc") for site in one] for one in sites.values()]
    base = unpatched(model, clean.tokens, metric)
    left = patch_sweep(model, clean.tokens, patches, metric, runs)
    return {
        name: {"left": pair_interval(one), "change": pair_interval(one - base)}
        for name, one in zip(sites, left, strict=True)
    }


def ablate_by_means(model: HookedTransformer, tokenizer: Any, half: Half) -> dict[str, Any]:
    """Replace the same outputs by ABC means, and test the circuits with 23.1 added."""
    evaluator = make_evaluator(model, tokenizer, half.clean)
    full = evaluator.full_model()
    found: dict[str, Any] = {"full model": pair_interval(full)}
    for name, heads in SETS.items():
        left = evaluator.ablate([Node(*head, "end") for head in heads])
        found[name] = {"left": pair_interval(left), "change": pair_interval(left - full)}
    classes: dict[str, Any] = {
        name: [tuple(map(int, head.split("."))) for head in heads]
        for name, heads in load()["classes"].items()
    }
    circuit = as_circuit(classes)
    fourth = Node(*FOURTH, "end")
    nodes = {
        "circuit": [node for members in circuit.values() for node in members],
        "explained": [n for name, one in circuit.items() if name != "unexplained" for n in one],
    }
    for name, one in nodes.items():
        found[name] = pair_interval(evaluator.keep_only(one))
        found[f"{name}, with 23.1"] = pair_interval(evaluator.keep_only([*one, fourth]))
    return found


def main() -> None:
    """Measure, and write the numbers."""
    model, tokenizer = load_pretrained("smollm2-135m")
    chosen, measured = draw_halves(tokenizer)
    numbers = {
        "model": WEIGHTS,
        "pairs": len(measured.clean.tokens) // 2,
        "on the choosing prompts": measure_heads(model, chosen),
        "on the measuring prompts": measure_heads(model, measured),
        "resampling": ablate_by_resampling(model, measured),
        "means": ablate_by_means(model, tokenizer, measured),
    }
    alt = "Head 23.1 next to the three name movers: attention, copying, effects and ablation."
    write_metadata(FIGURES / "ch07_fourth_mover.json", alt, [__file__], numbers, SEEDS)


if __name__ == "__main__":
    main()
