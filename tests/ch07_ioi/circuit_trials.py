"""Score a claimed circuit on held-out prompts, whole and without sets of its nodes.

1. `held_out` draws new sentences and pairs each with its copy in which the two names are swapped,
   so that a preference for some names cancels.
2. Means are taken over ABC corruptions of other sentences of the same templates.
3. `shares` scores many circuits at once, at the positions of their roles (`role_runs.py`).
4. `without_each` scores a circuit without each of many sets of nodes. For models without MLPs it
   uses chapter 5's sweep: positions and layers before a set are computed once, with the rest of
   the model ablated.
"""

import functools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from .role_runs import AblatedRun

ROLES = ("io", "s1", "s1_next", "s2", "end")
PER_TEMPLATE, TEMPLATES, MAX_ROWS = 8, 8, 1024
"""ABC prompts behind each mean; number of templates; rows of a sweep."""


def held_out(impl: Any, tokenizer: Any, names: list[str], n: int, seed: int) -> tuple[Any, Any]:
    """Draw n prompts, the second half with swapped names, and ABC corruptions of other ones."""
    kinds, corruptions = impl("ch07_ioi.prompts"), impl("ch07_ioi.counterfactuals")
    generator = torch.Generator().manual_seed(seed)
    pool = kinds.draw_prompts(tokenizer, 480, generator, names=names)
    order = pool.template.unique()
    order = order[torch.randperm(len(order), generator=generator)[:TEMPLATES]]
    groups = [(pool.template == t).nonzero()[:, 0] for t in order]
    chosen = torch.tensor([groups[i % TEMPLATES][i // TEMPLATES] for i in range(n // 2)])
    rest = torch.cat([group[-PER_TEMPLATE:] for group in groups])
    tokens = torch.tensor(list(kinds.single_tokens(tokenizer, names).values()))
    corrupted = corruptions.abc_corruption(pool.select(rest), tokens, generator)
    drawn = pool.select(chosen)
    parts = [drawn, corruptions.swap_names(drawn)]
    positions = [torch.cat(one) for one in zip(*(part.positions for part in parts), strict=True)]
    fields = [torch.cat(one) for one in zip(*(part[2:] for part in parts), strict=True)]
    both = torch.cat([part.tokens for part in parts])
    return kinds.IOIPrompts(both, kinds.RolePositions(*positions), *fields), corrupted


@dataclass(frozen=True)
class CircuitTrial:
    """A model with held-out prompts, the means for ablation, and the full model's F."""

    impl: Any
    """Imports modules of the graded package."""
    evaluator: Any
    """The chapter's CircuitEvaluator."""
    full: float
    """F(M)."""

    @classmethod
    def open(cls, impl: Any, model: Any, prompts: Any, corrupted: Any) -> "CircuitTrial":
        """Prepare a trial on these prompts, with means over these corrupted ones."""
        means = impl("ch07_ioi.circuit").abc_means(model, corrupted, prompts.template)
        return cls.on(impl, model, prompts, means)

    @classmethod
    def on(cls, impl: Any, model: Any, prompts: Any, means: Tensor) -> "CircuitTrial":
        """Prepare a trial with given means."""
        metrics = impl("ch05_patching.metrics")

        def logit_diff(logits: Tensor) -> Tensor:
            return metrics.logit_diff(logits, prompts.io_token, prompts.s_token)

        metric = metrics.metric_from_logits(model, logit_diff)
        evaluator = impl("ch07_ioi.circuit").CircuitEvaluator(model, prompts, means, metric)
        return cls(impl, evaluator, evaluator.full_model().mean().item())

    def first(self, n: int) -> "CircuitTrial":
        """Take the first n / 2 prompts and their swapped copies: fewer cost less."""
        evaluator = self.evaluator
        half = len(evaluator.prompts.tokens) // 2
        if n == 2 * half:
            return self
        chosen = torch.cat([torch.arange(n // 2), half + torch.arange(n // 2)])
        prompts, means = evaluator.prompts.select(chosen), evaluator.means[:, chosen]
        return self.on(self.impl, evaluator.model, prompts, means)

    @functools.cached_property
    def ablated(self) -> AblatedRun:
        """The run with every head ablated."""
        return AblatedRun(self.impl, self.evaluator)

    def share(self, nodes: Sequence) -> float:
        """Compute F of a circuit as a share of F(M)."""
        return self.shares([nodes])[0]

    def shares(self, circuits: Sequence[Sequence]) -> list[float]:
        """Compute F of many circuits, as shares of F(M)."""
        if self.ablated.can_run():
            size = max(1, MAX_ROWS // (len(ROLES) * len(self.evaluator.prompts.tokens)))
            parts = [circuits[i : i + size] for i in range(0, len(circuits), size)]
            ends = [self.ablated.resid_at_end(part) for part in parts]
            scores = [self.evaluator.metric(end).mean(dim=1) for end in ends]
            return (torch.cat(scores) / self.full).tolist()
        keep, nothing = self.evaluator.keep_only, self.evaluator.ablate_all
        found = [keep(nodes) if nodes else nothing() for nodes in circuits]
        return [scores.mean().item() / self.full for scores in found]

    def every_head(self, *roles: str) -> list:
        """List all heads of the model at these roles."""
        node, config = self.impl("ch07_ioi.circuit").Node, self.evaluator.model.config
        layers, heads = range(config.n_layers), range(config.n_heads)
        return [node(layer, head, role) for role in roles for layer in layers for head in heads]

    def random_circuit(self, like: Sequence, seed: int) -> list:
        """Draw as many nodes at each role as a circuit has, of heads at random."""
        generator, found = torch.Generator().manual_seed(seed), []
        for role in ROLES:
            heads, n = self.every_head(role), sum(node.position_role == role for node in like)
            picked = torch.randperm(len(heads), generator=generator)[:n].tolist()
            found += [heads[index] for index in picked]
        return found

    @torch.no_grad()
    def without_each(self, nodes: Sequence, sets: Iterable[Sequence]) -> list[float]:
        """Compute F of the circuit without each set, as a share of F(M); no set is empty."""
        if self.ablated.can_run():
            return self.shares([[node for node in nodes if node not in one] for one in sets])
        evaluator, sweep = self.evaluator, self.impl("ch05_patching.sweep")
        apply = self.impl("ch05_patching.interventions").apply_interventions
        model, prompts = evaluator.model, evaluator.prompts
        keep = self.impl("ch07_ioi.circuit").keep_mask(model, prompts, nodes)
        base = evaluator.interventions(keep)
        with apply(model, base):
            cached = sweep.cache_prompt(model, prompts.tokens)
        # A set changes nothing before its first position and layer, so the ablation of the rest is
        # part of the patch from there on only.
        patches = [[*self.starting_at(base, one), *map(self.removal, one)] for one in sets]
        scores = cached.resids[0].new_empty(len(patches), cached.batch)
        for indices in sweep.group_patches(cached, patches, MAX_ROWS):
            group = [patches[index] for index in indices]
            start = sweep.first_position(group[0], cached)
            batch = sweep.SweepBatch(cached, group, start, {}, {})
            resid = sweep.run_sweep_batch(model, batch).resid
            scores[indices] = evaluator.metric(resid[:, -1].unflatten(0, (len(group), -1)))
        return (scores.mean(dim=1) / self.full).tolist()

    def starting_at(self, interventions: Sequence, nodes: Sequence) -> list:
        """Restrict interventions on all positions to layers and positions from these nodes on."""
        n_pos = self.evaluator.prompts.tokens.shape[1]
        layer = min(node.layer for node in nodes)
        start = min(int(self.positions(node).min()) for node in nodes)
        return [
            replace(
                one,
                site=replace(one.site, position=tuple(range(start, n_pos))),
                value=one.value[:, start:],
            )
            for one in interventions
            if one.site.layer >= layer
        ]

    def positions(self, node: Any) -> Tensor:
        """Find the position of a node in each prompt."""
        return getattr(self.evaluator.prompts.positions, node.position_role)

    def removal(self, node: Any) -> Any:
        """Make the intervention that ablates one node."""
        positions = self.positions(node)
        site = self.impl("ch02_transformer.sites").Site(
            "attn.hook_z",
            node.layer,
            head=node.head,
            position=self.impl("ch07_ioi.heads").site_positions(positions),
        )
        mean = self.evaluator.means[node.layer, torch.arange(len(positions)), positions, node.head]
        return self.impl("ch05_patching.interventions").Intervention.put(site, mean[:, None, None])
