"""Test whether a set of heads is the circuit: ablate all other heads and measure what is left.

A node is a head at one of the positions that have a role.
Ablation replaces a head's output by its mean over ABC prompts of the same template: its output in
such a sentence when no name is repeated.
F is the mean logit difference, C the circuit, M the full model, K any set of nodes:

    faithful   F(C) is near F(M)
    complete   F(C without K) is near F(M without K), for every K that can be found
    minimal    each node v has a K for which F(C without K and v) is far from F(C without K)

MLPs, norms and embeddings are never ablated. Axes: layer, batch, pos, head, d_head.
Source: Wang et al. 2022, "Interpretability in the Wild", sections 2.2 and 4.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from ..ch00_looking.checks import check_finite
from ..ch02_transformer import HookedTransformer
from ..ch02_transformer.norms import at_least_float32
from ..ch02_transformer.sites import Site
from ..ch05_patching.interventions import Intervention, apply_interventions
from ..ch05_patching.metrics import ResidMetric
from .prompts import IOIPrompts


class Node(NamedTuple):
    """A head at one position."""

    layer: int
    """Layer of the head."""
    head: int
    """Index of the head in its layer."""
    position_role: str
    """A field of RolePositions: io, s1, s1_next, s2 or end."""


ROLE_OF_CLASS = {
    "name mover": "end",
    "negative name mover": "end",
    "backup name mover": "end",
    "S-inhibition": "end",
    "induction": "s2",
    "duplicate token": "s2",
    "previous token": "s1_next",
}
"""Class of heads -> role of the position where they work."""


def template_means(
    acts: Float[Tensor, "batch ..."], template: Int[Tensor, " batch"]
) -> Float[Tensor, "batch ..."]:
    """Average activations over the prompts of each prompt's own template, itself included.

    A mean over several templates would mix positions that hold different kinds of tokens.
    """
    acts = at_least_float32(acts)
    # exercise 7.8
    raise NotImplementedError("exercise 7.8")


@torch.no_grad()
def abc_means(
    model: HookedTransformer, corrupted: IOIPrompts, template: Int[Tensor, " batch"]
) -> Float[Tensor, "layer batch pos head d_head"]:
    """Average every z over ABC prompts, for prompts of the given templates.

    corrupted: ABC prompts, several of each of these templates.

    Raises: ValueError for a template without ABC prompts.
    """
    missing = set(template.tolist()) - set(corrupted.template.tolist())
    if missing:
        raise ValueError(
            f"expected ABC prompts of every template, got none of {sorted(missing)}; draw more"
        )
    names = [f"blocks.{layer}.attn.hook_z" for layer in range(len(model.blocks))]
    _, cache = model.run_with_cache(corrupted.tokens, names=names, stop_at_layer=len(model.blocks))
    # For each of the given templates the first corrupted prompt that has it: [batch]
    first = (template[:, None] == corrupted.template).int().argmax(dim=1)
    return torch.stack([template_means(cache[name], corrupted.template)[first] for name in names])


def keep_mask(
    model: HookedTransformer, prompts: IOIPrompts, nodes: Iterable[Node]
) -> Bool[Tensor, "layer batch pos head"]:
    """Mark the nodes of a circuit, in each prompt at its own position of the node's role.

    Raises: ValueError for a node that the model does not have, or for an unknown role.
    """
    nodes, positions = list(nodes), prompts.positions._asdict()
    layers, heads = len(model.blocks), model.config.n_heads
    for layer, head, role in nodes:
        if role not in positions or not (0 <= layer < layers and 0 <= head < heads):
            raise ValueError(
                f"expected nodes in layers 0..{layers - 1}, heads 0..{heads - 1} and roles "
                f"{', '.join(positions)}, got {layer}.{head} at {role!r}"
            )
    batch, n_pos = prompts.tokens.shape
    mask = torch.zeros(len(model.blocks), batch, n_pos, model.config.n_heads, dtype=torch.bool)
    # exercise 7.9
    raise NotImplementedError("exercise 7.9")


@dataclass(frozen=True)
class CircuitEvaluator:
    """Score circuits of a model: a metric on prompts after all other heads were ablated."""

    model: HookedTransformer
    """The full model M."""
    prompts: IOIPrompts
    """Prompts to score on, other than those on which heads were chosen."""
    means: Float[Tensor, "layer batch pos head d_head"]
    """Replacements for z, from `abc_means`."""
    metric: ResidMetric
    """Metric computed from the residual stream after the last block."""

    def interventions(self, keep: Bool[Tensor, "layer batch pos head"]) -> list[Intervention]:
        """Build the mean ablation of everything that is not kept: z * keep + mean * (1 - keep)."""
        found = []
        for layer, (kept, mean) in enumerate(zip(keep, self.means, strict=True)):
            site = Site("attn.hook_z", layer)
            factor = kept[..., None].to(mean)  # [batch, pos, head, 1], over d_head
            found.append(Intervention(site, "scale", value=factor))
            found.append(Intervention.add(site, mean * (1 - factor)))
        return found

    @torch.no_grad()
    def score(self, keep: Bool[Tensor, "layer batch pos head"]) -> Float[Tensor, " batch"]:
        """Compute the metric of every prompt with everything ablated that is not kept."""
        with apply_interventions(self.model, self.interventions(keep)):
            resid = self.model(self.prompts.tokens, stop_at_layer=len(self.model.blocks))
        scores = self.metric(resid[None, :, -1])[0]
        check_finite(scores, "scores of the metric")
        return scores

    def keep_only(self, nodes: Iterable[Node]) -> Float[Tensor, " batch"]:
        """Compute F of a circuit for each prompt: these nodes are kept, all others ablated.

        Raises: ValueError for an empty circuit.
        """
        nodes = list(nodes)
        if not nodes:
            raise ValueError("expected at least one node, got an empty circuit; use `ablate_all`")
        return self.score(keep_mask(self.model, self.prompts, nodes))

    def ablate(self, nodes: Iterable[Node]) -> Float[Tensor, " batch"]:
        """Compute F of the full model without these nodes, for each prompt."""
        return self.score(~keep_mask(self.model, self.prompts, nodes))

    def full_model(self) -> Float[Tensor, " batch"]:
        """Compute F of the model itself, for each prompt."""
        return self.ablate([])

    def ablate_all(self) -> Float[Tensor, " batch"]:
        """Compute F with every head ablated at every position, for each prompt."""
        return self.score(keep_mask(self.model, self.prompts, []))


def faithfulness(
    circuit: Float[Tensor, " batch"], full_model: Float[Tensor, " batch"]
) -> Float[Tensor, ""]:
    """Divide the circuit's mean metric by the full model's: F(C) / F(M).

    Units: 1 is perfect; above 1 is as far from the model as below. The paper's |F(M) - F(C)| is
    that distance from 1, times F(M).
    """
    # exercise 7.10
    raise NotImplementedError("exercise 7.10")


def incompleteness(
    evaluator: CircuitEvaluator, circuit: Iterable[Node], removed: Iterable[Node]
) -> float:
    """Compute |F(C without K) - F(M without K)|: does removing K cost circuit and model the same?

    removed: the set K.

    Units: those of the metric, 0 or more; 0 is complete as far as this K can show.
    """
    kept, removed = list(circuit), list(removed)
    # exercise 7.11
    raise NotImplementedError("exercise 7.11")


def minimality(
    evaluator: CircuitEvaluator, circuit: Iterable[Node], node: Node, removed: Iterable[Node]
) -> float:
    """Compute |F(C without K and v) - F(C without K)|: the effect of node v once K is removed.

    Heads that back each other up matter only when the others are removed, so K matters.

    removed: the set K.

    Units: those of the metric, 0 or more; a node near 0 for every K does not belong to the circuit.
    Raises: ValueError for a node that is not in the circuit, or is in K.
    """
    kept, removed = list(circuit), list(removed)
    if node not in kept or node in removed:
        raise ValueError(f"expected a node of the circuit that is not in K, got {node}")
    # exercise 7.11
    raise NotImplementedError("exercise 7.11")
