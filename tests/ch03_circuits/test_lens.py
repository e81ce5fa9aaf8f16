"""Graders of lens.py: the stream read out early, and how far a guess is from the final answer."""

import math

import pytest
import torch

from tests.ch02_transformer.slow import layer_norm, rms_norm
from tests.grading import exercise
from tests.grading.assertions import assert_close, normal, wrong_gradients
from tests.grading.side_effects import assert_no_side_effects
from tests.grading.tiny_models import TOKENS

FAMILIES = ["gpt2", "parallel", "llama", "attention-only"]
LAYERS = 4  # more than the models have: the lens does not count them


def scale_of(model, stream):
    """What the final norm divides by."""
    seen = []
    model.ln_final.hook_scale.observers = [lambda scale, _: seen.append(scale)]
    model.ln_final(stream)
    model.ln_final.hook_scale.observers = []
    return seen[0]


def by_loop(model, stream):
    """Logits of every vector of the stream by itself."""
    norm = model.ln_final
    vectors = stream.flatten(0, 2)
    if norm.centers:
        read = [layer_norm(x, norm.w, norm.b, norm.eps) for x in vectors]
    elif hasattr(norm, "w"):
        read = [rms_norm(x, norm.w, norm.eps) for x in vectors]
    else:
        read = list(vectors)
    return (torch.stack(read) @ model.unembed.W_U + model.unembed.b_U).unflatten(
        0, stream.shape[:3]
    )


def lens_mistakes(model, stream):
    """Words -> what the usual mistakes give, where they give something else."""
    right = by_loop(model, stream)
    W_U, b_U = model.unembed.W_U, model.unembed.b_U
    gain, bias = model.ln_final.affine()
    normed = model.ln_final(stream)
    last = normed * scale_of(model, stream) / scale_of(model, stream[-1:])
    if model.ln_final.centers:
        last = (normed - bias) * scale_of(model, stream) / scale_of(model, stream[-1:]) + bias
    first = model.blocks[0].ln1(stream)
    found = {
        "The final norm is left out.": stream @ W_U + b_U,
        "Every layer is divided by the last one's scale; each has its own.": last @ W_U + b_U,
        "This is a block's norm; the final one, ln_final, is asked for.": first @ W_U + b_U,
        "The norm's gain and bias are forgotten.": (normed - bias) / gain @ W_U + b_U,
        "The norm's bias is forgotten.": (normed - bias) @ W_U + b_U,
        "The unembedding's bias is forgotten.": right - b_U,
        "It is read out through W_E; the unembedding has a matrix of its own.": (
            normed @ model.embed.W_E.T + b_U
        ),
        "These are probabilities; logits are asked for.": right.softmax(-1),
        "These are log-probabilities; logits are asked for.": right.log_softmax(-1),
        "The final norm is applied twice.": model.ln_final(normed) @ W_U + b_U,
        "Every layer shows the last one's logits.": right[-1:].expand_as(right),
        "The layers come out in the opposite order.": right.flip(0),
        "The layers are added up: each is read out as it stands.": by_loop(model, stream.cumsum(0)),
        "Layer and batch are mixed up when the two axes are split again.": (
            right.flatten(0, 1).unflatten(0, right.shape[:2][::-1]).transpose(0, 1)
        ),
    }
    return {
        words: value for words, value in found.items() if not torch.allclose(value, right, 1e-3)
    }


@exercise("3.5")
@torch.no_grad()
@pytest.mark.parametrize("family", FAMILIES)
def test_each_layer_is_read_out_through_the_final_norm(lens, build, family):
    model, stream = build(family), 2 * normal(LAYERS, 3, 5, 10, seed=1) + 0.3
    with assert_no_side_effects(stream=stream):
        came = lens.logit_lens(model, stream)
    claim = f"The lens of the {family} model is wrong."
    assert_close(came, by_loop(model, stream), claim, lens_mistakes(model, stream))


@exercise("3.5")
@torch.no_grad()
@pytest.mark.parametrize("family", FAMILIES)
def test_the_last_layers_logits_are_the_models_own(lens, build, family):
    model = build(family)
    _, cache = model.run_with_cache(TOKENS, names=lambda name: name.endswith("hook_resid_post"))
    stream = torch.stack(list(cache.values()))
    came = lens.logit_lens(model, stream)
    claim = f"At the last layer the lens of the {family} model must say what the model says."
    assert_close(came[-1], model(TOKENS), claim, {"This is the first layer's.": came[0]})


@exercise("3.5")
def test_gradients_flow_through_the_lens(lens, build):
    model, stream = build("gpt2"), normal(2, 1, 3, 10, seed=2).requires_grad_()
    wrong = wrong_gradients(lambda: lens.logit_lens(model, stream), {"stream": stream})
    assert not wrong, (
        "The gradient with respect to the stream disagrees with finite differences. A tuned lens "
        "is trained through it: is it taken without its graph (no_grad, detach)?"
    )


