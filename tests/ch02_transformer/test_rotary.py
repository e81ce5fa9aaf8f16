"""Graders of rotary positions (2.10)."""

import cmath
from itertools import product

import pytest
import torch

from tests.grading import exercise
from tests.grading.assertions import assert_close, check, normal
from tests.grading.odd_inputs import check_odd

SIZES = dict(n_layers=1, d_model=9, n_heads=3, d_head=8, d_mlp=11, d_vocab=13, n_ctx=600)


def build(attention, config, base: float = 100.0, n: int | None = None, d_head: int = 8):
    sizes = SIZES | dict(d_head=d_head, rotary_base=base, rotary_dims=n)
    return attention.Rotary(config.TransformerConfig(**sizes))


def by_loop(x, start: int, base: float, n: int):
    """Dimensions i and i + n/2 as one complex number, times a number of length 1."""
    rotated, half = x.double().clone(), n // 2
    for p, i in product(range(x.shape[1]), range(half)):
        pair = torch.complex(rotated[:, p, :, i], rotated[:, p, :, i + half])
        pair = pair * cmath.rect(1, (start + p) * base ** (-2 * i / n))
        rotated[:, p, :, i], rotated[:, p, :, i + half] = pair.real, pair.imag
    return rotated


@exercise("2.10")
@pytest.mark.parametrize("dimension", [0, 1, 2, 3])
def test_dimensions_i_and_i_plus_half_rotate_together(attention, config, dimension):
    """With 4 dimensions and base 100, pair 0 rotates by 1 per position, and pair 1 by 1/10."""
    x = torch.zeros(2, 3, 5, 4).double()
    x[..., dimension] = 1
    angle = torch.arange(3).double()[:, None].expand(2, 3, 5) * 0.1 ** (dimension % 2)
    partner, sign = (dimension + 2) % 4, -1 if dimension >= 2 else 1
    expected = torch.zeros_like(x)
    expected[..., dimension], expected[..., partner] = angle.cos(), sign * angle.sin()
    claim = f"The unit vector {dimension} of 4 is rotated towards {'-' * (sign < 0)}e{partner}."
    assert_close(build(attention, config, n=4, d_head=4)(x, 0), expected, claim)


@exercise("2.10")
@pytest.mark.parametrize(
    "start, n, base, seed", [(0, 8, 100.0, 1), (3, 6, 50.0, 2), (7, 4, 9.0, 3), (4999, 8, 9.0, 4)]
)
def test_every_pair_rotates_by_its_own_angle(attention, config, start, n, base, seed):
    x = normal(2, 5, 3, 8, seed=seed)
    rotate, expected = build(attention, config, base=base, n=n), by_loop(x, start, base, n)
    claim = f"Pair i is rotated by position * base^(-2i/{n})."
    near = 1e-12 * (1 + start)
    check(rotate, x, start, expected=expected, claim=claim, tolerance=near)


@exercise("2.10")
def test_rotation_is_right_on_odd_inputs(attention, config):
    def make(batch, pos, heads):
        return normal(batch, pos, heads, 8, seed=14), 3

    rotate = build(attention, config, n=6).forward
    check_odd(rotate, lambda x, start: by_loop(x, start, 100.0, 6), make, batch=2, pos=5, heads=3)


@exercise("2.10")
@pytest.mark.parametrize("seed", [4, 5])
def test_dot_product_depends_on_the_distance_alone(attention, config, seed):
    rotate = build(attention, config, n=6)
    q, k = normal(1, 1, 1, 8, seed=seed), normal(1, 1, 1, 8, seed=seed + 10)
    near = (rotate(q, 7) * rotate(k, 4)).sum()
    far = (rotate(q, 48) * rotate(k, 45)).sum()
    claim = "The score of a query three places after a key must not depend on their positions."
    assert_close(far, near, claim)
    twice = (rotate(q, 8) * rotate(k, 4)).sum()
    assert abs(twice - near) > 1e-3, "At another distance the score must differ."


@exercise("2.10")
@pytest.mark.parametrize("seed", [6, 7])
def test_rotation_keeps_the_length_of_every_pair(attention, config, seed):
    x = normal(2, 5, 3, 8, seed=seed)
    before = x.clone()
    got = build(attention, config, n=6)(x, 2)
    for i in range(3):
        claim = f"A rotation keeps the length of the pair ({i}, {i + 3})."
        assert_close(got[..., [i, i + 3]].norm(dim=-1), before[..., [i, i + 3]].norm(dim=-1), claim)


@exercise("2.10")
def test_position_0_is_unchanged(attention, config):
    x = normal(2, 3, 5, 8, seed=8)
    got = build(attention, config)(x, 0)
    claim = "Position 0 is rotated by an angle of 0: positions count from `start`."
    assert_close(got[:, 0], x[:, 0], claim)


@exercise("2.10")
def test_a_late_start_is_the_tail_of_a_long_sequence(attention, config):
    x, rotate = normal(2, 6, 3, 8, seed=9), build(attention, config)
    whole = rotate(x, 0)
    claim = "Positions 4 and 5 alone, with start=4, are as in the whole sequence."
    assert_close(rotate(x[:, 4:], 4), whole[:, 4:], claim)


@exercise("2.10")
@pytest.mark.parametrize("n", [2, 6])
def test_dimensions_from_n_on_are_unchanged(attention, config, n):
    x = normal(2, 5, 3, 8, seed=10)
    before = x.clone()
    got = build(attention, config, n=n)(x, 3)
    claim = f"With rotary_dims={n} the dimensions from {n} on stay, in their places."
    assert_close(got[..., n:], before[..., n:], claim, tolerance=0)


@exercise("2.10")
@pytest.mark.parametrize("dtype, rounding", [(torch.bfloat16, 2**-8), (torch.float32, 2**-13)])
def test_low_precision_is_rotated_in_float32(attention, config, dtype, rounding):
    """bfloat16 cannot represent position 513, only 512 and 516."""
    x, rotate = normal(2, 4, 3, 8, seed=12).to(dtype), build(attention, config)
    assert_close(rotate(x.double(), 513), by_loop(x, 513, 100, 8), "In float64, at position 513.")
    got = rotate(x, 513)
    assert got.dtype == dtype, f"Expected a result in x's {dtype}, got {got.dtype}."
    error = (got.double() - by_loop(x, 513, 100, 8)).abs().max().item()
    assert error < 4 * rounding, (
        f"In {dtype} at position 513 the result is off by {error:.2g}, far more than rounding. "
        "Are positions and angles computed in float32 (from `wide`, `position` and `pair`)?"
    )


@exercise("2.10")
def test_gradients_are_rotated_back(attention, config):
    """A rotation keeps the sum of squares, so the gradient of that sum is 2 x."""
    x = normal(2, 5, 3, 8, seed=13).requires_grad_()
    length = build(attention, config, n=6)(x, 2).pow(2).sum()
    assert length.requires_grad, "Gradients must reach x: compute with x itself, nothing detached."
    (got,) = torch.autograd.grad(length, x)
    assert_close(got, 2 * x, "The gradient of the rotated vectors' squared length is 2 x.")
