"""Graders of sample.py: top-p."""

import pytest
import torch
from torch import Tensor

from tests.grading import exercise
from tests.grading.assertions import assert_close, normal

from .sampling_reference import kept, ranked

BATCH, VOCAB = 3, 8


def nucleus(p: Tensor, mass: float) -> list[int]:
    """The fewest likeliest tokens that reach a mass, found by adding one after the other."""
    tokens, total = [], 0.0
    for token in ranked(p):
        if total >= mass:
            break
        tokens.append(token)
        total += p[token].item()
    return tokens


# Sums of these are exact in floating point.
EXACT = torch.tensor([[0.125, 0.5, 0.0625, 0.3125]], dtype=torch.float64)


@exercise("2.18")
@pytest.mark.parametrize(
    "mass, weights", [(0.4, [0, 8, 0, 0]), (0.6, [0, 8, 0, 5]), (0.9, [2, 8, 0, 5])]
)
def test_fewest_tokens_that_reach_p_are_kept(sample, mass, weights):
    expected = torch.tensor([weights], dtype=torch.float64) / sum(weights)
    claim = f"Of 1/8, 1/2, 1/16 and 5/16, the fewest that reach p={mass} stay, rescaled."
    assert_close(sample.keep_top_p(EXACT.clone(), mass), expected, claim)


@exercise("2.18")
@pytest.mark.parametrize("mass, count", [(0.5, 1), (0.8125, 2), (0.9375, 3)])
def test_reaching_p_exactly_is_enough(sample, mass, count):
    expected = kept(EXACT[0], ranked(EXACT[0])[:count])[None]
    claim = f"The {count} likeliest hold exactly p={mass}: that is enough, and no more are kept."
    assert_close(sample.keep_top_p(EXACT.clone(), mass), expected, claim)


@exercise("2.18")
@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("mass", [0.3, 0.7, 0.95])
def test_each_row_keeps_its_own_tokens(sample, seed, mass):
    p = (1.5 * normal(BATCH, VOCAB, seed=seed)).softmax(dim=-1)
    expected = torch.stack([kept(row, nucleus(row, mass)) for row in p])
    claim = f"Each row keeps the fewest likeliest tokens that reach p={mass}, each in its place."
    got = sample.keep_top_p(p.clone(), mass)
    assert_close(got, expected, claim, tolerance=1e-12)


@exercise("2.18")
def test_a_tiny_p_keeps_the_likeliest_token(sample):
    p = normal(BATCH, VOCAB, seed=3).softmax(dim=-1)
    expected = torch.stack([kept(row, ranked(row)[:1]) for row in p])
    claim = (
        "However small p is, the token that crosses it stays: the likeliest, with probability 1."
    )
    mistakes = {"No token is left, and 0 / 0 is NaN.": torch.full_like(p, torch.nan)}
    assert_close(sample.keep_top_p(p.clone(), 1e-9), expected, claim, mistakes)


@exercise("2.18")
def test_p_of_one_keeps_everything(sample):
    claim = "p=1 is reached by all tokens together, so all keep their probability."
    assert_close(sample.keep_top_p(EXACT.clone(), 1.0), EXACT, claim)


@exercise("2.18")
def test_p_of_one_keeps_everything_where_rounding_falls_short_of_it(sample):
    p = torch.full((2, 10), 0.1, dtype=torch.float64)
    claim = (
        "Ten times .1 adds up to a little less than 1 in floating point, so nothing ever reaches "
        "p=1: then all are kept. (argmax of nothing but False is 0.)"
    )
    assert_close(sample.keep_top_p(p.clone(), 1.0), p, claim)


@exercise("2.18")
def test_equals_are_not_kept_beyond_need(sample):
    p = torch.full((2, 8), 0.125)
    got = sample.keep_top_p(p, 0.25).sort(dim=-1, descending=True).values
    claim = (
        "Of eight equal tokens two reach p=.25, whichever they are. Comparing with the "
        "probability of the token that crosses keeps all its equals."
    )
    assert_close(
        got, torch.tensor([0.5, 0.5, 0, 0, 0, 0, 0, 0]).expand(2, 8), claim, tolerance=1e-6
    )


@exercise("2.18")
def test_probabilities_are_left_as_they_came(sample):
    p = EXACT.clone()
    sample.keep_top_p(p, 0.6)
    claim = "The probabilities that came in belong to the caller, but they were edited in place."
    assert_close(p, EXACT, claim)
