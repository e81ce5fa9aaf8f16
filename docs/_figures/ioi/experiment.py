"""Finds and tests the IOI circuit of the real model, and writes every number that pages cite.

`python -m docs._figures.ioi.experiment` takes about 25 minutes of one thread, goes on after an
interruption, and writes docs/figures/ch07_circuit.json; the figures of chapter 7 draw from that.

1. Five seeds draw 40 prompts each: 20 on which heads are chosen, 20 on which they are measured,
   with other names. Half of each are mirror images of the other half.
2. Heads are found by path patching (search.py), then measured by attention, copying, ablation.
3. The circuit they make is tested: faithful, complete, minimal, and against random circuits.
"""

from typing import Any

import torch
from torch import Tensor

from docs._figures.ioi.circuit_tests import interval, test_circuit
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
"""Prompts of one seed in one half."""
STEPS = 19
SOURCES = ("ch05_patching/path.py", "ch05_patching/sweep.py", "ch05_patching/interventions.py")
CHAPTER = (
    "prompts.py",
    "counterfactuals.py",
    "sentences.py",
    "heads.py",
    "search.py",
    "circuit.py",
)
PATHS = [f"solutions/{name}" for name in SOURCES] + [f"solutions/ch07_ioi/{n}" for n in CHAPTER]


def join(parts: list[IOIPrompts]) -> IOIPrompts:
    """Several batches of prompts as one."""
    where = RolePositions(
        *(torch.cat(one) for one in zip(*(p.positions for p in parts), strict=True))
    )
    fields = [torch.cat([getattr(p, name) for p in parts]) for name in IOIPrompts._fields[2:]]
    return IOIPrompts(torch.cat([p.tokens for p in parts]), where, *fields)


