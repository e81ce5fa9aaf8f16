"""Graders of smear: each key mixed with the one before it."""

import math
from dataclasses import replace

import pytest
import torch

from tests.grading import exercise
from tests.grading.assertions import assert_close, normal, randomise, wrong_gradients
from tests.grading.side_effects import assert_no_side_effects
from tests.grading.tiny_models import TOKENS

SHAPES = [(2, 5, 3, 4), (3, 6, 4, 4), (4, 4, 4, 4), (2, 1, 3, 2)]


def by_loop(keys, alpha):
    """Position by position, head by head."""
    out = keys.clone()
    for j in range(1, keys.shape[1]):
        for head, a in enumerate(alpha.tolist()):
            share = 1 / (1 + math.exp(-a))
            out[:, j, head] = share * keys[:, j, head] + (1 - share) * keys[:, j - 1, head]
    return out


def mistakes(keys, alpha):
    """Words -> what the usual mistakes give."""
    right = by_loop(keys, alpha)
    found = wrong_keys(keys, alpha.sigmoid()[:, None]) | wrong_shares(keys, alpha)
    return {words: value for words, value in found.items() if not torch.equal(value, right)}


def wrong_keys(keys, share):
    """Another key is mixed in than the one before."""
    first, zero = keys[:, :1], torch.zeros_like(keys[:, :1])
    after = torch.cat([keys[:, 1:], keys[:, -1:]], 1)

    def mix(other):
        return share * keys + (1 - share) * other

    again = keys.clone()
    for j in range(1, keys.shape[1]):
        again[:, j] = share * keys[:, j] + (1 - share) * again[:, j - 1]
    return {
        "The keys are rolled round: the LAST key comes into the first, which has none before it.": (
            mix(keys.roll(1, 1))
        ),
        "The key AFTER is mixed in: the one before is asked for.": mix(after),
        "The key AFTER is mixed in, and rolled round: the one before is asked for.": (
            mix(keys.roll(-1, 1))
        ),
        "The first key is mixed with zeros: it has none before it and stays as it is.": (
            mix(torch.cat([zero, keys[:, :-1]], 1))
        ),
        "The key two before is mixed in: the one before is asked for.": (
            mix(torch.cat([first, first, keys[:, :-2]], 1)[:, : keys.shape[1]])
        ),
        "Keys that are mixed already are mixed in: those of the projection are asked for.": again,
        "Texts are mixed with each other: the position is axis 1.": mix(
            torch.cat([keys[:1], keys[:-1]], 0)
        ),
        "Heads are mixed with each other: the position is axis 1.": mix(
            torch.cat([keys[:, :, :1], keys[:, :, :-1]], 2)
        ),
    }


def wrong_shares(keys, alpha):
    """The key and the one before are mixed by other shares."""
    share = alpha.sigmoid()[:, None]
    before = torch.cat([keys[:, :1], keys[:, :-1]], 1)

    def mix(other, share=share):
        return share * keys + (1 - share) * other

    found = {
        "The shares are exchanged: a large alpha keeps the key.": mix(before, 1 - share),
        "A constant half stands for the share.": mix(before, 0.5),
        "Alpha is taken as the share itself: its sigmoid is asked for.": mix(
            before, alpha[:, None]
        ),
        "A softmax over heads stands where each head has a sigmoid of its own.": (
            mix(before, alpha.softmax(0)[:, None])
        ),
        "The share of the key before is sigmoid(alpha) - 1: the sign is turned round.": (
            share * keys + (share - 1) * before
        ),
        "The key before is added whole: its share is 1 - sigmoid(alpha).": share * keys + before,
        "Only the key before is given its share: the key has one too.": keys + (1 - share) * before,
        "One alpha for all heads: each has its own.": mix(before, share.mean()),
        "The first head's alpha is used for all: each has its own.": mix(before, share[0]),
    }
    if keys.shape[2] == keys.shape[3]:
        words = "Alpha lines up with d_head: it has one number for each HEAD, axis 2."
        found[words] = mix(before, alpha.sigmoid())
    if keys.shape[1] == keys.shape[2]:
        words = "Alpha lines up with positions: it has one number for each HEAD, axis 2."
        found[words] = mix(before, share[:, None])
    return found


