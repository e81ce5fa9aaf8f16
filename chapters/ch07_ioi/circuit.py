"""Is a list of heads the circuit? Knock everything else out, and see what is left.

A node is a head at one of the positions that have a role. A knock-out puts the mean over ABC
prompts of the same template there: what the head does in such a sentence when nobody stands twice.
F is the mean logit difference, C the circuit, M the whole model, K any set of nodes:

    faithful   F(C) is near F(M)
    complete   F(C without K) is near F(M without K), for every K that one can think of
    minimal    each node v has a K for which F(C without K and v) is far from F(C without K)

MLPs, norms and embeddings are never knocked out. Axes: layer, batch, pos, head, d_head.
Source: Wang et al. 2022, "Interpretability in the Wild", sections 2.2 and 4.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from ..ch02_transformer import HookedTransformer, HookPoint
from ..ch02_transformer.hooks import Hook
from ..ch05_patching.metrics import ResidMetric
from .prompts import IOIPrompts, RolePositions


class Node(NamedTuple):
    """A head at one position."""

    layer: int
    """Its layer."""
    head: int
    """Its number in the layer."""
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
"""Where each class of heads does its work."""


def template_means(
    acts: Float[Tensor, "batch ..."], template: Int[Tensor, " batch"]
) -> Float[Tensor, "batch ..."]:
    """For each prompt the mean over the prompts of its own template, itself included.

    A mean over several templates would mix positions at which different things stand.
    """
    # exercise 7.8
    raise NotImplementedError("exercise 7.8")


@torch.no_grad()
def abc_means(
    model: HookedTransformer, corrupted: IOIPrompts, template: Int[Tensor, " batch"]
) -> Float[Tensor, "layer batch pos head d_head"]:
    """What a knock-out puts in place of every z, for prompts of these templates.

    corrupted: ABC prompts, several of each template that is asked for.

    Raises: ValueError for a template without ABC prompts.
    """
    missing = set(template.tolist()) - set(corrupted.template.tolist())
    if missing:
        raise ValueError(f"no ABC prompts of the templates {sorted(missing)}: draw more of them")
    names = [f"blocks.{layer}.attn.hook_z" for layer in range(len(model.blocks))]
    last = len(model.blocks) - 1
    _, cache = model.run_with_cache(corrupted.tokens, names=names, stop_at_layer=last + 1)
    match = (template[:, None] == corrupted.template).int().argmax(dim=1)
    return torch.stack([template_means(cache[name], corrupted.template)[match] for name in names])


def keep_mask(
    model: HookedTransformer, prompts: IOIPrompts, nodes: Iterable[Node]
) -> Bool[Tensor, "layer batch pos head"]:
    """True where a node of the circuit stands, each prompt's role at its own position.

    Raises: ValueError for a node that the model, or a sentence, does not have.
    """
    nodes, positions = list(nodes), prompts.positions._asdict()
    check_nodes(model, nodes)
    batch, n_pos = prompts.tokens.shape
    mask = torch.zeros(len(model.blocks), batch, n_pos, model.config.n_heads, dtype=torch.bool)
    # exercise 7.9
    raise NotImplementedError("exercise 7.9")


def check_nodes(model: HookedTransformer, nodes: Iterable[Node]) -> None:
    """Refuse nodes that this model, or a sentence, does not have.

    Raises: ValueError naming the node, and what there is.
    """
    layers, heads = len(model.blocks), model.config.n_heads
    for layer, head, role in nodes:
        if role not in RolePositions._fields or not (0 <= layer < layers and 0 <= head < heads):
            raise ValueError(
                f"no node {layer}.{head} at {role!r}: layers 0..{layers - 1}, heads "
                f"0..{heads - 1}, roles {', '.join(RolePositions._fields)}"
            )


@dataclass(frozen=True)
class CircuitEvaluator:
    """What circuits are judged by: a model, prompts, what a knock-out puts there, and a metric."""

    model: HookedTransformer
    """The model M."""
    prompts: IOIPrompts
    """Prompts to judge on, not those on which heads were chosen."""
    means: Float[Tensor, "layer batch pos head d_head"]
    """From `abc_means`."""
    read: ResidMetric
    """Makes the metric from the stream after the last block."""

    def hooks(self, keep: Bool[Tensor, "layer batch pos head"]) -> dict[str, Hook]:
        """Hooks that knock out all that is not kept."""

        def hook(z: Tensor, point: HookPoint) -> Tensor:
            layer = int(point.name.split(".")[1])
            return torch.where(keep[layer][..., None], z, self.means[layer])

        return {f"blocks.{layer}.attn.hook_z": hook for layer in range(len(self.model.blocks))}

    @torch.no_grad()
    def score(self, keep: Bool[Tensor, "layer batch pos head"]) -> Float[Tensor, " batch"]:
        """The metric on every prompt with all that is not kept knocked out."""
        with self.model.hooks(self.hooks(keep)):
            stream = self.model(self.prompts.tokens, stop_at_layer=len(self.model.blocks))
        return self.read(stream[None, :, -1])[0]

    def keep_only(self, nodes: Iterable[Node]) -> Float[Tensor, " batch"]:
        """F of a circuit, prompt by prompt: these nodes stay, every other one is knocked out.

        Raises: ValueError for an empty circuit.
        """
        nodes = list(nodes)
        if not nodes:
            raise ValueError("an empty circuit computes nothing; use `ablate_all` for its score")
        return self.score(keep_mask(self.model, self.prompts, nodes))

    def ablate(self, nodes: Iterable[Node]) -> Float[Tensor, " batch"]:
        """F of the whole model with only these nodes knocked out."""
        return self.score(~keep_mask(self.model, self.prompts, nodes))

    def full_model(self) -> Float[Tensor, " batch"]:
        """F of the model itself."""
        return self.ablate([])

    def ablate_all(self) -> Float[Tensor, " batch"]:
        """F with all heads knocked out at all positions."""
        return self.score(keep_mask(self.model, self.prompts, []))


def faithfulness(
    circuit: Float[Tensor, " batch"], whole: Float[Tensor, " batch"]
) -> Float[Tensor, ""]:
    """Share of the model's metric that the circuit alone has: F(C) / F(M), means over prompts.

    Units: 1 is perfect; above 1 is as far from the model as below. The paper's |F(M) - F(C)| is
    that distance from 1, times F(M).
    """
    # exercise 7.10
    raise NotImplementedError("exercise 7.10")


def incompleteness(
    evaluator: CircuitEvaluator, circuit: Iterable[Node], removed: Iterable[Node]
) -> float:
    """|F(C without K) - F(M without K)|: does the circuit break as the model does?

    Units: those of the metric, 0 or more; 0 is complete as far as this K can tell.
    """
    kept, removed = list(circuit), list(removed)
    # exercise 7.11
    raise NotImplementedError("exercise 7.11")


def minimality(
    evaluator: CircuitEvaluator, circuit: Iterable[Node], node: Node, removed: Iterable[Node]
) -> float:
    """|F(C without K and v) - F(C without K)|: what the node adds once K is gone.

    Heads that back each other up show only when the others are removed, so K matters.

    Units: those of the metric, 0 or more; a node near 0 for every K has no place in the circuit.
    Raises: ValueError for a node that is not in the circuit, or is in K.
    """
    kept, removed = list(circuit), list(removed)
    if node not in kept or node in removed:
        raise ValueError(f"{node} must be in the circuit and not in K")
    # exercise 7.11
    raise NotImplementedError("exercise 7.11")
