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


@exercise("2.15")
def test_loss_of_a_half_a_quarter_and_an_eighth_is_two_log_two(train):
    p = torch.tensor([[1 / 2, 1 / 8, 3 / 8], [1 / 4, 1 / 2, 1 / 4], [1 / 8, 3 / 4, 1 / 8]]).double()
    logits = torch.cat([p, torch.tensor([[0.1, 0.2, 0.7]]).double()]).log()[None]
    assert_close(
        train.next_token_loss(logits, torch.zeros(1, 4, dtype=torch.long)),
        2 * math.log(2),
        "Three tokens with probabilities 1/2, 1/4 and 1/8 surprise by 2 log 2 nats on average.",
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
