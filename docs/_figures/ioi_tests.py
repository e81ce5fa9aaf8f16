"""Tests a circuit of the real model: faithful, complete, minimal, next to random circuits.

Part of ioi_run.py, which gives it prompts on which no head was chosen.
"""

from collections.abc import Iterable
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from docs._figures.steps import Steps
from solutions.ch00_looking import bootstrap_interval
from solutions.ch03_circuits.decompose import freeze_norm, head_shares, logit_direction
from solutions.ch05_patching import read_logit_diff
from solutions.ch07_ioi import Prompts, abc, draw_prompts, single_tokens
from solutions.ch07_ioi.circuit import POSITION_OF, Node, Task, keep_mask, reference
from solutions.ch07_ioi.sentences import NAMES

N_ABC, N_SMALL, N_GREEDY, N_RANDOM = 780, 64, 16, 20
"""ABC prompts for means; prompts for sets K; prompts for greedy sets; random circuits and sets."""
WRITERS = ("name mover", "negative name mover", "subject suppressor")
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


def greedy(
    task: Task, nodes: list[Node], generator: torch.Generator, sample: int = 3
) -> list[Node]:
    """A set K that the circuit fails on: at each step the worst of a few random candidates.

    As in the paper: start empty, add of `sample` random nodes the one that raises the
    incompleteness most, and stop when none does.
    """
    gone: list[Node] = []
    worst = gap(task, nodes, gone)
    for _ in range(6):
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
    circuit, model = pair(task, nodes, gone)
    return abs(circuit - model)


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
    explained = [node for name, one in circuit.items() if name != "unexplained" for node in one]
    plain = steps("explained heads only", lambda: task.only(explained), explained)
    movers = circuit["name mover"]
    backup = steps("backup", lambda: [shares(task, gone) for gone in ([], movers)], movers)
    drawn = [random_circuit(model, nodes, generator) for _ in range(N_RANDOM)]
    chance = steps("random circuits", lambda: [small.only(one).mean() for one in drawn], nodes)
    sets = sets_to_remove(circuit, generator)
    complete = steps(
        "complete", lambda: {n: pair(small, nodes, gone) for n, gone in sets.items()}, nodes
    )
    found = steps(
        "greedy sets", lambda: [greedy_set(tiny, nodes, seed) for seed in range(3)], nodes
    )
    worst = {
        f"greedy {i}": pair(small, nodes, [Node(*n) for n in one]) for i, one in enumerate(found)
    }
    minimal = steps("minimal", lambda: minimal_sets(small, circuit), nodes)
    return {
        "whole": interval(scores[0]),
        "circuit": interval(scores[1]),
        "nothing": interval(scores[2]),
        "explained": interval(plain),
        "without name movers": interval(steps("no movers", lambda: task.without(movers), movers)),
        "backup": rising(*backup, movers),
        "random circuits": chance,
        "completeness": complete | worst,
        "greedy sets": found,
        "minimality": minimal,
        "n_nodes": len(nodes),
    }


def sets_to_remove(circuit: Circuit, generator: torch.Generator) -> Circuit:
    """The sets K: every class, and random ones that hold each node with probability one half."""
    nodes = [node for members in circuit.values() for node in members]
    taken = (torch.rand(N_RANDOM, len(nodes), generator=generator) < 0.5).tolist()
    return circuit | {
        f"random {i}": [node for node, take in zip(nodes, one, strict=True) if take]
        for i, one in enumerate(taken)
    }


def greedy_set(task: Task, nodes: list[Node], seed: int) -> list[list]:
    """A greedy set K as plain lists, which the cache keeps."""
    return [list(node) for node in greedy(task, nodes, torch.Generator().manual_seed(seed))]


@torch.no_grad()
def shares(task: Task, gone: list[Node]) -> Float[Tensor, "layer head batch"]:
    """Each head's direct share of the logit difference at END, with some nodes knocked out."""
    model, prompts = task.model, task.prompts
    names = [f"blocks.{layer}.attn.hook_z" for layer in range(len(model.blocks))]
    with model.hooks(task.hooks(~keep_mask(model, prompts, gone))):
        _, cache = model.run_with_cache(
            prompts.tokens, names=[*names, "ln_final.hook_scale"], positions=[-1]
        )
    direction = logit_direction(model, prompts.io[:, None], prompts.s[:, None])
    scale = cache["ln_final.hook_scale"]
    read = freeze_norm(direction[None], model.ln_final, scale)[0]
    found = [
        head_shares(cache[name], block.attn.W_O, read)[:, 0].T
        for name, block in zip(names, model.blocks, strict=True)
    ]
    return torch.stack(found)


def rising(before: Tensor, after: Tensor, gone: list[Node]) -> dict[str, list[list[float]]]:
    """The heads whose direct share rises most when the name movers go: before, after, rise."""
    rise = (after - before).mean(dim=-1)
    for node in gone:
        rise[node.layer, node.head] = -torch.inf
    found = {}
    for number in rise.flatten().argsort(descending=True)[:10].tolist():
        a, b = divmod(number, rise.shape[1])
        found[f"{a}.{b}"] = [interval(x[a, b]) for x in (before, after, after - before)]
    return found


def minimal_sets(task: Task, circuit: Circuit) -> dict[str, Any]:
    """For each node the largest change that it makes, over three sets K, and which one it was.

    K is nothing, the rest of the node's class, or that and all that write to the answer.
    """
    nodes, found = [node for members in circuit.values() for node in members], {}
    writers = [node for name in WRITERS for node in circuit.get(name, [])]
    before: dict[tuple, float] = {}
    for members in circuit.values():
        for node in members:
            rest = [other for other in members if other != node]
            more = rest + [other for other in writers if other not in members]
            choices = {"nothing": [], "its class": rest, "its class and the writers": more}
            best = (0.0, "nothing")
            for label, gone in choices.items():
                after = changed(task, nodes, [*gone, node], before)
                best = max(best, (abs(after - changed(task, nodes, gone, before)), label))
            found[f"{node.layer}.{node.head} {node.role}"] = list(best)
    return found


def changed(task: Task, nodes: list[Node], gone: list[Node], before: dict[tuple, float]) -> float:
    """F of the circuit without these nodes; computed once for each set."""
    key = tuple(sorted(gone))
    if key not in before:
        left = [node for node in nodes if node not in gone]
        before[key] = (task.only(left) if left else task.nothing()).mean().item()
    return before[key]