@exercise("4.9")
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("seed", [1, 2])
def test_each_key_is_mixed_with_the_one_before(smeared, shape, seed):
    keys, alpha = normal(*shape, seed=seed), 2 * normal(shape[2], seed=seed + 10)
    with assert_no_side_effects(keys=keys, alpha=alpha):
        came = smeared.smear(keys, alpha)
    claim = f"Keys {list(shape)} (batch, position, head, d_head) are mixed in the wrong way."
    assert_close(came, by_loop(keys, alpha), claim, mistakes(keys, alpha))


@exercise("4.9")
@pytest.mark.parametrize("size", [40.0, torch.inf])
def test_a_large_alpha_keeps_the_keys_and_a_very_negative_one_moves_them(smeared, size):
    keys = normal(2, 4, 3, 5, seed=3)
    alpha = torch.tensor([size, -size, 0.0], dtype=torch.float64)
    came, words = smeared.smear(keys, alpha), mistakes(keys, alpha)
    moved = torch.stack([keys[:, 0], keys[:, 0], keys[:, 1], keys[:, 2]], dim=1)
    claims = ("keeps every key", "puts every key one later", "takes half of each")
    rights = (keys, moved, (keys + moved) / 2)
    for head, (claim, right) in enumerate(zip(claims, rights, strict=True)):
        wrong = {words: value[:, :, head] for words, value in words.items()}
        claim = f"Alpha = {alpha[head]} {claim}, except for the first, which stays."
        assert_close(came[:, :, head], right[:, :, head], claim, wrong)


@exercise("4.9")
def test_gradients_reach_keys_and_alpha(smeared):
    keys = normal(1, 3, 2, 2, seed=4).requires_grad_()
    alpha = normal(2, seed=5).requires_grad_()
    wrong = wrong_gradients(lambda: smeared.smear(keys, alpha), {"keys": keys, "alpha": alpha})
    assert not wrong, (
        f"The gradient of {' and '.join(wrong)} disagrees with finite differences: alpha is "
        "learned, together with what the keys come from. Is something detached, or a number?"
    )


@pytest.fixture
def pair(impl):
    """The same random weights with plain keys and with smeared ones."""
    whole = impl("ch02_transformer.model")
    config = impl("ch02_transformer.config").TransformerConfig(
        n_layers=1, d_model=6, n_heads=4, n_kv_heads=2, d_head=3, d_mlp=0, d_vocab=13, n_ctx=7
    )
    mixed = impl("ch04_induction.smeared").SMEARED
    plain = replace(mixed, attention=impl("ch02_transformer.attention").plain_attention)
    models = [whole.HookedTransformer(config, parts, seed=0) for parts in (mixed, plain)]
    for model in models:
        randomise(model, seed=1)
    weights = models[0].state_dict()
    models[1].load_state_dict({name: weights[name] for name in models[1].state_dict()})
    return models


@exercise("4.9")
@torch.no_grad()
def test_a_model_with_infinite_alpha_is_the_plain_one(pair):
    mixed, plain = pair
    mixed.blocks[0].attn.k_norm.alpha.fill_(torch.inf)
    claim = "With alpha = +inf the logits must be those of the model without smeared keys."
    assert_close(mixed(TOKENS), plain(TOKENS), f"{claim} Are the shares exchanged?")


@exercise("4.9")
@torch.no_grad()
def test_a_model_with_minus_infinite_alpha_looks_one_key_later(pair):
    mixed, plain = pair
    mixed.blocks[0].attn.k_norm.alpha.fill_(-torch.inf)
    name = "blocks.0.attn.hook_attn_scores"
    came, right = (model.run_with_cache(TOKENS, names=name)[1][name] for model in (mixed, plain))
    claim = "With alpha = -inf what a query saw in key j it must see in key j + 1."
    for query in range(1, TOKENS.shape[1]):
        assert_close(came[:, :, query, 1 : query + 1], right[:, :, query, :query], claim)
    assert_close(came[..., 0], right[..., 0], "With alpha = -inf the first key must stay as it is.")
