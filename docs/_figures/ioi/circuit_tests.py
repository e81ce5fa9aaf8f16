"""Test a circuit of the real model: faithfulness, completeness, minimality, random circuits.

Part of experiment.py, which passes prompts on which no head was chosen.
"""

from collections.abc import Iterable
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from docs._figures.lib.cached_steps import CachedSteps
from solutions.ch00_looking import bootstrap_interval
from solutions.ch03_circuits.decompose import (
    apply_frozen_norm,
    head_logit_contributions,
    logit_direction,
)
from solutions.ch05_patching import apply_interventions, logit_diff_from_resid
from solutions.ch07_ioi import IOIPrompts, abc_corruption, draw_prompts, single_tokens
from solutions.ch07_ioi.circuit import (
    ROLE_OF_CLASS,
    CircuitEvaluator,
    Node,
    abc_means,
    incompleteness,
    keep_mask,
)
from solutions.ch07_ioi.sentences import NAMES

N_ABC, N_SMALL, N_GREEDY, N_RANDOM = 780, 64, 16, 20
"""ABC prompts for means; prompts for sets K; prompts for greedy sets; random circuits and sets."""
WRITERS = ("name mover", "negative name mover", "subject suppressor")
Circuit = dict[str, list[Node]]


def interval(values: Tensor) -> list[float]:
    """Compute the mean over prompts with its 95 % bootstrap interval: [low, mean, high]."""
    generator = torch.Generator().manual_seed(0)
    return list(bootstrap_interval(values.flatten().float(), 2000, 0.95, generator))


def as_circuit(classes: dict[str, list[tuple[int, int]]]) -> Circuit:
    """Place heads at the positions where their classes work; unexplained heads write at END."""
    return {
        name: [Node(layer, head, ROLE_OF_CLASS.get(name, "end")) for layer, head in heads]
        for name, heads in classes.items()
    }


def make_evaluator(model: Any, tokenizer: Any, prompts: IOIPrompts) -> CircuitEvaluator:
    """Make an evaluator with means over ABC prompts of other sentences and names."""
    generator = torch.Generator().manual_seed(99)
    names = torch.tensor(list(single_tokens(tokenizer, NAMES).values()))
    drawn = draw_prompts(tokenizer, N_ABC, generator)
    means = abc_means(model, abc_corruption(drawn, names, generator), prompts.template)
    metric = logit_diff_from_resid(model, prompts.io_token, prompts.s_token)
    return CircuitEvaluator(model, prompts, means, metric)


def subset(evaluator: CircuitEvaluator, n: int) -> CircuitEvaluator:
    """Restrict an evaluator to n prompts, evenly spaced in its batch."""
    chosen = torch.linspace(0, len(evaluator.prompts.tokens) - 1, n).round().long()
    prompts = evaluator.prompts.select(chosen)
    metric = logit_diff_from_resid(evaluator.model, prompts.io_token, prompts.s_token)
    return CircuitEvaluator(evaluator.model, prompts, evaluator.means[:, chosen], metric)


def random_circuit(model: Any, like: Iterable[Node], generator: torch.Generator) -> list[Node]:
    """Draw as many nodes at each role as a circuit has, of heads at random."""
    roles, found = [node.position_role for node in like], []
    for role in sorted(set(roles)):
        order = torch.randperm(len(model.blocks) * model.config.n_heads, generator=generator)
        picked = order[: roles.count(role)].tolist()
        found += [
            Node(*divmod(index, model.config.n_heads), role)  # type: ignore[call-arg]
            for index in picked
        ]
    return found


def greedy_set(evaluator: CircuitEvaluator, nodes: list[Node], seed: int, sample: int = 3) -> list:
    """Search a set K with a large incompleteness, as the paper does.

    Start empty, add the one of `sample` random nodes that raises the incompleteness most, and stop
    when none does. The nodes are plain lists, which the cache keeps.
    """
    generator = torch.Generator().manual_seed(seed)
    removed: list[Node] = []
    worst = incompleteness(evaluator, nodes, removed)
    for _ in range(6):
        left = [node for node in nodes if node not in removed]
        picked = torch.randperm(len(left), generator=generator)[:sample].tolist()
        scores = {left[i]: incompleteness(evaluator, nodes, [*removed, left[i]]) for i in picked}
        best = max(scores, key=lambda node: scores[node])
        if scores[best] <= worst:
            break
        worst, removed = scores[best], [*removed, best]
    return [list(node) for node in removed]


def scores_without(
    evaluator: CircuitEvaluator, nodes: list[Node], removed: list[Node]
) -> list[float]:
    """Return F of the circuit without K, and F of the model without K."""
    left = [node for node in nodes if node not in removed]
    broken = evaluator.keep_only(left) if left else evaluator.ablate_all()
    return [broken.mean().item(), evaluator.ablate(removed).mean().item()]


