"""Influence: how much of what reaches the logits passes through each node.

1. Normalize: each target's edges in absolute value, divided by their sum.
2. A step back hands a target's weight to its sources, in these shares. Start from the logits, with
   their probabilities as weights, and add up what each node has over all steps.

Sources without incoming edges keep what they get, so their influence sums to the logits' weight: it
is where the flow ends.
Axes: target and source, both over all nodes.
Source: Ameisen et al. 2025, "Circuit Tracing", section 3.3 and appendix on pruning.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from .graph import NodeKind

Edges = Float[Tensor, "target source"]
PerNode = Float[Tensor, " node"]
UNITS: tuple[NodeKind, ...] = ("latent", "neuron")


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
