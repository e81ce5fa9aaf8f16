"""Graders of sweep.py: one softmax over a past that all rows share and what they add."""

import math

import pytest
import torch

from tests.grading import exercise
from tests.grading.assertions import assert_close, is_close, normal
from tests.grading.peak_memory import largest_made

SHAPES = [
    dict(versions=4, batch=3, past=5, new=2, kv=2, group=3, width=7),
    dict(versions=2, batch=3, past=1, new=4, kv=3, group=2, width=5),
    dict(versions=5, batch=2, past=6, new=1, kv=1, group=4, width=3),
    dict(versions=3, batch=2, past=0, new=4, kv=4, group=1, width=5),
    dict(versions=1, batch=4, past=3, new=5, kv=2, group=2, width=6),
]


def draw(shape, seed):
    """Queries, new keys and values of every row; keys and values of every text's past."""
    versions, batch, past, new, kv, group, width = shape.values()
    rows = versions * batch
    q = normal(rows, new, kv * group, width, seed=seed)
    k, v = (normal(rows, new, kv, width, seed=seed + i) for i in (1, 2))
    old_k, old_v = (normal(batch, past, kv, width, seed=seed + i) for i in (3, 4))
    return q, k, v, old_k, old_v


@pytest.fixture
def unasked(impl):
    """Causal attention without hooks, whose own `attend` must not be called."""

    def attend(q, k, v):
        raise AssertionError(
            "`attention.attend` is called although no hook needs the pattern: it needs the past in "
            "each row's own keys and values, and avoiding that copy is the point of this exercise."
        )

    sizes = dict(n_layers=1, d_model=6, n_heads=2, d_head=3, d_mlp=0, d_vocab=3, n_ctx=3)
    config = impl("ch02_transformer.config").TransformerConfig(**sizes)
    attention = impl("ch02_transformer.attention").Attention(config)
    attention.attend = attend
    return attention


def slow(q, k, v, old_k, old_v, **slip):
    """Row by row, head by head, query by query. A slip makes one usual mistake."""
    rows, new, heads, width = q.shape
    batch, past, kv = old_k.shape[:3]
    z = torch.zeros_like(q)
    for row in range(rows):
        text = row // (rows // batch) if slip.get("rows") else row % batch
        text = 0 if slip.get("first") else text
        for head in range(heads):
            key_head = head % kv if slip.get("heads") else head // (heads // kv)
            for query in range(new):
                seen = slip.get("seen", range)(query + 1)
                if slip.get("masked"):
                    seen = range(query + 1 - past)
                seen = [key for key in seen if 0 <= key < new]
                older = slip.get("older", range)(past) if past else range(0)
                older = range(min(past, query + 1)) if slip.get("masked") else older
                keys = [*(old_k[text, i, key_head] for i in older)]
                values = [*(old_v[text, i, key_head] for i in older)]
                n = len(keys)
                keys += [k[row, i, key_head] for i in seen]
                values += [v[row, i, key_head] for i in seen]
                size = width ** slip.get("power", 0.5)
                e = [math.exp(float(q[row, query, head] @ key) / size) for key in keys]
                if slip.get("zero"):
                    e += [1.0] * (new - query - 1)
                    values += [v[row, i, key_head] for i in range(query + 1, new)]
                totals = [sum(e)] * len(e)
                if slip.get("apart"):
                    totals = [sum(e[:n])] * n + [sum(e[n:])] * (len(e) - n)
                for one, total, value in zip(e, totals, values, strict=True):
                    z[row, query, head] += one / total * value
    return z


SLIPS = {
    "Past and new tokens have a softmax each: there is one over both, so that all weights of a "
    "query sum to one.": {"apart": True},
    "No mask among the new tokens: a new token may not look at those after it.": {
        "seen": lambda n: range(99)
    },
    "A new token does not see itself: only what comes AFTER it is hidden (triu(1)).": {
        "seen": lambda n: range(n - 1)
    },
    "A new token sees the next one too: the mask is one too wide.": {
        "seen": lambda n: range(n + 1)
    },
    "A new token sees itself alone, and none of the new ones before it.": {
        "seen": lambda n: range(n - 1, n)
    },
    "The mask is turned round: what comes before is hidden, what comes after is seen.": {
        "seen": lambda n: range(n - 1, 99)
    },
    "What is hidden gets the score 0, and so a weight: it must be -inf.": {"zero": True},
    "The past is masked too: every new token sees all of it. Does the mask's diagonal begin at "
    "the first new token?": {"masked": True},
    "The new tokens do not see the past.": {"older": lambda n: range(0)},
    "The last token of the past is left out.": {"older": lambda n: range(n - 1)},
    "The first token of the past is left out.": {"older": lambda n: range(1, n)},
    "The new tokens do not see each other, nor themselves: their keys and values are missing.": {
        "seen": lambda n: range(0)
    },
    "Scores are scaled twice: q is divided by sqrt(d_head) in the lines that are given.": {
        "power": 1.0
    },
    "Scores are not scaled: q must stay as the lines above make it.": {"power": 0.0},
    "Row i goes on from text i % batch; these rows are counted text by text.": {"rows": True},
    "All rows go on from the first text: row i goes on from text i % batch.": {"first": True},
    "Heads are shared out in turn: neighbouring query heads share a key head.": {"heads": True},
}


