"""Puts a claimed circuit to a model: prompts that nobody has seen, and F of sets of nodes.

1. Sentences are drawn anew, and each stands beside its mirror image, in which the two names are
   exchanged: a liking for some names cancels.
2. Means come from ABC partners of other sentences of the same templates.
3. `without_each` scores a circuit without each of many sets of its nodes: earlier positions and
   lower layers are computed once (chapter 5's sweep).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

ROLES = ("io", "s1", "s1_next", "s2", "end")
PER_TEMPLATE, TEMPLATES = 8, 8
"""ABC prompts behind each mean; how many templates are used."""


def held_out(impl: Any, tokenizer: Any, names: list[str], n: int, seed: int) -> tuple[Any, Any]:
    """n prompts, half of them mirror images, and ABC partners of other sentences like them."""
    kinds, other = impl("ch07_ioi.prompts"), impl("ch07_ioi.counterfactuals")
    generator = torch.Generator().manual_seed(seed)
    pool = kinds.draw_prompts(tokenizer, 480, generator, names=names)
    order = pool.template.unique()
    order = order[torch.randperm(len(order), generator=generator)[:TEMPLATES]]
    groups = [(pool.template == t).nonzero()[:, 0] for t in order]
    chosen = torch.tensor([groups[i % TEMPLATES][i // TEMPLATES] for i in range(n // 2)])
    rest = torch.cat([group[-PER_TEMPLATE:] for group in groups])
    tokens = torch.tensor(list(kinds.single_tokens(tokenizer, names).values()))
    partners = other.abc_corruption(pool.select(rest), tokens, generator)
    drawn = pool.select(chosen)
    parts = [drawn, other.swap_names(drawn)]
    where = [torch.cat(one) for one in zip(*(part.positions for part in parts), strict=True)]
    fields = [torch.cat(one) for one in zip(*(part[2:] for part in parts), strict=True)]
    both = torch.cat([part.tokens for part in parts])
    return kinds.IOIPrompts(both, kinds.RolePositions(*where), *fields), partners


@dataclass(frozen=True)
class Trial:
    """A model, held-out prompts with what a knock-out puts there, and the model's own F."""

    impl: Any
    """The graded tree."""
    evaluator: Any
    """The chapter's CircuitEvaluator."""
    whole: float
    """F(M)."""

    @classmethod
    def open(cls, impl: Any, model: Any, prompts: Any, partners: Any) -> "Trial":
        """A trial on these prompts, with means over these partners."""
        circuit, metrics = impl("ch07_ioi.circuit"), impl("ch05_patching.metrics")

        def metric(logits: Tensor) -> Tensor:
            return metrics.logit_diff(logits, prompts.io_token, prompts.s_token)

        means = circuit.abc_means(model, partners, prompts.template)
        evaluator = circuit.CircuitEvaluator(
            model, prompts, means, metrics.metric_from_logits(model, metric)
        )
        return cls(impl, evaluator, evaluator.full_model().mean().item())

    def first(self, n: int) -> "Trial":
        """The same on n of the prompts, images included: fewer cost less."""
        half = len(self.evaluator.prompts.tokens) // 2
        chosen = torch.cat([torch.arange(n // 2), half + torch.arange(n // 2)])
        prompts, partners = self.evaluator.prompts.select(chosen), self.evaluator.means[:, chosen]
        evaluator, metrics = self.evaluator, self.impl("ch05_patching.metrics")

        def metric(logits: Tensor) -> Tensor:
            return metrics.logit_diff(logits, prompts.io_token, prompts.s_token)

        read = metrics.metric_from_logits(evaluator.model, metric)
        evaluator = self.impl("ch07_ioi.circuit").CircuitEvaluator(
            evaluator.model, prompts, partners, read
        )
        return Trial(self.impl, evaluator, evaluator.full_model().mean().item())

    def share(self, nodes: Sequence) -> float:
        """F of a circuit, as a share of F(M)."""
        scores = self.evaluator.keep_only(nodes) if nodes else self.evaluator.ablate_all()
        return scores.mean().item() / self.whole

    def every_head(self, *roles: str) -> list:
        """All heads of the model at these roles."""
        node, config = self.impl("ch07_ioi.circuit").Node, self.evaluator.model.config
        layers, heads = range(config.n_layers), range(config.n_heads)
        return [node(layer, head, role) for role in roles for layer in layers for head in heads]

    def random_circuit(self, like: Sequence, seed: int) -> list:
        """As many nodes at each role, of heads drawn at random."""
        generator, found = torch.Generator().manual_seed(seed), []
        for role in ROLES:
            heads, many = self.every_head(role), sum(node.position_role == role for node in like)
            picked = torch.randperm(len(heads), generator=generator)[:many].tolist()
            found += [heads[number] for number in picked]
        return found

    @torch.no_grad()
    def without_each(self, nodes: Sequence, sets: Iterable[Sequence]) -> list[float]:
        """F of the circuit without each of these sets, as shares of F(M); no set is empty."""
        evaluator = self.task
        sweep = self.impl("ch05_patching.activation").patch_sweep
        keep = self.impl("ch07_ioi.circuit").keep_mask(evaluator.model, evaluator.prompts, nodes)

        def knock_out(z: Tensor, point: Any) -> Tensor:
            """For any number of versions side by side, from any position on."""
            layer, first = int(point.name.split(".")[1]), keep.shape[2] - z.shape[1]
            kept, mean = (x[layer][: len(z), first:] for x in (keep, evaluator.means))
            times = len(z) // len(kept)
            return torch.where(kept.repeat(times, 1, 1)[..., None], z, mean.repeat(times, 1, 1, 1))

        versions = [[self.gone(node) for node in one] for one in sets]
        names = [f"blocks.{layer}.attn.hook_z" for layer in range(len(evaluator.model.blocks))]
        with evaluator.model.hooks({name: knock_out for name in names}):
            scores = sweep(evaluator.model, evaluator.prompts.tokens, versions, evaluator.read)
        return (scores.mean(dim=1) / self.whole).tolist()

    def gone(self, node: Any) -> Any:
        """The intervention that knocks one node out."""
        where = getattr(self.evaluator.prompts.positions, node.position_role)
        place = tuple((position,) for position in where.tolist())
        site = self.impl("ch02_transformer.sites").Site(
            "attn.hook_z", node.layer, head=node.head, position=place
        )
        part = self.evaluator.means[node.layer, torch.arange(len(where)), where, node.head]
        return self.impl("ch05_patching.interventions").Intervention.put(site, part[:, None, None])
