"""Graders of rotary positions (2.10)."""

import cmath
from itertools import product

import pytest
import torch

from tests.grading import exercise
from tests.grading.assertions import assert_close, normal

SIZES = dict(n_layers=1, d_model=9, n_heads=3, d_head=8, d_mlp=11, d_vocab=13, n_ctx=600)


def build(attention, config, base: float = 100.0, n: int | None = None, d_head: int = 8):
    sizes = SIZES | dict(d_head=d_head, rotary_base=base, rotary_dims=n)
    return attention.Rotary(config.TransformerConfig(**sizes))


def by_loop(x, start: int, base: float, n: int):
    """Dimensions i and i + n/2 as one complex number, times a number of length 1."""
    turned, half = x.double().clone(), n // 2
    batch, pos, heads, _ = x.shape
    for b, p, h, i in product(range(batch), range(pos), range(heads), range(half)):
        pair = complex(x[b, p, h, i], x[b, p, h, i + half])
        pair *= cmath.rect(1, (start + p) * base ** (-2 * i / n))
        turned[b, p, h, i], turned[b, p, h, i + half] = pair.real, pair.imag
    return turned


def alone(x, dimension: int):
    """One vector per position, 1 in one dimension and 0 in the others."""
    x = torch.zeros_like(x)
    x[..., dimension] = 1
    return x


@exercise("2.10")
@pytest.mark.parametrize("dimension", [0, 1, 2, 3])
def test_dimensions_i_and_i_plus_half_turn_together(attention, config, dimension):
    """With 4 dimensions and base 100, pair 0 turns by 1 a position, and pair 1 by 1/10."""
    x = alone(torch.zeros(2, 3, 5, 4).double(), dimension)
    position = torch.arange(3).double()[:, None].expand(2, 3, 5)
    pair, second = dimension % 2, dimension >= 2

    def turned(angle, partner: int, sign: int):
        result = torch.zeros_like(x)
        result[..., dimension] = angle.cos()
        result[..., partner] = sign * angle.sin()
        return result

    angle, partner, sign = position * 0.1**pair, (dimension + 2) % 4, -1 if second else 1
    theirs, towards = position * 0.1 ** (dimension // 2), 1 if dimension % 2 == 0 else -1
    mixed = torch.zeros_like(x)
    first, last = dimension // 2, dimension // 2 + 2
    mixed[..., first] = theirs.cos() if towards > 0 else -theirs.sin()
    mixed[..., last] = theirs.sin() if towards > 0 else theirs.cos()
    got = build(attention, config, n=4, d_head=4)(x, 0)
    claim = f"The unit vector {dimension} of 4 turns towards {'-' * (sign < 0)}e{partner}."
    assert_close(got, turned(angle, partner, sign), claim)


@exercise("2.10")
@pytest.mark.parametrize(
    "start, n, base, seed", [(0, 8, 100.0, 1), (3, 6, 50.0, 2), (7, 4, 9.0, 3)]
)
def test_every_pair_turns_by_its_own_angle(attention, config, start, n, base, seed):
    x = normal(2, 5, 3, 8, seed=seed)
    right = by_loop(x, start, base, n)
    got = build(attention, config, base=base, n=n)(x, start)
    claim = f"Pair i turns by position * base^(-2i/{n})."
    assert_close(got, right, claim, tolerance=1e-12)


@exercise("2.10")
@pytest.mark.parametrize("seed", [4, 5])
def test_dot_product_depends_on_the_distance_alone(attention, config, seed):
    rotate = build(attention, config, n=6)
    q, k = normal(1, 1, 1, 8, seed=seed), normal(1, 1, 1, 8, seed=seed + 10)
    near = (rotate(q, 7) * rotate(k, 4)).sum()
    far = (rotate(q, 48) * rotate(k, 45)).sum()
    claim = "A query three places after a key must match it equally well wherever the two stand."
    assert_close(far, near, claim)
    twice = (rotate(q, 8) * rotate(k, 4)).sum()
    assert abs(twice - near) > 1e-3, "At another distance, query and key must match otherwise."


@exercise("2.10")
@pytest.mark.parametrize("seed", [6, 7])
def test_turning_keeps_the_length_of_every_pair(attention, config, seed):
    x = normal(2, 5, 3, 8, seed=seed)
    before = x.clone()
    got = build(attention, config, n=6)(x, 2)
    for i in range(3):
        claim = f"Turning keeps the length of the pair ({i}, {i + 3}) as it was."
        assert_close(got[..., [i, i + 3]].norm(dim=-1), before[..., [i, i + 3]].norm(dim=-1), claim)


@exercise("2.10")
def test_position_0_stays_as_it_is(attention, config):
    x = normal(2, 3, 5, 8, seed=8)
    got = build(attention, config)(x, 0)
    claim = "Position 0 turns by an angle of 0. Are positions counted from `start`, with no 1?"
    assert_close(got[:, 0], x[:, 0], claim)


@exercise("2.10")
def test_a_late_start_is_the_tail_of_a_long_sequence(attention, config):
    x, rotate = normal(2, 6, 3, 8, seed=9), build(attention, config)
    whole = rotate(x, 0)
    claim = "Positions 4 and 5 read alone, with start=4, come out as they do in the whole sequence."
    assert_close(rotate(x[:, 4:], 4), whole[:, 4:], claim)


@exercise("2.10")
@pytest.mark.parametrize("n", [2, 6])
def test_dimensions_from_n_on_stay_as_they_are(attention, config, n):
    x = normal(2, 5, 3, 8, seed=10)
    before = x.clone()
    got = build(attention, config, n=n)(x, 3)
    claim = f"With rotary_dims={n} the dimensions from {n} on stay, in their places."
    assert_close(got[..., n:], before[..., n:], claim, tolerance=0)


@exercise("2.10")
def test_x_itself_is_left_unchanged(attention, config):
    x = normal(2, 5, 3, 8, seed=11)
    before = x.clone()
    build(attention, config)(x, 3)
    words = "x came out changed, and hook_q has shown it to a cache: build a new tensor instead."
    assert torch.equal(x, before), words


@exercise("2.10")
@pytest.mark.parametrize("dtype, rounding", [(torch.bfloat16, 2**-8), (torch.float32, 2**-13)])
def test_low_precision_is_turned_in_float32(attention, config, dtype, rounding):
    """bfloat16 does not know position 513, only 512 and 516."""
    x, rotate = normal(2, 4, 3, 8, seed=12).to(dtype), build(attention, config)
    assert_close(rotate(x.double(), 513), by_loop(x, 513, 100, 8), "In float64, at position 513.")
    got = rotate(x, 513)
    assert got.dtype == dtype, f"x came in {dtype} and must go on in it; {got.dtype} came back."
    error = (got.double() - by_loop(x, 513, 100, 8)).abs().max().item()
    assert error < 4 * rounding, (
        f"In {dtype} at position 513 the result is off by {error:.2g}, far more than rounding. "
        "Are positions and angles computed in float32 (from `wide`, `position` and `pair`)?"
    )


@exercise("2.10")
def test_gradients_come_through_turned_back(attention, config):
    """Turning keeps the sum of squares, so the gradient of that sum is 2 x."""
    x = normal(2, 5, 3, 8, seed=13).requires_grad_()
    length = build(attention, config, n=6)(x, 2).pow(2).sum()
    assert length.requires_grad, "Gradients must reach x: compute with x itself, nothing detached."
    (got,) = torch.autograd.grad(length, x)
    assert_close(got, 2 * x, "The gradient of the turned vectors' squared length is 2 x.")
