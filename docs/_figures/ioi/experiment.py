"""Find and test the IOI circuit of the real model: the main experiment of chapter 7.

`python -m docs._figures.ioi.experiment` takes about 25 minutes of one thread, continues after an
interruption, and writes docs/figures/ch07_circuit.json and ch07_paths.json, from which chapter 7's
figures are drawn.
A change of the rule that selects heads keeps the measured effects (fingerprint.py).

1. Five seeds draw 40 prompts each: 20 to choose heads on and 20 to measure them on, with other
   names. Half of each are copies with swapped names.
2. Heads are found by path patching (search.py), then measured by attention, copying and ablation.
3. The name movers are ablated alone and together (name_movers.py).
4. The circuit is tested: faithful, complete, minimal, and against random circuits.

A prompt and its copy with swapped names are one draw: all intervals resample such pairs.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor

from docs._figures.ioi.circuit_tests import (
    as_circuit,
    make_evaluator,
    pair_interval,
    run_circuit_tests,
)
from docs._figures.ioi.fingerprint import behaviour_hash, prompt_hash
from docs._figures.ioi.name_movers import run_mover_tests
from docs._figures.ioi.paths import measure_paths
from docs._figures.ioi.shared_runs import SharedRuns
from docs._figures.ioi.style import WEIGHTS
from docs._figures.lib.cached_steps import CachedSteps
from docs._figures.lib.figure_files import FIGURES, hash_sources, write_metadata
from solutions.ch02_transformer import Site, load_pretrained
from solutions.ch05_patching import logit_diff_from_resid
from solutions.ch05_patching.metrics import unpatched
from solutions.ch07_ioi import IOIPrompts, abc_corruption, draw_prompts, single_tokens
from solutions.ch07_ioi.counterfactuals import mirror_pairs, swap_names
from solutions.ch07_ioi.heads import (
    average_pairs,
    copy_score,
    role_attentions,
    self_repair,
    site_positions,
)
from solutions.ch07_ioi.prompts import RolePositions
from solutions.ch07_ioi.search import CircuitSearch, PathEffects
from solutions.ch07_ioi.sentences import NAMES

SEEDS = (0, 1, 2, 3, 4)
EACH = 20
"""Prompts per seed in each half."""
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
HERE = tuple(
    f"docs/_figures/ioi/{name}.py"
    for name in ("circuit_sweep", "circuit_tests", "name_movers", "shared_runs")
)
"""The code of the tests of the circuit."""
N_NULL = 200
"""Draws of random signs."""
ATTENTION = {"end": ("io", "s1", "s1_next", "s2"), "s2": ("s1", "s1_next"), "s1_next": ("s1",)}
"""Query role -> key roles to which attention is measured."""


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
    """Find the classes of heads; return them with the effects and the heads of every step."""
    clean, corrupted = half
    metric = logit_diff_from_resid(model, clean.io_token, clean.s_token)
    search = CircuitSearch(model, clean, corrupted, metric)

    def step(name: str, measure: Callable[[], PathEffects], given: Any = None) -> PathEffects:
        return PathEffects(*steps(name, lambda: list(measure()), given))

    effects = {"direct": step("path to logits", search.effects_on_logits)}
    writers = search.classify_direct_heads(effects["direct"])
    movers = sorted(writers["name mover"])
    effects["queries"] = step("path to queries", lambda: search.effects_on_queries(movers), movers)
    inhibitors = search.classify_query_heads(effects["queries"])
    readers = sorted(inhibitors["S-inhibition"] + writers.get("subject suppressor", []))
    effects["subject"] = step("path to S2", lambda: search.effects_on_s2_readers(readers), readers)
    s2_heads = search.classify_s2_heads(effects["subject"])
    induction = sorted(s2_heads["induction"])
    effects["keys"] = step("path to keys", lambda: search.effects_on_keys(induction), induction)
    found = (writers, inhibitors, s2_heads, search.classify_key_heads(effects["keys"]))
    selected = [search.significant(one) for one in effects.values()]
    classes = one_class_each(found, selected, model.config.n_heads)
    return classes, {name: summarize(one, search) for name, one in effects.items()}


def one_class_each(
    found: tuple[dict, ...], effects: list[dict[int, float]], n_heads: int
) -> dict[str, list[tuple[int, int]]]:
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
                size = abs(effect[layer * n_heads + head])
                if size > best.get((layer, head), (0.0, ""))[0]:
                    best[layer, head] = (size, name)
    names = {name for _, name in best.values()}
    order = [name for classes in found for name in classes if name in names]
    ranked = sorted(best, key=lambda head: -best[head][0])
    return {
        name: [head for head in ranked if best[head][1] == name] for name in dict.fromkeys(order)
    }


def summarize(effects: PathEffects, search: CircuitSearch) -> dict[str, Any]:
    """List the means of all heads, and for screened ones both ways with their standard errors."""
    n_heads, selected = search.model.config.n_heads, search.significant(effects)
    screened = {}
    for row, sender in enumerate(effects.screened.tolist()):
        layer, head = divmod(sender, n_heads)
        ways = {"recomputed": effects.recomputed[row], "frozen": effects.frozen[row]}
        screened[f"{layer}.{head}"] = {
            "selected": sender in selected,
            **{way: {"mean": one.mean(), "z": standard_errors(one)} for way, one in ways.items()},
        }
    return {
        "means": effects.means,
        "screened": screened,
        "selected with random signs": select_by_chance(effects, search),
    }


def select_by_chance(effects: PathEffects, search: CircuitSearch) -> dict[str, float]:
    """Count the heads that the rule selects when each pair's effect has a random sign.

    A control: such effects have the same sizes and no mean.
    """
    generator, counts = torch.Generator().manual_seed(0), []
    for _ in range(N_NULL):
        sign = torch.randint(2, (effects.recomputed.shape[1],), generator=generator) * 2 - 1
        null = effects._replace(recomputed=effects.recomputed * sign, frozen=effects.frozen * sign)
        counts.append(len(search.significant(null)))
    return {"mean": sum(counts) / N_NULL, "most": max(counts)}


def standard_errors(pairs: Tensor) -> float:
    """Divide the mean by its standard error; 0 where nothing varies."""
    error = pairs.std() / len(pairs) ** 0.5
    return (pairs.mean() / error).item() if error else 0.0


def measure_attention(model: Any, clean: IOIPrompts, steps: CachedSteps) -> dict[str, Tensor]:
    """Measure the attention of every head between roles: "end to io" -> [layer, head, batch]."""
    attention: dict[str, Tensor] = {}
    for query, keys in ATTENTION.items():
        found = steps(query, lambda q=query, k=keys: role_attentions(model, clean, q, k))  # type: ignore[misc]
        attention |= {f"{query} to {key}": one for key, one in zip(keys, found, strict=True)}
    return attention


def measure(
    model: Any,
    clean: IOIPrompts,
    classes: dict,
    runs: SharedRuns,
    attention: dict[str, Tensor],
    steps: CachedSteps,
) -> dict:
    """Measure each head on the other half: attention, copying, direct and total effects."""
    heads = sorted({head for found in classes.values() for head in found})
    copies = steps(
        "copying", lambda: [copy_score(model, clean, heads, sign) for sign in (1.0, -1.0)], heads
    )
    end = site_positions(clean.positions.end)
    sites = [[Site("attn.hook_z", layer, head=head, position=end)] for layer, head in heads]
    direct, recomputed, total = steps(
        "losses",
        lambda: [
            runs.path_losses(sites, [], "frozen"),
            runs.path_losses(sites, []),
            runs.total_losses(sites),
        ],
        heads,
    )
    pair = mirror_pairs(clean)
    return {
        f"{layer}.{head}": {
            **{name: pair_interval(of[layer, head], clean) for name, of in attention.items()},
            "copies": pair_interval(copies[0][i], clean),
            "copies negatively": pair_interval(copies[1][i], clean),
            "direct": pair_interval(direct[i], clean),
            "direct, standard errors": standard_errors(average_pairs(direct[i], pair)),
            "direct, MLPs recomputed": pair_interval(recomputed[i], clean),
            "direct, MLPs recomputed, standard errors": standard_errors(
                average_pairs(recomputed[i], pair)
            ),
            "total": pair_interval(total[i], clean),
            "self-repair": self_repair(direct[i], total[i]).item(),
        }
        for i, (layer, head) in enumerate(heads)
    }


def share_runs(model: Any, half: Half) -> SharedRuns:
    """Run the prompts of one half once, for all paths that are measured on them."""
    clean, corrupted = half
    metric = logit_diff_from_resid(model, clean.io_token, clean.s_token)
    return SharedRuns(model, clean, corrupted, metric)


def score(model: Any, half: Half) -> list[Tensor]:
    """Compute the logit difference of the clean and the corrupted prompts of one half."""
    metric = logit_diff_from_resid(model, half.clean.io_token, half.clean.s_token)
    return [unpatched(model, prompts.tokens, metric) for prompts in half]


def describe(half: Half, scores: list[Tensor]) -> dict[str, Any]:
    """Summarise the model's logit differences on one half."""
    return {
        "clean": pair_interval(scores[0], half.clean),
        "ABC": pair_interval(scores[1], half.clean),
        "accuracy": (scores[0] > 0).float().mean().item(),
    }


