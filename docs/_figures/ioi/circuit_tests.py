"""Test a circuit of the real model: faithfulness, completeness, minimality, random circuits.

Part of experiment.py, which passes prompts on which no head was chosen.
Intervals resample mirror pairs: a prompt and its copy with swapped names are one draw.
"""

import functools
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor

from docs._figures.ioi.circuit_sweep import CircuitSweep
from docs._figures.lib.cached_steps import CachedSteps
from solutions.ch00_looking import bootstrap_interval
from solutions.ch05_patching import logit_diff_from_resid
from solutions.ch07_ioi import IOIPrompts, abc_corruption, draw_prompts, single_tokens
from solutions.ch07_ioi.circuit import ROLE_OF_CLASS, CircuitEvaluator, Node, abc_means
from solutions.ch07_ioi.counterfactuals import mirror_pairs
from solutions.ch07_ioi.heads import average_pairs
from solutions.ch07_ioi.sentences import NAMES

N_ABC, N_SMALL, N_FEW, N_GREEDY, N_RANDOM = 780, 40, 20, 16, 20
"""ABC prompts for means; prompts for sets K, for random circuits, and for greedy sets; number of
random circuits and sets."""
WRITERS = ("name mover", "negative name mover", "subject suppressor")
Circuit = dict[str, list[Node]]


def interval(values: Tensor) -> list[float]:
    """Compute the mean over draws with its 95 % bootstrap interval: [low, mean, high]."""
    generator = torch.Generator().manual_seed(0)
    return list(bootstrap_interval(values.flatten().float(), 2000, 0.95, generator))


def pair_interval(values: Tensor, prompts: IOIPrompts) -> list[float]:
    """Compute the mean over prompts with its 95 % interval, resampling mirror pairs."""
    return interval(average_pairs(values.float(), mirror_pairs(prompts)))


def as_circuit(classes: dict[str, list[tuple[int, int]]]) -> Circuit:
    """Place heads at the positions where their classes work; unexplained heads write at END."""
    return {
        name: [Node(layer, head, ROLE_OF_CLASS.get(name, "end")) for layer, head in heads]
        for name, heads in classes.items()
    }


def make_evaluator(
    model: Any, tokenizer: Any, prompts: IOIPrompts, steps: CachedSteps
) -> CircuitEvaluator:
    """Make an evaluator with means over ABC prompts of other sentences and names."""
    generator = torch.Generator().manual_seed(99)
    names = torch.tensor(list(single_tokens(tokenizer, NAMES).values()))
    drawn = draw_prompts(tokenizer, N_ABC, generator)
    corrupted = abc_corruption(drawn, names, generator)
    means = steps("means", lambda: abc_means(model, corrupted, prompts.template), N_ABC)
    metric = logit_diff_from_resid(model, prompts.io_token, prompts.s_token)
    return CircuitEvaluator(model, prompts, means, metric)


