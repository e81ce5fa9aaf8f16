"""Pruning: keep what carries most of the influence, and keep count of the rest.

1. Units and errors: the fewest with `node_share` of their influence.
2. Edges among what is left: the fewest with `edge_share` of their scores, where an edge's score is
   its share of its target times the target's influence.
3. Dead ends: units without an incoming or outgoing edge, errors without an outgoing one.

Tokens, positions, biases, constants, remainders and logits stay. What is cut from a target's row
goes to one more remainder, `pruned`, so that every row still sums to its value.
Axes: target and source, both over all nodes.
Source: Ameisen et al. 2025, "Circuit Tracing", appendix on pruning.
Differs: the paper loses what it prunes, and takes node_share of all nodes' influence, tokens too.
"""

from typing import NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from ..ch00_looking.checks import check_finite
from .graph import EVERYWHERE, Graph, Node
from .influence import UNITS, Edges, PerNode, node_influence, normalize_rows

Mask = Bool[Tensor, " node"]
PRUNED = Node("remainder", EVERYWHERE, EVERYWHERE, -1, "pruned", 1.0)


class Kept(NamedTuple):
    """What is left of a graph."""

    nodes: Mask
    """Nodes."""
    edges: Bool[Tensor, "target source"]
    """Edges, between nodes that are left."""


def largest_share(scores: Float[Tensor, " item"], share: float) -> Bool[Tensor, " item"]:
    """Mark the fewest items whose scores, zero or positive, have this share of the sum.

    Of equal scores the first one counts first. With share 1 all items above zero are marked.

    Raises: ValueError unless 0 <= share <= 1.
    """
    if not 0 <= share <= 1:
        raise ValueError(f"expected a share from 0 to 1, got {share}")
    # exercise 12.9
    values, order = scores.sort(descending=True, stable=True)
    before = values.cumsum(dim=0) - values
    chosen = (before < share * values.sum()) & (values > 0)
    if share == 1:
        chosen = values > 0
    return torch.zeros_like(chosen).scatter(0, order, chosen)


def add_remainder(graph: Graph) -> Graph:
    """Add the node `pruned`, as the first one, unless the graph has it."""
    if PRUNED in graph.nodes:
        return graph
    n = len(graph.nodes)
    edges = graph.edges.new_zeros(n + 1, n + 1)
    edges[1:, 1:] = graph.edges
    values, weights = (torch.cat([x.new_zeros(1), x]) for x in (graph.values, graph.weights))
    return graph._replace(nodes=(PRUNED, *graph.nodes), edges=edges, values=values, weights=weights)


def cut(graph: Graph, kept: Kept) -> Graph:
    """Remove nodes and edges; the sum of what a row loses is added to its edge from `pruned`."""
    place = graph.nodes.index(PRUNED)
    # exercise 12.9
    edges = graph.edges * kept.edges
    edges[:, place] += (graph.edges - edges).sum(dim=1)
    nodes = tuple(node for node, keep in zip(graph.nodes, kept.nodes, strict=True) if keep)
    return graph._replace(
        nodes=nodes,
        edges=edges[kept.nodes][:, kept.nodes],
        values=graph.values[kept.nodes],
        weights=graph.weights[kept.nodes],
    )


def edge_scores(edges: Edges, weights: PerNode) -> Edges:
    """Compute each edge's share of its target, times the target's influence and own weight."""
    # exercise 12.9
    reach = node_influence(edges, weights) + weights
    return normalize_rows(edges) * reach[:, None]


def drop_dead_ends(kept: Kept, units: Mask, errors: Mask) -> Kept:
    """Drop units without incoming or outgoing edges, errors without outgoing ones, until none is.

    units, errors: which nodes these are. Each removal may make another dead end.
    """
    # exercise 12.9
    nodes, edges = kept
    while True:
        edges = edges & nodes[:, None] & nodes
        read, written = edges.any(dim=0), edges.any(dim=1)
        dead = nodes & ((units & ~(read & written)) | (errors & ~read))
        if not dead.any():
            return Kept(nodes, edges)
        nodes = nodes & ~dead


def prune(graph: Graph, node_share: float = 0.8, edge_share: float = 0.98) -> Graph:
    """Prune nodes, then edges, then dead ends.

    Edges from constants and remainders are never cut, and do not count among the edges.

    Raises: ValueError for edges or weights that are NaN or infinite.
    """
    check_finite(graph.edges, "edges of the graph")
    check_finite(graph.weights, "weights of the graph")
    graph = add_remainder(graph)
    units, errors, fixed = (
        torch.isin(torch.arange(len(graph.nodes)), graph.indices(*kinds))
        for kinds in (UNITS, ("error",), ("constant", "remainder"))
    )
    influence = node_influence(graph.edges, graph.weights)
    nodes = ~(units | errors) | largest_share(influence * (units | errors), node_share)
    edges = graph.edges != 0
    first = Kept(nodes, edges & nodes[:, None] & nodes)
    smaller = cut(graph, first)
    scores = torch.zeros_like(graph.edges)
    scores[nodes.outer(nodes)] = edge_scores(smaller.edges, smaller.weights).flatten()
    strong = largest_share((scores * ~fixed).flatten(), edge_share).view_as(edges)
    left = first.edges & (strong | fixed)
    # An edge from a constant or a remainder does not save a unit.
    kept = drop_dead_ends(Kept(nodes, left & ~fixed), units, errors)
    return cut(graph, kept._replace(edges=left & kept.nodes[:, None] & kept.nodes))
