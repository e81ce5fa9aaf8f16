"""Graders of contrast.py: scores of pairs and groups (12.14)."""

import pytest
import torch

from tests.ch12_graphs.linearized import activations, answer_row, gradients
from tests.grading import exercise
from tests.grading.assertions import assert_close, check, normal
from tests.grading.odd_inputs import check_odd

TOKENS = torch.tensor([[3, 1, 4, 1, 5], [3, 7, 4, 1, 5]])
ANSWERS = torch.tensor([6, 11])


@exercise("12.14")
@pytest.mark.parametrize("family", ["GPT2", "LLAMA"])
def test_scores_are_change_times_mean_gradient(contrast, small, family):
    model = small(family)
    runs = []
    for tokens in TOKENS[:, None]:
        row = answer_row(model, tokens, *ANSWERS.tolist())
        runs.append((gradients(model, tokens, row)[0], activations(model, tokens)))
    (gradient, acts), (other_gradient, other_acts) = runs
    expected = (gradient + other_gradient) / 2 * (acts - other_acts)
    pair = contrast.Pair(TOKENS, ANSWERS)
    actual = contrast.contrast_scores(model, pair)
    assert_close(actual, expected, "Scores are not the change times the mean of both gradients.")


@pytest.fixture
def group_scores(contrast):
    def group_scores(*scores):
        return contrast.group_scores(list(scores))

    return group_scores


def by_loops(*scores):
    """Mean over pairs of position sums, each pair divided by the sum of sizes."""
    total = torch.zeros_like(scores[0][:, 0])
    for one in scores:
        summed = sum(one[:, pos] for pos in range(1, one.shape[1]))
        total = total + summed / sum(x.abs() for x in summed.flatten()) / len(scores)
    return total


@exercise("12.14")
def test_group_scores_on_odd_inputs(group_scores):
    def make(layer, pos, d_mlp):
        sizes, some_tiny = (1.0, 20.0, 0.3), 1e-6 ** (torch.arange(d_mlp).double() % 2)
        scores = (s * normal(layer, pos + 1, d_mlp, seed=i) for i, s in enumerate(sizes))
        return tuple(one * some_tiny for one in scores)

    skip = "pos=300 layer=300 d_mlp=300 zeros nan close"
    check_odd(group_scores, by_loops, make, skip=skip, layer=3, pos=4, d_mlp=5)


@exercise("12.14")
def test_prompts_of_several_lengths_are_combined(contrast):
    scores = [normal(2, pos, 3, seed=pos) for pos in (3, 5, 2)]
    claim = "Group scores of prompts with different lengths are wrong."
    check(contrast.group_scores, scores, expected=by_loops(*scores), claim=claim)


@exercise("12.14")
def test_the_highest_scores_come_first(contrast):
    scores = torch.tensor([[0.5, -4.0, 1.0], [3.0, 0.1, -2.0]]).double()
    first, last = [(1, 0), (0, 2), (0, 0), (1, 1)], [(0, 1), (1, 2), (1, 1), (0, 0)]
    for given, expected, k in ((scores, first, 4), (scores, first, 2), (-scores, last, 4)):
        claim = f"The {k} highest signed scores are wrong."
        actual = [list(one) for one in contrast.top_neurons(given, k)]
        assert_close(actual, [list(one) for one in expected[:k]], claim)


@pytest.mark.project
def test_largest_nodes_leave_out_the_sink(contrast):
    scores = normal(3, 4, 5, seed=1)
    scores[:, 0] = 100
    where = contrast.largest_nodes(scores, 6)
    assert (where.pos > 0).all() and (where.layer.diff() >= 0).all()
    expected = scores[:, 1:].abs().flatten().topk(6).values.sort().values
    assert torch.equal(scores[tuple(where)].abs().sort().values, expected)


@pytest.mark.project
def test_no_pairs_raise(contrast):
    with pytest.raises(ValueError, match="at least one pair"):
        contrast.group_scores([])
