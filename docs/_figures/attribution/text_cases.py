"""Three cases of text_4l, traced through clt_text_4l, and tested in the model itself.

1. On six prompts, build the graph of all active latents, with the difference of two logits as its
   output. A latent's effect is what the frozen model predicts to be lost with it, over all paths.
2. The group: latents with the largest mean effect. Position 0 is left out.
3. On eight other prompts, take what the group writes out of the MLPs' outputs; all else is live.
4. Controls: other active latents of the same layers and positions, and random directions, both with
   changes of the same length.
Axes: unit (a latent of a layer), node (a latent at a position), layer, pos, d_model.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from jaxtyping import Float, Int
from tokenizers import Tokenizer
from torch import Tensor

from docs._figures.lib.models import load_with_tokenizer
from solutions.ch02_transformer import HookedTransformer
from solutions.ch11_transcoders import crosslayer, eight_bits
from solutions.ch11_transcoders.crosslayer import AbstractCLT
from solutions.ch12_graphs import (
    Basis,
    LocalModel,
    attribution_graph,
    clt_basis,
    difference_target,
    edges,
    freeze,
    graph,
    intervene,
    local,
    nodes,
)
from solutions.ch12_graphs.graph import Graph
from solutions.ch12_graphs.logits import LogitTargets
from toy_models.toys import folder

SIZES, SIZE = (1, 3, 10, 30), 10
DRAWS, LARGEST = 20, 20
"""Draws of each control, and nodes whose predictions are compared with measurements."""
MODULES = (crosslayer, edges, eight_bits, graph, intervene, local, nodes)
SOURCES = [__file__, *(str(module.__file__) for module in MODULES)]

Changes = Float[Tensor, "set layer pos d_model"]
Unit = tuple[int, int]
"""Layer and latent."""


class Case(NamedTuple):
    """A behaviour of text_4l."""

    answer: str
    """Next token that the model prefers."""
    against: str
    """Token whose logit is subtracted."""
    chosen_on: tuple[str, ...]
    """Prompts by which the group is chosen; the first one is drawn."""
    tested_on: tuple[str, ...]
    """Other prompts."""


CASES = {
    "a method's indentation": Case(
        "\n       ",
        "\n   ",
        (
            "def f(self):",
            "    def get(self, key):",
            "def run(self, x):",
            "class A:\n    def f(self):",
            "    def close(self):",
            "    def add(self, other):",
        ),
        (
            "    def name(self):",
            "    def __init__(self, name):",
            "def set(self, value):",
            "    def read(self, n):",
            "class Node:\n    def next(self):",
            "    def start(self):",
            "def stop(self):",
            "    def send(self, data):",
        ),
    ),
    "the end of __main__": Case(
        "__",
        '":',
        (
            'if __name__ == "__main',
            'import sys\n\nif __name__ == "__main',
            'print(x)\nif __name__ == "__main',
            'def main():\n    pass\n\nif __name__ == "__main',
            'x = 1\n\nif __name__ == "__main',
            'if name == "__main',
        ),
        (
            'return x\n\nif __name__ == "__main',
            'import os\n\nif __name__ == "__main',
            'def test():\n    run()\n\nif __name__ == "__main',
            'assert __name__ == "__main',
            'raise ValueError\n\nif __name__ == "__main',
            'name = "__main',
            'if module == "__main',
            'if __name__ != "__main',
        ),
    ),
    "the children of Israel": Case(
        " Israel",
        " the",
        (
            "the children of",
            "And the children of",
            "to the children of",
            "of the children of",
            "And he came to the children of",
            "all the children of",
        ),
        (
            "Yahweh said to Moses and to the children of",
            "before the children of",
            "from the children of",
            "with the children of",
            "Then the children of",
            "among the children of",
            "So the children of",
            "The children of",
        ),
    ),
}


class Traced(NamedTuple):
    """The graph of one prompt, and what each latent contributes over all paths."""

    tokens: Int[Tensor, " pos"]
    """The prompt."""
    frozen: LocalModel
    """Frozen run."""
    basis: Basis
    """All active latents."""
    graph: Graph
    """Their graph; its output is the difference of two logits."""
    effects: Float[Tensor, " node"]
    """Predicted loss of the difference when a latent's writes are taken out."""


