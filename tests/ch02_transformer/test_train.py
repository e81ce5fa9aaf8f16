"""Graders of train.py: the loss of a language model."""

import math

import pytest
import torch
from torch import Tensor

from tests.grading import exercise
from tests.grading.assertions import assert_close, normal

BATCH, POS, VOCAB = 3, 5, 7
seeds = pytest.mark.parametrize("seed", [0, 1])


def some_tokens(seed: int) -> Tensor:
    """A batch of random tokens."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(VOCAB, (BATCH, POS), generator=generator)


def surprise(row: Tensor, token: int) -> float:
    """-log of the probability that a row of logits gives to one token, by the definition."""
    top = row.max().item()
    total = sum(math.exp(logit - top) for logit in row.tolist())
    return math.log(total) + top - row[token].item()


def slow_loss(logits: Tensor, tokens: Tensor) -> float:
    """The mean of -log p(token) over every token that is predicted, one at a time."""
    terms = [
        surprise(logits[row, t], int(tokens[row, t + 1]))
        for row in range(BATCH)
        for t in range(POS - 1)
    ]
    return sum(terms) / len(terms)


def pick(scores: Tensor, at: Tensor) -> Tensor:
    """Minus the score of one token at each position."""
    return -scores.gather(-1, at[..., None])[..., 0]


def shift_mistakes(log_p: Tensor, tokens: Tensor) -> dict[str, Tensor]:
    """What comes when the wrong positions meet."""
    own, aim = pick(log_p, tokens), "logits at t predict tokens[t + 1]"
    return {
        f"Each position is scored on its own token, without the shift: {aim}.": own.mean(),
        f"Each position is scored on its own token, with the last left out: {aim}.": (
            own[:, :-1].mean()
        ),
        f"The shift goes the wrong way: {aim}, not tokens[t - 1].": (
            pick(log_p[:, 1:], tokens[:, :-1]).mean()
        ),
        "It is shifted by two; the model has to be asked about the next token.": (
            pick(log_p[:, :-2], tokens[:, 2:]).mean()
        ),
        "The last position is counted too, against the sequence's first token; it predicts a "
        "token that is not there.": pick(log_p, tokens.roll(-1, dims=1)).mean(),
        "The shift runs over the batch; positions are axis 1: logits[:, :-1], tokens[:, 1:].": (
            pick(log_p[:-1], tokens[1:]).mean()
        ),
        "The batch is laid end to end and then shifted, so that a sequence's last position "
        "predicts another's first token; shift first.": (
            pick(log_p.flatten(0, 1)[:-1], tokens.flatten()[1:]).mean()
        ),
    }


def average_mistakes(right: Tensor) -> dict[str, Tensor]:
    """What comes when the surprises are put together in another way."""
    return {
        "The sum is divided by all positions; only pos - 1 tokens a sequence are predicted.": (
            right.sum() / (BATCH * POS)
        ),
        "This is the sum; the mean over all predicted tokens is asked for.": right.sum(),
        "This is a sum over positions and a mean over sequences; take the mean over both.": (
            right.sum(1).mean()
        ),
        "This is a mean over positions and a sum over sequences; take the mean over both.": (
            right.mean(1).sum()
        ),
        "This is in bits (log2); nats are asked for.": right.mean() / math.log(2),
        "The sign is missing: surprise is minus the log-probability.": -right.mean(),
        "This is the perplexity, the exponential of the loss.": right.mean().exp(),
        "Only the last prediction of each sequence is counted.": right[:, -1].mean(),
        "Only one sequence of the batch is counted.": right[0].mean(),
    }


def loss_mistakes(logits: Tensor, tokens: Tensor) -> dict[str, Tensor]:
    """What the usual mistakes give."""
    log_p, before, after = logits.log_softmax(-1), logits[:, :-1], tokens[:, 1:]
    hits = (before.argmax(-1) == after).double().mean()
    share = pick(log_p.exp()[:, :-1], after).mean()
    others = {
        "The softmax is taken twice: cross_entropy and log_softmax want logits.": (
            pick(before.softmax(-1).log_softmax(-1), after).mean()
        ),
        "Logits are taken for log-probabilities: the softmax is missing.": (
            pick(before, after).mean()
        ),
        "The log is missing: this is minus the mean probability.": share,
        "This is one minus the mean probability; surprise is minus its logarithm.": 1 + share,
        "The softmax runs over positions; it belongs over the vocabulary (dim=-1).": (
            pick(logits.log_softmax(1)[:, :-1], after).mean()
        ),
        "This is the accuracy of the argmax, which no gradient can improve.": hits,
        "This is the share of wrong guesses, which no gradient can improve.": 1 - hits,
    }
    right = pick(log_p[:, :-1], after)
    return shift_mistakes(log_p, tokens) | average_mistakes(right) | others


@exercise("2.15")
def test_loss_of_a_half_a_quarter_and_an_eighth_is_two_log_two(train):
    p = torch.tensor([[1 / 2, 1 / 8, 3 / 8], [1 / 4, 1 / 2, 1 / 4], [1 / 8, 3 / 4, 1 / 8]]).double()
    logits = torch.cat([p, torch.tensor([[0.1, 0.2, 0.7]]).double()]).log()[None]
    assert_close(
        train.next_token_loss(logits, torch.zeros(1, 4, dtype=torch.long)),
        2 * math.log(2),
        "Three tokens with probabilities 1/2, 1/4 and 1/8 surprise by 2 log 2 nats on average.",
        {
            "This is in bits (log2); nats are asked for.": 2.0,
            "This is the sum; the mean is asked for.": 6 * math.log(2),
        },
    )


@exercise("2.15")
@seeds
def test_loss_is_the_mean_surprise_at_each_next_token(train, seed):
    logits, tokens = normal(BATCH, POS, VOCAB, seed=seed), some_tokens(seed)
    assert_close(
        train.next_token_loss(logits, tokens),
        slow_loss(logits, tokens),
        "The loss is the mean of -log p(tokens[t + 1]) given by logits[t], over all t but the "
        "last and over the batch.",
        loss_mistakes(logits, tokens),
        tolerance=1e-12,
    )


@exercise("2.15")
def test_guessing_costs_the_log_of_the_vocabulary(train):
    loss = train.next_token_loss(torch.full((BATCH, POS, VOCAB), 3.0), some_tokens(3))
    claim = "Equal logits are a guess among 7 tokens, which costs log(7) nats wherever they lie."
    assert_close(loss, math.log(VOCAB), claim, tolerance=1e-6)


@exercise("2.15")
def test_last_logits_and_first_token_do_not_count(train):
    logits, tokens = normal(BATCH, POS, VOCAB, seed=4), some_tokens(4)
    before = train.next_token_loss(logits, tokens).item()
    other = logits.clone()
    other[:, -1] += normal(BATCH, VOCAB, seed=5)
    claim = "The last position predicts a token that is not there, yet its logits change the loss."
    assert_close(train.next_token_loss(other, tokens), before, claim)
    tokens[:, 0] = (tokens[:, 0] + 1) % VOCAB
    claim = "Nobody predicts the first token, yet changing it changes the loss."
    assert_close(train.next_token_loss(logits, tokens), before, claim)


@exercise("2.15")
def test_a_hopeless_prediction_costs_a_finite_loss(train):
    logits = torch.zeros(1, 2, VOCAB)
    logits[0, 0, 2] = 1000.0
    claim = (
        "A token whose logit lies 1000 below the winner's costs 1000 nats, not infinitely many. "
        "exp(-1000) is 0 in floating point, so the log of a softmax fails: use log_softmax or "
        "cross_entropy."
    )
    assert_close(
        train.next_token_loss(logits, torch.tensor([[2, 5]])), 1000.0, claim, tolerance=1e-6
    )


@exercise("2.15")
@seeds
def test_gradient_is_probability_minus_one_at_the_token_that_came(train, seed):
    logits, tokens = normal(BATCH, POS, VOCAB, seed=seed).requires_grad_(), some_tokens(seed)
    loss = train.next_token_loss(logits, tokens)
    assert loss.requires_grad, (
        "The loss has no gradient. Does a detach, an item or an argmax stand in the way?"
    )
    (gradient,) = torch.autograd.grad(loss, logits)
    expected = logits.detach().softmax(-1)
    for row in range(BATCH):
        for t in range(POS - 1):
            expected[row, t, tokens[row, t + 1]] -= 1
    expected[:, -1] = 0
    claim = "The loss's slope is (p - 1 at the token that came) / number of predictions."
    assert_close(gradient, expected / (BATCH * (POS - 1)), claim)