def main() -> None:
    """Run all steps and write the numbers."""
    sources = hash_sources([*PATHS, *HERE, __file__])
    model, tokenizer = load_pretrained("smollm2-135m")
    chosen, measured = draw_halves(tokenizer)
    behaviour = behaviour_hash()
    given = [WEIGHTS, behaviour, *(prompt_hash(one) for one in (*chosen, *measured))]
    steps = CachedSteps("ioi", 10, given, [])
    tests = CachedSteps("ioi tests", 13, given, HERE)
    classes, found = find(model, chosen, steps)
    heads = {name: sorted(members) for name, members in classes.items()}
    clean, runs = measured.clean, share_runs(model, measured)
    attention = measure_attention(model, clean, steps)
    evaluator = make_evaluator(model, tokenizer, clean, steps)
    circuit = as_circuit(heads)
    nodes = [node for members in circuit.values() for node in members]
    numbers: dict[str, Any] = {
        "prompts": len(clean.tokens),
        "pairs": int(mirror_pairs(clean).max()) + 1,
        "behaviour": behaviour,
        "chosen": describe(chosen, steps("scores", lambda: score(model, chosen), "chosen")),
        "measured": describe(measured, steps("scores", lambda: score(model, measured), "measured")),
        "classes": {name: [f"{a}.{b}" for a, b in members] for name, members in classes.items()},
        "steps": found,
        "heads": measure(model, clean, heads, runs, attention, tests),
        "movers": run_mover_tests(evaluator, runs, circuit["name mover"], nodes, tests),
        **run_circuit_tests(model, evaluator, circuit, tests),
    }
    alt = "The IOI circuit of SmolLM2-135M-Instruct: every number of chapter 7's main experiment."
    write_metadata(FIGURES / "ch07_circuit.json", alt, sources, numbers, SEEDS)
    paths = measure_paths(model, clean, heads, runs, attention, tests)
    alt = "Effects of the circuit's heads along their paths, on prompts of the other half."
    write_metadata(FIGURES / "ch07_paths.json", alt, sources, {"model": WEIGHTS, **paths}, SEEDS)


if __name__ == "__main__":
    main()