def total_effects(made: Graph) -> Float[Tensor, " node"]:
    """Add up each latent's effect on the last node over all paths, in the frozen model.

    A latent that is active is linear in what it reads, so the share of its value that it loses is
    the share of its writes that it loses: the edges, each divided by its target's value.
    """
    units = made.indices("latent")
    between = made.edges[units][:, units].double() / made.values[units, None].double()
    direct = made.edges[-1, units].double()
    system = torch.eye(len(units), dtype=torch.float64) - between
    return torch.linalg.solve(system.T, direct).to(made.edges)


@torch.no_grad()
def trace(
    model: HookedTransformer, clt: AbstractCLT, tokens: Int[Tensor, " pos"], ends: tuple[int, int]
) -> Traced:
    """Build the graph of a prompt; `ends` are the answer and the token that it is compared with."""
    frozen = freeze(model, tokens[None])
    basis = clt_basis(frozen, clt)
    probability = frozen.logits[-1].softmax(dim=-1)[ends[0]]
    target = LogitTargets(
        torch.tensor(ends[:1]), probability[None], difference_target(frozen, *ends)
    )
    made = attribution_graph(frozen, basis, target)
    return Traced(tokens, frozen, basis, made, total_effects(made))


def by_unit(traced: Traced, clt: AbstractCLT) -> Float[Tensor, "layer d_sae"]:
    """Add up the effects of each latent over positions, without position 0."""
    found = torch.zeros_like(clt.b_enc)
    layer, pos, unit = (getattr(traced.basis.nodes, name) for name in ("layer", "pos", "unit"))
    late = pos > 0
    return found.index_put((layer[late], unit[late]), traced.effects[late], accumulate=True)


def members(traced: Traced, group: Sequence[Unit]) -> Int[Tensor, " node"]:
    """List the nodes of a group's latents, without position 0."""
    units = traced.basis.nodes
    found = [
        node
        for node, where in enumerate(zip(units.layer.tolist(), units.unit.tolist(), strict=True))
        if where in set(group) and units.pos[node] > 0
    ]
    return torch.tensor(found, dtype=torch.long)


def written(traced: Traced, chosen: Int[Tensor, " node"]) -> Float[Tensor, "layer pos d_model"]:
    """Compute what some nodes write together to each MLP's output."""
    made = torch.stack([torch.zeros_like(layer.mlp_out) for layer in traced.frozen.layers])
    units = traced.basis.nodes
    for layer, (node, rows) in enumerate(units.writes):
        here = torch.isin(node, chosen)
        writes = rows[here] * units.acts[node[here], None]
        made[layer].index_add_(0, units.pos[node[here]], writes)
    return made


@torch.no_grad()
def run_without(
    model: HookedTransformer, tokens: Int[Tensor, " pos"], changes: Changes
) -> Float[Tensor, "set d_vocab"]:
    """Return the last logits of the model with changes subtracted from its MLPs' outputs."""
    hooks = {
        f"blocks.{layer}.hook_mlp_out": (lambda out, _point, layer=layer: out - changes[:, layer])
        for layer in range(len(model.blocks))
    }
    return model.run_with_hooks(tokens.expand(len(changes), -1), hooks=hooks)[:, -1]


def other_latents(
    traced: Traced, chosen: Int[Tensor, " node"], generator: torch.Generator
) -> Float[Tensor, "layer pos d_model"]:
    """Draw other active latents, one at each member's layer and position, and give what they write.

    The result has the length of what the group writes.
    """
    units, drawn = traced.basis.nodes, []
    free = torch.ones(len(units.unit), dtype=torch.bool)
    free[chosen] = False
    for node in chosen.tolist():
        same = (units.layer == units.layer[node]) & (units.pos == units.pos[node]) & free
        places = same.nonzero()[:, 0]
        pick = int(places[torch.randint(len(places), (1,), generator=generator)])
        free[pick] = False
        drawn.append(pick)
    return rescaled(written(traced, torch.tensor(drawn, dtype=torch.long)), written(traced, chosen))


