"""Graders of the whole forward (2.14), step by step.

They look at a model of four blocks that each write their number behind the stream, as a digit: 7
comes out of the embedding (4 for the token, 3 for the position), and 71234 out of the last block.
The last norm adds 1/2, the unembedding changes the sign.
"""

import pytest
import torch
from torch import nn

from tests.grading import exercise
from tests.grading.assertions import assert_close, normal, randomise

from .attention_fixtures import edit, record

SIZES = dict(n_layers=4, d_model=10, n_heads=6, n_kv_heads=2, d_head=8, d_mlp=11)
SIZES |= dict(d_vocab=13, n_ctx=17)
TOKENS = torch.tensor([[3, 1, 4, 1, 5], [9, 2, 6, 5, 3], [0, 12, 8, 7, 11]])


class Digit(nn.Module):
    """A block that writes its number, counted from 1, and remembers each past it was given."""

    def __init__(self, layer: int):
        super().__init__()
        self.layer, self.past = layer, []

    def forward(self, resid, past=None):
        self.past.append(past)
        return 10 * resid + self.layer + 1


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


def stream(value):
    return torch.full((3, 5, 10), float(value), dtype=torch.float64)


def logits(value):
    return torch.full((3, 5, 13), float(value), dtype=torch.float64)


def filled(model, length: int):
    """A KV cache that holds so many tokens, and whose layers can be told apart."""
    past = model.KVCache(4)
    for layer in past.layers:
        layer.k = layer.v = torch.zeros(3, length, 2, 8).double()
    return past


@exercise("2.14")
def test_forward_goes_from_tokens_through_all_blocks_to_logits(model, config):
    got = build(model, config)(TOKENS)
    claim = "7 (token 4, position 3), then digits 1 2 3 4, norm + 1/2, unembed * -1: -71234.5."
    assert_close(got, logits(-71234.5), claim)


@exercise("2.14")
@pytest.mark.parametrize("stop", [0, 1, 2, 3, 4])
def test_stop_at_layer_returns_the_stream_before_it(model, config, stop):
    digits = build(model, config)
    got = digits(TOKENS, stop_at_layer=stop)
    before = [7, 71, 712, 7123, 71234]
    mistakes = {
        "The last norm has no place here: return the stream.": stream(before[stop] + 0.5),
        "These are logits; return the stream.": logits(-before[stop] - 0.5),
    }
    if stop > 0:
        mistakes["It stops one block too early."] = stream(before[stop - 1])
    if stop < 4:
        mistakes["It stops one block too late: block stop_at_layer does not run."] = stream(
            before[stop + 1]
        )
        mistakes["It goes through all blocks."] = stream(71234)
        mistakes["These are the logits: is stop_at_layer=0 taken for False?"] = logits(-71234.5)
    claim = f"stop_at_layer={stop} must return {before[stop]}, the stream in front of block {stop}."
    assert_close(got, stream(before[stop]), claim)
    ran = [block.layer for block in digits.blocks if block.past]
    assert ran == list(range(stop)) and not digits.unembed.calls, (
        f"With stop_at_layer={stop} only the blocks before {stop} run; blocks {ran} ran, "
        f"the unembedding {digits.unembed.calls} times."
    )


@exercise("2.14")
@pytest.mark.parametrize(
    "start, stop", [(0, 0), (0, 2), (1, 3), (2, None), (3, 4), (4, 4), (0, None)]
)
def test_through_runs_blocks_start_to_stop(model, config, start, stop):
    digits = build(model, config)
    end = 4 if stop is None else stop
    got = digits.run_blocks(stream(5), start=start, stop=stop)
    numbers = "1234"
    right = "5" + numbers[start:end]
    claim = f"Blocks {start} up to and without {end} make {right} of 5 (block 0 writes 1, ...)."
    assert_close(got, stream(right), claim)


@exercise("2.14")
@pytest.mark.parametrize("start, stop", [(0, None), (2, None), (1, 3)])
def test_each_block_gets_its_own_layer_of_the_past(model, config, start, stop):
    digits, past = build(model, config), filled(model, 3)
    digits.run_blocks(stream(5), start=start, stop=stop, past=past)
    for block in digits.blocks[start:stop]:
        layer = next((i for i, p in enumerate(past.layers) if p is block.past[0]), None)
        came = f"past.layers[{layer}]" if layer is not None else type(block.past[0]).__name__
        assert layer == block.layer, (
            f"With start={start} and stop={stop}, block {block.layer} must be given "
            f"past.layers[{block.layer}]; it was given {came}."
        )


@exercise("2.14")
@pytest.mark.parametrize("stop_at_layer", [None, 3])
def test_forward_reads_on_where_the_past_ends(model, config, stop_at_layer):
    """Position p has the vector p, and the past holds 6 tokens."""
    digits, past = build(model, config), filled(model, 6)
    with torch.no_grad():
        digits.pos_embed.W_pos += torch.arange(17)[:, None] - 3
    positions = record(digits.hook_pos_embed)
    digits(TOKENS, past=past, stop_at_layer=stop_at_layer)
    came = [int(x) for x in positions[0][0, :, 0]] if positions else []
    hint = " The length of the past is the position of the first token." * (came[:1] == [0])
    assert came == [6, 7, 8, 9, 10], (
        f"After 6 tokens of past, 5 tokens stand at positions 6 to 10; they came as {came}.{hint}"
    )
    for block in digits.blocks[:stop_at_layer]:
        words = f"forward must pass the cache on to the blocks; block {block.layer} got another one"
        assert block.past[0] is past.layers[block.layer], (
            f"{words} (stop_at_layer={stop_at_layer})."
        )


@exercise("2.14")
@pytest.mark.parametrize("start, seed", [(0, 1), (4, 2)])
def test_embedding_is_token_vector_plus_position_vector(model, config, start, seed):
    digits = randomise(build(model, config), seed)
    W_E, W_pos = digits.embed.W_E.detach(), digits.pos_embed.W_pos.detach()

    def rows(first: int):
        return torch.stack([W_pos[first + p] for p in range(5)]).expand(3, 5, 10)

    token, position = (
        torch.stack([torch.stack([W_E[t] for t in row]) for row in TOKENS]),
        rows(start),
    )
    seen = {name: record(getattr(digits, name)) for name in ("hook_embed", "hook_pos_embed")}
    got = digits.embed_tokens(TOKENS, start)
    assert_close(got, token + position, "The stream starts as W_E[token] + W_pos[position].")
    for name, right, other in [
        ("hook_embed", token, position),
        ("hook_pos_embed", position, token),
    ]:
        assert len(seen[name]) == 1, f"{name} must be called once, not {len(seen[name])} times."
        assert_close(seen[name][0], right, f"{name} sees its own vectors alone.")


@exercise("2.14")
@pytest.mark.parametrize("name, right", [("hook_embed", 6 + 3), ("hook_pos_embed", 4 + 6)])
def test_edits_of_the_embedding_take_effect(model, config, name, right):
    digits = build(model, config)
    edit(getattr(digits, name), stream(6))
    claim = f"Token 4, position 3: where a hook puts 6 at {name}, the stream starts at {right}."
    assert_close(digits.embed_tokens(TOKENS), stream(right), claim)


@exercise("2.14")
def test_read_out_norms_and_unembeds_every_position(model, config):
    x = normal(3, 5, 10, seed=3)
    minus = -x[..., :1].expand(3, 5, 13)
    claim = "The last norm adds 1/2 here, and the unembedding changes the sign, at every position."
    assert_close(build(model, config).unembed_resid(x), minus - 0.5, claim)
