"""Graders of smeared.py: each key mixed with the one before it (4.9)."""

import math
from dataclasses import replace

import pytest
import torch

from tests.grading import exercise
from tests.grading.assertions import assert_close, check, normal, randomise, wrong_gradients
from tests.grading.odd_inputs import check_odd
from tests.grading.tiny_models import TOKENS


def keys_and_alpha(batch, pos, head, d_head):
    return normal(batch, pos, head, d_head, seed=1), 2 * normal(head, seed=11)


def smear_by_loop(keys, alpha):
    """Position by position, head by head."""
    out = keys.clone()
    for j in range(1, keys.shape[1]):
        for head, a in enumerate(alpha.tolist()):
            share = 1 / (1 + math.exp(-max(a, -700)))
            out[:, j, head] = share * keys[:, j, head] + (1 - share) * keys[:, j - 1, head]
    return out


@exercise("4.9")
@pytest.mark.parametrize("shape", [(2, 5, 3, 4), (4, 4, 4, 4), (2, 1, 3, 2)])
def test_each_key_is_mixed_with_the_one_before(smeared, shape):
    given = keys_and_alpha(*shape)
    claim = f"Smeared keys {list(shape)} (batch, position, head, d_head) are wrong."
    check(smeared.smear, *given, expected=smear_by_loop(*given), claim=claim)


@exercise("4.9")
def test_smear_on_odd_inputs(smeared):
    sizes = dict(batch=2, pos=5, head=3, d_head=4)
    check_odd(smeared.smear, smear_by_loop, keys_and_alpha, skip="nan", **sizes)


@exercise("4.9")
@pytest.mark.parametrize("size", [40.0, torch.inf])
def test_large_alphas_keep_or_move_the_keys(smeared, size):
    keys = normal(2, 4, 3, 5, seed=3)
    alpha = torch.tensor([size, -size, 0.0], dtype=torch.float64)
    moved = torch.stack([keys[:, 0], keys[:, 0], keys[:, 1], keys[:, 2]], dim=1)
    expected = torch.stack([keys, moved, (keys + moved) / 2])[range(3), :, :, range(3)]
    claim = f"Alpha {size} keeps each key, {-size} moves each one later, 0 takes half of each."
    check(smeared.smear, keys, alpha, expected=expected.movedim(0, 2), claim=claim)


@exercise("4.9")
def test_gradients_reach_keys_and_alpha(smeared):
    keys = normal(1, 3, 2, 2, seed=4).requires_grad_()
    alpha = normal(2, seed=5).requires_grad_()
    wrong = wrong_gradients(lambda: smeared.smear(keys, alpha), {"keys": keys, "alpha": alpha})
    assert not wrong, (
        f"The gradient of {' and '.join(wrong)} disagrees with finite differences. Alpha is "
        "learned together with the keys: is the graph cut?"
    )


@exercise("4.9")
@torch.no_grad()
def test_models_with_infinite_alpha_keep_or_move_keys(smeared, impl):
    whole = impl("ch02_transformer.model")
    config = impl("ch02_transformer.config").TransformerConfig(
        n_layers=1, d_model=6, n_heads=4, n_kv_heads=2, d_head=3, d_mlp=0, d_vocab=13, n_ctx=7
    )
    mixed = randomise(whole.HookedTransformer(config, smeared.SMEARED, seed=0), seed=1)
    parts = replace(smeared.SMEARED, attention=impl("ch02_transformer.attention").plain_attention)
    plain = whole.HookedTransformer(config, parts, seed=0).double()
    weights = mixed.state_dict()
    plain.load_state_dict({name: weights[name] for name in plain.state_dict()})
    mixed.blocks[0].attn.k_norm.alpha.fill_(torch.inf)
    assert_close(mixed(TOKENS), plain(TOKENS), "With alpha = inf the model must be the plain one.")
    mixed.blocks[0].attn.k_norm.alpha.fill_(-torch.inf)
    name = "blocks.0.attn.hook_attn_scores"
    actual, expected = (m.run_with_cache(TOKENS, names=name)[1][name] for m in (mixed, plain))
    claim = "With alpha = -inf the score of key j must be that of key j - 1 without smearing."
    for query in range(1, TOKENS.shape[1]):
        assert_close(actual[:, :, query, 1 : query + 1], expected[:, :, query, :query], claim)
