"""Supernodes: groups of nodes that do the same, drawn as one.

A group's edge is the sum over its members, on both sides, so the summary adds up like the graph
(`merge`). Which nodes belong together is a judgement. `group_units` makes it by a rule: two units
are alike if they have the same sources and the same targets. `cohesion` measures how alike the
members of groups are, against groups of the same sizes drawn at random.
Axes: unit (nodes of a graph that are latents or neurons), group.
Source: Ameisen et al. 2025, "Circuit Tracing", section 3.4, where groups are made by hand.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from .graph import Graph
from .influence import UNITS, node_influence

Groups = Sequence[Sequence[int]]


class Summary(NamedTuple):
    """A graph whose nodes are groups."""

    members: tuple[tuple[int, ...], ...]
    """Nodes of each group; nodes that were in none have a group of their own, at the end."""
    edges: Float[Tensor, "target source"]
    """Sums of edges between groups. On the diagonal: edges within a group."""
    values: Float[Tensor, " target"]
    """Sums of the members' values: what each row sums to."""


def merge(graph: Graph, groups: Groups) -> Summary:
    """Sum the edges between groups.

    Raises: ValueError for a node in two groups.
    """
    grouped = [node for group in groups for node in group]
    if len(set(grouped)) < len(grouped):
        raise ValueError("expected every node in one group at most, got a node in two; remove one")
    alone = [(node,) for node in range(len(graph.nodes)) if node not in set(grouped)]
    members = (*(tuple(group) for group in groups), *alone)
    # exercise 12.10
    belongs = graph.edges.new_zeros(len(members), len(graph.nodes))
    for row, group in enumerate(members):
        belongs[row, list(group)] = 1
    return Summary(members, belongs @ graph.edges @ belongs.T, belongs @ graph.values)


def edge_profiles(graph: Graph, units: Int[Tensor, " unit"]) -> Float[Tensor, "unit profile"]:
    """Describe each unit by its incoming edges and its outgoing ones, each of length 1.

    Both halves are divided by their lengths, so neither counts more; a half of zeros stays zeros.
    """
    # exercise 12.10
    incoming, outgoing = graph.edges[units], graph.edges[:, units].T
    return torch.cat([F.normalize(incoming, dim=1), F.normalize(outgoing, dim=1)], dim=1)


def similarity(profiles: Float[Tensor, "unit profile"]) -> Float[Tensor, "unit unit"]:
    """Compute the cosine of every two units' profiles."""
    unit = F.normalize(profiles, dim=1)
    return unit @ unit.T


def group_units(graph: Graph, threshold: float = 0.7) -> list[list[int]]:
    """Group units by their edges: the most influential one is joined by all that are like it.

    Like it: at the same layer and position, with a similarity of at least `threshold`. Then the
    most influential unit that is left starts the next group. Groups of one are not listed.
    """
    units = graph.indices(*UNITS)
    influence = node_influence(graph.edges, graph.weights)[units]
    alike = similarity(edge_profiles(graph, units)) >= threshold
    place = torch.tensor([[graph.nodes[i].layer, graph.nodes[i].pos] for i in units])
    # exercise 12.10
    groups, left = [], torch.ones(len(units), dtype=torch.bool)
    for seed in influence.argsort(descending=True, stable=True):
        if left[seed]:
            joined = left & alike[seed] & (place == place[seed]).all(dim=1)
            joined[seed] = True
            left = left & ~joined
            groups.append(units[joined].tolist())
    return [group for group in groups if len(group) > 1]


class Cohesion(NamedTuple):
    """How alike the members of groups are, by the cosine of their edges."""

    within: float
    """Mean over pairs of one group. From -1 to 1; 1 for members with proportional edges."""
    random: float
    """The same for groups of the same sizes, drawn from all units: the control."""


def cohesion(
    graph: Graph, groups: Groups, generator: torch.Generator, n_random: int = 100
) -> Cohesion:
    """Measure how alike the members of groups are, and how alike random groups would be.

    Raises: ValueError without a group of at least two units.
    """
    if not any(len(group) > 1 for group in groups):
        raise ValueError("expected a group of at least two units, got none; lower the threshold")
    units = graph.indices(*UNITS)
    cosine = similarity(edge_profiles(graph, units))
    place = {node: i for i, node in enumerate(units.tolist())}
    chosen = [torch.tensor([place[node] for node in group]) for group in groups]

    def mean(drawn: Sequence[Int[Tensor, " member"]]) -> float:
        pairs = [
            cosine[one][:, one][torch.triu_indices(len(one), len(one), 1).unbind()] for one in drawn
        ]
        return float(torch.cat(pairs).mean())

    sizes = [len(group) for group in groups]
    randoms = []
    for _ in range(n_random):
        order = torch.randperm(len(units), generator=generator)
        randoms.append(mean(order[: sum(sizes)].split(sizes)))
    return Cohesion(mean(chosen), sum(randoms) / n_random)
