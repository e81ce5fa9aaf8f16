"""Graders of from_scratch.py (2.26): logits against loops over positions and heads."""

import torch

from tests.ch02_transformer.tiny_checkpoints import GPT2, gpt2_tensors
from tests.ch02_transformer.transformer_reference import attention, gelu_tanh, layer_norm
from tests.grading import exercise
from tests.grading.assertions import assert_close, check

HEADS = GPT2["n_head"]


def draw(seed=1, batch=2, pos=5, **sizes):
    """Tokens and the tensors of a small GPT-2, whose names have no prefix."""
    settings = GPT2 | sizes
    weights = {name: 0.7 * w for name, w in gpt2_tensors(settings, prefix="").items()}
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(settings["vocab_size"], (batch, pos), generator=generator), weights


def expected(tokens, weights, n_heads):
    """One text, position and head at a time."""

    def linear(rows, name):
        return rows @ weights[f"{name}.weight"] + weights[f"{name}.bias"]

    def norm(rows, name):
        pair = weights[f"{name}.weight"], weights[f"{name}.bias"]
        return torch.stack([layer_norm(row, *pair, 1e-5) for row in rows])

    texts = []
    for text in tokens:
        x = torch.stack(
            [weights["wte.weight"][t] + weights["wpe.weight"][i] for i, t in enumerate(text)]
        )
        for layer in range(sum(name.endswith("ln_1.bias") for name in weights)):
            qkv = linear(norm(x, f"h.{layer}.ln_1"), f"h.{layer}.attn.c_attn")
            q, k, v = (part.unflatten(1, (n_heads, -1)) for part in qkv.chunk(3, dim=1))
            x = x + linear(attention(q, k, v).flatten(1), f"h.{layer}.attn.c_proj")
            hidden = gelu_tanh(linear(norm(x, f"h.{layer}.ln_2"), f"h.{layer}.mlp.c_fc"))
            x = x + linear(hidden, f"h.{layer}.mlp.c_proj")
        texts.append(norm(x, "ln_f") @ weights["wte.weight"].T)
    return torch.stack(texts)


def judge(module, claim, n_heads=HEADS, **sizes):
    tokens, weights = draw(**sizes)
    wanted = expected(tokens, weights, n_heads)
    check(module.gpt2_logits, tokens, weights, n_heads, expected=wanted, claim=claim)


@exercise("2.26")
def test_logits_are_those_of_gpt2(from_scratch):
    judge(from_scratch, "The logits are wrong.")


@exercise("2.26")
def test_sizes_of_one_keep_their_axes(from_scratch):
    judge(from_scratch, "Wrong for one text of one token.", batch=1, pos=1)
    judge(from_scratch, "Wrong with one head.", n_heads=1, pos=3)


@exercise("2.26")
def test_the_number_of_blocks_follows_from_the_weights(from_scratch):
    for n_layer in (0, 1, 11):
        judge(from_scratch, f"Wrong with {n_layer} blocks.", n_layer=n_layer, batch=1, pos=2)


@exercise("2.26")
def test_a_token_changes_no_earlier_logits(from_scratch):
    tokens, weights = draw(batch=1, pos=6)
    changed = tokens.clone()
    changed[0, 3:] = (changed[0, 3:] + 1) % GPT2["vocab_size"]
    name = "h.0.attn.c_attn.weight"
    for size in (1, 200):
        large = weights | {name: size * weights[name]}
        one, other = (from_scratch.gpt2_logits(t, large, HEADS)[:, :3] for t in (tokens, changed))
        claim = f"Later tokens change earlier logits, with c_attn times {size}: is the mask causal?"
        assert_close(one, other, claim)


@exercise("2.26")
def test_the_longest_text_and_large_scores_are_computed(from_scratch):
    judge(from_scratch, "Wrong for the longest text.", batch=1, pos=GPT2["n_positions"])
    tokens, weights = draw()
    weights["h.0.attn.c_attn.weight"] = 200 * weights["h.0.attn.c_attn.weight"]
    logits = from_scratch.gpt2_logits(tokens, weights, HEADS)
    assert logits.isfinite().all(), "Large attention scores give NaN or infinity."
