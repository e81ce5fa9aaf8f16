"""Graders of pruning.py (12.9)."""

import pytest
import torch

from tests.grading import exercise
from tests.grading.assertions import assert_close, normal

from .conftest import TEXT


@exercise("12.9")
@pytest.mark.parametrize(
    "scores, share, expected",
    [
        ([1, 4, 2, 3], 0.7, [0, 1, 0, 1]),
        ([1, 4, 2, 3], 0.71, [0, 1, 1, 1]),
        ([1, 4, 2, 3], 0.0, [0, 0, 0, 0]),
        ([1, 4, 2, 3], 1.0, [1, 1, 1, 1]),
        ([1, 0, 2, 0], 1.0, [1, 0, 1, 0]),
        ([2, 2, 2, 2], 0.5, [1, 1, 0, 0]),
        ([0, 0], 0.8, [0, 0]),
        ([5], 0.1, [1]),
        ([1e-9, 4e-9, 2e-9, 3e-9], 0.7, [0, 1, 0, 1]),
        ([1e6, 4e6, 2e6, 3e6], 0.7, [0, 1, 0, 1]),
    ],
)
def test_fewest_items_with_a_share_of_the_sum(pruning, scores, share, expected):
    actual = pruning.largest_share(torch.tensor(scores).double(), share)
    claim = f"Of {scores} the fewest with {share} of the sum are marked."
    assert_close(actual, torch.tensor(expected).bool(), claim)


@exercise("12.9")
def test_share_one_keeps_tiny_scores(pruning):
    scores = torch.tensor([1.0, 1e-20, 0.0, 1e-18], dtype=torch.float64)
    actual = pruning.largest_share(scores, 1.0)
    expected = torch.tensor([True, True, False, True])
    assert_close(actual, expected, "With share 1 all items above zero are marked, tiny ones too.")


@exercise("12.9")
def test_edge_scores_of_the_hand_graph(pruning, hand_graph):
    expected = torch.zeros(7, 7).double()
    expected[3, :3] = 0.25 * torch.tensor([2, 1, 1]) / 4
    expected[4, [1, 3]] = 0.4 * torch.tensor([3.0, 1.0]).double() / 4
    expected[5, [2, 3, 4]] = 0.6 * torch.tensor([1.0, 1.0, 2.0]).double() / 4
    expected[6, [0, 4]] = 0.2 * torch.tensor([0.5, 0.5]).double()
    actual = pruning.edge_scores(hand_graph.edges, hand_graph.weights)
    claim = "An edge's score is its share of its target, times what flows through that target."
    assert_close(actual, expected, claim, tolerance=1e-7)


@exercise("12.9")
def test_cut_moves_what_is_lost_to_the_remainder(pruning, hand_graph):
    whole = pruning.add_remainder(hand_graph)
    nodes = torch.tensor([1, 1, 1, 0, 0, 1, 1, 1]).bool()  # pruned, 2 tokens, error, 2 latents, ...
    edges = (whole.edges != 0) & nodes[:, None] & nodes
    edges[6, 5] = False  # latent 1 -> latent 2 is the last index but two
    small = pruning.cut(whole, pruning.Kept(nodes, edges))
    assert [node.label for node in small.nodes] == [
        node.label for node, keep in zip(whole.nodes, nodes, strict=True) if keep
    ], "Only nodes that are kept are left, in their order."
    assert_close(small.edges.sum(dim=1), small.values, "A row does not sum to its value any more.")
    assert_close(small.values, whole.values[nodes], "Values of kept nodes stay.")
    assert_close(small.weights, whole.weights[nodes], "Weights of kept nodes stay.")
    again = pruning.cut(small, pruning.Kept(small.edges.new_ones(6).bool(), small.edges != 0))
    assert_close(again.edges, small.edges, "Cutting nothing changes the graph.")


@exercise("12.9")
def test_dead_ends_are_dropped_until_none_is_left(pruning):
    """token 0 -> 1 -> 2 -> logit 5; 0 -> 3 -> 4 ends; error 6 -> 4 only; error 7 -> 2; 8 has no
    incoming edge and writes to 2."""
    edges = torch.zeros(9, 9).bool()
    for source, target in [
        (0, 1), (1, 2), (2, 5), (0, 3), (3, 4), (6, 4), (7, 2), (8, 2),
    ]:  # fmt: skip
        edges[target, source] = True
    units = torch.tensor([0, 1, 1, 1, 1, 0, 0, 0, 1]).bool()
    errors = torch.tensor([0, 0, 0, 0, 0, 0, 1, 1, 0]).bool()
    kept = pruning.Kept(torch.ones(9).bool(), edges)
    actual = pruning.drop_dead_ends(kept, units, errors)
    expected = torch.tensor([1, 1, 1, 0, 0, 1, 0, 1, 0]).bool()
    assert_close(actual.nodes, expected, "Other nodes are dropped than those on no path.")
    left = edges & expected[:, None] & expected
    assert_close(actual.edges, left, "Edges of dropped nodes are dropped, others stay.")
    again = pruning.drop_dead_ends(actual, units, errors)
    assert_close(again, actual, "Dropping dead ends twice drops more than once.")


