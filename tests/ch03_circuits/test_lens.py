"""Graders of lens.py: the logit lens (3.5) and the divergence from the final output (3.6)."""

import math

import pytest
import torch

from tests.ch02_transformer.transformer_reference import layer_norm, rms_norm
from tests.grading import exercise
from tests.grading.assertions import assert_close, check, normal, wrong_gradients
from tests.grading.odd_inputs import check_odd
from tests.grading.tiny_models import TOKENS

FAMILIES = ["gpt2", "parallel", "llama", "attention-only"]
LAYERS = 4  # more than the models have: the lens does not depend on their number
GRADIENT = (
    "The gradient disagrees with finite differences. A tuned lens is trained through it: is the "
    "graph cut by no_grad, detach or item?"
)


def lens_by_loop(model, stream):
    """Decode every vector of the residual stream by itself."""
    norm, vectors = model.ln_final, stream.flatten(0, 2)
    if norm.centers:
        vectors = torch.stack([layer_norm(x, norm.w, norm.b, norm.eps) for x in vectors])
    elif hasattr(norm, "w"):
        vectors = torch.stack([rms_norm(x, norm.w, norm.eps) for x in vectors])
    return (vectors @ model.unembed.W_U + model.unembed.b_U).unflatten(0, stream.shape[:3])


@exercise("3.5")
@torch.no_grad()
@pytest.mark.parametrize("family", FAMILIES)
def test_lens_decodes_each_layer_by_the_final_norm(lens, build, family):
    model, stream = build(family), 2 * normal(LAYERS, 3, 5, 10, seed=1) + 0.3
    expected = lens_by_loop(model, stream)
    claim = f"The logit lens of the {family} model is wrong."
    check(lens.logit_lens, model, stream, expected=expected, claim=claim)


@exercise("3.5")
@torch.no_grad()
def test_large_logits_are_returned_as_they_are(lens, build):
    model, stream = build("llama"), normal(LAYERS, 2, 3, 10, seed=3)
    model.unembed.W_U.mul_(1e6)
    expected = lens_by_loop(model, stream)
    claim = "With W_U a million times larger, the logit lens is wrong."
    check(lens.logit_lens, model, stream, expected=expected, claim=claim)


@exercise("3.5")
@torch.no_grad()
@pytest.mark.parametrize("family", FAMILIES)
def test_lens_of_the_last_layer_gives_the_models_logits(lens, build, family):
    model = build(family)
    _, cache = model.run_with_cache(TOKENS, names=lambda name: name.endswith("hook_resid_post"))
    actual = lens.logit_lens(model, torch.stack(list(cache.values())))[-1]
    assert_close(actual, model(TOKENS), f"The last layer of the {family} model is wrong.")


@exercise("3.5")
def test_gradients_flow_through_the_lens(lens, build):
    model, stream = build("gpt2"), normal(2, 1, 3, 10, seed=2).requires_grad_()
    assert not wrong_gradients(lambda: lens.logit_lens(model, stream), {"": stream}), GRADIENT


def log_softmax(row):
    """Log-probabilities of a list of logits."""
    total = math.log(math.fsum(math.exp(x - max(row)) for x in row)) if row == row else math.nan
    return [x - max(row) - total for x in row]


def divergence(guess, final):
    """KL(final || guess) of each pair of rows, in nats."""
    pairs = zip(guess.flatten(0, -2).tolist(), final.flatten(0, -2).tolist(), strict=True)
    logs = [zip(log_softmax(final_row), log_softmax(row), strict=True) for row, final_row in pairs]
    found = [sum(math.exp(f) * (f - g) for f, g in pair) for pair in logs]
    return torch.tensor(found, dtype=torch.float64).reshape(guess.shape[:-1])


def two_logits(batch, pos, d_vocab):
    return 2 * normal(batch, pos, d_vocab, seed=3) + 1, 2 * normal(batch, pos, d_vocab, seed=4)


@exercise("3.6")
@pytest.mark.parametrize("sizes", [(1, 4, 4), (6, 5, 7)])
def test_divergence_is_weighted_by_the_final_output(lens, sizes):
    guess, final = two_logits(*sizes)
    claim = f"KL(final || guess) over the last axis of {list(sizes)} is wrong."
    check(lens.kl_divergence, guess, final, expected=divergence(guess, final), claim=claim)


@exercise("3.6")
def test_divergence_on_odd_inputs(lens):
    sizes, skip = dict(batch=2, pos=3, d_vocab=7), "nan tiny"  # tiny: 1e-14 from terms of size 2
    check_odd(lens.kl_divergence, divergence, two_logits, skip, half=True, **sizes)


@exercise("3.6")
def test_divergence_of_two_coins_worked_by_hand(lens):
    final = torch.tensor([[0.5, 0.5], [1 / 4, 3 / 4]], dtype=torch.float64).log() + 3
    guess = torch.tensor([[1 / 4, 3 / 4], [0.5, 0.5]], dtype=torch.float64).log() - 5
    expected = [0.5 * math.log(4 / 3), 0.25 * math.log(1 / 2) + 0.75 * math.log(3 / 2)]
    claim = "Final (1/2, 1/2) and guess (1/4, 3/4) give 1/2 log 2 + 1/2 log 2/3 = .1438 nats."
    expected = torch.tensor(expected, dtype=torch.float64)
    check(lens.kl_divergence, guess, final, expected=expected, claim=claim)


@exercise("3.6")
def test_divergence_of_near_logits_is_small_and_not_zero(lens):
    final = normal(4, 7, seed=5)
    guess = final + 1e-4 * normal(4, 7, seed=6)
    expected, claim = divergence(guess, final), "All logits differ by about 1e-4."
    near = {"tolerance": 1e-4, "scale": 0.0}
    check(lens.kl_divergence, guess, final, expected=expected, claim=claim, **near)


@exercise("3.6")
def test_divergence_of_distant_logits_is_finite(lens):
    final, guess = torch.tensor([0.0, 300.0, 1.0]), torch.tensor([250.0, 0.0, 0.0])
    claim = "The final output is certain of token 1, whose guessed logit is 250 lower: 250 nats."
    assert_close(lens.kl_divergence(guess, final), 250.0, claim, tolerance=1e-5)


@exercise("3.6")
def test_a_token_of_probability_zero_contributes_nothing(lens):
    final = torch.tensor([[0.0, 0.0, -math.inf], [0.0, 0.0, -math.inf]], dtype=torch.float64)
    guess = torch.tensor([[0.0, 0.0, math.log(2)], [0.0, 0.0, -math.inf]], dtype=torch.float64)
    claim = "Final (1/2, 1/2, 0) and guess (1/4, 1/4, 1/2) give log 2; with itself it gives 0."
    expected = torch.tensor([math.log(2), 0.0], dtype=torch.float64)
    check(lens.kl_divergence, guess, final, expected=expected, claim=claim)


@exercise("3.6")
def test_a_token_that_the_guess_excludes_costs_infinity(lens):
    final, guess = torch.zeros(1, 2), torch.tensor([[0.0, -math.inf]])
    claim = "Final (1/2, 1/2) and guess (1, 0): the divergence is infinite."
    actual = str(lens.kl_divergence(guess, final).tolist())
    assert actual == "[inf]", f"{claim} Got {actual}."


@exercise("3.6")
def test_gradients_flow_to_the_guess(lens):
    guess, final = normal(3, 5, seed=5).requires_grad_(), normal(3, 5, seed=6)
    assert not wrong_gradients(lambda: lens.kl_divergence(guess, final), {"": guess}), GRADIENT
