"""Influence: how much of what reaches the logits passes through each node.

1. Normalize: each target's edges in absolute value, divided by their sum.
2. A step back hands a target's weight to its sources, in these shares. Start from the logits, with
   their probabilities as weights, and add up what each node has over all steps.

Sources without incoming edges keep what they get, so their influence sums to the logits' weight: it
is where the flow ends (`flow_ends`). Scores are shares of this flow. They judge the graph, not the
model: none of them knows whether an edge is right.
Axes: target and source, both over all nodes.
Source: Ameisen et al. 2025, "Circuit Tracing", section 3.3 and appendix on pruning.
"""

from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from .graph import Graph, NodeKind

Edges = Float[Tensor, "target source"]
PerNode = Float[Tensor, " node"]
INPUTS: tuple[NodeKind, ...] = ("token", "position")
UNITS: tuple[NodeKind, ...] = ("latent", "neuron")
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


def normalize_rows(edges: Edges) -> Edges:
    """Divide the absolute value of each edge by the sum over its target's incoming edges.

    Rows of zeros stay zeros: nothing flows on from a node without incoming edges.
    """
    # exercise 12.7
    size = edges.abs()
    total = size.sum(dim=1, keepdim=True)
    return size / total.where(total > 0, 1.0)


def node_influence(edges: Edges, weights: PerNode) -> PerNode:
    """Sum each node's share of the logits' weight over paths of all lengths, at least one edge.

    weights (A + A^2 + A^3 + ...) with A = normalize_rows(edges). The sum ends by itself, because a
    graph has no cycles. The logits' own weight is not counted.
    """
    # exercise 12.7
    shares = normalize_rows(edges)
    flow, total = weights @ shares, torch.zeros_like(weights)
    for _ in weights:  # no path is longer than the number of nodes
        if not flow.any():
            break
        total = total + flow
        flow = flow @ shares
    return total


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
