"""Graders of the block (2.13).

Most of them run a block whose parts are single steps of arithmetic: the input is 3, ln1 multiplies
by 4, attention adds 5, ln2 multiplies by 10, the MLP negates.
"""

import pytest
import torch
from torch import nn

from tests.grading import exercise
from tests.grading.assertions import assert_close, normal, randomise, wrong_gradients

from .attention_fixtures import edit, record

SIZES = dict(n_layers=1, d_model=10, n_heads=6, n_kv_heads=2, d_head=4, d_mlp=11, d_vocab=13)
SEEN = dict(resid_pre=3.0, attn_out=17.0, resid_mid=20.0, mlp_out=-200.0, resid_post=-180.0)


def ln1(x):
    return 4 * x


def attn(x):
    return x + 5


def ln2(x):
    return 10 * x


def mlp(x):
    return -x


class Step(nn.Module):
    """A part that is one step of arithmetic, and remembers what it was given."""

    def __init__(self, step):
        super().__init__()
        self.step, self.inputs, self.past = step, [], []

    def forward(self, x, past=None):
        self.inputs.append(x)
        self.past.append(past)
        return self.step(x)


def build(model, config, norm=None, attention=None, gated=None):
    """A block of the planted parts, or of those given."""
    norms = iter([Step(ln1), Step(ln2)])
    parts = model.Parts(
        positions=model.NoPositions,
        norm=norm or (lambda config: next(norms)),
        attention=attention or (lambda config, layer: Step(attn)),
        mlp=gated or (lambda config: Step(mlp)),
        block=model.SequentialBlock,
        unembed=model.Unembed,
    )
    return model.SequentialBlock(config.TransformerConfig(n_ctx=17, **SIZES), parts, 0)


def full(value: float):
    return torch.full((2, 3, 10), value, dtype=torch.float64)


def points(block) -> dict:
    return {name: getattr(block, f"hook_{name}") for name in SEEN}


@exercise("2.13")
def test_the_output_is_the_one_worked_by_hand(model, config):
    got = build(model, config)(full(3))
    claim = "Input 3; ln1 * 4, attention + 5, ln2 * 10, MLP * -1: 3 + 17 = 20, 20 - 200 = -180."
    assert_close(got, full(-180), claim)


@exercise("2.13")
def test_every_hook_point_sees_its_step(model, config):
    block = build(model, config)
    seen = {name: record(point, copied=True) for name, point in points(block).items()}
    block(full(3))
    for name, value in SEEN.items():
        times = len(seen[name])
        assert times == 1, f"hook_{name} must be called once; it was called {times} times."
        claim = f"Expected {value:g} at hook_{name} for the input 3."
        assert_close(seen[name][0], full(value), claim)


@exercise("2.13")
@pytest.mark.parametrize("name", SEEN)
def test_an_edit_at_a_hook_point_takes_effect(model, config, name):
    expected = {
        "resid_pre": 6 + 29 - 350,
        "attn_out": 3 + 6 - 90,
        "resid_mid": 6 - 60,
        "mlp_out": 20 + 6,
        "resid_post": 6,
    }[name]
    block = build(model, config)
    edit(points(block)[name], full(6))
    claim = f"Where a hook puts 6 at hook_{name}, the block must give {expected}."
    assert_close(block(full(3)), full(expected), claim)


@exercise("2.13")
def test_past_reaches_attention(model, config, kv_cache):
    block, past = build(model, config), kv_cache.LayerCache()
    block(full(3), past)
    got = block.attn.past
    assert len(got) == 1, f"Attention must be called once; it was called {len(got)} times."
    assert got[0] is past, f"Attention must be given `past` itself; it was given {got[0]!r}."
    block(full(3))
    assert block.attn.past[1] is None, "Without a past, attention must be given None."


@exercise("2.13")
def test_activations_are_not_edited_in_place(model, config):
    """A cache keeps the very tensors, so `resid += attn_out` would change what it holds."""
    block, x = build(model, config), full(3)
    shown = {name: record(point) for name, point in points(block).items()}
    copies = {name: record(point, copied=True) for name, point in points(block).items()}
    block(x)
    assert x.eq(3).all(), "The input resid was changed: write x + y, not x += y."
    for name in SEEN:
        assert shown[name], f"hook_{name} is not called."
        claim = f"What hook_{name} saw was changed afterwards: write x + y, not x += y."
        assert_close(shown[name][0], copies[name][0], claim)


@exercise("2.13")
@pytest.mark.parametrize("seed", [1, 2])
def test_the_output_is_the_sum_of_input_and_parts(model, config, seed):
    """Real parts and random weights: the output is the input plus the outputs of both parts."""
    block = build(model, config, model.LayerNorm, model.rotary_attention, model.GatedMLP)
    randomise(block, seed)
    x = normal(2, 5, 10, seed=seed + 20)
    seen = {name: record(point) for name, point in points(block).items()}
    got = block(x.clone())
    for name, values in seen.items():
        assert len(values) == 1, f"hook_{name} must be called once, not {len(values)} times."
    attn_out, mid, mlp_out = (seen[name][0] for name in ("attn_out", "resid_mid", "mlp_out"))
    assert_close(mid, x + attn_out, "resid_mid = resid_pre + attn_out.")
    assert_close(got, x + attn_out + mlp_out, "The block gives resid_pre + attn_out + mlp_out.")
    assert_close(attn_out, block.attn(block.ln1(x)), "attn_out is attention of ln1(resid_pre).")
    claim = "mlp_out is the MLP of ln2(resid_mid)."
    assert_close(mlp_out, block.mlp(block.ln2(x + attn_out)), claim)


@exercise("2.13")
def test_gradients_reach_every_weight(model, config):
    block = build(model, config, model.LayerNorm, model.rotary_attention, model.GatedMLP)
    randomise(block, seed=3)
    x = normal(2, 5, 10, seed=23).requires_grad_()
    out = block(x)
    if out.requires_grad:
        out.pow(2).sum().backward()
    lost = [name for name, weight in block.named_parameters() if weight.grad is None]
    assert not lost, f"Gradients must reach every weight of the block; {lost[0]} gets none."
    assert x.grad is not None, "Gradients must reach resid, through the sums too."


@exercise("2.13")
def test_gradients_flow_through_both_parts_and_the_sums(model, config):
    block = build(model, config, model.LayerNorm, model.rotary_attention, model.GatedMLP)
    randomise(block, seed=4)
    x = normal(2, 5, 10, seed=24).requires_grad_()
    assert not wrong_gradients(lambda: block(x), {"resid": x}), (
        "The gradient of resid disagrees with finite differences: is it detached on its way into a "
        "part, or into a sum?"
    )


@pytest.mark.project
def test_both_parts_of_a_parallel_block_read_resid_pre(model, config):
    block = build(model, config)
    block.__class__ = model.ParallelBlock
    assert_close(
        block(full(3)), full(3 + 17 - 30), "Both parts of a parallel block read resid_pre."
    )
