"""Graders of LayerNorm (2.4) and RMSNorm (2.5)."""

import math

import pytest
import torch

from tests.grading import exercise
from tests.grading.assertions import (
    assert_close,
    check,
    normal,
    randomise,
    seen_at,
    wrong_gradients,
)
from tests.grading.odd_inputs import check_odd

WIDTH = 5
#: eps and the shape of x; a norm treats every vector alone, however many axes come before it.
CASES = [(0.3, (2, 3, WIDTH)), (2.0, (4, WIDTH)), (1e-3, (WIDTH,)), (0.0, (2, 1, 3, WIDTH))]
each_case = pytest.mark.parametrize("eps, shape", CASES)
each_half = pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])


def build(config, norm, eps=0.3, seed=1, width=WIDTH):
    """A norm with random gain (and bias) in float64."""
    sizes = {"n_heads": 2, "d_head": 3, "d_mlp": 7, "d_vocab": 11, "n_ctx": 13}
    made = norm(config.TransformerConfig(n_layers=1, d_model=width, eps=eps, **sizes))
    return randomise(made, seed)


def vectors(*shape, seed):
    """Random vectors whose means are not zero and whose sizes differ."""
    return 3 * normal(*shape, seed=seed) * (1 + normal(*shape[:-1], 1, seed=seed + 1) ** 2) + 2


def one_by_one(norm, x):
    """(divisor, normalised before gain and bias) of each vector, number by number."""
    divisors, normalised, width = [], [], x.shape[-1]
    for vector in x.reshape(-1, width).tolist():
        mean = sum(vector) / width if norm.centers else 0.0
        squares = sum((entry - mean) ** 2 for entry in vector) / width
        divisors.append(math.sqrt(squares + norm.eps))
        normalised.append([(entry - mean) / divisors[-1] for entry in vector])
    divisor = torch.tensor(divisors, dtype=torch.float64).reshape(*x.shape[:-1], 1)
    return divisor, torch.tensor(normalised, dtype=torch.float64).reshape(x.shape)


def oracle(norm, x):
    """The output of a norm, number by number."""
    gain, bias = (part.detach().double() for part in norm.affine())
    return one_by_one(norm, x.double())[1] * gain + bias


def check_value(norm, x):
    """Fail another value than that of the formula, and an edit of x."""
    name = type(norm).__name__
    check(norm, x, expected=oracle(norm, x), claim=f"{name} of a random x is wrong.")


def check_odd_inputs(norm):
    """Fail a wrong value on odd inputs."""

    def apply(x):
        return norm(x)

    apply.__name__ = type(norm).__name__
    check_odd(
        apply,
        lambda x: oracle(norm, x),
        lambda **sizes: (vectors(*sizes.values(), WIDTH, seed=21),),
        batch=2,
        pos=3,
    )
    with torch.no_grad():
        norm.w.mul_(1e6)
    x = vectors(2, 3, WIDTH, seed=23)
    claim = f"{type(norm).__name__} with a gain of a million is wrong."
    check(norm, x, expected=oracle(norm, x), claim=claim)


def check_divisor(norm, x):
    """Fail another divisor at hook_scale, and one whose replacement changes nothing."""
    divisor, normalised = one_by_one(norm, x)
    gain, bias = (part.detach() for part in norm.affine())
    actual = seen_at(norm, "hook_scale", x)
    assert_close(actual, divisor, "hook_scale must see the divisor, eps included.")
    norm.hook_scale.hooks = [lambda scale, point: 2 * scale]
    claim = "A hook at hook_scale that doubles the divisor must halve the normalised vector."
    assert_close(norm(x), normalised / 2 * gain + bias, claim)


def check_gradients(norm, x):
    """Fail a gradient that disagrees with finite differences."""
    leaves = {"x": x.requires_grad_(), **dict(norm.named_parameters())}
    wrong = wrong_gradients(lambda: norm(x), leaves)
    assert not wrong, (
        f"The gradient of the norm with respect to {', '.join(wrong)} disagrees with finite "
        "differences. Is the mean or the divisor computed without its graph (detach, no_grad)?"
    )


def check_precision(norm, dtype):
    """Fail a sum of squares in low precision, and a result in another precision than x's."""
    norm.to(dtype)
    x = (300 + 4 * normal(6, 3, WIDTH, seed=5)).to(dtype)
    expected = oracle(norm, x)
    actual = norm(x)
    assert actual.dtype == dtype, (
        f"Expected a result in x's {dtype}, got {actual.dtype}. Is .to(x.dtype) forgotten?"
    )
    claim = f"x is about 300 in {dtype}: compute in float32, from `wide`, not from x."
    assert_close(actual, expected, claim, tolerance=0.02)
    actual = norm.float()(x)
    assert actual.dtype == dtype, (
        f"With the gain in float32, expected a result in x's {dtype}, got {actual.dtype}. Is "
        ".to(x.dtype), with x's own precision, the last step?"
    )


