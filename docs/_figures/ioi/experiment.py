"""Find and test the IOI circuit of the real model: the main experiment of chapter 7.

`python -m docs._figures.ioi.experiment` takes about 25 minutes of one thread, continues after an
interruption, and writes docs/figures/ch07_circuit.json, from which chapter 7's figures are drawn.

1. Five seeds draw 40 prompts each: 20 to choose heads on and 20 to measure them on, with other
   names. Half of each are copies with swapped names.
2. Heads are found by path patching (search.py), then measured by attention, copying and ablation.
3. Their circuit is tested: faithful, complete, minimal, and against random circuits.
"""

from typing import Any, NamedTuple

import torch
from torch import Tensor

from docs._figures.ioi.circuit_tests import interval, run_circuit_tests
from docs._figures.lib.cached_steps import CachedSteps
from docs._figures.lib.figure_files import FIGURES, write_metadata
from solutions.ch02_transformer import load_pretrained
from solutions.ch05_patching import logit_diff, logit_diff_from_resid
from solutions.ch07_ioi import IOIPrompts, abc_corruption, draw_prompts, single_tokens
from solutions.ch07_ioi.counterfactuals import swap_names
from solutions.ch07_ioi.heads import (
    copy_score,
    direct_and_total_effects,
    role_attention,
    self_repair,
)
from solutions.ch07_ioi.prompts import RolePositions
from solutions.ch07_ioi.search import CircuitSearch
from solutions.ch07_ioi.sentences import NAMES

SEEDS = (0, 1, 2, 3, 4)
EACH = 20
"""Prompts per seed in each half."""
STEPS = 19
PATHS = (
    "solutions/ch05_patching/path.py",
    "solutions/ch05_patching/sweep.py",
    "solutions/ch05_patching/interventions.py",
    "solutions/ch07_ioi/prompts.py",
    "solutions/ch07_ioi/counterfactuals.py",
    "solutions/ch07_ioi/sentences.py",
    "solutions/ch07_ioi/heads.py",
    "solutions/ch07_ioi/search.py",
    "solutions/ch07_ioi/circuit.py",
)
"""The code that the numbers depend on."""
ATTENTION = (("end", "io"), ("end", "s2"), ("s2", "s1"), ("s2", "s1_next"), ("s1_next", "s1"))
"""(query, key) roles between which attention is measured."""


class Half(NamedTuple):
    """One half of the prompts."""

    clean: IOIPrompts
    """Prompts, of each seed first those drawn and then their copies with swapped names."""
    corrupted: IOIPrompts
    """Their ABC corruptions."""


def join(parts: list[IOIPrompts]) -> IOIPrompts:
    """Concatenate batches of prompts."""
    positions = RolePositions(
        *(torch.cat(one) for one in zip(*(p.positions for p in parts), strict=True))
    )
    fields = [torch.cat([getattr(p, name) for p in parts]) for name in IOIPrompts._fields[2:]]
    return IOIPrompts(torch.cat([p.tokens for p in parts]), positions, *fields)


