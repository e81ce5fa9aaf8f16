"""Graders of grouped queries (2.11) and of what heads move and write (2.12)."""

from itertools import product

import pytest
import torch

from tests.grading import exercise
from tests.grading.assertions import assert_close, check, is_close, normal, randomise
from tests.grading.odd_inputs import check_odd

from .attention_fixtures import build, by_loop, queries_and_keys, record


@exercise("2.11")
@pytest.mark.parametrize("kv_heads, group, seed", [(2, 3, 1), (3, 2, 2), (1, 6, 3), (6, 1, 4)])
def test_neighbouring_query_heads_share_a_key_head(attention, kv_heads, group, seed):
    x, n_heads = normal(4, 5, kv_heads, 7, seed=seed), kv_heads * group
    expected = by_group(x, n_heads)
    assert attention.repeat_kv_heads(x, n_heads).shape == expected.shape, (
        f"Expected {n_heads} heads."
    )
    used = [head // group for head in range(n_heads)]
    claim = f"With {n_heads} query heads on {kv_heads} key heads, they use key heads {used}."
    check(attention.repeat_kv_heads, x, n_heads, expected=expected, claim=claim, tolerance=0)


def by_group(x, n_heads):
    """Each head's key head, one at a time."""
    group = n_heads // x.shape[2]
    return torch.stack([x[:, :, head // group] for head in range(n_heads)], dim=2)


@exercise("2.11")
def test_shared_heads_are_right_on_odd_inputs(attention):
    def make(batch, pos, kv_heads, d_head):
        return normal(batch, pos, kv_heads, d_head, seed=7), 3 * kv_heads

    sizes = {"batch": 4, "pos": 5, "kv_heads": 2, "d_head": 7}
    check_odd(attention.repeat_kv_heads, by_group, make, half=True, **sizes)


@exercise("2.11")
def test_gradients_of_a_group_add_up(attention):
    x = normal(4, 5, 2, 7, seed=5).requires_grad_()
    weight = normal(4, 5, 6, 7, seed=6)
    total = (attention.repeat_kv_heads(x, 6) * weight).sum()
    assert total.requires_grad, "Gradients must reach the key heads."
    (got,) = torch.autograd.grad(total, x)
    right = torch.stack([weight[:, :, :3].sum(dim=2), weight[:, :, 3:].sum(dim=2)], dim=2)
    assert_close(
        got, right, "A key head's gradient is the sum over the query heads that it serves."
    )


@exercise("2.12")
def test_move_is_the_mixture_worked_by_hand(attention, config):
    """Head h holds 4 + h at key 0 and 8 + h at key 1; query 1 takes a quarter and three."""
    base = torch.arange(6.0).double()[:, None].expand(6, 4)
    v = torch.stack([base + 4, base + 8]).expand(3, 2, 6, 4)
    pattern = torch.tensor([[1, 0], [0.25, 0.75]]).double().expand(3, 6, 2, 2)

    def mixed(table):
        return torch.stack([a * v[:, 0] + b * v[:, 1] for a, b in table], dim=1)

    got = build(attention, config).apply_pattern(pattern, v)
    claim = "With weights 1/4 and 3/4 on values 4 and 8, z is 7."
    assert_close(got, mixed([(1, 0), (0.25, 0.75)]), claim)


@exercise("2.12")
@pytest.mark.parametrize("queries, keys, seed", [(5, 5, 11), (4, 7, 12)])
def test_each_head_moves_its_values_by_its_pattern(attention, config, queries, keys, seed):
    """Any pattern, also one that a hook has changed so that rows do not sum to one."""
    pattern = normal(3, 6, queries, keys, seed=seed)
    v = normal(3, keys, 6, 4, seed=seed + 50)
    claim = "z[query, head] = sum over keys of pattern[head, query, key] * v[key, head]."
    apply = build(attention, config).apply_pattern
    check(apply, pattern, v, expected=moved(pattern, v), claim=claim, tolerance=1e-12)


def moved(pattern, v):
    """z of each head, one query and one key at a time."""
    z = v.new_zeros(len(v), pattern.shape[2], *v.shape[2:])
    for query, key in product(range(pattern.shape[2]), range(pattern.shape[3])):
        z[:, query] += pattern[:, :, query, key, None] * v[:, key]
    return z


@exercise("2.12")
def test_moved_values_are_right_on_odd_inputs(attention, config):
    def make(batch, queries, keys):
        pattern = normal(batch, 6, queries, keys, seed=13)
        return pattern, normal(batch, keys, 6, 4, seed=14)

    apply = build(attention, config).apply_pattern
    check_odd(apply, moved, make, batch=2, queries=3, keys=5)


@exercise("2.12")
def test_where_z_is_zero_the_output_is_the_bias(attention, config):
    layer = randomise(build(attention, config), seed=1)
    right = layer.b_O.expand(3, 5, 9)
    got = layer.output_projection(torch.zeros(3, 5, 6, 4).double())
    assert_close(got, right, "Where z is 0 the output is b_O, once.")


@exercise("2.12")
@pytest.mark.parametrize("seed", [21, 22])
def test_outputs_of_the_heads_add_up(attention, config, seed):
    layer = randomise(build(attention, config), seed=seed)
    z = normal(3, 5, 6, 4, seed=seed + 50)
    claim = "The output is the sum over heads of z[head] @ W_O[head], plus b_O."
    project = layer.output_projection
    check(project, z, expected=summed(layer, z), claim=claim, tolerance=1e-12)


def summed(layer, z):
    """The output of all heads, one number of z at a time."""
    out = layer.b_O.detach().repeat(*z.shape[:2], 1)
    for head, i in product(range(6), range(4)):
        out += z[:, :, head, i, None] * layer.W_O[head, i].detach()
    return out


@exercise("2.12")
def test_outputs_are_right_on_odd_inputs(attention, config):
    layer = randomise(build(attention, config), seed=23)

    def make(batch, pos):
        return (normal(batch, pos, 6, 4, seed=24),)

    check_odd(
        layer.output_projection, lambda z: summed(layer, z), make, skip="float32", batch=2, pos=3
    )


@exercise("2.12")
def test_hook_result_and_the_bias_add_up_to_the_output(attention, config):
    layer = randomise(build(attention, config), seed=31)
    z = normal(3, 5, 6, 4, seed=81)
    unobserved = layer.output_projection(z)
    seen = record(layer.hook_result)
    observed = layer.output_projection(z)
    assert len(seen) == 1, "hook_result is in the lines above the mark; leave them as they are."
    claim = "The output is the sum over heads of hook_result, plus b_O."
    assert_close(unobserved, seen[0].sum(dim=2) + layer.b_O, claim)
    assert_close(observed, unobserved, "An observer at hook_result must change nothing.")


@exercise("2.12")
def test_gradients_reach_pattern_values_and_weights(attention, config):
    layer = randomise(build(attention, config), seed=41)
    pattern = by_loop(*queries_and_keys(4, 5, 42)).requires_grad_()
    v = normal(2, 5, 6, 4, seed=43).requires_grad_()
    out = layer.output_projection(layer.apply_pattern(pattern, v))
    tensors = {"pattern": pattern, "v": v, "W_O": layer.W_O, "b_O": layer.b_O}
    if out.requires_grad:
        out.pow(2).sum().backward()
    lost = [name for name, x in tensors.items() if x.grad is None or not x.grad.abs().sum()]
    assert not lost, f"Gradients must reach {', '.join(lost)}: compute with the tensors themselves."


@pytest.mark.project
@pytest.mark.parametrize("past", [0, 3])
@pytest.mark.parametrize("kv_heads", [2, 6])
def test_fused_attention_is_the_explicit_one(attention, config, kv_cache, past, kv_heads):
    """With and without a pattern, on grouped heads, rotary positions and a cache."""
    settings = config.TransformerConfig(
        n_layers=1,
        d_model=9,
        n_heads=6,
        d_head=4,
        d_mlp=11,
        d_vocab=13,
        n_ctx=17,
        n_kv_heads=kv_heads,
    )
    layer = randomise(attention.rotary_attention(settings, 0), seed=51)
    x, before = normal(2, 5, 9, seed=52) / 3, normal(2, 3, 9, seed=53) / 3

    def run():
        cache = kv_cache.LayerCache() if past else None
        if past:
            layer(before, cache)
        return layer(x, cache)

    fused = run()
    pattern, scores = record(layer.hook_pattern), record(layer.hook_attn_scores)
    assert_close(run(), fused, "Fused attention gives what the explicit one does.")
    assert pattern[-1].shape == (2, 6, 5, 5 + past)
    assert is_close(scores[-1].softmax(dim=-1), pattern[-1])
