"""The secant graph as a graph: nodes, and one matrix of edges that sum to changes.

Values and activations are those of the first prompt minus those of the second. Two kinds of source
are in no graph of one prompt: `attention`, what each head writes because its pattern changed, and
`norm`, all divisors of norms together.
Axes: target and source, both over all nodes.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from .contrast import Run
from .graph import EVERYWHERE, Graph, Node
from .nodes import join
from .relp import Where
from .secant import change_basis, change_effects, change_model, change_target


class Answers(NamedTuple):
    """The logit difference whose change is explained."""

    answer: int
    """Next token of the first prompt."""
    wrong: int
    """Next token of the second."""


def change_sources(
    words: Sequence[str], tokens: Sequence[int], n_layers: int, n_heads: int
) -> list[Node]:
    """List the sources other than neurons: tokens, remainders, attention, norms."""
    at = list(enumerate(words))
    made = [Node("token", EVERYWHERE, i, tokens[i], f"token {word!r}", 1.0) for i, word in at]
    for layer in range(n_layers):
        made += [Node("remainder", layer, i, -1, f"remainder {layer} at {w!r}", 1.0) for i, w in at]
    for layer in range(n_layers):
        for head in range(n_heads):
            label = f"attention {layer}.{head} moved"
            made.append(Node("attention", layer, EVERYWHERE, head, label, 1.0))
    made.append(Node("norm", EVERYWHERE, EVERYWHERE, -1, "divisors of norms", 1.0))
    return made


@torch.no_grad()
def change_graph(
    runs: tuple[Run, Run], where: Where, answers: Answers, words: Sequence[str]
) -> Graph:
    """Build the graph of the change of a logit difference from the second prompt to the first.

    where: the neurons that are shown. words: the tokens as text; where both prompts have different
    ones, name both.
    """
    change = change_model(*runs)
    basis, tokens = change_basis(change, where), change.local.tokens.tolist()
    last = change_target(change, answers.answer, answers.wrong)
    effects = change_effects(change, basis, join([basis.nodes.targets, last]))
    n_layers, n_heads = effects.moved.shape[1:]
    first = change_sources(words, tokens, n_layers, n_heads)
    shown = [
        Node("neuron", layer, pos, unit, f"{layer}.{unit} at {words[pos]!r}", act)
        for layer, pos, unit, act in zip(
            *(part.tolist() for part in where), basis.nodes.acts.tolist(), strict=True
        )
    ]
    probability = runs[0].local.logits[-1].softmax(dim=-1)[answers.answer]
    logit = Node("logit", n_layers, len(words) - 1, answers.answer, "change", float(probability))
    parts: list[Float[Tensor, "target source"]] = [
        effects.tokens,
        effects.remainders.flatten(1),
        effects.moved.flatten(1),
        effects.norms[:, None],
        effects.nodes,
    ]
    n, n_first = len(first) + len(shown) + 1, len(first)
    edges = effects.nodes.new_zeros(n, n)
    edges[n_first:, :-1] = torch.cat(parts, dim=1)
    values, weights = edges.new_zeros(n), edges.new_zeros(n)
    values[n_first:] = torch.cat([basis.nodes.targets.values, last.values])
    weights[-1] = 1
    return Graph(tuple(tokens), tuple(words), (*first, *shown, logit), edges, values, weights)
