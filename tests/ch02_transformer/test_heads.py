"""Graders of grouped queries (2.11) and of what heads move and write (2.12)."""

from itertools import product

import pytest
import torch

from tests.grading import exercise
from tests.grading.assertions import assert_close, is_close, normal, randomise

from .attention_fixtures import build, by_loop, queries_and_keys, record


@exercise("2.11")
def test_each_key_head_serves_a_run_of_query_heads(attention):
    """6 query heads on 2 key heads, then on 3; each key head holds its own number."""
    for kv_heads, right, tiled, wrong_group in [
        (2, [0, 0, 0, 1, 1, 1], [0, 1, 0, 1, 0, 1], [0, 0, 1, 1, 0, 0]),
        (3, [0, 0, 1, 1, 2, 2], [0, 1, 2, 0, 1, 2], [0, 0, 0, 1, 1, 1]),
    ]:
        number = torch.arange(kv_heads).double()[:, None].expand(4, 5, kv_heads, 7)
        got = attention.repeat_kv_heads(number, 6)
        assert got.shape == (4, 5, 6, 7), f"6 heads are expected, the shape is {list(got.shape)}."
        came = got[0, 0, :, 0].tolist()
        hint = {
            tuple(tiled): "The heads are tiled; each key head goes to neighbours.",
            tuple(wrong_group): "A group has n_heads / kv_heads query heads, not kv_heads.",
            tuple(reversed(right)): "The order of the heads is reversed.",
            (0,) * 6: "Every query head gets the first key head.",
        }.get(tuple(came), "")
        assert came == right, (
            f"With 6 query heads on {kv_heads} key heads, they use key heads {right}; here they "
            f"use [{', '.join(f'{j:g}' for j in came)}]. {hint}"
        )


@exercise("2.11")
@pytest.mark.parametrize("kv_heads, group, seed", [(2, 3, 1), (3, 2, 2), (1, 6, 3), (6, 1, 4)])
def test_shared_heads_are_copies_of_key_heads(attention, kv_heads, group, seed):
    x = normal(4, 5, kv_heads, 7, seed=seed)
    before = x.clone()
    got = attention.repeat_kv_heads(x, kv_heads * group)
    assert got.shape == (4, 5, kv_heads * group, 7), (
        f"{kv_heads * group} heads are expected, the shape is {list(got.shape)}."
    )
    for head in range(kv_heads * group):
        claim = f"With groups of {group}, head {head} is key head {head // group} at all positions."
        assert_close(got[:, :, head], before[:, :, head // group], claim, tolerance=0)


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
def test_each_head_moves_its_own_values_by_its_own_pattern(attention, config, queries, keys, seed):
    """Any pattern, also one that a hook has changed so that rows do not sum to one."""
    pattern = normal(3, 6, queries, keys, seed=seed)
    v = normal(3, keys, 6, 4, seed=seed + 50)
    right = torch.zeros(3, queries, 6, 4).double()
    for b, query, h, key in product(range(3), range(queries), range(6), range(keys)):
        right[b, query, h] += pattern[b, h, query, key] * v[b, key, h]
    mistakes = {
        "The values are mixed by the mean pattern of all heads.": torch.einsum(
            "bqk,bkhd->bqhd", pattern.mean(dim=1), v
        ),
        "Every head moves the values of head 0.": torch.einsum(
            "bhqk,bkd->bqhd", pattern, v[:, :, 0]
        ),
    }
    if queries == keys:
        transposed = torch.einsum("bhkq,bkhd->bqhd", pattern, v)
        mistakes["The pattern is transposed: each query sums over keys."] = transposed
    claim = "z[query, head] = sum over keys of pattern[head, query, key] * v[key, head]."
    assert_close(build(attention, config).apply_pattern(pattern, v), right, claim, tolerance=1e-12)


@exercise("2.12")
def test_no_head_writes_the_bias_alone(attention, config):
    layer = randomise(build(attention, config), seed=1)
    right = layer.b_O.expand(3, 5, 9)
    got = layer.output_projection(torch.zeros(3, 5, 6, 4).double())
    assert_close(got, right, "Where z is 0, what is written is b_O, once.")


@exercise("2.12")
@pytest.mark.parametrize("seed", [21, 22])
def test_write_sums_what_the_heads_write(attention, config, seed):
    layer = randomise(build(attention, config), seed=seed)
    z = normal(3, 5, 6, 4, seed=seed + 50)
    right = layer.b_O.detach().repeat(3, 5, 1)
    for b, pos, h in product(range(3), range(5), range(6)):
        right[b, pos] += sum(z[b, pos, h, i] * layer.W_O[h, i].detach() for i in range(4))
    claim = "write(z) = sum over heads of z[head] @ W_O[head], plus b_O."
    before = z.clone()
    assert_close(layer.output_projection(z), right, claim, tolerance=1e-12)
    assert torch.equal(z, before), "z came out changed, and hook_z has shown it to a cache."


@exercise("2.12")
def test_single_heads_and_the_bias_add_up_to_what_is_written(attention, config):
    layer = randomise(build(attention, config), seed=31)
    z = normal(3, 5, 6, 4, seed=81)
    silent = layer.output_projection(z)
    seen = record(layer.hook_result)
    heard = layer.output_projection(z)
    assert len(seen) == 1, "hook_result is in the lines above the mark; leave them as they are."
    claim = "The sum over heads of hook_result, plus b_O, is what write gives when nobody listens."
    assert_close(silent, seen[0].sum(dim=2) + layer.b_O, claim)
    assert_close(heard, silent, "Listening at hook_result must change nothing.")


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
