"""Graders of apply_frozen_norm in decompose.py: a norm whose divisor is held fixed is linear."""

import pytest
import torch

from tests.grading import exercise
from tests.grading.assertions import assert_close, normal, randomise
from tests.grading.side_effects import assert_no_side_effects

COMPONENTS, BATCH, POS, WIDTH = 4, 2, 3, 5
KINDS = ["LayerNorm", "RMSNorm", "NoNorm"]


@pytest.fixture(params=KINDS)
def norm(request, config, norms, attention_only):
    """A norm of that kind, gain and bias random."""
    sizes = dict(n_layers=1, n_heads=1, d_head=1, d_mlp=1, d_vocab=1, n_ctx=1)
    module = attention_only if request.param == "NoNorm" else norms
    made = getattr(module, request.param)(config.TransformerConfig(d_model=WIDTH, **sizes))
    return randomise(made, seed=7)


def by_loop(values, norm, scale):
    """Each component at each position by itself."""
    gain, _ = norm.affine()
    out = torch.zeros_like(values)
    for component, batch, pos in torch.cartesian_prod(*map(torch.arange, values.shape[:3])):
        x = values[component, batch, pos]
        if norm.centers:
            x = x - sum(x) / len(x)
        out[component, batch, pos] = x * gain / scale[batch, pos, 0]
    return out


@torch.no_grad()
def mistakes(values, norm, scale):
    """Words -> what the usual mistakes give."""
    gain, bias = norm.affine()
    right = by_loop(values, norm, scale)
    mean = values.mean(-1, keepdim=True)
    centred = values - mean if norm.centers else values
    kind = type(norm).__name__
    own = norm(values)
    found = {
        "Each component is normalised by itself: the divisor is to be held at `scale`.": own,
        "Each component is normalised by itself, to a length of its own.": own - bias,
        "The norm's bias is added to every component; it belongs to none.": right + bias,
        "The norm's bias is shared out; it belongs to no component.": right + bias / len(values),
        "The gain is forgotten, as if the norm were folded.": centred / scale,
        "It is multiplied by the scale: a norm divides by it.": centred * scale * gain,
        "The scale is forgotten.": centred * gain,
        "It is divided by the root of the scale; hook_scale sees the root already.": (
            centred / scale.sqrt() * gain
        ),
        "It is divided by the square of the scale.": centred / scale**2 * gain,
        "The gain comes before the centring.": (
            (values * gain - (values * gain).mean(-1, keepdim=True)) / scale
        ),
        "The mean is taken over components; it is taken over d_model.": (
            (values - values.mean(0)) / scale * gain
        ),
        "The mean is taken over positions; it is taken over d_model.": (
            (values - values.mean(2, keepdim=True)) / scale * gain
        ),
        "The mean is taken over everything; it is taken over d_model.": (
            (values - values.mean()) / scale * gain
        ),
        "The mean of the whole sum is taken from every component; each has its own.": (
            (values - values.sum(0).mean(-1, keepdim=True)) / scale * gain
        ),
    }
    if norm.centers:
        found["The centring is forgotten: LayerNorm takes the mean away."] = values / scale * gain
    else:
        found[f"A mean is taken away, but {kind} does not centre."] = (values - mean) / scale * gain
    return {words: value for words, value in found.items() if (value - right).abs().max() > 1e-3}


@exercise("3.2")
@pytest.mark.parametrize("width_of_each", [1, COMPONENTS])
def test_each_component_is_divided_by_the_given_scale(decompose, norm, width_of_each):
    values = normal(width_of_each, BATCH, POS, WIDTH, seed=1) + 1
    scale = normal(BATCH, POS, 1, seed=2).abs() + 0.5
    with assert_no_side_effects(values=values, scale=scale):
        came = decompose.apply_frozen_norm(values, norm, scale)
    claim = f"{type(norm).__name__} at a fixed scale is wrong."
    assert_close(came, by_loop(values, norm, scale), claim, mistakes(values, norm, scale))


@exercise("3.2")
@torch.no_grad()
def test_at_the_sums_own_scale_the_parts_make_what_the_norm_makes_of_the_sum(decompose, norm):
    values = 3 * normal(COMPONENTS, BATCH, POS, WIDTH, seed=3) - 1
    seen = []
    norm.hook_scale.observers = [lambda scale, _: seen.append(scale)]
    whole = norm(values.sum(0))
    norm.hook_scale.observers = []
    _, bias = norm.affine()
    came = decompose.apply_frozen_norm(values, norm, seen[0])
    claim = "The parts and the norm's bias, once, must sum to the norm of the sum."
    assert_close(came.sum(0) + bias, whole, claim)
