"""Graders of supernodes.py (12.10)."""

import pytest
import torch

from tests.grading import exercise
from tests.grading.assertions import assert_close, normal
from tests.grading.odd_inputs import check_odd


@exercise("12.10")
def test_summary_sums_edges_of_members(supernodes, any_graph):
    graph = any_graph("GPT2", "clt")
    units = graph.indices("latent").tolist()
    groups = [units[:3], [units[5], graph.indices("logit")[0].item()], units[7:8]]
    summary = supernodes.merge(graph, groups)
    for row, targets in enumerate(summary.members):
        for column, sources in enumerate(summary.members):
            if row < 6 or column < 6:
                expected = sum(graph.edges[t, s] for t in targets for s in sources)
                claim = "A group's edge is the sum over its members, targets and sources."
                assert_close(summary.edges[row, column], expected, claim)
    assert_close(summary.edges.sum(dim=1), summary.values, "Rows do not sum to groups' values.")
    n = sum(len(group) for group in groups)
    assert len(summary.values) == len(graph.nodes) - n + 3, "Others have a group of their own."
    whole = supernodes.merge(graph, [list(range(len(graph.nodes)))])
    assert_close(whole.edges, graph.edges.sum()[None, None], "One group has one edge, to itself.")
    kinds = {type(node) for group in summary.members for node in group}
    assert kinds == {int}, f"The nodes of a group are numbers, not {kinds}."


@exercise("12.10")
def test_profiles_have_both_halves_of_length_one(supernodes, any_graph):
    graph = any_graph("LLAMA", "per layer")
    graph = graph._replace(edges=graph.edges * 1e-8 ** (normal(*graph.edges.shape, seed=1) > 1))
    units = graph.indices("latent")[[0, 4, 2, 7]]
    rows = []
    for unit in units:
        halves = (graph.edges[unit], graph.edges[:, unit])
        rows.append(torch.cat([h / h.square().sum().sqrt() if h.any() else h for h in halves]))
    actual = supernodes.edge_profiles(graph, units)
    assert_close(actual, torch.stack(rows), "Each half of a profile has length 1, or is zero.")


def edges_of_two_kinds(graph, n=6):
    """Latents 0, 2, 4 have the edges of one kind; 1 and 3 of another; 5 is at another layer."""
    Node = graph.Node
    kinds = [("token", -1, 0), ("token", -1, 1), *[("latent", 0, 1)] * 5, ("latent", 1, 1)]
    nodes = [Node(kind, layer, pos, i, f"{i}", 1.0) for i, (kind, layer, pos) in enumerate(kinds)]
    nodes += [Node("logit", 2, 1, 8, "x", 0.5), Node("logit", 2, 1, 9, "y", 0.5)]
    edges = torch.zeros(10, 10).double()
    for place in range(n):
        kind = place % 2 if place < 5 else 0
        size = [3, 2, 2, 1, 1, 5][place]
        edges[2 + place, kind] = size
        edges[8 + kind, 2 + place] = size
    weights = torch.zeros(10).double()
    weights[8:] = 0.5
    return graph.Graph((0, 1), ("a", "b"), tuple(nodes), edges, edges.sum(dim=1), weights)


@exercise("12.10")
def test_units_with_the_same_edges_are_grouped(supernodes, graph):
    made = edges_of_two_kinds(graph)
    actual = sorted(sorted(group) for group in supernodes.group_units(made, 0.9))
    assert_close(actual, [[2, 4, 6], [3, 5]], "Latents 2, 4, 6 have like edges, and 3, 5 have.")


@exercise("12.10")
def test_other_places_are_not_grouped(supernodes, graph):
    made = edges_of_two_kinds(graph)
    nodes = list(made.nodes)
    nodes[4] = nodes[4]._replace(pos=0)
    made = made._replace(nodes=tuple(nodes))
    actual = sorted(sorted(group) for group in supernodes.group_units(made, 0.9))
    assert_close(actual, [[2, 6], [3, 5]], "Nodes of other layers or positions stay outside.")


@exercise("12.10")
def test_the_most_influential_unit_begins(supernodes, graph):
    """Unit 4 is like 2 and like 3, which are not alike: it joins the one with more influence."""
    made = edges_of_two_kinds(graph)
    edges = made.edges.clone()
    edges[4, :2] = torch.tensor([1.0, 1.0])
    edges[8:, 4] = torch.tensor([0.1, 0.1])
    for strong, expected in ((2, [[2, 4, 6], [3, 5]]), (3, [[2, 6], [3, 4, 5]])):
        changed = edges.clone()
        changed[8:, strong] *= 10
        one = made._replace(edges=changed)
        actual = sorted(sorted(group) for group in supernodes.group_units(one, 0.7))
        assert_close(actual, expected, f"Unit {strong} has most influence, so it begins.")


@exercise("12.10")
def test_without_units_there_are_no_groups(supernodes, graph):
    made = edges_of_two_kinds(graph)
    nodes = tuple(
        node._replace(kind="error") if node.kind == "latent" else node for node in made.nodes
    )
    assert supernodes.group_units(made._replace(nodes=nodes), 0.5) == [], "There is no unit."


@pytest.mark.project
def test_similarity_is_the_cosine(supernodes):
    def oracle(x):
        x = x / x.square().sum(dim=1, keepdim=True).sqrt().clamp_min(1e-12)
        return x @ x.T

    def make(unit, profile):
        return (normal(unit, profile, seed=1),)

    check_odd(supernodes.similarity, oracle, make, skip="nan tiny", unit=4, profile=6)


@pytest.mark.project
def test_cohesion_of_like_units_is_one_and_of_random_ones_less(supernodes, graph):
    made = edges_of_two_kinds(graph)
    groups = supernodes.group_units(made, 0.9)
    cohesion = supernodes.cohesion(made, groups, torch.Generator().manual_seed(0))
    assert_close(cohesion.within, 1.0, "Members are not alike.", tolerance=1e-6)
    assert cohesion.random < 0.8
    with pytest.raises(ValueError, match="expected a group of at least two units, got none"):
        supernodes.cohesion(made, [[2]], torch.Generator())
    with pytest.raises(ValueError, match="got a node in two"):
        supernodes.merge(made, [[2, 3], [3]])
