"""Parts that no adapter uses yet (masks, caps, norms of queries and keys), against loops."""

import math
from dataclasses import replace

import pytest
import torch
from torch import nn

from tests.grading.assertions import assert_close, normal, randomise

from . import transformer_reference

pytestmark = pytest.mark.project
SIZES = {"n_layers": 2, "d_model": 15, "n_heads": 6, "d_head": 8, "d_mlp": 11, "d_vocab": 19}
TOKENS = torch.tensor([[3, 1, 18, 0, 7, 7, 2], [5, 5, 9, 11, 2, 0, 4]])
WINDOW = 3


@pytest.fixture
def sizes(config):
    """A config with three key heads for six query heads; some fields changed."""
    return lambda **more: config.TransformerConfig(**SIZES, n_ctx=10, n_kv_heads=3, **more)


def windowed(n_queries, n_keys):
    """A sliding-window mask: each query sees itself and the two positions before it."""
    query = torch.arange(n_keys - n_queries, n_keys)[:, None]
    key = torch.arange(n_keys)
    return (key <= query) & (key > query - WINDOW)


def soft_cap(scores):
    """Scores squeezed between -4 and 4."""
    return 4 * torch.tanh(scores / 4)


class HeadNorm(nn.Module):
    """RMSNorm over one head's dimensions, as q/k norms have it."""

    def __init__(self, d_head):
        super().__init__()
        self.w = nn.Parameter(torch.ones(d_head))

    def forward(self, x):
        return x / (x.pow(2).mean(-1, keepdim=True) + 1e-6).sqrt() * self.w


def attention_by_hand(attn, x, rotating=0, may_look=lambda query, key: key <= query, softcap=None):
    """What all heads write for one sequence, from the part's own weights, in loops."""

    def project(letter):
        W, b = getattr(attn, f"W_{letter}"), getattr(attn, f"b_{letter}")
        return torch.stack([torch.stack([row @ W[h] + b[h] for h in range(len(W))]) for row in x])

    def turn(vectors, norm):
        if norm is not None:
            rows = [
                [transformer_reference.rms_norm(v, norm.w, 1e-6) for v in heads]
                for heads in vectors
            ]
            vectors = torch.stack([torch.stack(heads) for heads in rows])
        turned = [
            [transformer_reference.rotate(v, p, rotating, 10_000.0) for v in heads]
            for p, heads in enumerate(vectors)
        ]
        return torch.stack([torch.stack(heads) for heads in turned])

    norms = [part if isinstance(part, HeadNorm) else None for part in (attn.q_norm, attn.k_norm)]
    q, k = turn(project("Q"), norms[0]), turn(project("K"), norms[1])
    z = transformer_reference.attention(
        q, k, project("V"), may_look, softcap or (lambda score: score)
    )
    return (
        torch.stack(
            [sum(z[p, h] @ attn.W_O[h] for h in range(len(attn.W_O))) for p in range(len(x))]
        )
        + attn.b_O
    )


def check_attention(part, seed, **by_hand):
    """Compare a part with the loops: fused, and explicit with a hook at the pattern."""
    randomise(part, seed)
    x = normal(2, 7, SIZES["d_model"], seed=seed)
    seen = []
    with torch.no_grad():
        fused_out = part(x)
        part.hook_pattern.hooks = [lambda pattern, point: seen.append(pattern)]
        explicit_out = part(x)
        for sequence in range(2):
            expected = attention_by_hand(part, x[sequence], **by_hand)
            assert_close(fused_out[sequence], expected, "The fused part must do what the loops do.")
            assert_close(explicit_out[sequence], expected, "The explicit part must do the same.")
    assert seen, "the pattern must reach its hook point"
    return seen[0]


@pytest.mark.parametrize("seed", [1, 2])
def test_a_sliding_window_is_a_mask(attention, sizes, seed):
    part = attention.Attention(sizes(), mask=windowed)
    pattern = check_attention(part, seed, may_look=lambda q, k: q - WINDOW < k <= q)
    assert pattern[0, 0, 6].count_nonzero() == WINDOW


@pytest.mark.parametrize("seed", [1, 2])
def test_a_cap_on_the_scores_takes_the_explicit_path(attention, sizes, seed, monkeypatch):
    def fused(*_, **__):
        raise AssertionError("fused attention cannot cap its scores")

    monkeypatch.setattr(attention.F, "scaled_dot_product_attention", fused)
    part = attention.Attention(sizes(), softcap=soft_cap)
    check_attention(part, seed, softcap=lambda score: 4 * math.tanh(score / 4))


@pytest.mark.parametrize("seed", [1, 2])
def test_norms_on_queries_and_keys_come_before_the_rotation(attention, sizes, seed):
    norms = attention.QKNorms(HeadNorm(SIZES["d_head"]), HeadNorm(SIZES["d_head"]))
    part = attention.Attention(sizes(), rotate=attention.Rotary(sizes()), qk_norms=norms)
    check_attention(part, seed, rotating=8)


