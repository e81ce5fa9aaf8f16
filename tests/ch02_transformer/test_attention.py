"""Graders of the causal mask (2.8) and the attention pattern (2.9)."""

import math

import pytest
import torch

from tests.grading import exercise
from tests.grading.assertions import assert_close

from .attention_fixtures import build, by_loop, queries_and_keys


@exercise("2.8")
def test_a_query_sees_itself_and_all_before_it(attention):
    seen = torch.tensor([[1, 0, 0], [1, 1, 0], [1, 1, 1]]).bool()
    got = attention.causal_mask(3, 3)
    assert_close(got, seen, "With 3 queries and 3 keys, query i sees keys 0 to i.")


@exercise("2.8")
def test_queries_are_the_last_positions(attention):
    seen = torch.tensor([[1, 1, 1, 1, 0], [1, 1, 1, 1, 1]]).bool()
    claim = "With 2 queries and 5 keys, the queries are positions 3 and 4 of 5."
    assert_close(attention.causal_mask(2, 5), seen, claim)


@exercise("2.8")
def test_mask_is_right_for_every_number_of_queries_and_keys(attention):
    for queries, keys in [(1, 1), (1, 6), (2, 3), (4, 4), (5, 9), (7, 7), (2, 1100)]:
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

    def pattern(power: float):
        past = weight**power / (1 + weight**power)
        first, second = torch.tensor([1.0, 0]).expand(6, 2), torch.stack([past, 1 - past], dim=-1)
        return torch.stack([first, second], dim=1).expand(2, 6, 2, 2)

    right = pattern(1)
    claim = "Scores ln(h + 1) and 0 give weights (h + 1) to 1."
    assert_close(build(attention, config).pattern(q, k), right, claim)


@exercise("2.9")
@pytest.mark.parametrize("queries, keys, seed", [(5, 5, 1), (3, 7, 2)])
def test_pattern_rows_sum_to_one_over_keys(attention, config, queries, keys, seed):
    got = build(attention, config).pattern(*queries_and_keys(queries, keys, seed))
    sums = got.sum(dim=-1)
    worst = sums.flatten()[(sums - 1).abs().argmax()].item()
    sums_to_one = {
        name: torch.allclose(got.sum(dim=dim), torch.ones_like(got.sum(dim=dim)))
        for name, dim in [("queries", 2), ("heads", 1), ("the batch", 0)]
    }
    hint = next(
        (f" The softmax runs over {name}." for name in sums_to_one if sums_to_one[name]), ""
    )
    if not hint and worst < 1 and abs(sums[..., -1] - 1).max() < 1e-10:
        hint = " Is the mask applied after the softmax?"
    if worst != worst:
        hint = " Softmax of nothing but -inf is nan: is its axis the keys, and `hidden` the future?"
    claim = "The rows of the pattern must sum to one over keys"
    assert abs(worst - 1) < 1e-10, f"{claim}; a row sums to {worst:.4g}.{hint}"


@exercise("2.9")
def test_a_query_gives_nothing_to_later_keys(attention, config):
    """The hidden keys have scores of some 1e7, so that a mask of -1e5 or so is not enough."""
    q, k = queries_and_keys(4, 6, seed=3)
    q[..., 0], k[..., 0], k[:, 3:, :, 0] = 1, 0, 2e7
    got = build(attention, config).pattern(q, k)
    hidden = torch.arange(6) > torch.arange(2, 6)[:, None]
    leak = got[..., hidden].max().item()
    visible = got[..., ~hidden].max().item()
    hint = " It is the keys it may see that get nothing: True in `hidden` is the future."
    assert not leak and visible, (
        f"A query must give exactly 0 to later keys, however well they match; it gives {leak:.4g}. "
        "Is every hidden score -inf before the softmax?" + hint * (not visible)
    )


@exercise("2.9")
@pytest.mark.parametrize("queries, keys, d_head, seed", [(5, 5, 4, 4), (3, 8, 7, 5), (1, 7, 10, 6)])
def test_pattern_is_the_softmax_of_scaled_scores(attention, config, queries, keys, d_head, seed):
    q, k = queries_and_keys(queries, keys, seed, d_head=d_head)
    before = q.clone(), k.clone()
    got = build(attention, config, d_head).pattern(q, k)
    claim = "Each head's pattern is softmax(q . k / sqrt(d_head)) over the keys a query may see."
    assert_close(got, by_loop(*before), claim, tolerance=1e-12)
    untouched = torch.equal(q, before[0]) and torch.equal(k, before[1])
    assert untouched, (
        "q and k came out changed: hook_rot_q and hook_rot_k show these very tensors, so a cache "
        "would hold wrong values. Compute a new tensor (q / 2) instead of changing one (q /= 2)."
    )


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
    got, raw = layer.pattern(3 * q, k), torch.einsum("bqhd,bkhd->bhqk", 3 * q, k)
    hidden = torch.arange(6) > torch.arange(2, 6)[:, None]
    (3 * torch.tanh((raw / 2).masked_fill(hidden, -torch.inf) / 3)).softmax(dim=-1)
    (1.5 * torch.tanh(raw / 3)).masked_fill(hidden, -torch.inf).softmax(dim=-1)
    right = by_loop(3 * q, k, softcap=lambda score: 3 * math.tanh(score / 3))
    assert_close(got, right, "With a cap, the pattern is softmax(mask(softcap(scaled scores))).")