def draw_halves(tokenizer: Any) -> list[tuple[IOIPrompts, IOIPrompts]]:
    """(prompts, ABC partners) for choosing and for measuring; the two halves share no name.

    A prompt and its mirror image have the same partner, so that a liking for names cancels.
    """
    names = list(single_tokens(tokenizer, NAMES))
    halves: list[list[tuple[IOIPrompts, IOIPrompts]]] = [[], []]
    for seed in SEEDS:
        generator = torch.Generator().manual_seed(seed)
        order = torch.randperm(len(names), generator=generator).tolist()
        for half in range(2):
            pool = [names[i] for i in order[half::2]]
            prompts = draw_prompts(tokenizer, EACH // 2, generator, names=pool)
            tokens = torch.tensor(list(single_tokens(tokenizer, pool).values()))
            partner = abc_corruption(prompts, tokens, generator)
            image = swap_names(prompts)
            halves[half].append((prompts, partner))
            halves[half].append(
                (image, partner._replace(io_token=image.io_token, s_token=image.s_token))
            )
    return [(join([c for c, _ in half]), join([p for _, p in half])) for half in halves]


def find(model: Any, half: tuple[IOIPrompts, IOIPrompts], steps: CachedSteps) -> tuple[dict, dict]:
    """Classes of heads, and the effect of every head at every step."""
    clean, partner = half
    search = CircuitSearch(
        model, clean, partner, logit_diff_from_resid(model, clean.io_token, clean.s_token)
    )
    effects = {"direct": steps("path to logits", search.effects_on_logits)}
    writers = search.classify_direct_heads(effects["direct"])
    movers = writers["name mover"]
    effects["queries"] = steps("path to queries", lambda: search.effects_on_queries(movers), movers)
    inhibitors = search.classify_query_heads(effects["queries"])
    readers = inhibitors["S-inhibition"] + writers.get("subject suppressor", [])
    effects["subject"] = steps("path to S2", lambda: search.effects_on_s2_readers(readers), readers)
    repeaters = search.classify_s2_heads(effects["subject"])
    inductive = repeaters["induction"]
    effects["keys"] = steps("path to keys", lambda: search.effects_on_keys(inductive), inductive)
    found = (writers, inhibitors, repeaters, search.classify_key_heads(effects["keys"]))
    return one_class_each(found, tuple(effects.values()), model.config.n_heads), effects


def one_class_each(found: tuple[dict, ...], effects: tuple[Tensor, ...], n_heads: int) -> dict:
    """Classes of all steps, a head in that one of them in which its effect is largest.

    Only those that write to the answer are kept without an explanation: behind them the heads that
    look at no role are too many to mean anything.
    """
    best: dict[tuple[int, int], tuple[float, str]] = {}
    for step, (classes, effect) in enumerate(zip(found, effects, strict=True)):
        for name, heads in classes.items():
            for layer, head in heads:
                size = effect[layer * n_heads + head].mean().abs().item()
                if (step == 0 or name != "unexplained") and size > best.get((layer, head), (0.0,))[
                    0
                ]:
                    best[layer, head] = (size, name)
    names = {name for _, name in best.values()}
    order = [name for classes in found for name in classes if name in names]
    ranked = sorted(best, key=lambda head: -best[head][0])
    return {
        name: [head for head in ranked if best[head][1] == name] for name in dict.fromkeys(order)
    }


def measure(
    model: Any, half: tuple[IOIPrompts, IOIPrompts], classes: dict, steps: CachedSteps
) -> dict:
    """Each head on the other prompts: where it looks, what it copies, what it costs."""
    clean, partner = half
    read = logit_diff_from_resid(model, clean.io_token, clean.s_token)
    heads = sorted({head for found in classes.values() for head in found})
    looks = {
        f"{query} to {key}": steps(
            f"{query} to {key}", lambda q=query, k=key: role_attention(model, clean, q, k)
        )
        for query, key in (
            ("end", "io"),
            ("end", "s2"),
            ("s2", "s1"),
            ("s2", "s1_next"),
            ("s1_next", "s1"),
        )
    }
    copies = steps(
        "copying", lambda: [copy_score(model, clean, heads, sign) for sign in (1, -1)], heads
    )
    direct, total = steps(
        "ablation", lambda: direct_and_total_effects(model, clean, partner, heads, read), heads
    )
    return {
        f"{layer}.{head}": {
            **{name: interval(found[layer, head]) for name, found in looks.items()},
            "copies": interval(copies[0][i]),
            "copies negatively": interval(copies[1][i]),
            "direct": interval(direct[i]),
            "total": interval(total[i]),
            "self-repair": self_repair(direct[i], total[i]).item(),
        }
        for i, (layer, head) in enumerate(heads)
    }


def main() -> None:
    """Run all steps, and write the numbers."""
    model, tokenizer = load_pretrained("smollm2-135m")
    chosen, measured = draw_halves(tokenizer)
    steps = CachedSteps("ioi", STEPS, [SEEDS, EACH], PATHS)
    numbers: dict[str, Any] = {"prompts": len(measured[0].tokens)}
    for name, (clean, partner) in (("chosen", chosen), ("measured", measured)):
        with torch.no_grad():
            scores = [
                logit_diff(model(p.tokens)[:, -1], clean.io_token, clean.s_token)
                for p in (clean, partner)
            ]
        numbers[name] = {
            "clean": interval(scores[0]),
            "ABC": interval(scores[1]),
            "accuracy": (scores[0] > 0).float().mean().item(),
        }
    classes, effects = find(model, chosen, steps)
    numbers["classes"] = {name: [f"{a}.{b}" for a, b in heads] for name, heads in classes.items()}
    numbers["effects"] = {name: found.mean(dim=1) for name, found in effects.items()}
    numbers["heads"] = measure(model, measured, classes, steps)
    numbers |= test_circuit(model, tokenizer, measured[0], classes, steps)
    alt = "The IOI circuit of SmolLM2-135M-Instruct: every number of chapter 7's flagship."
    write_metadata(FIGURES / "ch07_circuit.json", alt, [*PATHS, __file__], numbers, SEEDS)


if __name__ == "__main__":
    main()
