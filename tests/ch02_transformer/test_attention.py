"""Graders of the causal mask (2.8) and the attention pattern (2.9)."""

import math

import pytest
import torch

from tests.grading import exercise
from tests.grading.assertions import assert_close, check
from tests.grading.odd_inputs import check_odd

from .attention_fixtures import build, by_loop, queries_and_keys


@exercise("2.8")
def test_a_query_sees_itself_and_all_earlier_keys(attention):
    seen = torch.tensor([[1, 0, 0], [1, 1, 0], [1, 1, 1]]).bool()
    got = attention.causal_mask(3, 3)
    assert_close(got, seen, "With 3 queries and 3 keys, query i sees keys 0 to i.")


@exercise("2.8")
def test_queries_are_the_last_positions(attention):
    seen = torch.tensor([[1, 1, 1, 0, 0], [1, 1, 1, 1, 0], [1, 1, 1, 1, 1]]).bool()
    claim = "With 3 queries and 5 keys, the queries are positions 2, 3 and 4 of 5."
    assert_close(attention.causal_mask(3, 5), seen, claim)


@exercise("2.8")
def test_mask_is_right_for_every_number_of_queries_and_keys(attention):
    for queries, keys in [(1, 1), (1, 6), (3, 4), (4, 4), (5, 9), (7, 7), (2, 3000)]:
        seen = [[key - (keys - queries) <= i for key in range(keys)] for i in range(queries)]
        claim = (
            f"With {queries} queries and {keys} keys, query i is position {keys - queries} + i "
            "and sees that position and all before it."
        )
        assert_close(attention.causal_mask(queries, keys), torch.tensor(seen), claim)


@exercise("2.9")
def test_pattern_is_the_one_worked_by_hand(attention, config):
    """d_head is 4: query 1 of head h has scores ln(h + 1) and 0, so it gives key 0 h + 1 times as
    much as key 1."""
    weight = torch.arange(1.0, 7, dtype=torch.float64)
    q, k = torch.zeros(2, 2, 6, 4).double(), torch.zeros(2, 2, 6, 4).double()
    q[:, 1, :, 0], q[:, 0, :, 1] = 2 * weight.log(), 3
    k[:, 0, :, 0], k[:, 1, :, 1] = 1, 5

    past = weight / (1 + weight)
    first, second = torch.tensor([1.0, 0]).expand(6, 2), torch.stack([past, 1 - past], dim=-1)
    expected = torch.stack([first, second], dim=1).expand(2, 6, 2, 2)
    claim = (
        "Query 1 of head h has the scores ln(h + 1) and 0, so its weights are (h + 1) / (h + 2) "
        "and 1 / (h + 2)."
    )
    assert_close(build(attention, config).pattern(q, k), expected, claim)


@exercise("2.9")
@pytest.mark.parametrize("queries, keys, seed", [(5, 5, 1), (3, 7, 2)])
def test_pattern_rows_sum_to_one_over_keys(attention, config, queries, keys, seed):
    got = build(attention, config).pattern(*queries_and_keys(queries, keys, seed))
    sums = got.sum(dim=-1)
    worst = sums.flatten()[(sums - 1).abs().argmax()].item()
    claim = "The rows of the pattern must sum to one over keys"
    assert abs(worst - 1) < 1e-10, f"{claim}; a row sums to {worst:.4g}."


@exercise("2.9")
def test_a_query_does_not_attend_to_later_keys(attention, config):
    """The hidden keys have scores of some 1e7, so that a mask of -1e5 or so is not enough."""
    q, k = queries_and_keys(4, 6, seed=3)
    q[..., 0], k[..., 0], k[:, 3:, :, 0] = 1, 0, 2e7
    got = build(attention, config).pattern(q, k)
    hidden = torch.arange(6) > torch.arange(2, 6)[:, None]
    leak = got[..., hidden].max().item()
    visible = got[..., ~hidden].max().item()
    hint = " Only later keys get weight: True in `hidden` marks later keys."
    assert not leak and visible, (
        f"Expected attention of exactly 0 to later keys, got {leak:.4g}. "
        "Is every hidden score -inf before the softmax?" + hint * (not visible)
    )


@exercise("2.9")
@pytest.mark.parametrize("queries, keys, d_head, seed", [(5, 5, 4, 4), (3, 8, 7, 5), (1, 7, 10, 6)])
def test_pattern_is_the_softmax_of_scaled_scores(attention, config, queries, keys, d_head, seed):
    q, k = queries_and_keys(queries, keys, seed, d_head=d_head)
    claim = "Each head's pattern is softmax(q . k / sqrt(d_head)) over the keys a query may see."
    pattern = build(attention, config, d_head).pattern
    check(pattern, q, k, expected=by_loop(q, k), claim=claim, tolerance=1e-12)


@exercise("2.9")
def test_pattern_is_right_on_odd_inputs(attention, config):
    def make(batch, pos, d_head):
        return queries_and_keys(pos, pos, seed=9, batch=batch, d_head=d_head)

    pattern = build(attention, config).pattern
    check_odd(pattern, by_loop, make, skip="batch=300 pos=300 nan", batch=2, pos=3, d_head=4)


@exercise("2.9")
def test_the_mask_used_is_the_layers_own(attention, config):
    def window(n_queries: int, n_keys: int):
        late = torch.arange(n_keys - n_queries, n_keys)[:, None] - torch.arange(n_keys)
        return (late >= 0) & (late < 3)

    q, k = queries_and_keys(4, 6, seed=7)
    right = by_loop(q, k, sees=lambda query, key: 0 <= query + 2 - key < 3)
    claim = "This layer looks at most two positions back."
    assert_close(build(attention, config, mask=window).pattern(q, k), right, claim)


@exercise("2.9")
def test_cap_acts_on_scaled_scores_before_the_mask(attention, config):
    q, k = queries_and_keys(4, 6, seed=8)
    layer = build(attention, config, softcap=lambda scores: 3 * torch.tanh(scores / 3))
    expected = by_loop(3 * q, k, softcap=lambda score: 3 * math.tanh(score / 3))
    assert_close(
        layer.pattern(3 * q, k),
        expected,
        "With a cap, the pattern is softmax(mask(softcap(scaled scores))).",
    )