def run_circuit_tests(
    model: Any, tokenizer: Any, prompts: IOIPrompts, classes: dict, steps: CachedSteps
) -> dict:
    """Run all tests of the circuit that these classes make."""
    circuit = as_circuit(classes)
    nodes = [node for members in circuit.values() for node in members]
    evaluator = make_evaluator(model, tokenizer, prompts)
    small, tiny = subset(evaluator, N_SMALL), subset(evaluator, N_GREEDY)
    generator = torch.Generator().manual_seed(0)
    scores = steps(
        "faithful",
        lambda: [evaluator.full_model(), evaluator.keep_only(nodes), evaluator.ablate_all()],
        nodes,
    )
    explained = [node for name, one in circuit.items() if name != "unexplained" for node in one]
    plain = steps("explained heads only", lambda: evaluator.keep_only(explained), explained)
    movers = circuit["name mover"]
    backup = steps(
        "backup", lambda: [direct_shares(evaluator, removed) for removed in ([], movers)], movers
    )
    drawn = [random_circuit(model, nodes, generator) for _ in range(N_RANDOM)]
    chance = steps("random circuits", lambda: [small.keep_only(one).mean() for one in drawn], nodes)
    sets = sets_to_remove(circuit, generator)
    complete = steps(
        "complete", lambda: {n: scores_without(small, nodes, one) for n, one in sets.items()}, nodes
    )
    found = steps("greedy sets", lambda: [greedy_set(tiny, nodes, i) for i in range(3)], nodes)
    for i, one in enumerate(found):
        complete[f"greedy {i}"] = scores_without(small, nodes, [Node(*node) for node in one])
    minimal = steps("minimal", lambda: minimal_sets(small, circuit), nodes)
    without_movers = steps("no movers", lambda: evaluator.ablate(movers), movers)
    return {
        "whole": interval(scores[0]),
        "circuit": interval(scores[1]),
        "nothing": interval(scores[2]),
        "explained": interval(plain),
        "without name movers": interval(without_movers),
        "backup": largest_rises(*backup, movers),  # type: ignore[call-arg]
        "random circuits": chance,
        "completeness": complete,
        "greedy sets": found,
        "minimality": minimal,
        "n_nodes": len(nodes),
    }


def sets_to_remove(circuit: Circuit, generator: torch.Generator) -> Circuit:
    """List the sets K: every class, and random sets that hold each node with probability 1/2."""
    nodes = [node for members in circuit.values() for node in members]
    taken = (torch.rand(N_RANDOM, len(nodes), generator=generator) < 0.5).tolist()
    return circuit | {
        f"random {i}": [node for node, take in zip(nodes, one, strict=True) if take]
        for i, one in enumerate(taken)
    }


@torch.no_grad()
def direct_shares(
    evaluator: CircuitEvaluator, removed: list[Node]
) -> Float[Tensor, "layer head batch"]:
    """Measure each head's direct contribution to the logit difference at END without some nodes."""
    model, prompts = evaluator.model, evaluator.prompts
    names = [f"blocks.{layer}.attn.hook_z" for layer in range(len(model.blocks))]
    ablation = evaluator.interventions(~keep_mask(model, prompts, removed))
    with apply_interventions(model, ablation):
        _, cache = model.run_with_cache(
            prompts.tokens, names=[*names, "ln_final.hook_scale"], positions=[-1]
        )
    direction = logit_direction(model, prompts.io_token[:, None], prompts.s_token[:, None])
    scale = cache["ln_final.hook_scale"]
    direction = apply_frozen_norm(direction[None], model.ln_final, scale)[0]
    found = [
        head_logit_contributions(cache[name], block.attn.W_O, direction)[:, 0].T
        for name, block in zip(names, model.blocks, strict=True)
    ]
    return torch.stack(found)


def largest_rises(
    before: Tensor, after: Tensor, removed: list[Node]
) -> dict[str, list[list[float]]]:
    """Find the ten heads whose direct contribution rises most: before, after, rise."""
    rise = (after - before).mean(dim=-1)
    for node in removed:
        rise[node.layer, node.head] = -torch.inf
    found = {}
    for index in rise.flatten().argsort(descending=True)[:10].tolist():
        a, b = divmod(index, rise.shape[1])
        found[f"{a}.{b}"] = [interval(x[a, b]) for x in (before, after, after - before)]
    return found


def minimal_sets(evaluator: CircuitEvaluator, circuit: Circuit) -> dict[str, Any]:
    """Measure the largest change that each node makes over three sets K, and name that set.

    K is empty, the rest of the node's class, or that and all heads that write to the answer.
    """
    nodes, found = [node for members in circuit.values() for node in members], {}
    writers = [node for name in WRITERS for node in circuit.get(name, [])]
    known: dict[tuple, float] = {}
    for members in circuit.values():
        for node in members:
            rest = [other for other in members if other != node]
            more = rest + [other for other in writers if other not in members]
            choices = {"nothing": [], "its class": rest, "its class and the writers": more}
            best = (0.0, "nothing")
            for label, removed in choices.items():
                after = score_without(evaluator, nodes, [*removed, node], known)
                change = abs(after - score_without(evaluator, nodes, removed, known))
                best = max(best, (change, label))
            found[f"{node.layer}.{node.head} {node.position_role}"] = list(best)
    return found


def score_without(
    evaluator: CircuitEvaluator,
    nodes: list[Node],
    removed: list[Node],
    known: dict[tuple, float],
) -> float:
    """Return F of the circuit without these nodes, computed once per set."""
    key = tuple(sorted(removed))
    if key not in known:
        left = [node for node in nodes if node not in removed]
        score = evaluator.keep_only(left) if left else evaluator.ablate_all()
        known[key] = score.mean().item()
    return known[key]