def rescaled(change: Tensor, like: Tensor) -> Tensor:
    """Give a change the length of another one."""
    return change * like.norm() / change.norm()


def controls(traced: Traced, chosen: Int[Tensor, " node"], seed: int) -> dict[str, Changes]:
    """Draw the changes of both controls."""
    generator = torch.Generator().manual_seed(seed)
    own = written(traced, chosen)
    noise = torch.randn(DRAWS, *own.shape, generator=generator)
    noise *= own.norm(dim=-1, keepdim=True) > 0  # where the group writes
    return {
        "other latents": torch.stack(
            [other_latents(traced, chosen, generator) for _ in range(DRAWS)]
        ),
        "random directions": torch.stack([rescaled(one, own) for one in noise]),
    }


def test_group(
    model: HookedTransformer, traced: Traced, groups: Sequence[list[Unit]], seed: int
) -> dict[str, Any]:
    """Take groups out of one prompt's run, and predict and measure single nodes."""
    chosen = [members(traced, group) for group in groups]
    main = chosen[SIZES.index(SIZE)]
    late = traced.effects.where(traced.basis.nodes.pos > 0, 0.0)
    largest = late.abs().topk(LARGEST).indices
    sets = {
        "none": torch.zeros_like(written(traced, main))[None],
        "groups": torch.stack([written(traced, one) for one in chosen]),
        **controls(traced, main, seed),
        "nodes": torch.stack([written(traced, node[None]) for node in largest]),
    }
    logits = run_without(model, traced.tokens, torch.cat(list(sets.values())))
    parts = dict(zip(sets, logits.split([len(one) for one in sets.values()]), strict=True))
    return {
        "logits": {name: part for name, part in parts.items() if name != "nodes"},
        "predicted": torch.stack([traced.effects[one].sum() for one in chosen]),
        "members": len(main),
        "nodes predicted": traced.effects[largest],
        "node logits": parts["nodes"],
    }


def study(
    model: HookedTransformer, tokenizer: Tokenizer, clt: AbstractCLT, case: Case
) -> dict[str, Any]:
    """Choose a case's groups, and test them on the other prompts."""

    def encoded(text: str) -> Int[Tensor, " pos"]:
        return torch.tensor(tokenizer.encode(text).ids)

    ends = int(encoded(case.answer)), int(encoded(case.against))
    chosen = [trace(model, clt, encoded(prompt), ends) for prompt in case.chosen_on]
    scores = torch.stack([by_unit(one, clt) for one in chosen]).mean(dim=0)
    order = scores.flatten().argsort(descending=True)[: max(SIZES)].tolist()
    group = [divmod(place, scores.shape[1]) for place in order]
    groups = [group[:size] for size in SIZES]
    tested = [trace(model, clt, encoded(prompt), ends) for prompt in case.tested_on]
    return {
        "ends": ends,
        "group": [(layer, unit, float(scores[layer, unit])) for layer, unit in group],
        "drawn": chosen[0],
        "tests": [test_group(model, one, groups, seed) for seed, one in enumerate(tested)],
        "closure": max(closure(one.graph) for one in (*chosen, *tested)),
    }


def closure(made: Graph) -> float:
    """Measure the largest gap between a value and its incoming edges, as a share of the values."""
    read = made.indices("latent", "logit")
    gap = (made.edges[read].sum(dim=1) - made.values[read]).abs().max()
    return float(gap / made.values[read].abs().mean())


def load() -> tuple[HookedTransformer, Tokenizer, AbstractCLT]:
    """Load the model, its tokenizer and its CLT."""
    torch.set_num_threads(1)
    model, tokenizer = load_with_tokenizer(folder("text_4l"))
    clt = eight_bits.load_clt(folder("clt_text_4l"))
    return model.requires_grad_(False), tokenizer, clt.requires_grad_(False)
