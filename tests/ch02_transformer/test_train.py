"""Graders of train.py: the loss of a language model."""

import math

import pytest
import torch
from torch import Tensor

from tests.grading import exercise
from tests.grading.assertions import assert_close, check, normal
from tests.grading.odd_inputs import check_odd

PROBABILITIES = [[4, 1, 3], [2, 4, 2], [1, 6, 1], [1, 2, 5]]


def make(batch: int, pos: int, vocab: int, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Random logits and tokens."""
    generator = torch.Generator().manual_seed(seed)
    tokens = torch.randint(vocab, (batch, pos), generator=generator)
    return normal(batch, pos, vocab, seed=seed), tokens


def surprise(row: Tensor, token: int) -> float:
    """-log of the probability of one token, given a row of logits."""
    top = row.max().item()
    total = sum(math.exp(logit - top) for logit in row.tolist())
    return math.log(total) + top - row[token].item()


def slow_loss(logits: Tensor, tokens: Tensor) -> float:
    """The mean of -log p(token) over every token that is predicted, one at a time."""
    terms = [
        surprise(logits[row, t], int(tokens[row, t + 1]))
        for row in range(len(tokens))
        for t in range(tokens.shape[1] - 1)
    ]
    return sum(terms) / len(terms)


@exercise("2.15")
@pytest.mark.parametrize(
    "logits, expected, claim",
    [
        (
            torch.tensor([PROBABILITIES]).double().div(8).log(),
            2 * math.log(2),
            "Probabilities 1/2, 1/4 and 1/8 have a mean loss of 2 log 2 nats.",
        ),
        (torch.full((1, 4, 7), 3.0), math.log(7), "Equal logits of 7 tokens cost log(7) nats."),
        (
            torch.tensor([[[-1000.0, 0.0]] * 4]),
            1000.0,
            "A logit 1000 below the largest costs 1000 nats.",
        ),
    ],
    ids=["halves", "guess", "1000 nats"],
)
def test_loss_worked_by_hand(train, logits, expected, claim):
    tokens = torch.zeros(1, 4, dtype=torch.long)
    check(train.next_token_loss, logits, tokens, expected=expected, claim=claim, tolerance=1e-6)


@exercise("2.15")
def test_loss_is_the_mean_over_the_next_tokens(train):
    logits, tokens = make(3, 5, 7)
    claim = "The loss is the mean of -log p(tokens[t + 1]) given by logits[t], for t < pos - 1."
    check(train.next_token_loss, logits, tokens, expected=slow_loss(logits, tokens), claim=claim)


@exercise("2.15")
def test_loss_on_odd_inputs(train):
    check_odd(train.next_token_loss, slow_loss, make, skip="ones pos=1", batch=3, pos=5, vocab=7)


@exercise("2.15")
@pytest.mark.parametrize("seed", [0, 1])
def test_gradient_is_probability_minus_one_at_the_target(train, seed):
    logits, tokens = make(3, 5, 7, seed)
    logits.requires_grad_()
    loss = train.next_token_loss(logits, tokens)
    assert loss.requires_grad, (
        "The loss has no gradient. Is there a detach, an item or an argmax in the computation?"
    )
    (gradient,) = torch.autograd.grad(loss, logits)
    expected = logits.detach().softmax(-1)
    for row in range(3):
        for t in range(4):
            expected[row, t, tokens[row, t + 1]] -= 1
    expected[:, -1] = 0
    claim = "The gradient is (p - 1 at the target, p elsewhere) / number of predictions."
    assert_close(gradient, expected / 12, claim)
