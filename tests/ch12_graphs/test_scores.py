"""Graders of scores.py (12.8): the scores of a graph, and the shuffled control."""

import pytest
import torch

from tests.grading import exercise
from tests.grading.assertions import assert_close

from .conftest import SIZES, TEXT


@exercise("12.8")
def test_scores_of_the_hand_graph(scores, hand_graph):
    found = scores.graph_scores(hand_graph)
    claim = "In the graph that you can do by hand"
    assert_close(found.replacement, 0.5875 / 0.8, f"{claim} the replacement score is wrong.")
    assert_close(found.completeness, 1.2375 / 1.45, f"{claim} completeness is wrong.")
    assert_close(found.unaccounted, 0.2125 / 0.8, f"{claim} the unaccounted share is wrong.")
    assert_close(found.path_length, 1.45 / 0.8, f"{claim} the mean path length is wrong.")


@exercise("12.8")
def test_scores_know_positions_remainders_and_biases(scores, hand_graph):
    """Rename the sources: inputs are tokens and positions; errors and remainders are missed."""

    def renamed(*kinds):
        nodes = list(hand_graph.nodes)
        for place, kind in enumerate(kinds):
            nodes[place] = nodes[place]._replace(kind=kind)
        return scores.graph_scores(hand_graph._replace(nodes=tuple(nodes)))

    assert_close(renamed("token", "position", "error").replacement, 0.5875 / 0.8, "Positions.")
    found = renamed("token", "remainder", "error")
    assert_close(found.replacement, 0.225 / 0.8, "A remainder counts as an input.")
    assert_close(found.unaccounted, 0.575 / 0.8, "A remainder is not accounted for.")
    found = renamed("token", "bias", "error")
    assert_close(found.replacement, 0.225 / 0.4375, "A bias is neither input nor error.")
    assert_close(found.unaccounted, 0.2125 / 0.8, "A bias is accounted for.")
    assert_close(found.completeness, 1.2375 / 1.45, "A bias counts as missing.")


@exercise("12.8")
def test_the_share_of_an_error_may_be_anything(scores, hand_graph, request):
    edges, own = hand_graph.edges, request.config.getoption("--own")
    for size, scale in SIZES:
        if size != size and own:  # the learner's 12.7 may loop on NaN for ever
            continue
        changed = edges.clone()
        changed[:, 2] *= size
        left = abs(size) / (3 + abs(size))  # share of the error in what nodes 3 and 5 read
        error = 0.6 * (left + (1 - left) / 3 * left + (1 - left) / 6 * left) + 0.025 * left
        found = scores.graph_scores(hand_graph._replace(edges=changed))
        claim = f"With {size} times the error's edges the unaccounted share is wrong."
        assert_close(found.unaccounted, error / 0.8, claim, tolerance=1e-6, scale=scale)


@exercise("12.8")
@pytest.mark.parametrize("kind, n_layers", [("clt", 3), ("per layer", 3), ("clt", 1)])
def test_shuffled_decoders_change_edges_and_not_the_model(
    scores, local, nodes, edges, small, basis, kind, n_layers
):
    frozen = local.freeze(small("LLAMA", n_layers=n_layers), TEXT)
    whole = basis(frozen, kind)
    whole = nodes.choose(whole, torch.arange(0, len(whole.nodes.unit), 2))
    shuffled = scores.shuffle_decoders(frozen, whole, torch.Generator().manual_seed(3))
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
def test_shuffling_is_drawn_from_the_generator(scores, local, small, basis):
    frozen = local.freeze(small("GPT2"), TEXT)
    whole = basis(frozen, "clt")

    def rows(seed):
        generator = torch.Generator().manual_seed(seed)
        made = scores.shuffle_decoders(frozen, whole, generator)
        return torch.cat([writes.rows for writes in made.nodes.writes])

    assert_close(rows(1), rows(1), "The same seed gives another order.")
    assert not torch.equal(rows(1), rows(2)), "Another seed gives the same order."


@pytest.mark.project
def test_flow_ends_where_nothing_flows_in(scores, hand_graph):
    expected = {"token": 0.5875 / 0.8, "error": 0.2125 / 0.8}
    assert_close(scores.flow_ends(hand_graph), expected, "Ends.", tolerance=1e-6)


@pytest.mark.project
def test_exact_dictionary_accounts_for_everything(two_hop, local, nodes, graph, logits, scores):
    model = two_hop.two_hop_model()
    frozen = local.freeze(model, torch.tensor([[5, two_hop.FIRST_RELATION + 1]]))
    shown = nodes.clt_basis(frozen, two_hop.exact_clt(model))
    made = graph.attribution_graph(frozen, shown, logits.logit_targets(frozen, most=1))
    found = scores.graph_scores(made)
    assert (found.replacement, found.completeness, found.unaccounted) == (1, 1, 0)
