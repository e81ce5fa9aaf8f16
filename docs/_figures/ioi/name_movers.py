"""Ablate the name movers alone and together, by resampling and by means, and find what rises then.

Part of experiment.py, which passes prompts on which no head was chosen.
"""

from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from docs._figures.ioi.circuit_sweep import CircuitSweep
from docs._figures.ioi.circuit_tests import N_RANDOM, draw_like, pair_interval
from docs._figures.ioi.shared_runs import SharedRuns
from docs._figures.lib.cached_steps import CachedSteps
from solutions.ch02_transformer import Site
from solutions.ch03_circuits.decompose import (
    apply_frozen_norm,
    head_logit_contributions,
    logit_direction,
)
from solutions.ch05_patching import apply_interventions
from solutions.ch07_ioi import IOIPrompts
from solutions.ch07_ioi.circuit import CircuitEvaluator, Node, keep_mask
from solutions.ch07_ioi.heads import site_positions

NULL_LAYERS = (20, 29)
"""First and last layer of the random heads: about those of the heads that write."""
Sets = dict[str, list[Node]]


def run_mover_tests(
    evaluator: CircuitEvaluator,
    runs: SharedRuns,
    movers: list[Node],
    circuit: list[Node],
    steps: CachedSteps,
) -> dict[str, Any]:
    """Ablate the name movers, random heads as a control, and measure what rises."""
    end = evaluator.prompts.positions.end
    sets = sets_of(movers) | random_sets(evaluator.model, movers, circuit)
    ways = steps(
        "movers",
        lambda: {
            "resampling": ablate_by_resampling(runs, end, sets),
            "means": ablate_by_means(evaluator, sets),
        },
        [movers, circuit],
    )
    before, after = steps(
        "backup", lambda: [direct_shares(evaluator, removed) for removed in ([], movers)], movers
    )
    return {
        **{name: summarize(of, sets, evaluator.prompts) for name, of in ways.items()},
        "backup": largest_rises(before, after, movers, evaluator.prompts),
    }


def sets_of(movers: list[Node]) -> Sets:
    """List the sets that are ablated: all, each alone, and all but each."""
    found = {"all": movers}
    for mover in movers:
        name = f"{mover.layer}.{mover.head}"
        found[f"{name} alone"] = [mover]
        found[f"all but {name}"] = [other for other in movers if other != mover]
    return found


def random_sets(model: Any, movers: list[Node], circuit: list[Node]) -> Sets:
    """Draw sets of as many heads at END outside of the circuit, in the layers of the writers."""
    generator, n_heads = torch.Generator().manual_seed(0), model.config.n_heads
    first, last = NULL_LAYERS
    elsewhere = [
        Node(layer, head, "end")
        for layer in range(len(model.blocks))
        for head in range(n_heads)
        if not first <= layer <= last
    ]
    return {
        f"random {i}": draw_like(model, movers, generator, [*circuit, *elsewhere])
        for i in range(N_RANDOM)
    }


def ablate_by_resampling(
    runs: SharedRuns, positions: Int[Tensor, " batch"], sets: Sets
) -> list[Tensor]:
    """Replace the outputs of each set at END by those on each prompt's own ABC corruption.

    Returns the metric of the full model, [batch], and without each set, [set, batch].
    """
    end = site_positions(positions)
    sites = [
        [Site("attn.hook_z", node.layer, head=node.head, position=end) for node in one]
        for one in sets.values()
    ]
    return [runs.base, runs.base - runs.total_losses(sites)]


def ablate_by_means(evaluator: CircuitEvaluator, sets: Sets) -> list[Tensor]:
    """Replace the same outputs by their ABC means."""
    model = CircuitSweep(evaluator, None)
    return [model.without([]), torch.stack([model.without(one) for one in sets.values()])]


def summarize(scores: list[Tensor], sets: Sets, prompts: IOIPrompts) -> dict[str, Any]:
    """Compute what is left without each set and the change, with intervals over mirror pairs."""
    full, left = scores
    found: dict[str, Any] = {"full model": pair_interval(full, prompts)}
    null = []
    for name, one in zip(sets, left, strict=True):
        if name.startswith("random"):
            null.append((one - full).mean().item())
        else:
            found[name] = {
                "left": pair_interval(one, prompts),
                "change": pair_interval(one - full, prompts),
            }
    singles = [one - full for name, one in zip(sets, left, strict=True) if "alone" in name]
    return found | {
        "changes of each alone, summed": pair_interval(torch.stack(singles).sum(dim=0), prompts),
        "random sets": null,
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
    before: Tensor, after: Tensor, removed: list[Node], prompts: IOIPrompts
) -> dict[str, Any]:
    """Find the ten heads whose direct contribution rises most: before, after, rise.

    With the rise that 95 % of the other heads of the same layers do not reach, as a control.
    """
    rise = (after - before).mean(dim=-1)
    for node in removed:
        rise[node.layer, node.head] = -torch.inf
    found = {}
    order = rise.flatten().argsort(descending=True)[:10].tolist()
    for index in order:
        a, b = divmod(index, rise.shape[1])
        found[f"{a}.{b}"] = [
            pair_interval(x[a, b], prompts) for x in (before, after, after - before)
        ]
    first = min(node.layer for node in removed)
    others = rise[first:][rise[first:].isfinite()]
    return {"heads": found, "others": others.quantile(0.95).item()}
