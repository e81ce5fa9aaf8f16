"""Graders of sample.py: temperature and top-k."""

import math

import pytest
import torch
from torch import Tensor

from tests.grading import exercise
from tests.grading.assertions import assert_close, check, normal
from tests.grading.odd_inputs import check_odd

from .sampling_reference import kept, ranked

BATCH, VOCAB = 3, 8


def softmax(row: Tensor, temperature: float) -> Tensor:
    """The definition, one number at a time."""
    top = row.max().item()
    powers = [math.exp((logit - top) / temperature) for logit in row.tolist()]
    return torch.tensor([power / sum(powers) for power in powers], dtype=torch.float64)


def top_k(logits: Tensor, temperature: float, k: int | None = None) -> Tensor:
    """Softmax, sort, keep k, rescale: row by row."""
    rows = [softmax(row, temperature) for row in logits]
    return torch.stack([kept(p, ranked(p)[:k]) for p in rows])


@exercise("2.17")
@pytest.mark.parametrize(
    "temperature, row, claim",
    [
        (1.0, [3 / 7, 0, 4 / 7, 0], "At temperature 1, weights 3 and 4 give 3/7 and 4/7."),
        (0.5, [9 / 25, 0, 16 / 25, 0], "Temperature 1/2 squares weights: 9/25 and 16/25."),
    ],
)
def test_two_likeliest_worked_by_hand(sample, temperature, row, claim):
    logits, expected = torch.tensor([[3.0, 1.0, 4.0, 2.0]]).double().log(), torch.tensor([row])
    top_k = sample.top_k_probabilities
    check(top_k, logits, temperature, 2, expected=expected, claim=claim, tolerance=1e-7)


@exercise("2.17")
@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize(
    "temperature, k",
    [(0.6, 3), (2.5, 5), (0.05, 2), (0.8, 1), (1.3, VOCAB - 1)]
    + [(0.7, None), (0.7, VOCAB), (0.7, VOCAB + 5)],
)
def test_k_likeliest_share_the_probability(sample, seed, temperature, k):
    logits = 2 * normal(BATCH, VOCAB, seed=seed)
    expected = top_k(logits, temperature, k)
    claim = f"At temperature {temperature}, each row keeps its own k={k} likeliest tokens."
    check(sample.top_k_probabilities, logits, temperature, k, expected=expected, claim=claim)


@exercise("2.17")
@pytest.mark.parametrize("scale, temperature", [(0.007, 0.005), (1.0, 2000.0)])
def test_the_lowest_and_highest_temperatures_count(sample, scale, temperature):
    logits = scale * normal(BATCH, VOCAB, seed=3)
    claim = f"The logits are divided by {temperature}, whether low or high."
    expected = top_k(logits, temperature, 4)
    check(sample.top_k_probabilities, logits, temperature, 4, expected=expected, claim=claim)


@exercise("2.17")
def test_top_k_on_odd_inputs(sample):
    def make(batch: int, vocab: int) -> tuple:
        return normal(batch, vocab, seed=2), 0.7, 3

    skip = "nan zeros sparse close"
    check_odd(sample.top_k_probabilities, top_k, make, skip, batch=BATCH, vocab=VOCAB)


@exercise("2.17")
def test_dropped_tokens_have_probability_zero(sample):
    p = sample.top_k_probabilities(60 * normal(BATCH, VOCAB, seed=6), 30.0, 3)
    claim = "Exactly 3 tokens per row keep a probability. A dropped one's logit is -inf, not low."
    assert_close((p != 0).sum(dim=-1), torch.full((BATCH,), 3), claim)


@exercise("2.17")
def test_exactly_k_tokens_are_kept_among_equals(sample):
    logits = torch.tensor([[1.0, 2.0, 2.0, 2.0, 0.0], [1.0, 1.0, 1.0, 1.0, 1.0]])
    p = sample.top_k_probabilities(logits, 1.0, 2)
    expected = torch.tensor([0.5, 0.5, 0.0, 0.0, 0.0]).expand(2, 5)
    claim = "Of equal tokens, whichever: k=2 keeps two per row."
    assert_close(p.sort(dim=-1, descending=True).values, expected, claim, tolerance=1e-6)
