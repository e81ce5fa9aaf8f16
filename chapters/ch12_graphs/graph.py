"""Attribution graphs: nodes of all kinds, and one matrix of edges between them.

`edges[target, source]` is the direct effect of the source on the target. Rows of nodes that have no
incoming edges (tokens, errors, remainders, biases) are zeros. Every row of a latent, a neuron or a
logit sums to its value, whatever is shown: what is not shown is in the remainders.
Axes: target and source, both over all nodes.
Source: Ameisen et al. 2025, "Circuit Tracing", section 3.2.
"""

from collections.abc import Sequence
from typing import Literal, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from .edges import BIASES, CONSTANTS, Effects
from .fast_edges import fast_effects
from .local import LocalModel
from .logits import LogitTargets
from .nodes import Basis, join

NodeKind = Literal[
    "token",
    "position",
    "latent",
    "neuron",
    "error",
    "remainder",
    "bias",
    "constant",
    "attention",
    "norm",
    "logit",
]
EVERYWHERE = -1
"""Position of biases, which act at all positions; layer of tokens, positions and constants."""


class Node(NamedTuple):
    """One node of a graph."""

    kind: NodeKind
    """What it is."""
    layer: int
    """Layer; n_layers for logits, EVERYWHERE for tokens, positions and constants."""
    pos: int
    """Position; EVERYWHERE for biases and constants."""
    unit: int
    """Latent, neuron, token of the vocabulary, head, or place among its layer's biases; or -1."""
    label: str
    """Words for the reader."""
    act: float
    """Activation; the probability of a logit's token; 1 for all others."""


class Graph(NamedTuple):
    """An attribution graph of one text."""

    tokens: tuple[int, ...]
    """The text."""
    words: tuple[str, ...]
    """Its tokens, as text."""
    nodes: tuple[Node, ...]
    """All nodes, sources before what reads them: tokens and biases first, logits last."""
    edges: Float[Tensor, "target source"]
    """Direct effects."""
    values: Float[Tensor, " node"]
    """What the incoming edges of each node sum to; 0 for a node without any."""
    weights: Float[Tensor, " node"]
    """How much each node counts as an output: the probability of a logit's token, else 0."""

    def indices(self, *kinds: NodeKind) -> Tensor:
        """List the nodes of these kinds."""
        return torch.tensor(
            [i for i, node in enumerate(self.nodes) if node.kind in kinds], dtype=torch.long
        )


def source_nodes(words: Sequence[str], tokens: Sequence[int], n_layers: int) -> list[Node]:
    """List the sources other than units, in the order of `effects_within`."""
    at = list(enumerate(words))
    made = [Node("token", EVERYWHERE, i, tokens[i], f"token {word!r}", 1.0) for i, word in at]
    made += [Node("position", EVERYWHERE, i, i, f"position {i}", 1.0) for i, _ in at]
    for kind in ("error", "remainder"):
        for layer in range(n_layers):
            made += [Node(kind, layer, i, -1, f"{kind} {layer} at {word!r}", 1.0) for i, word in at]
    for layer in range(n_layers):
        for place, name in enumerate(BIASES):
            made.append(Node("bias", layer, EVERYWHERE, place, f"{name} {layer}", 1.0))
    for place, name in enumerate(CONSTANTS):
        made.append(Node("constant", EVERYWHERE, EVERYWHERE, place, name, 1.0))
    return made


def effects_within(rows: Float[Tensor, "target source"], n_pos: int, n_layers: int) -> Effects:
    """View rows of a graph's edges as effects: what is written to these is written to the rows.

    The sources are those of `source_nodes`, in their order, then the units.
    """
    sizes = [n_pos, n_pos, n_layers * n_pos, n_layers * n_pos, n_layers * len(BIASES)]
    parts = rows.split([*sizes, len(CONSTANTS), rows.shape[1] - sum(sizes) - len(CONSTANTS)], dim=1)
    tokens, positions, errors, remainders, biases, constants, units = parts
    shape = (n_layers, n_pos)
    errors, remainders = errors.unflatten(1, shape), remainders.unflatten(1, shape)
    biases = biases.unflatten(1, (n_layers, len(BIASES)))
    return Effects(units, tokens, positions, errors, remainders, biases, constants)


def attribution_graph(
    local: LocalModel, basis: Basis, logits: LogitTargets, words: Sequence[str] | None = None
) -> Graph:
    """Build the graph of the nodes that a basis shows, and of the logits.

    words: the tokens as text; by default their numbers. Tokens of logits are named by number too,
    so give logits names with `name_logits`.
    """
    tokens = local.tokens.tolist()
    words = [str(token) for token in tokens] if words is None else list(words)
    first = source_nodes(words, tokens, len(local.layers))
    units = basis.nodes
    shown = [
        Node(basis.kind, layer, pos, unit, f"{layer}.{unit} at {words[pos]!r}", act)
        for layer, pos, unit, act in zip(
            units.layer.tolist(),
            units.pos.tolist(),
            units.unit.tolist(),
            units.acts.tolist(),
            strict=True,
        )
    ]
    last = [
        Node("logit", len(local.layers), pos, token, f"logit {token}", probability)
        for token, probability, pos in zip(
            logits.tokens.tolist(),
            logits.probabilities.tolist(),
            logits.targets.pos.tolist(),
            strict=True,
        )
    ]
    n, n_shown, n_first = len(first) + len(shown) + len(last), len(shown), len(first)
    edges = local.embed.new_zeros(n, n)
    rows = edges[n_first:, : n_first + n_shown]
    targets = join([units.targets, logits.targets])
    fast_effects(local, basis, targets, out=effects_within(rows, len(tokens), len(local.layers)))
    values, weights = edges.new_zeros(n), edges.new_zeros(n)
    values[n_first:] = torch.cat([units.targets.values, logits.targets.values])
    weights[n_first + n_shown :] = logits.probabilities
    return Graph(tuple(tokens), tuple(words), (*first, *shown, *last), edges, values, weights)
