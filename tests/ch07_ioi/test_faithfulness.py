"""Graders of 7.10 and 7.11: faithful, complete, minimal."""

import pytest
import torch

from tests.grading import exercise
from tests.grading.assertions import assert_close, is_close, normal

from .ablation_reference import RandomCircuit

CASES = [(1, 3.0, 2.5), (2, 2.0, 2.6), (3, -1.0, 0.7)]


@exercise("7.10")
@pytest.mark.parametrize("seed, of_whole, of_circuit", CASES)
def test_faithfulness_is_the_circuits_mean_over_the_models(circuit, seed, of_whole, of_circuit):
    whole, kept = of_whole + normal(9, seed=seed), of_circuit + normal(9, seed=10 + seed)
    F_M, F_C = whole.mean(), kept.mean()
    mistakes = {
        "It is F(M) / F(C): the model is the denominator.": F_M / F_C,
        "It is F(M) - F(C): a share is asked for.": F_M - F_C,
        "It is |F(M) - F(C)|, the paper's measure: a share is asked for.": (F_M - F_C).abs(),
        "It is F(C) - F(M): a share is asked for.": F_C - F_M,
        "It is the share that is missing.": 1 - F_C / F_M,
        "It is the size of the share that is missing.": (F_M - F_C).abs() / F_M,
        "It is 1 - |F(M) - F(C)| / F(M): above 1 is told from below.": 1 - (F_M - F_C).abs() / F_M,
        "It is a mean of ratios, prompt by prompt: take the ratio of means.": (kept / whole).mean(),
        "It is a median of ratios: take the ratio of means.": (kept / whole).median(),
        "It is cut off at 1.": (F_C / F_M).clamp(max=1),
        "The sign is dropped.": (F_C / F_M).abs(),
        "The model's part is a mean of sizes: take the mean.": F_C / whole.abs().mean(),
        "These are means of sizes: take means.": kept.abs().mean() / whole.abs().mean(),
        "The denominator is missing: 1 - |F(M) - F(C)|.": 1 - (F_M - F_C).abs(),
    }
    right = F_C / F_M
    mistakes = {words: value for words, value in mistakes.items() if not value.equal(right)}
    assert_close(circuit.faithfulness(kept, whole), right, "F(C) / F(M) is wrong.", mistakes)


@exercise("7.10")
def test_nothing_but_the_model_is_the_denominator(circuit):
    whole = torch.tensor([4.0, 2.0, 3.0], dtype=torch.float64)
    came = circuit.faithfulness(whole / 2, whole)
    claim = (
        "A circuit with half of the model's metric is .5 faithful, whatever is left when all heads "
        "are knocked out."
    )
    assert_close(came, 0.5, claim)


@pytest.fixture(params=[1, 2])
def planted(request, prompts, circuit, build):
    """A tiny model's evaluator, and F worked out by another way."""
    return RandomCircuit(prompts, circuit, build("attention-only", n_layers=3), request.param)


GONE = [(), (0,), (1, 3), (2, 4, 6), (0, 1, 2, 3, 4), (5, 6)]
"""Numbers of nodes that are removed; those from 5 on are outside of the circuit."""
each_set = pytest.mark.parametrize("removed", GONE)


def named(mistakes, right):
    """Only those mistakes that show here."""
    return {w: v for w, v in mistakes.items() if abs(float(v) - float(right)) > 1e-8}


def skipped(circuit, removed):
    """What `for node in kept: if node in removed: kept.remove(node)` leaves."""
    kept, i = list(circuit), 0
    while i < len(kept):
        if kept[i] in removed:
            del kept[i]
        i += 1
    return kept


def losses_mistaken(F, M, C, K, left):
    """Words -> what the usual mistakes about |F(C without K) - F(M without K)| give."""
    right = (F(left).mean() - M(K).mean()).abs()
    return {
        "K is knocked out of the circuit only: the model loses it as well.": (
            (F(left).mean() - M([]).mean()).abs()
        ),
        "K is knocked out of the model only: the circuit loses it as well.": (
            (F(C).mean() - M(K).mean()).abs()
        ),
        "K is never knocked out.": (F(C).mean() - M([]).mean()).abs(),
        "The model's part is `only` K: it is the whole model WITHOUT K.": (
            (F(left).mean() - F(K).mean()).abs()
        ),
        "The model's part is the circuit: it is the whole MODEL without K.": (
            (F(C).mean() - F(left).mean()).abs()
        ),
        "Both parts are the model's.": (M(left).mean() - M(K).mean()).abs(),
        "The circuit keeps K alone: it must keep all but K.": (
            (F([n for n in C if n in K]).mean() - M(K).mean()).abs()
        ),
        "The model is knocked out altogether.": (F(left).mean() - F([]).mean()).abs(),
        "The sign is left: the size is asked for.": F(left).mean() - M(K).mean(),
        "The sign is left, and turned round: the size is asked for.": M(K).mean() - F(left).mean(),
        "It is a mean of sizes, prompt by prompt: take the size of the mean.": (
            (F(left) - M(K)).abs().mean()
        ),
        "K is taken for heads: a node is a head at ONE role, at others it stays.": (
            (F([n for n in C if n[:2] not in [k[:2] for k in K]]).mean() - M(K).mean()).abs()
        ),
        "Some of K stay: is `kept` changed while it is gone through?": (
            (F(skipped(C, K)).mean() - M(K).mean()).abs()
        ),
        "It is a share of the model's: units are those of the metric.": right / M(K).mean(),
    }


