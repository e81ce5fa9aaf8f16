"""Graders of jumprelu.py: straight-through gradients (9.11, 9.12) and the penalty (9.13)."""

import math

import pytest
import torch

from tests.grading import exercise
from tests.grading.assertions import assert_close, check, normal
from tests.grading.odd_inputs import check_odd


def gradients(function, width):
    """Of z and the threshold, given those of the output; 0 where there is none."""

    def gradients_of(z, threshold, grad):
        z, threshold = z.clone().requires_grad_(), threshold.clone().requires_grad_()
        function.apply(z, threshold, width).backward(grad)
        return [
            torch.zeros_like(leaf) if leaf.grad is None else leaf.grad for leaf in (z, threshold)
        ]

    return gradients_of


def make(batch, d_sae):
    return normal(batch, d_sae, seed=1), normal(d_sae, seed=2).abs(), normal(batch, d_sae, seed=3)


def by_entry(width, to_z, to_threshold):
    """The sum over tokens of the formula at one entry."""

    def oracle(z, threshold, grad):
        d_z, d_threshold = torch.zeros_like(z), torch.zeros_like(threshold)
        for t in range(len(z)):
            for i in range(len(threshold)):
                inside = abs(float(z[t, i] - threshold[i])) < width / 2
                d_z[t, i] = grad[t, i] * to_z(z[t, i], threshold[i])
                if inside:
                    d_threshold[i] += grad[t, i] * to_threshold(threshold[i])
        return [d_z, d_threshold]

    return oracle


@exercise("9.11")
@pytest.mark.parametrize("width", [0.3, 2.0])
def test_gradients_of_jumprelu_on_odd_inputs(jumprelu, width):
    oracle = by_entry(width, lambda z, t: float(z > t), lambda t: -t / width)
    check_odd(gradients(jumprelu.JumpReLU, width), oracle, make, skip="nan close", batch=6, d_sae=8)


@exercise("9.12")
@pytest.mark.parametrize("width", [0.3, 2.0])
def test_gradients_of_the_step_on_odd_inputs(jumprelu, width):
    oracle = by_entry(width, lambda z, t: 0.0, lambda t: -1 / width)
    check_odd(gradients(jumprelu.Step, width), oracle, make, skip="nan close", batch=6, d_sae=8)
    z, threshold, grad = make(6, 8)
    large = (z + 1e6, threshold + 1e6, grad * 1e6)
    claim = "With a threshold and a gradient of about a million the step's gradients are wrong."
    check(gradients(jumprelu.Step, width), *large, expected=oracle(*large), claim=claim)


def edges_are_outside(function):
    """z at both edges of the window, and inside."""
    z = torch.tensor([[0.75], [1.25], [1.125]], dtype=torch.float64)
    d_threshold = gradients(function, 0.5)(z, torch.ones(1).double(), torch.ones_like(z))[1]
    claim = "At exactly half a width from the threshold z is outside the window: one of 3 is in."
    assert_close(d_threshold, torch.tensor([-2.0]), claim)


@exercise("9.11")
def test_the_window_of_jumprelu_is_open(jumprelu):
    edges_are_outside(jumprelu.JumpReLU)


@exercise("9.12")
def test_the_window_of_the_step_is_open(jumprelu):
    edges_are_outside(jumprelu.Step)


def keeps_nan(function):
    z, threshold, grad = make(6, 8)
    d_z, d_threshold = gradients(function, 2.0)(z, threshold, grad * torch.nan)
    assert d_threshold.isnan().any(), "The incoming gradient is NaN, the threshold's is not."
    return d_z


@exercise("9.11")
def test_nan_passes_through_jumprelu(jumprelu):
    assert keeps_nan(jumprelu.JumpReLU).isnan().any(), "The incoming gradient is NaN, z's is not."


@exercise("9.12")
def test_nan_passes_through_the_step(jumprelu):
    keeps_nan(jumprelu.Step)


@exercise("9.12")
def test_the_step_passes_nothing_to_z(jumprelu):
    z = normal(4, 3, seed=1).requires_grad_()
    jumprelu.Step.apply(z, torch.ones(3, dtype=z.dtype).requires_grad_(), 0.5).sum().backward()
    assert z.grad is None or not z.grad.any(), "The step has gradient zero for z."