@exercise("2.4")
def test_layer_norm_of_a_vector_worked_by_hand(config, norms):
    norm = build(config, norms.LayerNorm, eps=4.0, width=4)
    x = torch.tensor([[1.0, 3.0, 5.0, 7.0]], dtype=torch.float64)
    with torch.no_grad():
        norm.w.copy_(torch.tensor([3.0, 6.0, 9.0, 12.0]))
        norm.b.copy_(torch.tensor([1.0, 2.0, 3.0, 4.0]))
    claim = (
        "LayerNorm of [1, 3, 5, 7] with eps 4: mean 4, variance (9 + 1 + 1 + 9) / 4 = 5, divisor "
        "sqrt(5 + 4) = 3; times the gain [3, 6, 9, 12], plus the bias [1, 2, 3, 4]."
    )
    assert_close(norm(x), torch.tensor([[-2.0, 0.0, 6.0, 16.0]]), claim)


@exercise("2.4")
@each_case
def test_layer_norm_normalises_each_vector(config, norms, eps, shape):
    check_value(build(config, norms.LayerNorm, eps, seed=2), vectors(*shape, seed=3))


@exercise("2.4")
def test_layer_norm_is_right_on_odd_inputs(config, norms):
    check_odd_inputs(build(config, norms.LayerNorm, seed=2))


@exercise("2.4")
def test_layer_norm_subtracts_a_large_mean_before_it_squares(config, norms):
    norm, x = build(config, norms.LayerNorm, seed=2).float(), 3000 + normal(4, WIDTH, seed=22)
    claim = "In float32 x is about 3000, and differs by about 1: subtract the mean, then square."
    x = x.float()
    assert_close(norm(x), oracle(norm, x).float(), claim, tolerance=1e-2)


@exercise("2.4")
def test_layer_norm_shows_and_uses_its_divisor(config, norms):
    check_divisor(build(config, norms.LayerNorm, seed=4), vectors(2, 3, WIDTH, seed=5))


@exercise("2.4")
def test_layer_norm_shows_the_result_with_gain_and_bias(config, norms):
    norm, x = build(config, norms.LayerNorm, seed=6), vectors(2, 3, WIDTH, seed=7)
    expected = oracle(norm, x)
    claim = "hook_normalized of LayerNorm must see the result, gain and bias included."
    assert_close(seen_at(norm, "hook_normalized", x), expected, claim)
    norm.hook_normalized.hooks = [lambda tensor, point: 3 * tensor]
    claim = "A hook at hook_normalized that triples what it sees must triple the result."
    assert_close(norm(x), 3 * expected, claim)


@exercise("2.4")
@each_half
def test_layer_norm_computes_in_float32_and_returns_xs_dtype(config, norms, dtype):
    check_precision(build(config, norms.LayerNorm, seed=8), dtype)


@exercise("2.4")
def test_gradients_flow_through_layer_norm(config, norms):
    check_gradients(build(config, norms.LayerNorm, seed=9), vectors(2, 3, WIDTH, seed=10))


@exercise("2.5")
def test_rms_norm_of_a_vector_worked_by_hand(config, norms):
    norm = build(config, norms.RMSNorm, eps=11.0, width=4)
    x = torch.tensor([[1.0, 7.0, 5.0, 5.0]], dtype=torch.float64)
    with torch.no_grad():
        norm.w.copy_(torch.tensor([6.0, 12.0, 18.0, 24.0]))
    claim = (
        "RMSNorm of [1, 7, 5, 5] with eps 11: mean of squares (1 + 49 + 25 + 25) / 4 = 25, divisor "
        "sqrt(25 + 11) = 6; times the gain [6, 12, 18, 24]."
    )
    assert_close(norm(x), torch.tensor([[1.0, 14.0, 15.0, 20.0]]), claim)


@exercise("2.5")
@each_case
def test_rms_norm_divides_and_scales_each_vector(config, norms, eps, shape):
    check_value(build(config, norms.RMSNorm, eps, seed=12), vectors(*shape, seed=13))


@exercise("2.5")
def test_rms_norm_is_right_on_odd_inputs(config, norms):
    check_odd_inputs(build(config, norms.RMSNorm, seed=12))


@exercise("2.5")
def test_rms_norm_shows_and_uses_its_divisor(config, norms):
    check_divisor(build(config, norms.RMSNorm, seed=14), vectors(2, 3, WIDTH, seed=15))


@exercise("2.5")
def test_rms_norm_shows_the_vector_before_the_gain(config, norms):
    norm, x = build(config, norms.RMSNorm, seed=16), vectors(2, 3, WIDTH, seed=17)
    plain, w = one_by_one(norm, x)[1], norm.w.detach()
    claim = "hook_normalized of RMSNorm must see the divided vector, before the gain."
    assert_close(seen_at(norm, "hook_normalized", x), plain, claim)
    norm.hook_normalized.hooks = [lambda tensor, point: tensor + 1]
    claim = "A hook at hook_normalized that adds 1 must add the gain to the result."
    assert_close(norm(x), (plain + 1) * w, claim)


@exercise("2.5")
@each_half
def test_rms_norm_computes_in_float32_and_returns_xs_dtype(config, norms, dtype):
    check_precision(build(config, norms.RMSNorm, seed=18), dtype)


@exercise("2.5")
def test_gradients_flow_through_rms_norm(config, norms):
    check_gradients(build(config, norms.RMSNorm, seed=19), vectors(2, 3, WIDTH, seed=20))