@exercise("12.9")
@pytest.mark.parametrize("lacks", ["a source", "a reader"])
def test_a_long_chain_is_dropped_from_end_to_end(pruning, lacks):
    """Of 200 units in a chain, the first has no source, or the last has no reader."""
    n = 201
    edges = torch.diag(torch.ones(n - 1).bool(), -1)
    edges = edges if lacks == "a source" else edges.T
    units = torch.arange(n) < n - 1
    kept = pruning.Kept(torch.ones(n).bool(), edges)
    actual = pruning.drop_dead_ends(kept, units, torch.zeros(n).bool())
    claim = f"An end of a chain of {n - 1} units lacks {lacks}: drop all of them."
    assert_close(actual, pruning.Kept(~units, torch.zeros(n, n).bool()), claim)


@exercise("12.9")
def test_one_node_keeps_its_axes(pruning, hand_graph):
    nodes, edges, weights = torch.arange(8) < 1, torch.zeros(8, 8).bool(), normal(1, seed=1).abs()
    alone = pruning.cut(pruning.add_remainder(hand_graph), pruning.Kept(nodes, edges))
    kept = pruning.Kept(nodes[:1], edges[:1, :1])
    found = [alone.edges, alone.values, pruning.edge_scores(alone.edges, weights)]
    found += pruning.drop_dead_ends(kept, ~nodes[:1], ~nodes[:1])
    sizes = [list(x.shape) for x in found]
    assert sizes == [[1, 1], [1], [1, 1], [1], [1, 1]], f"With one node the shapes are {sizes}."


@exercise("12.9")
@pytest.mark.parametrize("kind, family", [("clt", "LLAMA"), ("per layer", "GPT2")])
def test_pruned_graphs_add_up_and_have_no_dead_ends(pruning, any_graph, kind, family):
    whole = any_graph(family, kind)
    for node_share, edge_share in ((0.9, 0.98), (0.5, 0.8), (0.1, 0.3), (0.0, 0.0), (1.0, 1.0)):
        small = pruning.prune(whole, node_share, edge_share)
        shares = f"{node_share} of the nodes and {edge_share} of the edges"
        claim = f"Pruned to {shares}, a row does not sum to its value."
        assert_close(small.edges.sum(dim=1), small.values, claim, tolerance=1e-9)
        units = small.indices("latent")
        paths = small.edges.clone()
        paths[:, small.indices("remainder", "constant")] = 0
        assert (paths[units] != 0).any(dim=1).all(), f"Pruned to {shares}: a unit reads nothing."
        read = (small.edges[:, units] != 0).any(dim=0)
        assert read.all(), f"Pruned to {shares}: nothing reads a unit."
        for fixed in ("token", "position", "logit"):
            same = len(small.indices(fixed)) == len(whole.indices(fixed))
            assert same, f"Pruned to {shares}: every {fixed} stays."


@exercise("12.9")
def test_fewer_nodes_and_edges_with_smaller_shares(pruning, any_graph):
    whole = any_graph("LLAMA", "clt")
    shares = (1.0, 0.9, 0.6, 0.3, 0.1)
    nodes = [set(pruning.prune(whole, share, 1.0).nodes) for share in shares]
    assert all(more >= less for more, less in zip(nodes, nodes[1:])), "Nodes come back."
    assert len(nodes[0]) > len(nodes[2]) > len(nodes[4]), "Fewer shares, fewer nodes."
    edges = [int((pruning.prune(whole, 0.9, share).edges != 0).sum()) for share in shares]
    assert edges == sorted(edges, reverse=True), "A smaller share keeps more edges."


@pytest.mark.project
def test_kept_units_have_the_share_of_influence(pruning, influence, any_graph):
    whole = any_graph("GPT2", "clt")
    reach = influence.node_influence(whole.edges, whole.weights)
    places = whole.indices("latent", "error")
    small = set(pruning.prune(whole, 0.7, 1.0).nodes)
    kept = torch.tensor([whole.nodes[i] in small for i in places])
    assert reach[places][kept].sum() >= 0.7 * reach[places].sum()
    smallest = reach[places][kept].min()
    assert reach[places][kept].sum() - smallest < 0.7 * reach[places].sum()


@pytest.mark.project
def test_wrong_shares_raise(pruning):
    with pytest.raises(ValueError, match="expected a share from 0 to 1, got 1.5"):
        pruning.largest_share(normal(3, seed=1).abs(), 1.5)


@pytest.mark.project
@pytest.mark.parametrize("field", ["edges", "weights"])
def test_graphs_that_are_not_finite_raise(pruning, any_graph, field):
    whole = any_graph("LLAMA", "clt")
    broken = getattr(whole, field).clone()
    broken[-1] = torch.nan
    with pytest.raises(ValueError, match=f"expected finite {field} of the graph"):
        pruning.prune(whole._replace(**{field: broken}))


@pytest.mark.project
def test_pruned_remainder_is_added_once(pruning, any_graph):
    once = pruning.prune(any_graph("LLAMA", "clt"), 0.8, 0.9)
    twice = pruning.prune(once, 1.0, 1.0)
    assert twice.nodes == once.nodes
    assert_close(twice.edges, once.edges, "Nothing is left to prune.")
    assert len(TEXT[0]) == len(once.indices("token"))
