"""Graders of kv_cache.py: the keys and values that a layer keeps of earlier tokens."""

import pytest
import torch
from torch import Tensor

from tests.grading import exercise
from tests.grading.assertions import assert_close, normal, randomise

BATCH, KV_HEADS, D_HEAD = 3, 2, 5
CHUNKS = (7, 1, 4)


def chunks(seed: int, *sizes: int) -> list[tuple[Tensor, Tensor]]:
    """Keys and values of some tokens, then of one, then of some more."""
    shapes = [(BATCH, size, KV_HEADS, D_HEAD) for size in sizes or CHUNKS]
    return [
        (normal(*shape, seed=seed + number), normal(*shape, seed=seed + number + 50))
        for number, shape in enumerate(shapes)
    ]


@exercise("2.19")
@pytest.mark.parametrize("sizes", [CHUNKS, (2500, 2500, 1)])
def test_extend_returns_and_keeps_all_keys_and_values(kv_cache, sizes):
    cache, ks, vs, total = kv_cache.LayerCache(), [], [], 0
    assert_close(cache.length, 0, "An empty cache has length 0.")
    for k, v in chunks(0, *sizes):
        k[0, 0, 0, 0] = v[0, 0, 0, 0] = torch.nan
        k[0, 0, 0, 1] = v[0, 0, 0, 1] = 1e6
        ks, vs, total = [*ks, k], [*vs, v], total + k.shape[1]
        all_k, all_v = cache.extend(k.clone(), v.clone())
        after = f"After chunks of {', '.join(str(k.shape[1]) for k in ks)} tokens:"
        assert_close(all_k, torch.cat(ks, dim=1), f"{after} all keys, oldest first.")
        assert_close(all_v, torch.cat(vs, dim=1), f"{after} all values, oldest first.")
        assert_close(cache.k, all_k, f"{after} the field k holds the keys that extend returned.")
        assert_close(cache.v, all_v, f"{after} the field v holds the values that extend returned.")
        claim = f"{after} the length, the position of the next token, is {total}."
        assert_close(cache.length, total, claim)


@exercise("2.19")
def test_length_follows_from_the_keys(kv_cache):
    claim = "A cache made with the keys of 7 tokens in its field k has length 7."
    assert_close(kv_cache.LayerCache(*chunks(3)[0]).length, 7, claim)


@exercise("2.19")
def test_two_layers_do_not_share_their_memory(kv_cache):
    first, second = kv_cache.LayerCache(), kv_cache.LayerCache()
    (k, v), (k2, v2), _ = chunks(5)
    first.extend(k.clone(), v.clone())
    claim = "A cache holds no keys of another cache: keep them in self, not in the class."
    assert_close(second.extend(k2.clone(), v2.clone())[0], k2, claim)
    assert_close(first.length, 7, "Extending one layer's cache changes another's length.")


@exercise("2.19")
def test_what_was_returned_before_does_not_change(kv_cache):
    cache, (first, second, third) = kv_cache.LayerCache(), chunks(6)
    cache.extend(*first)
    earlier, _ = cache.extend(*second)
    copy = earlier.clone()
    cache.extend(*third)
    assert_close(earlier, copy, "Extending the cache changed keys that an earlier call returned.")
    assert_close(second, chunks(6)[1], "The arguments are changed in place: copy them first.")


@exercise("2.19")
def test_gradients_flow_through_the_cache_to_the_new_tokens(kv_cache):
    cache, (first, second, _) = kv_cache.LayerCache(), chunks(9)
    for chunk in (first, second):
        k, v = (tensor.requires_grad_() for tensor in chunk)
        for name, new, everything in zip(("keys", "values"), (k, v), cache.extend(k, v)):
            assert everything.requires_grad, f"The {name} that extend returns have no gradient."
            everything[:, -new.shape[1] :].sum().backward(retain_graph=True)
            assert_close(new.grad, torch.ones_like(new), f"The new {name} must get their gradient.")


@exercise("2.19")
@pytest.mark.parametrize("sizes", [(5, 1, 1, 2), (1, 3, 4, 1)])
def test_attention_in_pieces_is_attention_over_all(attention, config, kv_cache, sizes):
    settings = config.TransformerConfig(
        n_layers=1, d_model=10, n_heads=6, d_head=4, d_mlp=7, d_vocab=9, n_ctx=20, n_kv_heads=3
    )
    attend = randomise(attention.rotary_attention(settings, layer=0), seed=7)
    x, cache, start = normal(BATCH, sum(sizes), 10, seed=8), kv_cache.LayerCache(), 0
    at_once = attend(x)
    for size in sizes:
        piece = slice(start, start + size)
        claim = (
            f"Attention over tokens {start} to {start + size - 1} with a cache must be that over "
            "all tokens. If lengths and keys are right: is length read before extend?"
        )
        assert_close(attend(x[:, piece], cache), at_once[:, piece], claim)
        start += size