@pytest.mark.parametrize("seed", [1, 2])
def test_all_parts_together(attention, sizes, seed):
    narrow = sizes(rotary_dims=6)
    part = attention.Attention(
        narrow,
        rotate=attention.Rotary(narrow),
        mask=windowed,
        qk_norms=attention.QKNorms(HeadNorm(SIZES["d_head"]), HeadNorm(SIZES["d_head"])),
        softcap=soft_cap,
    )
    check_attention(
        part,
        seed,
        rotating=6,
        may_look=lambda q, k: q - WINDOW < k <= q,
        softcap=lambda score: 4 * math.tanh(score / 4),
    )


def test_a_window_and_a_cap_survive_the_kv_cache(attention, sizes, kv_cache):
    part = attention.Attention(sizes(), attention.Rotary(sizes()), windowed, softcap=soft_cap)
    randomise(part, 3)
    x = normal(2, 7, SIZES["d_model"], seed=3)
    past = kv_cache.LayerCache()
    with torch.no_grad():
        steps = torch.cat([part(x[:, :4], past), part(x[:, 4:5], past), part(x[:, 5:], past)], 1)
        assert_close(steps, part(x), "In steps, the part must do what it does at once.")


def parallel(model, layers, attention, norms, rotary):
    """The parts of GPT-NeoX and Pythia, with or without rotary positions."""
    return model.Parts(
        positions=layers.NoPositions,
        norm=norms.LayerNorm,
        attention=attention.rotary_attention if rotary else attention.plain_attention,
        mlp=layers.MLP,
        block=model.ParallelBlock,
        unembed=layers.Unembed,
    )


def norm_by_hand(norm, x):
    return torch.stack(
        [transformer_reference.layer_norm(row, norm.w, norm.b, norm.eps) for row in x]
    )


@pytest.mark.parametrize("rotating", [0, 2, 4, 8])
@torch.no_grad()
def test_parallel_blocks_with_partial_rotary_equal_the_loops(
    model, layers, attention, norms, sizes, rotating
):
    parts = parallel(model, layers, attention, norms, rotary=rotating > 0)
    chosen = sizes(rotary_dims=rotating or None, activation="gelu_tanh", eps=1e-3)
    ours = randomise(model.HookedTransformer(chosen, parts, seed=None), seed=5)
    logits, cache = ours.run_with_cache(TOKENS)
    assert_close(ours(TOKENS), logits, "A cache must not change the logits.", tolerance=1e-12)
    for sequence, tokens in enumerate(TOKENS):
        stream = torch.stack([ours.embed.W_E[token] for token in tokens])
        for block in ours.blocks:
            attn_out = attention_by_hand(block.attn, norm_by_hand(block.ln1, stream), rotating)
            hidden = norm_by_hand(block.ln2, stream) @ block.mlp.W_in + block.mlp.b_in
            stream = (
                stream
                + attn_out
                + transformer_reference.gelu_tanh(hidden) @ block.mlp.W_out
                + block.mlp.b_out
            )
        expected = norm_by_hand(ours.ln_final, stream) @ ours.unembed.W_U + ours.unembed.b_U
        assert_close(logits[sequence], expected, "A parallel block's MLP must read resid_pre.")
    assert not any("resid_mid" in name for name in cache), "a parallel block has no middle"


@torch.no_grad()
def test_parallel_blocks_fold_and_generate(model, layers, attention, norms, sizes, fold, sample):
    parts = parallel(model, layers, attention, norms, rotary=True)
    ours = randomise(model.HookedTransformer(sizes(rotary_dims=4), parts, seed=None), seed=6)
    before, after = ours(TOKENS).log_softmax(-1), fold.fold(ours)(TOKENS).log_softmax(-1)
    assert_close(after, before, "Folding must not change the log-probabilities.")
    written = sample.generate(ours, TOKENS[:, :4], n_new=4)
    likeliest = ours(written[:, :-1])[:, 3:].argmax(-1)
    assert written[:, 4:].tolist() == likeliest.tolist()


@torch.no_grad()
def test_without_positions_the_last_token_sees_a_bag_of_tokens(model, layers, sizes):
    parts = replace(model.GPT2, positions=layers.NoPositions)
    ours = randomise(
        model.HookedTransformer(replace(sizes(), n_layers=1), parts, seed=None), seed=7
    )
    shuffled = torch.cat([TOKENS[:, [4, 0, 3, 1, 5, 2]], TOKENS[:, 6:]], dim=1)
    one, other = ours(TOKENS)[:, -1], ours(shuffled)[:, -1]
    assert_close(
        one, other, "One layer without positions must not depend on the order of earlier tokens."
    )