@exercise("7.11")
@each_set
def test_circuit_and_model_lose_the_same_nodes(circuit, planted, removed):
    nodes, F, M = planted.nodes, planted.keep_only, planted.ablate
    K, C = [nodes[i] for i in removed], nodes[:5]
    left = [node for node in C if node not in K]
    right = (F(left).mean() - M(K).mean()).abs()
    came = circuit.incompleteness(planted.evaluator, C, K)
    if is_close(came, right, 1e-8):
        return
    mistakes = losses_mistaken(F, M, C, K, left)
    claim = f"|F(C without K) - F(M without K)| is wrong for a K of {len(K)} nodes."
    assert_close(came, right, claim, named(mistakes, right), tolerance=1e-8)


def weights_mistaken(F, M, C, K, node):
    """Words -> what the usual mistakes about |F(C without K and v) - F(C without K)| give."""
    left = [one for one in C if one not in K]
    rest, alone = ([one for one in kept if one != node] for kept in (left, C))
    right = (F(rest).mean() - F(left).mean()).abs()
    return {
        "K is never knocked out: nodes that back each other up stay hidden.": (
            (F(alone).mean() - F(C).mean()).abs()
        ),
        "K is knocked out on one side only, together with v.": (
            (F(rest).mean() - F(C).mean()).abs()
        ),
        "K is knocked out on one side only: where v is removed K must be removed too.": (
            (F(alone).mean() - F(left).mean()).abs()
        ),
        "These are the model's losses: the circuit's are asked for.": (
            (M([*K, node]).mean() - M(K).mean()).abs()
        ),
        "The circuit is compared with the model: both parts are the circuit's.": (
            (F(rest).mean() - M(K).mean()).abs()
        ),
        "The circuit without K and v is compared with nothing.": (
            (F(rest).mean() - F([]).mean()).abs()
        ),
        "It is what v does alone.": (F([node]).mean() - F([]).mean()).abs(),
        "The sign is left: the size is asked for.": F(rest).mean() - F(left).mean(),
        "The sign is left, and turned round: the size is asked for.": (
            F(left).mean() - F(rest).mean()
        ),
        "It is a mean of sizes, prompt by prompt: take the size of the mean.": (
            (F(rest) - F(left)).abs().mean()
        ),
        "v is taken for a head: a node is a head at ONE role, at others it stays.": (
            (F([n for n in left if n[:2] != node[:2]]).mean() - F(left).mean()).abs()
        ),
        "It is 0: are both scores of one list, changed before the second (remove)?": 0.0,
        "It is a share: units are those of the metric.": right / F(left).mean(),
    }


@exercise("7.11")
@pytest.mark.parametrize(
    "v, removed", [(0, ()), (1, (0,)), (4, (1, 3)), (2, (0, 1, 3, 4)), (3, (5,))]
)
def test_a_node_is_weighed_once_k_is_gone(circuit, planted, v, removed):
    nodes, F, M = planted.nodes, planted.keep_only, planted.ablate
    node, K, C = nodes[v], [nodes[i] for i in removed], nodes[:5]
    left = [one for one in C if one not in K]
    rest = [one for one in left if one != node]
    right = (F(rest).mean() - F(left).mean()).abs()
    came = circuit.minimality(planted.evaluator, C, node, K)
    if is_close(came, right, 1e-8):
        return
    mistakes = weights_mistaken(F, M, C, K, node)
    claim = f"|F(C without K and v) - F(C without K)| is wrong for a K of {len(K)} nodes."
    assert_close(came, right, claim, named(mistakes, right), tolerance=1e-8)


@exercise("7.11")
def test_nodes_may_come_one_by_one(circuit, planted):
    nodes = planted.nodes
    right = (planted.keep_only([]).mean() - planted.keep_only([nodes[0]]).mean()).abs()
    came = circuit.minimality(planted.evaluator, iter(nodes[:2]), nodes[0], iter([nodes[1]]))
    assert_close(came, right, "C and K may be generators, which can be read once.", tolerance=1e-8)
