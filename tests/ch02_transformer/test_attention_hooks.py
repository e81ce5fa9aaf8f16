"""Graders of what the attention pattern (2.9) shows to hooks, and of its precision."""

import torch

from tests.grading import exercise
from tests.grading.assertions import assert_close, is_close

from .attention_fixtures import build, by_loop, edit, queries_and_keys, record


@exercise("2.9")
def test_hook_attn_scores_sees_scaled_and_masked_scores(attention, config):
    q, k = queries_and_keys(4, 6, seed=11)
    layer = build(attention, config)
    seen, copies = record(layer.hook_attn_scores), record(layer.hook_attn_scores, copied=True)
    layer.pattern(q, k)
    assert len(seen) == 1, f"hook_attn_scores must be called once; it was called {len(seen)} times."
    scores = torch.einsum("bqhd,bkhd->bhqk", q, k) / 2
    hidden = torch.arange(6) > torch.arange(2, 6)[:, None]
    right = scores.masked_fill(hidden, -torch.inf)
    claim = "hook_attn_scores sees q . k / sqrt(d_head), and -inf at later keys."
    assert_close(copies[0], right, claim)
    claim = "What hook_attn_scores saw was changed afterwards: write a new tensor for exp(scores)."
    assert_close(seen[0], right, claim)


@exercise("2.9")
def test_an_edit_at_hook_attn_scores_decides_the_pattern(attention, config):
    q, k = queries_and_keys(4, 6, seed=12)
    layer = build(attention, config)
    edit(layer.hook_attn_scores, torch.zeros(2, 6, 4, 6).double())
    seen = record(layer.hook_pattern)
    got = layer.pattern(q, k)
    right = torch.full((2, 6, 4, 6), 1 / 6, dtype=torch.float64)
    claim = "A hook that sets all scores to 0 makes every query attend to all 6 keys equally."
    assert_close(got, right, claim)
    assert seen and is_close(seen[0], right), "hook_pattern must see the edited pattern too."


@exercise("2.9")
def test_an_edit_at_hook_pattern_is_returned(attention, config):
    q, k = queries_and_keys(4, 6, seed=13)
    layer = build(attention, config)
    new = torch.rand(2, 6, 4, 6, generator=torch.Generator().manual_seed(13)).double()
    seen = []
    layer.hook_pattern.hooks.append(lambda x, point: seen.append(x))
    edit(layer.hook_pattern, new)
    claim = "What a hook at hook_pattern returns is the result, with nothing after it."
    assert_close(layer.pattern(q, k), new, claim)
    assert len(seen) == 1, f"hook_pattern must be called once; it was called {len(seen)} times."
    claim = "hook_pattern sees the pattern: the softmax, not the scores."
    assert_close(seen[0], by_loop(q, k), claim)


@exercise("2.9")
def test_large_scores_do_not_overflow(attention, config):
    q, k = queries_and_keys(3, 3, seed=14)
    q[:], k[:], k[:, 0] = 100, 100, 99
    got = build(attention, config).pattern(q, k)
    right = torch.eye(3).double()
    right[2, 1] = right[2, 2] = 0.5
    claim = "Scores of 20000 and 19800 give weights 1 and 0, not nan or inf."
    assert_close(got, right.expand(2, 6, 3, 3), claim + " Subtract the largest score before exp.")


@exercise("2.9")
def test_softmax_is_accurate_in_bfloat16_and_returns_qs_dtype(attention, config):
    """A weight in bfloat16 may be off by its own rounding, one part in 256, and by no more."""
    q, k = (x.bfloat16() for x in queries_and_keys(40, 300, seed=15, batch=1))
    layer = build(attention, config)
    seen, shown = record(layer.hook_attn_scores), record(layer.hook_pattern)
    got = layer.pattern(q, k)
    assert got.dtype == q.dtype, f"Expected the pattern in q's {q.dtype}, got {got.dtype}."
    assert shown and shown[0].dtype == q.dtype, (
        f"hook_pattern must see the pattern in q's {q.dtype}: first .to(q.dtype), then the hook "
        "point. A cache of it in float32 is twice as large."
    )
    assert seen, "hook_attn_scores must be called; it was not."
    right = seen[0].double().softmax(dim=-1)
    assert_close(
        got, right, "The pattern is the softmax of what hook_attn_scores saw.", tolerance=0.1
    )
    error = ((got.double() - right).abs() / right)[right > 0].max().item()
    assert error < 1.01 / 256, (
        f"In bfloat16 a weight may be off by 1 part in 256; one is off by 1 in {1 / error:.0f}. "
        + "Lift the scores to float32 before the softmax." * (error < 0.5)
    )


@exercise("2.9")
def test_gradients_reach_queries_and_keys(attention, config):
    """The derivative along a random direction, against a difference of two runs."""
    layer = build(attention, config)
    q, k = queries_and_keys(3, 5, seed=16)
    dq, dk = queries_and_keys(3, 5, seed=17)
    weight = by_loop(dq, dk)
    step = 1e-5

    def loss(t: float):
        return (layer.pattern(q + t * dq, k + t * dk) * weight).sum()

    leaves = q.clone().requires_grad_(), k.clone().requires_grad_()
    value = (layer.pattern(*leaves) * weight).sum()
    assert value.requires_grad, "Gradients must reach q and k."
    gq, gk = torch.autograd.grad(value, leaves)
    claim = "The gradient of the pattern must agree with a small change of q and k."
    right = (loss(step) - loss(-step)) / (2 * step)
    assert_close((gq * dq).sum() + (gk * dk).sum(), right, claim, tolerance=1e-7)
