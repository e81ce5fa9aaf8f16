"""Score a circuit without sets of its nodes, each from the set's first layer and position on."""

from collections.abc import Iterable
from dataclasses import replace

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from solutions.ch05_patching.interventions import Intervention, apply_interventions
from solutions.ch05_patching.sweep import (
    CachedPrompt,
    SweepBatch,
    cache_prompt,
    run_sweep_batch,
)
from solutions.ch07_ioi.circuit import CircuitEvaluator, Node, keep_mask


class CircuitSweep:
    """F of a circuit, or of the full model, without sets of nodes; every set is computed once.

    A removed node changes nothing below its layer or before its position, so the rest is cached.
    The results are those of `CircuitEvaluator.keep_only` and `ablate`, up to rounding.
    """

    @torch.no_grad()
    def __init__(self, evaluator: CircuitEvaluator, nodes: Iterable[Node] | None) -> None:
        """Run the circuit once; None keeps every head."""
        model, prompts = evaluator.model, evaluator.prompts
        kept = keep_mask(model, prompts, [] if nodes is None else nodes)
        self.evaluator, self.kept = evaluator, kept | (nodes is None)
        with apply_interventions(model, evaluator.interventions(self.kept)):
            run = cache_prompt(model, prompts.tokens)
        self.run = CachedPrompt(run.resids, run.kv_cache)
        self.known: dict[tuple[Node, ...], Tensor] = {
            (): evaluator.metric(self.run.resids[-1][None, :, -1])[0]
        }

    def without(self, removed: Iterable[Node]) -> Float[Tensor, " batch"]:
        """Compute F of every prompt with these nodes ablated too."""
        nodes = tuple(sorted(removed))
        if nodes not in self.known:
            removed_mask = keep_mask(self.evaluator.model, self.evaluator.prompts, nodes)
            self.known[nodes] = self.score(removed_mask)
        return self.known[nodes]

    @torch.no_grad()
    def score(self, removed: Bool[Tensor, "layer batch pos head"]) -> Float[Tensor, " batch"]:
        """Compute F from the first layer and position on that are removed."""
        start = int(removed.any(dim=3).any(dim=1).any(dim=0).int().argmax())
        first = int(removed.flatten(1).any(dim=1).int().argmax())
        patch = [
            from_position(one, start)
            for one in self.evaluator.interventions(self.kept & ~removed)
            if (one.site.layer or 0) >= first
        ]
        batch = SweepBatch(self.run, [patch], start, {}, {})
        resid = run_sweep_batch(self.evaluator.model, batch).resid
        return self.evaluator.metric(resid[None, :, -1])[0]


def from_position(change: Intervention, start: int) -> Intervention:
    """Restrict an intervention at all positions to those from `start` on."""
    assert change.value is not None
    places = tuple(range(start, change.value.shape[1]))
    site = replace(change.site, position=places)
    return replace(change, site=site, value=change.value[:, start:])
