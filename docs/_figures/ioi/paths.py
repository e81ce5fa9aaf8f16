"""Measure the circuit's paths on prompts on which no head was chosen, and other heads as a control.

Part of experiment.py: the effect of each head along the path that found it, and attention and
copying of heads that are not in the circuit.
"""

from typing import Any

import torch
from torch import Tensor

from docs._figures.ioi.circuit_tests import pair_interval, select_pairs
from docs._figures.ioi.shared_runs import SharedRuns
from docs._figures.ioi.style import STEP_OF, STEPS, STYLES
from docs._figures.lib.cached_steps import CachedSteps
from solutions.ch02_transformer import HookedTransformer, Site
from solutions.ch07_ioi.heads import copy_score, receivers, site_positions
from solutions.ch07_ioi.prompts import IOIPrompts

SENDER_ROLE = {"direct": "end", "queries": "end", "subject": "s2", "keys": "s1_next"}
N_OTHER, FEW = 30, 40
"""Heads outside the circuit whose copying is measured, and prompts for it."""

Heads = dict[str, list[tuple[int, int]]]


def receivers_of(
    model: HookedTransformer, prompts: IOIPrompts, heads: Heads, step: str
) -> list[Site]:
    """List the receivers of a step; none means the logits."""
    where = prompts.positions
    if step == "direct":
        return []
    if step == "queries":
        return receivers(model, heads["name mover"], "q", where.end)
    if step == "keys":
        return receivers(model, heads["induction"], "k", where.s1_next)
    readers = heads["S-inhibition"] + heads.get("subject suppressor", [])
    keys, values = (receivers(model, readers, side, where.s2) for side in ("k", "v"))
    return keys + values


def losses_along_paths(
    model: HookedTransformer, clean: IOIPrompts, runs: SharedRuns, heads: Heads, step: str
) -> dict[str, Tensor]:
    """Measure the loss along the path of each head of a step, per prompt: clean minus patched.

    Above 0 the head works for the answer.
    """
    mine = [h for name in heads if STEP_OF.get(name, "direct") == step for h in heads[name]]
    if not mine:
        return {}
    position = site_positions(clean.positions._asdict()[SENDER_ROLE[step]])
    senders = [[Site("attn.hook_z", a, head=b, position=position)] for a, b in mine]
    losses = runs.path_losses(senders, receivers_of(model, clean, heads, step))
    return {f"{a}.{b}": one for (a, b), one in zip(mine, losses, strict=True)}


def measure_others(
    model: HookedTransformer,
    prompts: IOIPrompts,
    heads: Heads,
    attention: dict[str, Tensor],
    steps: CachedSteps,
) -> dict:
    """Measure attention between roles, and copying, of heads outside the circuit."""
    found = {head for one in heads.values() for head in one}
    n_heads = model.config.n_heads
    left = [(a, b) for a in range(len(model.blocks)) for b in range(n_heads) if (a, b) not in found]
    means = {}
    for name in sorted({style.attention for style in STYLES.values() if style.attention}):
        mean = torch.stack([attention[name][a, b].mean() for a, b in left])
        means[name] = {"mean": mean.mean().item(), "95 %": mean.quantile(0.95).item()}
    order = torch.randperm(len(left), generator=torch.Generator().manual_seed(0))[:N_OTHER]
    drawn = [left[i] for i in order.tolist()]
    few = prompts.select(select_pairs(prompts, FEW))
    copies = steps("others copy", lambda: copy_score(model, few, drawn), drawn).mean(dim=1)
    return {"attention": means, "copies": {"mean": copies.mean().item(), "most": copies.max()}}


def measure_paths(
    model: HookedTransformer,
    clean: IOIPrompts,
    heads: Heads,
    runs: SharedRuns,
    attention: dict[str, Tensor],
    steps: CachedSteps,
) -> dict[str, Any]:
    """Measure all paths, and the control."""
    found: dict[str, Any] = {
        step: steps(
            f"losses: {step}",
            lambda s=step: losses_along_paths(model, clean, runs, heads, s),  # type: ignore[misc]
            heads,
        )
        for step in STEPS
    }
    return {
        "prompts": len(clean.tokens),
        "paths": {
            step: {head: pair_interval(one, clean) for head, one in losses.items()}
            for step, losses in found.items()
        },
        "others": measure_others(model, clean, heads, attention, steps),
    }
