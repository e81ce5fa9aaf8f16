"""Graders of the whole forward (2.14), step by step.

They run a model of four blocks that each append their number to the residual stream, as a digit: 7
is the embedding (4 for the token, 3 for the position), and 71234 the output of the last block. The
last norm adds 1/2, the unembedding changes the sign.
"""

import pytest
import torch
from torch import nn

from tests.grading import exercise
from tests.grading.assertions import assert_close, check, normal, randomise

from .attention_fixtures import edit, record

SIZES = dict(n_layers=4, d_model=10, n_heads=6, n_kv_heads=2, d_head=8, d_mlp=11)
SIZES |= dict(d_vocab=13, n_ctx=17)
TOKENS = torch.tensor([[3, 1, 4, 1, 5], [9, 2, 6, 5, 3], [0, 12, 8, 7, 11]])


class Digit(nn.Module):
    """A block that appends its number, counted from 1, and keeps each past that it gets."""

    def __init__(self, layer: int):
        super().__init__()
        self.layer, self.past = layer, []

    def forward(self, x, past=None):
        self.past.append(past)
        return 10 * x + self.layer + 1


class Half(nn.Module):
    def forward(self, x):
        return x + 0.5


class Minus(nn.Module):
    def __init__(self):
        super().__init__()
        self.calls = 0

    def forward(self, x):
        self.calls += 1
        return -x[..., :1].expand(*x.shape[:-1], SIZES["d_vocab"])


def build(model, config):
    """The model of the four digits."""
    parts = model.Parts(
        positions=model.LearnedPositions,
        norm=lambda config: Half(),
        attention=model.plain_attention,
        mlp=model.MLP,
        block=lambda config, parts, layer: Digit(layer),
        unembed=lambda config, embed: Minus(),
    )
    digits = model.HookedTransformer(config.TransformerConfig(**SIZES), parts, seed=None).double()
    nn.init.constant_(digits.embed.W_E, 4)
    nn.init.constant_(digits.pos_embed.W_pos, 3)
    return digits


def resid(value):
    return torch.full((3, 5, 10), float(value), dtype=torch.float64)


def logits(value):
    return torch.full((3, 5, 13), float(value), dtype=torch.float64)


def filled(model, length: int):
    """A KV cache of that many tokens."""
    past = model.KVCache(4)
    for layer in past.layers:
        layer.k = layer.v = torch.zeros(3, length, 2, 8).double()
    return past


@exercise("2.14")
def test_forward_goes_from_tokens_through_all_blocks_to_logits(model, config):
    claim = "7 (token 4, position 3), then digits 1 2 3 4, norm + 1/2, unembed * -1: -71234.5."
    check(build(model, config), TOKENS, expected=logits(-71234.5), claim=claim)


@exercise("2.14")
@pytest.mark.parametrize("stop", [0, 1, 2, 3, 4])
def test_stop_at_layer_returns_the_resid_before_it(model, config, stop):
    digits = build(model, config)
    before = [7, 71, 712, 7123, 71234][stop]
    claim = f"stop_at_layer={stop} must return {before}, the residual stream before block {stop}."
    check(digits, TOKENS, stop_at_layer=stop, expected=resid(before), claim=claim)
    ran = [block.layer for block in digits.blocks if block.past]
    assert ran == list(range(stop)) and not digits.unembed.calls, (
        f"With stop_at_layer={stop} only the blocks before {stop} run; blocks {ran} ran, "
        f"the unembedding {digits.unembed.calls} times."
    )


@exercise("2.14")
@pytest.mark.parametrize(
    "start, stop", [(0, 0), (0, 2), (1, 3), (2, None), (3, 4), (4, 4), (0, None)]
)
def test_run_blocks_runs_blocks_start_to_stop(model, config, start, stop):
    blocks, right = build(model, config).run_blocks, "5" + "1234"[start:stop]
    claim = f"start={start}, stop={stop}: the blocks must make {right} of 5 (block 0 appends 1)."
    check(blocks, resid(5), start=start, stop=stop, expected=resid(right), claim=claim)


