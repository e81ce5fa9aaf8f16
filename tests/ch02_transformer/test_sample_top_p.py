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


def top_p_mistakes(p: Tensor, mass: float) -> dict[str, Tensor]:
    """What the usual mistakes give."""
    sets = [nucleus(row, mass) for row in p]
    each = list(zip(p, sets, strict=True))
    right = torch.stack([kept(row, tokens) for row, tokens in each])
    ordered, order = p.sort(dim=-1, descending=True)
    unsorted = p.masked_fill(p.cumsum(-1) - p >= mass, 0)
    rising, rising_order = p.sort(dim=-1)
    rising = rising.masked_fill(rising.cumsum(-1) - rising >= mass, 0)
    rising = torch.zeros_like(p).scatter(-1, rising_order, rising)
    places = p.masked_fill(ordered.cumsum(-1) - ordered >= mass, 0)
    above = p.masked_fill(p < mass, 0)

    def rescaled(x: Tensor) -> Tensor:
        return x / x.sum(-1, keepdim=True)

    return {
        "The token that crosses p was dropped; without it p is not reached.": torch.stack(
            [kept(row, tokens[:-1]) for row, tokens in each]
        ),
        "One token too many is kept: p was reached before it.": torch.stack(
            [kept(row, ranked(row)[: len(tokens) + 1]) for row, tokens in each]
        ),
        "What is kept of each row is not rescaled to sum to one.": p.masked_fill(right == 0, 0),
        "These are sorted by probability; they belong at their tokens' places.": (
            right.gather(-1, order)
        ),
        "Probabilities were added up in the order of the vocabulary; sort them first.": (
            rescaled(unsorted)
        ),
        "The order is ascending: the least likely tokens are kept.": rescaled(rising),
        "The choice made in sorted order was used in the order of the vocabulary; scatter it "
        "back.": rescaled(places),
        "Tokens below probability p were dropped; p is for the sum of the likeliest.": (
            rescaled(above)
        ),
        "All tokens are kept.": p,
    } | batch_mistakes(p, sets, right)


def batch_mistakes(p: Tensor, sets: list[list[int]], right: Tensor) -> dict[str, Tensor]:
    """What comes when rows, or their orders, get mixed up."""
    order, most = p.argsort(dim=-1, descending=True), max(map(len, sets))
    left = p.masked_fill(right == 0, 0)
    return {
        "Every row keeps as many tokens as the first.": torch.stack(
            [kept(row, ranked(row)[: len(sets[0])]) for row in p]
        ),
        "Every row keeps as many tokens as the row that needs most.": torch.stack(
            [kept(row, ranked(row)[:most]) for row in p]
        ),
        "What is kept is divided by its sum over the whole batch; each row sums to one.": (
            left / left.sum()
        ),
        "gather reads in the sorted order once more; to go back takes scatter.": (
            right.gather(-1, order).gather(-1, order)
        ),
    }


# Sums of these are exact in floating point.
EXACT = torch.tensor([[0.125, 0.5, 0.0625, 0.3125]], dtype=torch.float64)


@exercise("2.18")
@pytest.mark.parametrize(
    "mass, weights", [(0.4, [0, 8, 0, 0]), (0.6, [0, 8, 0, 5]), (0.9, [2, 8, 0, 5])]
)
def test_fewest_tokens_that_reach_p_are_kept(sample, mass, weights):
    expected = torch.tensor([weights], dtype=torch.float64) / sum(weights)
    claim = f"Of 1/8, 1/2, 1/16 and 5/16, the fewest that reach p={mass} stay, rescaled."
    assert_close(
        sample.keep_top_p(EXACT.clone(), mass), expected, claim, top_p_mistakes(EXACT, mass)
    )


@exercise("2.18")
@pytest.mark.parametrize("mass, count", [(0.5, 1), (0.8125, 2), (0.9375, 3)])
def test_reaching_p_exactly_is_enough(sample, mass, count):
    expected = kept(EXACT[0], ranked(EXACT[0])[:count])[None]
    claim = f"The {count} likeliest hold exactly p={mass}: that is enough, and no more are kept."
    assert_close(
        sample.keep_top_p(EXACT.clone(), mass), expected, claim, top_p_mistakes(EXACT, mass)
    )


@exercise("2.18")
@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("mass", [0.3, 0.7, 0.95])
def test_each_row_keeps_its_own_tokens(sample, seed, mass):
    p = (1.5 * normal(BATCH, VOCAB, seed=seed)).softmax(dim=-1)
    expected = torch.stack([kept(row, nucleus(row, mass)) for row in p])
    claim = f"Each row keeps the fewest likeliest tokens that reach p={mass}, each in its place."
    got = sample.keep_top_p(p.clone(), mass)
    assert_close(got, expected, claim, top_p_mistakes(p, mass), tolerance=1e-12)


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
    assert_close(sample.keep_top_p(EXACT.clone(), 1.0), EXACT, claim, top_p_mistakes(EXACT, 1.0))


@exercise("2.18")
def test_p_of_one_keeps_everything_where_rounding_falls_short_of_it(sample):
    p = torch.full((2, 10), 0.1, dtype=torch.float64)
    claim = (
        "Ten times .1 adds up to a little less than 1 in floating point, so nothing ever reaches "
        "p=1: then all are kept. (argmax of nothing but False is 0.)"
    )
    assert_close(sample.keep_top_p(p.clone(), 1.0), p, claim, top_p_mistakes(p, 1.0))


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
