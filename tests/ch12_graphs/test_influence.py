"""Graders of influence.py (12.7)."""

import pytest
import torch

from tests.grading import exercise
from tests.grading.assertions import assert_close, normal
from tests.grading.odd_inputs import check_odd


@exercise("12.7")
def test_rows_are_shares_on_odd_inputs(influence):
    def oracle(edges):
        rows = []
        for row in edges:
            total = sum(abs(x) for x in row)
            rows.append(torch.stack([abs(x) if total == 0 else abs(x) / total for x in row]))
        return torch.stack(rows)

    def make(target, source):
        some_tiny = 1e-7 ** (torch.arange(source).double() % 2)
        return (normal(target, source, seed=1) * (torch.arange(target)[:, None] > 0) * some_tiny,)

    sizes = {"target": 4, "source": 5}
    check_odd(influence.normalize_rows, oracle, make, skip="nan target=300 source=300", **sizes)


def node_influence(influence, edges, weights):
    """The answer; not on shares that are NaN, over which a loop until nothing flows never ends."""
    shares = influence.normalize_rows(edges)
    assert not shares.isnan().any(), (
        "A row without incoming edges is NaN: 0 / 0. Rows of zeros stay zeros."
    )
    return influence.node_influence(edges, weights)


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
    actual = node_influence(influence, edges, weights)
    assert_close(actual, path_sums(edges, weights), f"Influence is wrong in a graph of {n} nodes.")


@exercise("12.7")
def test_a_chain_of_two_hundred_edges_has_no_end_too_early(influence):
    n = 201
    edges = torch.diag(-0.01 * torch.ones(n - 1).double(), -1)
    weights = torch.zeros(n).double()
    weights[-1] = 0.25
    expected = torch.full((n,), 0.25).double()
    expected[-1] = 0
    actual = node_influence(influence, edges, weights)
    assert_close(actual, expected, "Along a chain every node has the whole weight of its end.")


@exercise("12.7")
def test_influence_of_the_hand_graph(influence, hand_graph):
    expected = [0.225, 0.3625, 0.2125, 0.25, 0.4, 0, 0]
    actual = node_influence(influence, hand_graph.edges, hand_graph.weights)
    claim = "Influence in the graph with edges 2, -1, 1, ... that you can do by hand is wrong."
    assert_close(actual, torch.tensor(expected).double(), claim, tolerance=1e-7)