@exercise("2.14")
@pytest.mark.parametrize("start, stop", [(0, None), (2, None), (1, 3)])
def test_each_block_gets_its_own_layer_of_the_past(model, config, start, stop):
    digits, past = build(model, config), filled(model, 3)
    digits.run_blocks(resid(5), start=start, stop=stop, past=past)
    for block in digits.blocks[start:stop]:
        layer = next((i for i, p in enumerate(past.layers) if p is block.past[0]), None)
        actual = f"past.layers[{layer}]" if layer is not None else type(block.past[0]).__name__
        assert layer == block.layer, (
            f"With start={start} and stop={stop}, expected past.layers[{block.layer}] at block "
            f"{block.layer}, got {actual}."
        )


@exercise("2.14")
@pytest.mark.parametrize("stop_at_layer", [None, 3])
def test_forward_continues_where_the_past_ends(model, config, stop_at_layer):
    """Position p has the vector p, and the past holds 6 tokens."""
    digits, past = build(model, config), filled(model, 6)
    with torch.no_grad():
        digits.pos_embed.W_pos += torch.arange(17)[:, None] - 3
    positions = record(digits.hook_pos_embed)
    digits(TOKENS, past=past, stop_at_layer=stop_at_layer)
    actual = [int(x) for x in positions[0][0, :, 0]] if positions else []
    claim = "After 6 cached tokens, 5 tokens have positions 6 to 10, from the length of the past."
    assert actual == [6, 7, 8, 9, 10], f"{claim} Got {actual}."
    for block in digits.blocks[:stop_at_layer]:
        assert block.past[0] is past.layers[block.layer], (
            f"forward must pass its cache to the blocks; block {block.layer} got another one "
            f"(stop_at_layer={stop_at_layer})."
        )


@exercise("2.14")
@pytest.mark.parametrize("start, seed", [(0, 1), (4, 2)])
def test_embedding_is_token_vector_plus_position_vector(model, config, start, seed):
    digits = randomise(build(model, config), seed)
    W_E, W_pos = digits.embed.W_E.detach(), digits.pos_embed.W_pos.detach()
    token = torch.stack([torch.stack([W_E[t] for t in row]) for row in TOKENS])
    position = torch.stack([W_pos[start + p] for p in range(5)]).expand(3, 5, 10)
    seen = {name: record(getattr(digits, name)) for name in ("hook_embed", "hook_pos_embed")}
    claim = "The residual stream starts as W_E[token] + W_pos[position]."
    check(digits.embed_tokens, TOKENS, start, expected=token + position, claim=claim)
    for name, expected in [("hook_embed", token), ("hook_pos_embed", position)]:
        assert len(seen[name]) == 1, f"{name} must be called once, not {len(seen[name])} times."
        assert_close(seen[name][0], expected, f"{name} sees its own vectors alone.")


@exercise("2.14")
@pytest.mark.parametrize("name, right", [("hook_embed", 6 + 3), ("hook_pos_embed", 4 + 6)])
def test_edits_of_the_embedding_take_effect(model, config, name, right):
    digits = build(model, config)
    edit(getattr(digits, name), resid(6))
    claim = (
        f"Token 4, position 3: if a hook puts 6 at {name}, the residual stream starts at {right}."
    )
    assert_close(digits.embed_tokens(TOKENS), resid(right), claim)


@exercise("2.14")
def test_unembed_resid_norms_and_unembeds_every_position(model, config):
    x = normal(3, 5, 10, seed=3)
    expected = -x[..., :1].expand(3, 5, 13) - 0.5
    claim = "The last norm adds 1/2 here, and the unembedding changes the sign, at every position."
    check(build(model, config).unembed_resid, x, expected=expected, claim=claim)
