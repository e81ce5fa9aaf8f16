"""Graders of influence.py (12.7, 12.8) and of the shuffled control (12.8)."""

import pytest
import torch

from tests.grading import exercise
from tests.grading.assertions import assert_close, normal
from tests.grading.odd_inputs import check_odd

from .conftest import TEXT


@exercise("12.7")
def test_rows_are_shares_on_odd_inputs(influence):
    def oracle(edges):
        rows = []
        for row in edges:
            total = sum(abs(x) for x in row)
            rows.append(torch.stack([abs(x) if total == 0 else abs(x) / total for x in row]))
        return torch.stack(rows)

    def make(target, source):
        return (normal(target, source, seed=1) * (torch.arange(target)[:, None] > 0),)

    sizes = {"target": 4, "source": 5}
    check_odd(influence.normalize_rows, oracle, make, skip="nan target=300 source=300", **sizes)


def path_sums(edges, weights):
    """From the last node to the first: a source gets its share of what each later target has."""
    n = len(weights)
    reach = [0.0] * n
    for source in reversed(range(n)):
        for target in range(source + 1, n):
            size = edges[target].abs().sum()
            if size > 0:
                share = edges[target, source].abs() / size
                reach[source] = reach[source] + share * (reach[target] + weights[target])
    return torch.stack([torch.as_tensor(x, dtype=edges.dtype) for x in reach])


@exercise("12.7")
@pytest.mark.parametrize("n, seed", [(1, 0), (2, 1), (7, 2), (20, 3)])
def test_influence_sums_over_all_paths(influence, n, seed):
    edges = normal(n, n, seed=seed).tril(-1) * (normal(n, n, seed=seed + 50) > -0.5)
    weights = normal(n, seed=seed + 99).abs() * (torch.arange(n) >= n // 2)
    actual = influence.node_influence(edges, weights)
    assert_close(actual, path_sums(edges, weights), f"Influence is wrong in a graph of {n} nodes.")


@exercise("12.7")
def test_a_chain_of_two_hundred_edges_has_no_end_too_early(influence):
    n = 201
    edges = torch.diag(-0.01 * torch.ones(n - 1).double(), -1)
    weights = torch.zeros(n).double()
    weights[-1] = 0.25
    expected = torch.full((n,), 0.25).double()
    expected[-1] = 0
    actual = influence.node_influence(edges, weights)
    assert_close(actual, expected, "Along a chain every node has the whole weight of its end.")


@exercise("12.7")
def test_influence_of_the_hand_graph(influence, hand_graph):
    expected = [0.225, 0.3625, 0.2125, 0.25, 0.4, 0, 0]
    actual = influence.node_influence(hand_graph.edges, hand_graph.weights)
    claim = "Influence in the graph with edges 2, -1, 1, ... that you can do by hand is wrong."
    assert_close(actual, torch.tensor(expected).double(), claim, tolerance=1e-7)


@exercise("12.8")
def test_scores_of_the_hand_graph(influence, hand_graph):
    scores = influence.graph_scores(hand_graph)
    claim = "In the graph that you can do by hand"
    assert_close(scores.replacement, 0.5875 / 0.8, f"{claim} the replacement score is wrong.")
    assert_close(scores.completeness, 1.2375 / 1.45, f"{claim} completeness is wrong.")
    assert_close(scores.unaccounted, 0.2125 / 0.8, f"{claim} the unaccounted share is wrong.")
    assert_close(scores.path_length, 1.45 / 0.8, f"{claim} the mean path length is wrong.")


@exercise("12.8")
def test_scores_know_positions_remainders_and_biases(influence, hand_graph):
    """Rename the sources: inputs are tokens and positions; errors and remainders are missed."""

    def renamed(*kinds):
        nodes = list(hand_graph.nodes)
        for place, kind in enumerate(kinds):
            nodes[place] = nodes[place]._replace(kind=kind)
        return influence.graph_scores(hand_graph._replace(nodes=tuple(nodes)))

    assert_close(renamed("token", "position", "error").replacement, 0.5875 / 0.8, "Positions.")
    scores = renamed("token", "remainder", "error")
    assert_close(scores.replacement, 0.225 / 0.8, "A remainder is no input.")
    assert_close(scores.unaccounted, 0.575 / 0.8, "A remainder is not accounted for.")
    scores = renamed("token", "bias", "error")
    assert_close(scores.replacement, 0.225 / 0.4375, "A bias is neither input nor error.")
    assert_close(scores.unaccounted, 0.2125 / 0.8, "A bias is accounted for.")
    assert_close(scores.completeness, 1.2375 / 1.45, "A bias is no missing part.")


@exercise("12.8")
@pytest.mark.parametrize("kind", ["clt", "per layer"])
def test_shuffled_decoders_change_edges_and_not_the_model(
    controls, local, nodes, edges, small, basis, kind
):
    frozen = local.freeze(small("LLAMA"), TEXT)
    whole = basis(frozen, kind)
    whole = nodes.choose(whole, torch.arange(0, len(whole.nodes.unit), 2))
    shuffled = controls.shuffle_decoders(frozen, whole, torch.Generator().manual_seed(3))
    for before, after in zip(whole.nodes.writes, shuffled.nodes.writes, strict=True):
        assert_close(after.node, before.node, "The same nodes write as before.")
        sort = [rows.sort(dim=0).values for rows in (before.rows, after.rows)]
        assert_close(sort[1], sort[0], "The decoder rows are the same ones, in another order.")
        if len(before.rows) > 5:
            assert not torch.equal(before.rows, after.rows), "The order of the rows is the same."
    assert_close(shuffled.nodes.acts, whole.nodes.acts, "Activations stay.")
    rest = [edges.remainder_writes(frozen, one) for one in (whole, shuffled)]
    assert_close(rest[1], rest[0], "What hidden nodes write stays; the error takes the difference.")
    effects = edges.direct_effects(frozen, shuffled, whole.nodes.targets)
    claim = "With shuffled decoders, edges and errors still sum to each value."
    assert_close(effects.total(), whole.nodes.targets.values, claim)


@exercise("12.8")
def test_shuffling_is_drawn_from_the_generator(controls, local, small, basis):
    frozen = local.freeze(small("GPT2"), TEXT)
    whole = basis(frozen, "clt")

    def rows(seed):
        generator = torch.Generator().manual_seed(seed)
        made = controls.shuffle_decoders(frozen, whole, generator)
        return torch.cat([writes.rows for writes in made.nodes.writes])

    assert_close(rows(1), rows(1), "The same seed gives another order.")
    assert not torch.equal(rows(1), rows(2)), "Another seed gives the same order."


@pytest.mark.project
def test_flow_ends_where_nothing_flows_in(influence, hand_graph):
    expected = {"token": 0.5875 / 0.8, "error": 0.2125 / 0.8}
    assert_close(influence.flow_ends(hand_graph), expected, "Ends.", tolerance=1e-6)


@pytest.mark.project
def test_exact_dictionary_accounts_for_everything(two_hop, local, nodes, graph, logits, influence):
    model = two_hop.two_hop_model()
    frozen = local.freeze(model, torch.tensor([[5, two_hop.FIRST_RELATION + 1]]))
    shown = nodes.clt_basis(frozen, two_hop.exact_clt(model))
    made = graph.attribution_graph(frozen, shown, logits.logit_targets(frozen, most=1))
    scores = influence.graph_scores(made)
    assert (scores.replacement, scores.completeness, scores.unaccounted) == (1, 1, 0)
