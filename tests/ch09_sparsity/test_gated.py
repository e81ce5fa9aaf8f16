"""Graders of gated.py: gate and strength (9.8), loss (9.9), as a JumpReLU (9.10)."""

import pytest
import torch

from tests.ch08_saes.small_saes import weights, with_weights
from tests.grading import exercise
from tests.grading.assertions import assert_close, check, normal, randomise, wrong_gradients
from tests.grading.odd_inputs import check_odd


def activated(gated):
    def activate(pre_acts, b_enc, r_mag, b_mag):
        made = gated.GatedSAE(2, len(b_enc), 0.5)
        for name, value in {"b_enc": b_enc, "r_mag": r_mag, "b_mag": b_mag}.items():
            setattr(made, name, torch.nn.Parameter(value))
        return made.activate(pre_acts).detach()

    return activate


def gate_and_strength(pre_acts, b_enc, r_mag, b_mag):
    acts = torch.zeros_like(pre_acts)
    for t, row in enumerate(pre_acts):
        for i, gate in enumerate(row):
            strength = float(gate - b_enc[i]) * float(r_mag[i].exp()) + float(b_mag[i])
            acts[t, i] = max(strength, 0.0) if gate > 0 else 0.0
    return acts


@exercise("9.8")
def test_activations_on_odd_inputs(gated):
    def make(batch, d_sae):
        rows = [normal(d_sae, seed=i) for i in (2, 3, 4)]
        return normal(batch, d_sae, seed=1), *rows

    check_odd(activated(gated), gate_and_strength, make, skip="nan close large", batch=5, d_sae=7)


@exercise("9.8")
def test_strengths_use_the_tied_weights(gated):
    made, x = randomise(gated.GatedSAE(4, 9, 0.5).double(), 2), normal(12, 4, seed=5)
    with torch.no_grad():
        centered = x - made.b_dec
        gate = centered @ made.W_enc + made.b_enc
        strength = centered @ (made.W_enc * made.r_mag.exp()) + made.b_mag
        expected = torch.where(gate > 0, strength.clamp(min=0), 0.0)
        claim = "acts are not 1[gate > 0] ReLU((x - b_dec) @ (W_enc exp(r_mag)) + b_mag)."
        assert_close(made.encode(x), expected, claim)


@exercise("9.8")
def test_strengths_are_trained_and_the_step_is_not(gated):
    made, x = randomise(gated.GatedSAE(4, 9, 0.5).double(), 2), normal(12, 4, seed=5)
    leaves = {name: getattr(made, name) for name in ("W_enc", "r_mag", "b_mag", "b_dec")}
    wrong = wrong_gradients(lambda: made.encode(x), leaves)
    assert not wrong, f"The gradients of {', '.join(wrong)} are wrong: is something detached?"
    made.zero_grad()
    made.encode(x).sum().backward()
    assert_close(
        made.b_enc.grad.abs().max().item(), 0.0, "The step of the gate has no gradient for b_enc."
    )


def loss_inputs(batch, d_in, d_sae):
    x, x_hat, acts = (normal(batch, d, seed=i) for i, d in enumerate((d_in, d_in, d_sae), 1))
    return x, x_hat, acts.relu(), *weights(d_in, d_sae)


def parts_of(gated, sae):
    """The losses of an SAE whose gates are those of x, so that they may be computed again."""

    def loss_parts(x, x_hat, acts, *given):
        made = with_weights(gated.GatedSAE, given)
        made = made.to(x.dtype)
        reconstruction = sae.Reconstruction(x_hat, acts, made.pre_activations(x))
        return [part.detach() for part in made.loss_parts(x, reconstruction)]

    return loss_parts


def loss_by_hand(x, x_hat, acts, W_enc, b_enc, W_dec, b_dec):
    gates = ((x - b_dec) @ W_enc + b_enc).clamp(min=0)
    by_gate = torch.stack(
        [sum(g * w for g, w in zip(row, W_dec, strict=True)) + b_dec for row in gates]
    )
    errors = [
        sum(sum((a - b) ** 2) for a, b in zip(x, y, strict=True)) / len(x) for y in (x_hat, by_gate)
    ]
    return [errors[0], 0.7 * sum(map(sum, gates)) / len(x), errors[1]]