def kl_by_loop(guess, final):
    """The divergence of each pair of rows, in nats."""
    out = []
    for g, f in zip(guess.flatten(0, -2).tolist(), final.flatten(0, -2).tolist(), strict=True):
        log_g = [x - max(g) - math.log(math.fsum(math.exp(y - max(g)) for y in g)) for x in g]
        log_f = [x - max(f) - math.log(math.fsum(math.exp(y - max(f)) for y in f)) for x in f]
        pairs = zip(log_f, log_g, strict=True)
        out.append(math.fsum(math.exp(p) * (p - q) for p, q in pairs))
    return torch.tensor(out, dtype=torch.float64).reshape(guess.shape[:-1])


def kl_mistakes(guess, final):
    """Words -> what the usual mistakes give."""
    g, f = guess.log_softmax(-1), final.log_softmax(-1)
    p, q = f.exp(), g.exp()
    right = (p * (f - g)).sum(-1)
    middle = ((p + q) / 2).log()
    raw, d_vocab = (p * (final - guess)).sum(-1), guess.shape[-1]
    return {
        "It is the wrong way round: the weights are the FINAL answer's probabilities.": (
            (q * (g - f)).sum(-1)
        ),
        "The sign is turned round.": -right,
        "This is the cross-entropy: the final answer's own entropy is to be taken away.": (
            -(p * g).sum(-1)
        ),
        "The logits are not made log-probabilities: softmax shifts each row by its own amount.": (
            raw
        ),
        "No softmax is taken: these are logits, not probabilities.": (
            (final.exp() * (final - guess)).sum(-1)
        ),
        "The weights are logits: exponentiate the final log-probabilities.": (f * (f - g)).sum(-1),
        "The mean over the vocabulary stands where the sum is asked for.": right / d_vocab,
        "These are bits; nats are asked for (the natural logarithm).": right / math.log(2),
        "This is the symmetric sum of both directions.": right + (q * (g - f)).sum(-1),
        "This is the Jensen-Shannon divergence; KL is not symmetric.": (
            ((p * (f - middle)) + (q * (g - middle))).sum(-1) / 2
        ),
        "Sizes of the differences are added up; some terms are negative.": (
            (p * (f - g).abs()).sum(-1)
        ),
        "One number for all: each position has its own.": right.mean().expand_as(right),
        "The difference is not weighted by probabilities.": (f - g).sum(-1),
    }


@exercise("3.6")
def test_divergence_of_two_coins_worked_by_hand(lens):
    final = torch.tensor([[0.5, 0.5], [1 / 4, 3 / 4]], dtype=torch.float64).log() + 3
    guess = torch.tensor([[1 / 4, 3 / 4], [0.5, 0.5]], dtype=torch.float64).log() - 5
    right = [0.5 * math.log(4 / 3), 0.25 * math.log(1 / 2) + 0.75 * math.log(3 / 2)]
    claim = "Final (1/2, 1/2), guess (1/4, 3/4) gives 1/2 log 2 + 1/2 log 2/3 = .1438 nats."
    right = torch.tensor(right, dtype=torch.float64)
    assert_close(lens.kl_divergence(guess, final), right, claim, kl_mistakes(guess, final))


@exercise("3.6")
@pytest.mark.parametrize("shape", [(7,), (4, 4), (2, 3, 5, 7)])
def test_divergence_is_from_the_final_answer_to_the_guess(lens, shape):
    guess, final = 2 * normal(*shape, seed=3) + 1, 2 * normal(*shape, seed=4)
    with assert_no_side_effects(guess=guess, final=final):
        came = lens.kl_divergence(guess, final)
    right = kl_by_loop(guess, final) if len(shape) > 1 else kl_by_loop(guess[None], final[None])[0]
    claim = f"KL(final || guess) over the last axis of {list(shape)} is wrong."
    assert_close(came, right, claim, kl_mistakes(guess, final))


@exercise("3.6")
def test_logits_far_apart_give_a_finite_divergence(lens):
    final, guess = torch.tensor([0.0, 300.0, 1.0]), torch.tensor([250.0, 0.0, 0.0])
    came = lens.kl_divergence(guess, final)
    claim = "The final answer is sure of token 1, which the guess puts 250 below token 0: 250 nats."
    claim += " Is the logarithm taken of a softmax that is zero?"
    assert_close(came, 250.0, claim, tolerance=1e-5)


@exercise("3.6")
def test_gradients_flow_to_the_guess(lens):
    guess, final = normal(3, 5, seed=5).requires_grad_(), normal(3, 5, seed=6)
    wrong = wrong_gradients(lambda: lens.kl_divergence(guess, final), {"guess": guess})
    assert not wrong, (
        "The gradient with respect to the guess disagrees with finite differences. A tuned lens "
        "is trained by it: is it taken without its graph (no_grad, detach, item)?"
    )