def sums_over_all_tokens(function):
    z, threshold = normal(2, 3, 5, seed=1), normal(5, seed=2).abs()
    grad = normal(2, 3, 5, seed=3)
    flat = gradients(function, 1.0)(z.flatten(0, 1), threshold, grad.flatten(0, 1))
    claim = "All axes but the last are summed for the threshold."
    assert_close(gradients(function, 1.0)(z, threshold, grad), [flat[0].view_as(z), flat[1]], claim)


@exercise("9.11")
def test_two_leading_axes_are_summed_by_jumprelu(jumprelu):
    sums_over_all_tokens(jumprelu.JumpReLU)


@exercise("9.12")
def test_two_leading_axes_are_summed_by_the_step(jumprelu):
    sums_over_all_tokens(jumprelu.Step)


@exercise("9.12")
def test_the_kernel_estimates_the_density_at_the_threshold(jumprelu):
    """d E[L0] / d threshold = -density: within 5 % for a million Gaussian z (papers: check 28)."""
    z = normal(1_000_000, 1, seed=4)
    threshold = torch.tensor([0.8], dtype=z.dtype, requires_grad=True)
    jumprelu.Step.apply(z, threshold, 0.1).mean().backward()
    expected = -math.exp(-(0.8**2) / 2) / math.sqrt(2 * math.pi)
    claim = "The gradient of mean L0 is not minus the density of z at the threshold."
    assert_close(threshold.grad.item(), expected, claim, tolerance=0.05)


@exercise("9.13")
def test_the_step_penalty_is_l0(jumprelu):
    made, x = jumprelu.JumpReLUSAE(4, 9, 0.3, threshold=0.4).double(), normal(12, 4, seed=5)
    out = made(x)
    l0 = (out.acts > 0).sum(dim=-1).double().mean().item()
    assert 0 < l0 < 9
    assert_close(
        out.loss.sparsity.item(), 0.3 * l0, "The step penalty is not the coefficient times L0."
    )
    claim = "The penalty must have a gradient for the thresholds."
    assert out.loss.sparsity.requires_grad, claim
    out.loss.sparsity.backward()
    assert made.log_threshold.grad.any(), claim
    assert made.W_dec.grad is None or not made.W_dec.grad.any(), "L0 has no gradient for W_dec."


@exercise("9.13")
def test_the_tanh_penalty_includes_decoder_norms(jumprelu, sae):
    made = jumprelu.JumpReLUSAE(3, 6, 0.5, penalty="tanh").double()
    with torch.no_grad():
        made.W_dec.mul_(torch.arange(1, 7).double()[:, None])
        made.W_enc.mul_(torch.arange(7, 1, -1).double())
    acts, pre_acts = normal(5, 6, seed=1).relu() / 9, normal(5, 6, seed=1) / 9
    x = normal(5, 3, seed=2)
    parts = made.loss_parts(x, sae.Reconstruction(x, acts, pre_acts))
    terms = [math.tanh(4 * float(f) * (i + 1)) for row in acts for i, f in enumerate(row)]
    claim = "The tanh penalty is not the mean over tokens of sum tanh(4 f ||W_dec,i||)."
    assert_close(parts.sparsity.item(), 0.5 * sum(terms) / 5, claim, tolerance=1e-6)
    claim = "The tanh penalty must have a gradient for the decoder's rows."
    assert parts.sparsity.requires_grad, claim
    parts.sparsity.backward()
    assert made.W_dec.grad.any(), claim


@pytest.mark.project
def test_the_threshold_moves_and_l0_falls_with_the_coefficient(jumprelu, train):
    sizes, started = [], math.log(0.1)
    for coefficient in (0.0, 0.05, 0.5):
        made = jumprelu.JumpReLUSAE(8, 16, coefficient, threshold=0.1, width=0.3)
        config = train.SAETrainConfig(150, lr=1e-2)
        stream = lambda step: normal(128, 8, seed=step).float()  # noqa: E731
        (*_, last) = train.train_saes({"a": made}, stream, config)
        sizes.append(last.results["a"].l0)
        assert (made.log_threshold - started).abs().max() > 0.05
    assert sizes[0] > sizes[1] > sizes[2]


@pytest.mark.project
def test_wrong_settings_raise(jumprelu):
    for settings, words in (
        ({"threshold": 0.0}, "positive threshold and width"),
        ({"width": -1.0}, "positive threshold and width"),
    ):
        with pytest.raises(ValueError, match=words):
            jumprelu.JumpReLUSAE(2, 3, 0.1, **settings)