def select_pairs(prompts: IOIPrompts, n: int) -> Tensor:
    """Return the indices of n prompts in whole mirror pairs, evenly spaced in the batch."""
    pair = mirror_pairs(prompts)
    kept = torch.linspace(0, int(pair.max()), n // 2).round().long()
    return torch.isin(pair, kept).nonzero()[:, 0]


def subset(evaluator: CircuitEvaluator, n: int) -> CircuitEvaluator:
    """Restrict an evaluator to n prompts, evenly spaced in its batch."""
    chosen = select_pairs(evaluator.prompts, n)
    prompts = evaluator.prompts.select(chosen)
    metric = logit_diff_from_resid(evaluator.model, prompts.io_token, prompts.s_token)
    return CircuitEvaluator(evaluator.model, prompts, evaluator.means[:, chosen], metric)


def draw_like(
    model: Any,
    like: Iterable[Node],
    generator: torch.Generator,
    outside: Iterable[Node] = (),
) -> list[Node]:
    """Draw heads at random, as many at each role as a circuit has, none of them in `outside`."""
    roles, found = [node.position_role for node in like], []
    taken = set(outside)
    for role in sorted(set(roles)):
        order = torch.randperm(len(model.blocks) * model.config.n_heads, generator=generator)
        drawn = [Node(*divmod(i, model.config.n_heads), role) for i in order.tolist()]  # type: ignore[call-arg]
        found += [node for node in drawn if node not in taken][: roles.count(role)]
    return found


def greedy_set(
    circuit: CircuitSweep, model: CircuitSweep, nodes: list[Node], seed: int, sample: int = 3
) -> list:
    """Search a set K with a large incompleteness, as the paper does.

    Start empty, add the one of `sample` random nodes that raises the incompleteness most, and stop
    when none does. The nodes are plain lists, which the cache keeps.
    """

    def gap(removed: list[Node]) -> float:
        return abs((circuit.without(removed) - model.without(removed)).mean().item())

    generator = torch.Generator().manual_seed(seed)
    removed: list[Node] = []
    worst = gap(removed)
    for _ in range(6):
        left = [node for node in nodes if node not in removed]
        picked = torch.randperm(len(left), generator=generator)[:sample].tolist()
        scores = {left[i]: gap([*removed, left[i]]) for i in picked}
        best = max(scores, key=lambda node: scores[node])
        if scores[best] <= worst:
            break
        worst, removed = scores[best], [*removed, best]
    return [list(node) for node in removed]


def run_circuit_tests(
    model: Any, evaluator: CircuitEvaluator, circuit: Circuit, steps: CachedSteps
) -> dict:
    """Run all tests of a circuit."""
    nodes = [node for members in circuit.values() for node in members]
    explained = [node for name, one in circuit.items() if name != "unexplained" for node in one]
    small, few, tiny = (subset(evaluator, n) for n in (N_SMALL, N_FEW, N_GREEDY))
    sweep = functools.cache(lambda: CircuitSweep(small, nodes))
    generator = torch.Generator().manual_seed(0)
    scores = steps(
        "faithful",
        lambda: [
            evaluator.full_model(),
            evaluator.keep_only(nodes),
            evaluator.keep_only(explained),
            evaluator.ablate_all(),
        ],
        [nodes, explained],
    )
    drawn = [draw_like(model, nodes, generator) for _ in range(N_RANDOM)]
    chance = steps("random circuits", lambda: [few.keep_only(one).mean() for one in drawn], nodes)
    minimal = steps("minimal", lambda: minimal_sets(sweep(), circuit), nodes)
    found = steps("greedy sets", lambda: greedy_sets(tiny, nodes), nodes)
    sets = sets_to_remove(circuit, generator)
    sets |= {f"greedy {i}": [Node(*node) for node in one] for i, one in enumerate(found)}
    null = {
        f"outside, as many as {name}": draw_like(model, members, generator, nodes)
        for name, members in circuit.items()
    }
    complete = steps("complete", lambda: complete_sets(sweep(), sets, null), [nodes, found])
    names = ("whole", "circuit", "explained", "nothing")
    return {
        **{
            name: pair_interval(one, evaluator.prompts)
            for name, one in zip(names, scores, strict=True)
        },
        "random circuits": chance,
        "completeness": complete,
        "greedy sets": found,
        "minimality": minimal,
        "n_nodes": len(nodes),
        "n_explained": len(explained),
    }


def greedy_sets(evaluator: CircuitEvaluator, nodes: list[Node]) -> list[list]:
    """Search three sets K."""
    circuit, model = CircuitSweep(evaluator, nodes), CircuitSweep(evaluator, None)
    return [greedy_set(circuit, model, nodes, seed) for seed in range(3)]


def sets_to_remove(circuit: Circuit, generator: torch.Generator) -> Circuit:
    """List the sets K: every class, and random sets that hold each node with probability 1/2."""
    nodes = [node for members in circuit.values() for node in members]
    taken = (torch.rand(N_RANDOM, len(nodes), generator=generator) < 0.5).tolist()
    return circuit | {
        f"random {i}": [node for node, take in zip(nodes, one, strict=True) if take]
        for i, one in enumerate(taken)
    }


def complete_sets(circuit: CircuitSweep, sets: Circuit, null: Circuit) -> dict[str, Any]:
    """Measure circuit and model without every set K, and the model without sets outside of it."""
    evaluator = circuit.evaluator
    model = CircuitSweep(evaluator, None)
    full = model.without([])
    found: dict[str, Any] = {"whole": pair_interval(full, evaluator.prompts)}
    for name, removed in (sets | null).items():
        left = model.without(removed)
        found[name] = {"change": pair_interval(left - full, evaluator.prompts)}
        if name in sets:
            kept = circuit.without(removed)
            found[name] |= {
                "scores": [kept.mean().item(), left.mean().item()],
                "gap": pair_interval(left - kept, evaluator.prompts),
            }
    return found


def minimal_sets(sweep: CircuitSweep, circuit: Circuit) -> dict[str, Any]:
    """Measure the largest change that each node makes over three sets K, and name that set.

    K is empty, the rest of the node's class, or that and all heads that write to the answer.
    """
    found = {}
    writers = [node for name in WRITERS for node in circuit.get(name, [])]
    for members in circuit.values():
        for node in members:
            rest = [other for other in members if other != node]
            more = rest + [other for other in writers if other not in members]
            choices = {"nothing": [], "its class": rest, "its class and the writers": more}
            changes = {
                label: sweep.without([*removed, node]) - sweep.without(removed)
                for label, removed in choices.items()
            }
            best = max(changes, key=lambda label: abs(changes[label].mean().item()))
            low, mean, high = pair_interval(changes[best], sweep.evaluator.prompts)
            size = [low, mean, high] if mean >= 0 else [-high, -mean, -low]
            key = f"{node.layer}.{node.head} {node.position_role}"
            found[key] = {"change": size, "removed": best}
    return found