def draw_halves(tokenizer: Any) -> list[Half]:
    """Draw the half for choosing and the half for measuring; they share no name.

    A prompt and its copy with swapped names have the same corruption, so that a preference for
    some names cancels.
    """
    names = list(single_tokens(tokenizer, NAMES))
    halves: list[list[Half]] = [[], []]
    for seed in SEEDS:
        generator = torch.Generator().manual_seed(seed)
        order = torch.randperm(len(names), generator=generator).tolist()
        for half in range(2):
            pool = [names[i] for i in order[half::2]]
            prompts = draw_prompts(tokenizer, EACH // 2, generator, names=pool)
            tokens = torch.tensor(list(single_tokens(tokenizer, pool).values()))
            corrupted = abc_corruption(prompts, tokens, generator)
            swapped = swap_names(prompts)
            halves[half].append(Half(prompts, corrupted))
            scored = corrupted._replace(io_token=swapped.io_token, s_token=swapped.s_token)
            halves[half].append(Half(swapped, scored))
    return [
        Half(join([part.clean for part in half]), join([part.corrupted for part in half]))
        for half in halves
    ]


def find(model: Any, half: Half, steps: CachedSteps) -> tuple[dict, dict]:
    """Find the classes of heads; return them with the effect of every head at every step."""
    clean, corrupted = half
    metric = logit_diff_from_resid(model, clean.io_token, clean.s_token)
    search = CircuitSearch(model, clean, corrupted, metric)
    effects = {"direct": steps("path to logits", search.effects_on_logits)}
    writers = search.classify_direct_heads(effects["direct"])
    movers = writers["name mover"]
    effects["queries"] = steps("path to queries", lambda: search.effects_on_queries(movers), movers)
    inhibitors = search.classify_query_heads(effects["queries"])
    readers = inhibitors["S-inhibition"] + writers.get("subject suppressor", [])
    effects["subject"] = steps("path to S2", lambda: search.effects_on_s2_readers(readers), readers)
    s2_heads = search.classify_s2_heads(effects["subject"])
    induction = s2_heads["induction"]
    effects["keys"] = steps("path to keys", lambda: search.effects_on_keys(induction), induction)
    found = (writers, inhibitors, s2_heads, search.classify_key_heads(effects["keys"]))
    return one_class_each(found, tuple(effects.values()), model.config.n_heads), effects


def one_class_each(found: tuple[dict, ...], effects: tuple[Tensor, ...], n_heads: int) -> dict:
    """Merge the classes of all steps: a head gets the class in which its effect is largest.

    Unexplained heads are kept only where they write to the answer; in the later steps many heads
    attend to none of the roles.
    """
    best: dict[tuple[int, int], tuple[float, str]] = {}
    for step, (classes, effect) in enumerate(zip(found, effects, strict=True)):
        for name, heads in classes.items():
            if step > 0 and name == "unexplained":
                continue
            for layer, head in heads:
                size = effect[layer * n_heads + head].mean().abs().item()
                if size > best.get((layer, head), (0.0, ""))[0]:
                    best[layer, head] = (size, name)
    names = {name for _, name in best.values()}
    order = [name for classes in found for name in classes if name in names]
    ranked = sorted(best, key=lambda head: -best[head][0])
    return {
        name: [head for head in ranked if best[head][1] == name] for name in dict.fromkeys(order)
    }


def measure(model: Any, half: Half, classes: dict, steps: CachedSteps) -> dict:
    """Measure each head on the other half: attention, copying, direct and total effects."""
    clean, corrupted = half
    metric = logit_diff_from_resid(model, clean.io_token, clean.s_token)
    heads = sorted({head for found in classes.values() for head in found})
    attention = {
        f"{query} to {key}": steps(
            f"{query} to {key}",
            lambda q=query, k=key: role_attention(model, clean, q, k),  # type: ignore[misc]
        )
        for query, key in ATTENTION
    }
    copies = steps(
        "copying", lambda: [copy_score(model, clean, heads, sign) for sign in (1, -1)], heads
    )
    direct, total = steps(
        "ablation",
        lambda: list(direct_and_total_effects(model, clean, corrupted, heads, metric)),
        heads,
    )
    return {
        f"{layer}.{head}": {
            **{name: interval(found[layer, head]) for name, found in attention.items()},
            "copies": interval(copies[0][i]),
            "copies negatively": interval(copies[1][i]),
            "direct": interval(direct[i]),
            "total": interval(total[i]),
            "self-repair": self_repair(direct[i], total[i]).item(),
        }
        for i, (layer, head) in enumerate(heads)
    }


@torch.no_grad()
def describe(model: Any, half: Half) -> dict[str, Any]:
    """Measure the model itself on one half."""
    clean = half.clean
    scores = [
        logit_diff(model(prompts.tokens)[:, -1], clean.io_token, clean.s_token) for prompts in half
    ]
    return {
        "clean": interval(scores[0]),
        "ABC": interval(scores[1]),
        "accuracy": (scores[0] > 0).float().mean().item(),
    }


def main() -> None:
    """Run all steps and write the numbers."""
    model, tokenizer = load_pretrained("smollm2-135m")
    chosen, measured = draw_halves(tokenizer)
    steps = CachedSteps("ioi", STEPS, [SEEDS, EACH], PATHS)
    numbers: dict[str, Any] = {
        "prompts": len(measured.clean.tokens),
        "chosen": describe(model, chosen),
        "measured": describe(model, measured),
    }
    classes, effects = find(model, chosen, steps)
    numbers["classes"] = {name: [f"{a}.{b}" for a, b in heads] for name, heads in classes.items()}
    numbers["effects"] = {name: found.mean(dim=1) for name, found in effects.items()}
    numbers["heads"] = measure(model, measured, classes, steps)
    numbers |= run_circuit_tests(model, tokenizer, measured.clean, classes, steps)
    alt = "The IOI circuit of SmolLM2-135M-Instruct: every number of chapter 7's main experiment."
    write_metadata(FIGURES / "ch07_circuit.json", alt, [*PATHS, __file__], numbers, SEEDS)


if __name__ == "__main__":
    main()
