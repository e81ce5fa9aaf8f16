"""Graders of 7.10 and 7.11: faithful, complete, minimal."""

from dataclasses import replace

import pytest
import torch

from tests.grading import exercise
from tests.grading.assertions import check, normal
from tests.grading.odd_inputs import check_odd

from .ablation_reference import RandomCircuit


def share_by_loop(circuit, full_model):
    """Divide sums over prompts."""
    return torch.tensor(sum(circuit.tolist()) / sum(full_model.tolist()), dtype=torch.float64)


def scores(prompts):
    return 2.5 + normal(prompts, seed=1), 3.0 + normal(prompts, seed=2)


@exercise("7.10")
@pytest.mark.parametrize("seed, full, kept", [(1, 3.0, 2.5), (2, 2.0, 2.6), (3, -1.0, 0.7)])
def test_faithfulness_is_a_ratio_of_means(circuit, seed, full, kept):
    full, kept = full + normal(9, seed=seed), kept + normal(9, seed=10 + seed)
    expected, claim = share_by_loop(kept, full), "F(C) / F(M) is wrong."
    check(circuit.faithfulness, kept, full, expected=expected, claim=claim)


@exercise("7.10")
def test_faithfulness_on_odd_inputs(circuit):
    check_odd(circuit.faithfulness, share_by_loop, scores, skip="zeros", prompts=5)


@exercise("7.10")
def test_the_full_model_is_the_denominator(circuit):
    full = torch.tensor([4.0, 2.0, 3.0], dtype=torch.float64)
    claim = "A circuit with half of the model's metric is .5 faithful, whatever ablating all gives."
    check(circuit.faithfulness, full / 2, full, expected=0.5, claim=claim)
    claim = "A circuit with a billionth of the model's metric is 1e-9 faithful."
    check(circuit.faithfulness, 1e-9 * full, full, expected=1e-9, claim=claim, scale=0.0)


@pytest.fixture(params=[1, 2])
def random_circuit(request, prompts, circuit, build):
    """A tiny model with an evaluator, and scores computed another way."""
    return RandomCircuit(prompts, circuit, build("attention-only", n_layers=3), request.param)


def check_in_two_units(function, evaluator, *arguments, expected, claim):
    """Check a score, and the score by a metric in units a billion times larger."""
    near = {"claim": claim, "tolerance": 1e-8}
    check(function, evaluator, *arguments, expected=expected, **near)
    small = replace(evaluator, metric=lambda resid: 1e-9 * evaluator.metric(resid))
    check(function, small, *arguments, expected=1e-9 * expected, scale=1e-9, **near)


REMOVED = [(), (0,), (1, 3), (2, 4, 6), (0, 1, 2, 3, 4), (5, 6)]
"""Indices of the nodes in K; those from 5 on are outside the circuit."""


@exercise("7.11")
@pytest.mark.parametrize("removed", REMOVED)
def test_circuit_and_model_lose_the_same_nodes(circuit, random_circuit, removed):
    one = random_circuit
    K, C = [one.nodes[i] for i in removed], one.nodes[:5]
    left = [node for node in C if node not in K]
    expected = (one.keep_only(left).mean() - one.ablate(K).mean()).abs().item()
    claim = f"|F(C without K) - F(M without K)| is wrong for a K of {len(K)} nodes."
    arguments = (one.evaluator, C, K)
    check_in_two_units(circuit.incompleteness, *arguments, expected=expected, claim=claim)


@exercise("7.11")
@pytest.mark.parametrize(
    "v, removed", [(0, ()), (1, (0,)), (4, (1, 3)), (1, (0, 2, 3, 4)), (3, (5,))]
)
def test_a_node_is_tested_once_k_is_removed(circuit, random_circuit, v, removed):
    one = random_circuit
    node, K, C = one.nodes[v], [one.nodes[i] for i in removed], one.nodes[:5]
    left = [other for other in C if other not in K]
    rest = [other for other in left if other != node]
    expected = (one.keep_only(rest).mean() - one.keep_only(left).mean()).abs().item()
    claim = f"|F(C without K and v) - F(C without K)| is wrong for a K of {len(K)} nodes."
    arguments = (one.evaluator, C, node, K)
    check_in_two_units(circuit.minimality, *arguments, expected=expected, claim=claim)
