"""Graders of kv_cache.py: what a layer remembers of the tokens it has read."""

import pytest
import torch
from torch import Tensor

from tests.grading import exercise
from tests.grading.assertions import assert_close, normal, randomise

BATCH, KV_HEADS, D_HEAD = 3, 2, 5
CHUNKS = (7, 1, 4)


def chunks(seed: int) -> list[tuple[Tensor, Tensor]]:
    """Keys and values of some tokens, then of one, then of some more."""
    return [
        (
            normal(BATCH, size, KV_HEADS, D_HEAD, seed=seed + size),
            normal(BATCH, size, KV_HEADS, D_HEAD, seed=seed + size + 50),
        )
        for size in CHUNKS
    ]


def joined(parts: list[Tensor]) -> Tensor:
    """All positions in order, one at a time."""
    return torch.stack([part[:, t] for part in parts for t in range(part.shape[1])], dim=1)


def extend(cache, k: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
    """Extends a cache by copies, and explains what torch says when the axis is wrong."""
    try:
        return cache.extend(k.clone(), v.clone())
    except RuntimeError as error:
        if "Sizes of tensors must match except in dimension" not in str(error):
            raise
        words = "They are joined along the wrong axis: in [batch, pos, kv_head, d_head], axis 1"
        raise AssertionError(f"{words} counts tokens.") from error


@exercise("2.19")
@pytest.mark.parametrize("seed", [0, 1])
def test_extend_returns_all_keys_and_values_oldest_first(kv_cache, seed):
    cache, ks, vs = kv_cache.LayerCache(), [], []
    for k, v in chunks(seed):
        ks.append(k)
        vs.append(v)
        all_k, all_v = extend(cache, k, v)
        read = f"After chunks of {', '.join(str(len(k[0])) for k in ks)} tokens:"
        claim = f"{read} keys come back oldest first."
        assert_close(all_k, joined(ks), claim)
        claim = f"{read} values come back oldest first."
        assert_close(all_v, joined(vs), claim)


@exercise("2.19")
def test_length_is_the_number_of_positions(kv_cache):
    cache, total = kv_cache.LayerCache(), 0
    assert_close(cache.length, 0, "An empty cache remembers 0 tokens.")
    for number, (k, v) in enumerate(chunks(2), start=1):
        extend(cache, k, v)
        total += k.shape[1]
        claim = f"After {total} tokens the next one stands at position {total}."
        assert_close(cache.length, total, claim)


@exercise("2.19")
def test_length_follows_from_the_keys(kv_cache):
    k, v = chunks(3)[0]
    claim = "A cache made with the keys of 7 tokens in its field k remembers 7 tokens."
    assert_close(kv_cache.LayerCache(k, v).length, 7, claim)


@exercise("2.19")
def test_keys_and_values_are_kept_in_the_fields_k_and_v(kv_cache):
    cache = kv_cache.LayerCache()
    parts = chunks(4)
    for k, v in parts:
        extend(cache, k, v)
    for name, expected, other in (
        ("k", joined([k for k, _ in parts]), joined([v for _, v in parts])),
        ("v", joined([v for _, v in parts]), joined([k for k, _ in parts])),
    ):
        claim = f"The field {name} holds what extend returned last."
        assert_close(getattr(cache, name), expected, claim)


@exercise("2.19")
def test_two_layers_do_not_share_their_memory(kv_cache):
    first, second = kv_cache.LayerCache(), kv_cache.LayerCache()
    (k, v), (k2, v2), _ = chunks(5)
    extend(first, k, v)
    claim = "A cache holds no keys of another cache: keep them in self, not in the class."
    assert_close(extend(second, k2, v2)[0], k2, claim)
    assert_close(first.length, 7, "Extending one layer's cache changes another's length.")


@exercise("2.19")
def test_what_was_returned_before_does_not_change(kv_cache):
    cache, (first, second, third) = kv_cache.LayerCache(), chunks(6)
    cache.extend(*first)
    earlier, _ = cache.extend(*second)
    copy = earlier.clone()
    cache.extend(*third)
    assert_close(
        earlier, copy, "Extending the cache changed the keys that an earlier call returned."
    )
    claim = "The keys that came in belong to the caller, but they were edited."
    assert_close(second[0], chunks(6)[1][0], claim)


@exercise("2.19")
def test_gradients_flow_through_the_cache_to_the_new_tokens(kv_cache):
    cache, (first, second, _) = kv_cache.LayerCache(), chunks(9)
    for chunk in (first, second):
        k, v = (tensor.requires_grad_() for tensor in chunk)
        for name, new, everything in zip(("keys", "values"), (k, v), cache.extend(k, v)):
            words = f"The {name} that extend returns must not be cut off from the graph: no detach."
            assert everything.requires_grad, words
            everything[:, -new.shape[1] :].sum().backward(retain_graph=True)
            assert_close(new.grad, torch.ones_like(new), f"The new {name} must get their gradient.")


def rotary_attention(attention, config) -> torch.nn.Module:
    """Attention with every weight random, grouped queries and rotary positions."""
    sizes = config.TransformerConfig(
        n_layers=1, d_model=10, n_heads=6, d_head=4, d_mlp=7, d_vocab=9, n_ctx=20, n_kv_heads=3
    )
    return randomise(attention.rotary_attention(sizes, layer=0), seed=7)


@exercise("2.19")
@pytest.mark.parametrize("sizes", [(5, 1, 1, 2), (1, 3, 4, 1)])
def test_reading_in_pieces_is_reading_at_once(attention, config, kv_cache, sizes):
    attend = rotary_attention(attention, config)
    x = normal(BATCH, sum(sizes), 10, seed=8)
    cache, start = kv_cache.LayerCache(), 0
    at_once = attend(x)
    for size in sizes:
        piece = attend(x[:, start : start + size], cache)
        claim = (
            f"Attention over tokens {start} to {start + size - 1}, the earlier ones from the "
            f"cache, gives what attention over all tokens gives. If lengths and keys are right "
            f"by themselves: is length read before the new keys are counted in?"
        )
        attend(x[:, start : start + size])
        assert_close(piece, at_once[:, start : start + size], claim)
        start += size


@exercise("2.19")
def test_nothing_is_forgotten_however_long_the_text(kv_cache):
    cache = kv_cache.LayerCache()
    k, v = normal(1, 5_001, 2, 3, seed=5), normal(1, 5_001, 2, 3, seed=6)
    for start, stop in [(0, 2_500), (2_500, 5_000), (5_000, 5_001)]:
        all_k, all_v = extend(cache, k[:, start:stop], v[:, start:stop])
    assert cache.length == 5_001, (
        f"After 2500, 2500 and 1 tokens the length is 5001, but {cache.length} came. Is something "
        "dropped when the text grows long? The mask and n_ctx bound what is read, not the cache."
    )
    assert_close(all_k, k, "All 5001 keys come back: old ones are never dropped.")
    assert_close(all_v, v, "All 5001 values come back: old ones are never dropped.")