@exercise("9.9")
def test_loss_parts_on_odd_inputs(gated, sae):
    skip = "nan batch=300 d_in=300 d_sae=300"
    check_odd(parts_of(gated, sae), loss_by_hand, loss_inputs, skip=skip, batch=4, d_in=3, d_sae=6)


@exercise("9.9")
def test_the_auxiliary_loss_leaves_the_decoder_alone(gated):
    made, x = randomise(gated.GatedSAE(4, 9, 0.5).double(), 2), normal(12, 4, seed=5)
    made(x).loss.auxiliary.backward()
    assert made.W_dec.grad is None or not made.W_dec.grad.any(), (
        "The auxiliary loss moves W_dec. Its decoder is held fixed: it trains the gate alone."
    )
    by_encoder = -(made.W_enc @ made.b_enc.grad)
    claim = (
        "b_dec gets a gradient through x - b_dec in the gate alone: is it detached where the "
        "auxiliary loss adds it?"
    )
    assert_close(made.b_dec.grad, by_encoder, claim)


@exercise("9.9")
def test_gates_are_trained_by_penalty_and_auxiliary_loss(gated):
    made, x = randomise(gated.GatedSAE(4, 9, 0.5).double(), 2), normal(12, 4, seed=5)
    leaves = {name: getattr(made, name) for name in ("W_enc", "b_enc")}
    for part in ("sparsity", "auxiliary"):
        wrong = wrong_gradients(lambda part=part: getattr(made(x).loss, part)[None], leaves)
        names = ", ".join(wrong)
        assert not wrong, f"The gradients of {part} for {names} are wrong: is something detached?"


@exercise("9.9")
def test_the_reconstruction_does_not_train_the_gate(gated):
    made, x = randomise(gated.GatedSAE(4, 9, 0.5).double(), 2), normal(12, 4, seed=5)
    made(x).loss.reconstruction.backward()
    assert_close(
        made.b_enc.grad.abs().max().item(), 0.0, "The reconstruction loss moves the gate's bias."
    )
    assert made.W_dec.grad.any() and made.r_mag.grad.any() and made.b_mag.grad.any(), (
        "The reconstruction loss must train the decoder, r_mag and b_mag."
    )


def jumprelu_acts(weights, centered):
    strength = centered @ weights.W_enc + weights.b_enc
    return torch.where(strength > weights.threshold, strength, 0.0).clamp(min=0)


@exercise("9.10")
@pytest.mark.parametrize("d_in, d_sae", [(4, 30), (3, 60), (4, 1), (1, 5)])
def test_a_gated_sae_is_a_jumprelu(gated, d_in, d_sae):
    made, x = randomise(gated.GatedSAE(d_in, d_sae, 0.5), d_sae), normal(50, d_in, seed=9)
    with torch.no_grad():
        actual = jumprelu_acts(gated.as_jumprelu(made), x - made.b_dec)
        assert_close(
            actual, made.encode(x), "The JumpReLU's activations differ from the gated SAE's."
        )


@exercise("9.10")
def test_thresholds_are_never_negative(gated):
    made = gated.GatedSAE(2, 3, 0.5).double()
    with torch.no_grad():
        made.b_enc.copy_(torch.tensor([1.0, -1.0, 0.0]))
        made.b_mag.copy_(torch.tensor([0.5, 0.25, -2.0]))
        made.r_mag.copy_(torch.tensor([0.0, 1.0, 0.0]))
    weights = gated.as_jumprelu(made)
    expected = torch.tensor(
        [0.0, 0.25 + 1.0 * float(torch.tensor(1.0).double().exp()), 0.0]
    ).double()
    assert_close(
        weights.threshold,
        expected,
        "The thresholds are not max(b_mag - exp(r_mag) b_enc, 0).",
        tolerance=1e-6,
    )
    before = made.b_mag.clone()
    with torch.no_grad():
        weights.b_enc.add_(1)
    assert_close(made.b_mag, before, "The JumpReLU's bias shares memory with the gated SAE.")


@pytest.mark.project
def test_gradients_of_the_sum_agree_with_differences(gated):
    made, x = randomise(gated.GatedSAE(4, 9, 0.5).double(), 3), normal(12, 4, seed=5)
    leaves = {"r_mag": made.r_mag, "b_mag": made.b_mag}
    assert not wrong_gradients(lambda: made(x).loss.total()[None], leaves)
    check(
        lambda y: made.encode(y).detach(), x, expected=made.encode(x).detach(), claim="x changes."
    )
