"""Scores of a graph, and the control that they have to be compared with.

Scores are shares of the flow from the logits (`influence.py`). They judge the graph, not the model:
none of them knows whether an edge is right. The control has the same activations, with decoders
that belong to other nodes (`shuffle_decoders`). A score that stays high there shows little.
Axes: target and source, both over all nodes.
Source: Ameisen et al. 2025, "Circuit Tracing", section 3.3 and appendix on pruning.
"""

from typing import NamedTuple

import torch

from .edges import remainder_writes
from .graph import Graph, NodeKind
from .influence import node_influence, normalize_rows
from .local import LocalModel
from .nodes import Basis, Writes

INPUTS: tuple[NodeKind, ...] = ("token", "position")
UNEXPLAINED: tuple[NodeKind, ...] = ("error", "remainder")
"""What the shown nodes do not explain."""


class Scores(NamedTuple):
    """How much of a graph's flow its nodes explain."""

    replacement: float
    """Influence of inputs, as a share of inputs, errors and remainders. From 0 to 1; 1 is best."""
    completeness: float
    """Share of incoming edges that are not from errors or remainders, each target weighted by its
    influence. From 0 to 1; 1 is best."""
    unaccounted: float
    """Share of the whole flow that ends in errors and remainders. From 0 to 1; 0 is best."""
    path_length: float
    """Steps from a logit back to where the flow ends, on average; at least 1."""


def flow_ends(graph: Graph) -> dict[NodeKind, float]:
    """Compute where the flow from the logits ends: its share per kind of node. They sum to 1."""
    influence = node_influence(graph.edges, graph.weights) / graph.weights.sum()
    ends = ~graph.edges.any(dim=1)
    kinds = list(dict.fromkeys(node.kind for node in graph.nodes))
    totals = {kind: influence[i][ends[i]].sum() for kind in kinds for i in [graph.indices(kind)]}
    return {kind: float(total) for kind, total in totals.items() if total > 0}


def graph_scores(graph: Graph) -> Scores:
    """Compute the paper's two scores, the share that is unaccounted for, and the path length.

    Differs: the paper's code counts nodes without incoming edges as complete, errors too; here
        completeness is a mean over targets. Remainders count like errors.
    """
    influence = node_influence(graph.edges, graph.weights)
    inputs, unexplained = graph.indices(*INPUTS), graph.indices(*UNEXPLAINED)
    # exercise 12.8
    known, missed = influence[inputs].sum(), influence[unexplained].sum()
    explained = 1 - normalize_rows(graph.edges)[:, unexplained].sum(dim=1)
    reads = (influence + graph.weights) * graph.edges.any(dim=1)
    weight = graph.weights.sum()
    values = (
        known / (known + missed),
        (explained * reads).sum() / reads.sum(),
        missed / weight,
        influence.sum() / weight,
    )
    return Scores(*map(float, values))


@torch.no_grad()
def shuffle_decoders(local: LocalModel, basis: Basis, generator: torch.Generator) -> Basis:
    """Permute the decoder rows among the nodes that write to each MLP output.

    Activations, encoders and what is not shown stay. The error takes up the difference, so the MLP
    outputs, and with them the model, are the same as before.
    """
    before = remainder_writes(local, basis)
    # exercise 12.8
    writes = [
        Writes(node, rows[torch.randperm(len(rows), generator=generator)])
        for node, rows in basis.nodes.writes
    ]
    shuffled = basis._replace(nodes=basis.nodes._replace(writes=tuple(writes)))
    changed = remainder_writes(local, shuffled) - before
    return shuffled._replace(error=basis.error + changed)