def mistakes(parts, right):
    """Words -> what the usual mistakes give, of those that give something else here."""
    q, k, v, old_k, old_v = parts
    found = {words: slow(*parts, **slip) for words, slip in SLIPS.items()}
    found["Values of the past are its keys."] = slow(q, k, v, old_k, old_k)
    found["Keys of the past are its values."] = slow(q, k, v, old_v, old_v)
    found["Keys and values of the past are exchanged."] = slow(q, k, v, old_v, old_k)
    found["Keys stand where the new tokens' values belong."] = slow(q, k, k, old_k, old_v)
    past = slow(q, k, v, old_k, torch.zeros_like(old_v))
    found["The softmax counts the past, but its values are not added."] = past
    found["The softmax counts the new tokens, but their values are not added."] = right - past
    found |= places(right, len(q) // len(old_k), k.shape[2])
    return {words: value for words, value in found.items() if not is_close(value, right)}


def places(right, rows, kv):
    """Words -> the right numbers in wrong places."""
    versions, heads = right.unflatten(0, (rows, -1)), right.unflatten(2, (kv, -1))
    return {
        "The rows come back text by text: version first.": versions.transpose(0, 1).flatten(0, 1),
        "The heads come back in another order: a key head's group stays together.": (
            heads.transpose(2, 3).flatten(2, 3)
        ),
    }


@exercise("5.8")
@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: "-".join(map(str, shape.values())))
@pytest.mark.parametrize("seed", [10, 20])
def test_there_is_one_softmax_over_the_shared_past_and_the_own_tokens(sweep, unasked, shape, seed):
    parts = draw(shape, seed=seed)
    kept = [x.clone() for x in parts]
    q, k, v, old_k, old_v = parts
    came = sweep.SharedKVCache(old_k, old_v).attend(unasked, q, k, v)
    for x, before in zip(parts, kept, strict=True):
        assert_close(
            x, before, "What attention reads must stay as it was; something is edited in place."
        )
    right = slow(*parts)
    if not is_close(came, right):
        sizes = ", ".join(f"{size} {name}" for name, size in shape.items())
        assert_close(came, right, f"z is wrong for {sizes}.", mistakes(parts, right))


@exercise("5.8")
def test_weights_sum_to_one(sweep, unasked):
    q, k, v, old_k, old_v = draw(SHAPES[0], seed=3)
    past = sweep.SharedKVCache(old_k, torch.ones_like(old_v))
    came = past.attend(unasked, 3 * q, k, torch.ones_like(v))
    assert_close(
        came,
        torch.ones_like(came),
        "With all values 1 every z must be 1, since a query's weights on past and new tokens "
        "together sum to one.",
        {"Past and new tokens have a softmax each.": 2 * torch.ones_like(came)},
    )


@exercise("5.8")
def test_large_scores_do_not_overflow(sweep, unasked):
    q, k, v, old_k, old_v = draw(SHAPES[0], seed=4)
    came = sweep.SharedKVCache(old_k, old_v).attend(unasked, 2000 * q, k, v)
    assert came.isfinite().all(), (
        "With scores in the thousands z must be finite. Is exp taken of the scores themselves? "
        "softmax takes the largest away first."
    )


@exercise("5.8")
def test_what_is_hidden_stays_hidden_however_low_the_other_scores_are(sweep, unasked):
    q, k, v, old_k, old_v = draw(SHAPES[1], seed=6)
    found = []
    for last in (0.0, 100.0):
        value = v.clone()
        value[:, -1] = last
        found.append(sweep.SharedKVCache(old_k, old_v).attend(unasked, 1e5 * q, k, value)[:, :-1])
    assert_close(
        found[1],
        found[0],
        "The last new token's value reaches those before it. Is it hidden by a large negative "
        "number? Scores can be lower still: it must be -inf.",
    )


@exercise("5.8")
def test_the_past_is_never_copied_for_each_row(sweep, unasked):
    shape = dict(versions=60, batch=2, past=40, new=1, kv=2, group=2, width=16)
    q, k, v, old_k, old_v = draw(shape, seed=5)
    past = sweep.SharedKVCache(old_k, old_v)
    largest, copied = largest_made(lambda: past.attend(unasked, q, k, v)), 60 * old_k.numel()
    assert largest < copied / 2, (
        f"{len(q)} rows share a past of {old_k.numel():,} numbers, but on the way a tensor of "
        f"{largest:,} is made: is the past copied for each of them? Name its axes in an einsum: "
        "'version' is one of the queries' alone. (A matmul copies what was expanded, too.)"
    )


@exercise("5.8")
@pytest.mark.parametrize("family", ["gpt2", "llama"])
def test_it_agrees_with_a_model_that_reads_the_whole_text(sweep, unasked, build, family):
    model, tokens = build(family), torch.tensor([[3, 1, 4, 1, 5], [9, 2, 6, 5, 12]])
    _, cache = model.run_with_cache(tokens)
    q, k, v = (cache[f"blocks.1.attn.hook_{name}"] for name in ("rot_q", "rot_k", "v"))
    past = sweep.SharedKVCache(k[:, :3], v[:, :3])
    came = past.attend(unasked, *(x[:, 3:].repeat(4, 1, 1, 1) for x in (q, k, v)))
    right = cache["blocks.1.attn.hook_z"][:, 3:].repeat(4, 1, 1, 1)
    assert_close(
        came, right, "Four equal versions of two texts, cut after three of five tokens: z."
    )
