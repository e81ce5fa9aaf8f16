"""Graders of SharedKVCache.attend (5.8): one softmax over a shared past and a row's own tokens."""

import math

import pytest
import torch

from tests.grading import exercise
from tests.grading.assertions import assert_close, check, normal
from tests.grading.peak_memory import largest_made

SHAPES = [
    dict(patches=4, batch=3, past=5, new=2, kv=2, group=3, width=7),
    dict(patches=2, batch=3, past=1, new=4, kv=3, group=2, width=5),
    dict(patches=5, batch=2, past=6, new=1, kv=1, group=4, width=3),
    dict(patches=3, batch=2, past=0, new=4, kv=4, group=1, width=5),
    dict(patches=1, batch=4, past=3, new=5, kv=2, group=2, width=6),
]


def draw(shape, seed):
    """Queries, keys and values of every row; keys and values of every prompt's past."""
    patches, batch, past, new, kv, group, width = shape.values()
    rows = patches * batch
    q = normal(rows, new, kv * group, width, seed=seed)
    k, v = (normal(rows, new, kv, width, seed=seed + i) for i in (1, 2))
    past_k, past_v = (normal(batch, past, kv, width, seed=seed + i) for i in (3, 4))
    return q, k, v, past_k, past_v


@pytest.fixture
def attend(impl, sweep):
    """Run the answer for causal attention without hooks, whose own `attend` must not be called."""

    def not_called(q, k, v):
        raise AssertionError(
            "`attention.attend` is called although no hook needs the pattern: it needs the past in "
            "each row's own keys and values, and avoiding that copy is the point of this exercise."
        )

    sizes = dict(n_layers=1, d_model=6, n_heads=2, d_head=3, d_mlp=0, d_vocab=3, n_ctx=3)
    config = impl("ch02_transformer.config").TransformerConfig(**sizes)
    attention = impl("ch02_transformer.attention").Attention(config)
    attention.attend = not_called

    def attend(q, k, v, past_k, past_v):
        return sweep.SharedKVCache(past_k, past_v).attend(attention, q, k, v)

    return attend


def by_loop(q, k, v, past_k, past_v):
    """z row by row, head by head, query by query."""
    z = torch.zeros_like(q)
    heads_per_kv_head = q.shape[2] // k.shape[2]
    for row in range(len(q)):
        prompt = row % len(past_k)
        for head in range(q.shape[2]):
            kv_head = head // heads_per_kv_head
            for query in range(q.shape[1]):
                keys = [*past_k[prompt, :, kv_head], *k[row, : query + 1, kv_head]]
                values = [*past_v[prompt, :, kv_head], *v[row, : query + 1, kv_head]]
                scale = math.sqrt(q.shape[3])
                weights = [math.exp(float(q[row, query, head] @ key) / scale) for key in keys]
                for weight, value in zip(weights, values, strict=True):
                    z[row, query, head] += weight / sum(weights) * value
    return z


@exercise("5.8")
@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: "-".join(map(str, shape.values())))
@pytest.mark.parametrize("seed", [10, 20])
def test_one_softmax_over_the_past_and_the_new_tokens(attend, shape, seed):
    parts = draw(shape, seed=seed)
    claim = f"z is wrong for {', '.join(f'{size} {name}' for name, size in shape.items())}."
    check(attend, *parts, expected=by_loop(*parts), claim=claim)


@exercise("5.8")
def test_weights_sum_to_one(attend):
    q, k, v, past_k, past_v = draw(SHAPES[0], seed=3)
    claim = "With all values 1 every z is 1: the weights of a query sum to one."
    arguments = 3 * q, k, torch.ones_like(v), past_k, torch.ones_like(past_v)
    check(attend, *arguments, expected=torch.ones_like(q), claim=claim)


@exercise("5.8")
def test_large_scores_do_not_overflow(attend):
    q, *rest = draw(SHAPES[0], seed=4)
    actual = attend(2000 * q, *rest)
    assert actual.isfinite().all(), (
        "expected a finite z for scores in the thousands, got inf or nan"
    )


@exercise("5.8")
def test_the_future_is_masked_for_very_low_scores(attend):
    q, k, v, past_k, past_v = draw(SHAPES[1], seed=6)
    other = v.clone()
    other[:, -1] = 100.0
    first, second = (attend(1e5 * q, k, x, past_k, past_v)[:, :-1] for x in (v, other))
    assert_close(second, first, "The value of the last new token must not reach those before it.")


@exercise("5.8")
def test_the_past_is_not_copied_per_row(attend):
    shape = dict(patches=60, batch=2, past=40, new=1, kv=2, group=2, width=16)
    q, k, v, past_k, past_v = draw(shape, seed=5)
    largest = largest_made(lambda: attend(q, k, v, past_k, past_v))
    assert largest < 60 * past_k.numel() / 2, (
        f"expected no tensor as large as a copy of the past for each of {len(q)} rows, got one of "
        f"{largest:,} numbers; name the axes in an einsum, in which `patch` is an axis of the "
        "queries only (a matmul copies what was expanded)"
    )


@exercise("5.8")
@pytest.mark.parametrize("family", ["gpt2", "llama"])
def test_it_agrees_with_a_forward_of_the_whole_prompt(attend, build, family):
    model, tokens = build(family), torch.tensor([[3, 1, 4, 1, 5], [9, 2, 6, 5, 12]])
    _, cache = model.run_with_cache(tokens)
    q, k, v = (cache[f"blocks.1.attn.hook_{name}"] for name in ("rot_q", "rot_k", "v"))
    new = (x[:, 3:].repeat(4, 1, 1, 1) for x in (q, k, v))
    expected = cache["blocks.1.attn.hook_z"][:, 3:].repeat(4, 1, 1, 1)
    claim = "Four equal patches of two prompts, cut after three of five tokens: z."
    assert_close(attend(*new, k[:, :3], v[:, :3]), expected, claim)
