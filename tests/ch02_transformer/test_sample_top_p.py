"""Graders of sample.py: top-p."""

import pytest
import torch
from torch import Tensor

from tests.grading import exercise
from tests.grading.assertions import assert_close, check, normal
from tests.grading.odd_inputs import check_odd

from .sampling_reference import kept, ranked

BATCH, VOCAB = 3, 8


def nucleus(row: Tensor, mass: float) -> list[int]:
    """The fewest likeliest tokens that reach a mass, found by adding one after the other."""
    tokens, total = [], 0.0
    for token in ranked(row):
        if total >= mass:
            break
        tokens.append(token)
        total += row[token].item()
    return tokens


def top_p(p: Tensor, mass: float) -> Tensor:
    """The rows, each with its own fewest tokens kept."""
    return torch.stack([kept(row, nucleus(row, mass)) for row in p])


# Sums of these are exact in floating point.
EXACT = torch.tensor([[0.125, 0.5, 0.0625, 0.3125]], dtype=torch.float64)


@exercise("2.18")
@pytest.mark.parametrize(
    "mass, weights",
    [(0.4, [0, 8, 0, 0]), (0.6, [0, 8, 0, 5]), (0.9, [2, 8, 0, 5]), (1.0, [2, 8, 1, 5])]
    + [(0.5, [0, 8, 0, 0]), (0.8125, [0, 8, 0, 5]), (0.9375, [2, 8, 0, 5])],
)
def test_fewest_tokens_that_reach_p_are_kept(sample, mass, weights):
    expected = torch.tensor([weights], dtype=torch.float64) / sum(weights)
    claim = f"Of 1/8, 1/2, 1/16 and 5/16, the fewest that reach p={mass} are kept, rescaled."
    check(sample.keep_top_p, EXACT, mass, expected=expected, claim=claim)


@exercise("2.18")
@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("mass", [1e-9, 0.3, 0.7, 0.95])
def test_each_row_keeps_its_own_tokens(sample, seed, mass):
    p = (1.5 * normal(BATCH, VOCAB, seed=seed)).softmax(dim=-1)
    claim = (
        f"Each row keeps the fewest likeliest tokens that reach p={mass}, and at least the "
        "likeliest, each in its place."
    )
    check(sample.keep_top_p, p, mass, expected=top_p(p, mass), claim=claim)


@exercise("2.18")
def test_top_p_on_odd_inputs(sample):
    def make(batch: int, vocab: int) -> tuple:
        return normal(batch, vocab, seed=2).softmax(dim=-1), 0.7

    skip = "nan zeros sparse large small tiny close"
    check_odd(sample.keep_top_p, top_p, make, skip, batch=BATCH, vocab=VOCAB)


@exercise("2.18")
def test_p_of_one_keeps_everything_despite_rounding(sample):
    p = torch.full((2, 10), 0.1, dtype=torch.float64)
    claim = (
        "Ten times .1 sums to a little less than 1 in floating point, so p=1 is never reached: "
        "then all are kept. (argmax of nothing but False is 0.)"
    )
    check(sample.keep_top_p, p, 1.0, expected=p, claim=claim)


@exercise("2.18")
def test_equals_are_not_kept_beyond_need(sample):
    p = sample.keep_top_p(torch.full((2, 8), 0.125), 0.25)
    claim = "Of eight equal tokens two reach p=.25, whichever they are."
    expected = torch.tensor([0.5, 0.5, 0, 0, 0, 0, 0, 0]).expand(2, 8)
    assert_close(p.sort(dim=-1, descending=True).values, expected, claim, tolerance=1e-6)
