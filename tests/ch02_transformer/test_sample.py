"""Graders of sample.py: temperature and top-k."""

import math

import pytest
import torch
from torch import Tensor

from tests.grading import exercise
from tests.grading.assertions import assert_close, normal

from .sampling_reference import kept, ranked

BATCH, VOCAB = 3, 8
seeds = pytest.mark.parametrize("seed", [0, 1])


def softmax(row: Tensor, temperature: float) -> Tensor:
    """The definition, one number at a time."""
    top = row.max().item()
    powers = [math.exp((logit - top) / temperature) for logit in row.tolist()]
    return torch.tensor([power / sum(powers) for power in powers], dtype=torch.float64)


def top_k(logits: Tensor, temperature: float, k: int) -> Tensor:
    """Softmax, sort, keep k, rescale: row by row."""
    rows = [softmax(row, temperature) for row in logits]
    return torch.stack([kept(p, ranked(p)[:k]) for p in rows])


@exercise("2.17")
def test_two_likeliest_of_one_two_three_four_have_three_and_four_sevenths(sample):
    logits = torch.tensor([[3.0, 1.0, 4.0, 2.0]]).double().log()
    claims = {
        1.0: ([3 / 7, 0, 4 / 7, 0], "At temperature 1, weights 3 and 4 give 3/7 and 4/7."),
        0.5: ([9 / 25, 0, 16 / 25, 0], "Temperature 1/2 squares weights: 9/25 and 16/25."),
    }
    for temperature, (row, claim) in claims.items():
        got = sample.top_k_probabilities(logits, temperature, 2)
        assert_close(got, torch.tensor([row], dtype=torch.float64), claim)


@exercise("2.17")
@seeds
@pytest.mark.parametrize(
    "temperature, k", [(0.6, 3), (2.5, 5), (1.0, 2), (0.8, 1), (1.3, VOCAB - 1)]
)
def test_k_likeliest_share_the_probability_at_this_temperature(sample, seed, temperature, k):
    logits = 2 * normal(BATCH, VOCAB, seed=seed)
    assert_close(
        sample.top_k_probabilities(logits.clone(), temperature, k),
        top_k(logits, temperature, k),
        f"At temperature {temperature}, each row keeps its own {k} likeliest tokens, softmaxed.",
        tolerance=1e-12,
    )


@exercise("2.17")
@pytest.mark.parametrize("k", [None, VOCAB, VOCAB + 5])
def test_no_k_and_a_large_k_keep_everything(sample, k):
    logits = normal(BATCH, VOCAB, seed=5)
    claim = f"k={k} of {VOCAB} tokens keeps them all: a plain softmax at that temperature."
    assert_close(sample.top_k_probabilities(logits, 0.7, k), top_k(logits, 0.7, VOCAB), claim)


@exercise("2.17")
def test_dropped_tokens_have_probability_exactly_zero(sample):
    logits = 60 * normal(BATCH, VOCAB, seed=6)
    p = sample.top_k_probabilities(logits, 30.0, 3)
    count = (p != 0).sum(dim=-1).tolist()
    assert count == [3, 3, 3], (
        f"Exactly 3 tokens a row keep a probability above 0; here {count} do. "
        f"A dropped token's logit must be -inf, not merely low."
    )


@exercise("2.17")
def test_exactly_k_tokens_are_kept_among_equals(sample):
    logits = torch.tensor([[1.0, 2.0, 2.0, 2.0, 0.0], [1.0, 1.0, 1.0, 1.0, 1.0]])
    p = sample.top_k_probabilities(logits, 1.0, 2)
    expected = torch.tensor([0.5, 0.5, 0.0, 0.0, 0.0]).expand(2, 5)
    claim = (
        "Of tokens that are equally likely, any will do, but k=2 leaves two a row. Comparing with "
        "the k-th largest logit keeps all its equals (>=), or none of them (>)."
    )
    assert_close(p.sort(dim=-1, descending=True).values, expected, claim, tolerance=1e-6)


@exercise("2.17")
def test_low_temperature_gives_all_to_the_likeliest(sample):
    logits = torch.tensor([[30.0, 90.0, 60.0, 89.0]])
    p = sample.top_k_probabilities(logits, 0.05, 3)
    claim = (
        "At temperature .05 a lead of one nat decides. NaN comes from exp of a large number: let "
        "softmax do it, which takes the maximum away first."
    )
    assert_close(p, torch.tensor([[0.0, 1.0, 0.0, 0.0]]), claim, tolerance=1e-6)


@exercise("2.17")
@pytest.mark.parametrize("temperature", [0.5, 1.0])
def test_logits_are_left_as_they_came(sample, temperature):
    logits = normal(BATCH, VOCAB, seed=7)
    before = logits.clone()
    sample.top_k_probabilities(logits, temperature, 2)
    claim = "The logits that came in belong to the caller, but they were edited in place."
    assert_close(logits, before, claim)
