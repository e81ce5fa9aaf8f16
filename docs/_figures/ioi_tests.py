"""Tests a circuit of the real model: faithful, complete, minimal, next to random circuits.

Part of ioi_run.py, which gives it prompts on which no head was chosen.
"""

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor

from docs._figures.steps import Steps
from solutions.ch00_looking import bootstrap_interval
from solutions.ch05_patching import read_logit_diff
from solutions.ch07_ioi import NAMES, Prompts, abc, draw_prompts, single_tokens
from solutions.ch07_ioi.circuit import POSITION_OF, Node, Task, reference

N_ABC, N_SMALL, N_GREEDY, N_RANDOM = 780, 64, 16, 20
"""ABC prompts for means; prompts for sets K; prompts for greedy sets; random circuits and sets."""
Circuit = dict[str, list[Node]]


def interval(values: Tensor) -> list[float]:
    """Mean over prompts with its 95 % bootstrap interval: [low, mean, high]."""
    generator = torch.Generator().manual_seed(0)
    return list(bootstrap_interval(values.flatten().float(), 2000, 0.95, generator))


def as_circuit(classes: dict[str, list[tuple[int, int]]]) -> Circuit:
    """Heads at the positions where their classes work; unexplained heads write at END."""
    return {
        name: [Node(layer, head, POSITION_OF.get(name, "end")) for layer, head in heads]
        for name, heads in classes.items()
    }


def make_task(model: Any, tokenizer: Any, prompts: Prompts) -> Task:
    """A task with means over ABC prompts of their own: other sentences, names drawn anew."""
    generator = torch.Generator().manual_seed(99)
    names = torch.tensor(list(single_tokens(tokenizer, NAMES).values()))
    drawn = draw_prompts(tokenizer, N_ABC, generator)
    means = reference(model, abc(drawn, names, generator), prompts.template)
    return Task(model, prompts, means, read_logit_diff(model, prompts.io, prompts.s))


def part(task: Task, n: int) -> Task:
    """The same task on n prompts spread over all of them."""
    chosen = torch.linspace(0, len(task.prompts.tokens) - 1, n).round().long()
    prompts = task.prompts.select(chosen)
    read = read_logit_diff(task.model, prompts.io, prompts.s)
    return Task(task.model, prompts, task.means[:, chosen], read)


def random_circuit(model: Any, like: Iterable[Node], generator: torch.Generator) -> list[Node]:
    """As many nodes at each role, of heads drawn at random."""
    roles, found = [node.role for node in like], []
    for role in sorted(set(roles)):
        order = torch.randperm(len(model.blocks) * model.config.n_heads, generator=generator)
        picked = order[: roles.count(role)].tolist()
        found += [Node(*divmod(number, model.config.n_heads), role) for number in picked]
    return found


def greedy(task: Task, nodes: list[Node], generator: torch.Generator, sample: int = 5) -> list[Node]:
    """A set K that the circuit fails on: at each step the worst of a few random candidates.

    As in the paper: start empty, add of `sample` random nodes the one that raises the
    incompleteness most, and stop when none does.
    """
    gone: list[Node] = []
    worst = gap(task, nodes, gone)
    for _ in range(len(nodes) // 2):
        left = [node for node in nodes if node not in gone]
        picked = torch.randperm(len(left), generator=generator)[:sample].tolist()
        scores = {left[i]: gap(task, nodes, [*gone, left[i]]) for i in picked}
        best = max(scores, key=lambda node: scores[node])
        if scores[best] <= worst:
            break
        worst, gone = scores[best], [*gone, best]
    return gone


def gap(task: Task, nodes: list[Node], gone: list[Node]) -> float:
    """Incompleteness for this K."""
    return abs(pair(task, nodes, gone)[0] - pair(task, nodes, gone)[1])


def pair(task: Task, nodes: list[Node], gone: list[Node]) -> list[float]:
    """F of the circuit without K, and F of the model without K."""
    left = [node for node in nodes if node not in gone]
    broken = task.only(left) if left else task.nothing()
    return [broken.mean().item(), task.without(gone).mean().item()]


def test_circuit(model: Any, tokenizer: Any, prompts: Prompts, classes: dict, steps: Steps) -> dict:
    """All tests of the circuit that these classes make."""
    circuit = as_circuit(classes)
    nodes = [node for members in circuit.values() for node in members]
    task = make_task(model, tokenizer, prompts)
    small, tiny = part(task, N_SMALL), part(task, N_GREEDY)
    generator = torch.Generator().manual_seed(0)
    scores = steps("faithful", lambda: [task.whole(), task.only(nodes), task.nothing()], nodes)
    drawn = [random_circuit(model, nodes, generator) for _ in range(N_RANDOM)]
    chance = steps("random circuits", lambda: [small.only(one).mean() for one in drawn], nodes)
    sets = {name: members for name, members in circuit.items()}
    subsets = (torch.rand(N_RANDOM, len(nodes), generator=generator) < 0.5).tolist()
    sets |= {
        f"random {i}": [node for node, take in zip(nodes, one, strict=True) if take]
        for i, one in enumerate(subsets)
    }
    complete = steps("complete", lambda: {n: pair(small, nodes, gone) for n, gone in sets.items()}, nodes)
    found = steps(
        "greedy sets",
        lambda: [[list(n) for n in greedy(tiny, nodes, torch.Generator().manual_seed(i))] for i in range(5)],
        nodes,
    )
    worst = {f"greedy {i}": pair(small, nodes, [Node(*n) for n in one]) for i, one in enumerate(found)}
    minimal = steps("minimal", lambda: minimal_sets(small, circuit), nodes)
    return {
        "whole": interval(scores[0]),
        "circuit": interval(scores[1]),
        "nothing": interval(scores[2]),
        "random circuits": chance,
        "completeness": complete | worst,
        "greedy sets": found,
        "minimality": minimal,
        "n_nodes": len(nodes),
    }


def minimal_sets(task: Task, circuit: Circuit) -> dict[str, Any]:
    """For each node the largest change that it makes, over sets K built from the classes.

    K is nothing, the rest of the node's class, or that with one other class.
    """
    nodes, found = [node for members in circuit.values() for node in members], {}
    before: dict[tuple, float] = {}
    for name, members in circuit.items():
        for node in members:
            rest = [other for other in members if other != node]
            choices = {"nothing": [], "its class": rest}
            choices |= {f"its class, {n}": rest + m for n, m in circuit.items() if n != name}
            best = (0.0, "nothing")
            for label, gone in choices.items():
                after = changed(task, nodes, [*gone, node], before)
                change = abs(after - changed(task, nodes, gone, before))
                best = max(best, (change, label))
            found[f"{node.layer}.{node.head} {node.role}"] = list(best)
    return found


def changed(task: Task, nodes: list[Node], gone: list[Node], before: dict[tuple, float]) -> float:
    """F of the circuit without these nodes; computed once for each set."""
    key = tuple(sorted(gone))
    if key not in before:
        left = [node for node in nodes if node not in gone]
        before[key] = (task.only(left) if left else task.nothing()).mean().item()
    return before[key]
