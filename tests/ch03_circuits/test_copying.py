"""Graders of copying_score in circuits.py: a number for each head from its eigenvalues."""

import math

import pytest
import torch

from tests.grading import exercise
from tests.grading.assertions import assert_close, normal
from tests.grading.side_effects import assert_no_side_effects


def mistakes(values):
    """Words -> what the usual mistakes give; those of another shape never match."""
    total, sizes, n = values.sum(-1).real, values.abs().sum(-1), values.shape[-1]
    score = total / sizes
    return {
        "This is |sum| below the line: sizes are taken of each eigenvalue, then added up.": (
            total / values.sum(-1).abs()
        ),
        "Sizes above the line too: their signs are what is asked.": sizes / sizes,
        "The size of the sum stands above the line: its sign is lost.": (
            values.sum(-1).abs() / sizes
        ),
        "It is not divided by the sum of sizes.": total,
        "It is divided by the number of eigenvalues, not by the sum of their sizes.": total / n,
        "Real parts alone below the line: the size of a complex number has its imaginary part.": (
            total / values.real.abs().sum(-1)
        ),
        "Each eigenvalue is divided by its own size, then averaged: large ones count more.": (
            (values.real / values.abs()).mean(-1)
        ),
        "This is the fraction of positive eigenvalues.": (values.real > 0).double().mean(-1),
        "This is the surplus of positive eigenvalues over negative ones.": (
            values.real.sign().mean(-1)
        ),
        "This is the root of the sum of squares below the line; sizes are added up.": (
            total / values.abs().square().sum(-1).sqrt()
        ),
        "The largest size alone stands below the line.": total / values.abs().amax(-1),
        "All heads share one score: each has its own.": (
            (total.sum() / sizes.sum()).expand_as(score)
        ),
        "The sum runs over heads (the first axis); eigenvalues are the last.": (
            values.sum(0).real / values.abs().sum(0) if values.ndim > 1 else score + 1
        ),
        "The imaginary part is taken.": values.sum(-1).imag / sizes,
        "The sign is turned round.": -score,
    }


HAND = [
    ([2.0, 1.0], 1.0, "Positive eigenvalues alone"),
    ([-2.0, -1.0], -1.0, "Negative eigenvalues alone"),
    ([3.0, -1.0], 0.5, "3 and -1"),
    ([0.03, -0.01], 0.5, "0.03 and -0.01, a hundredth of 3 and -1,"),
    ([1 + 1j, 1 - 1j], 1 / math.sqrt(2), "1 + i and 1 - i"),
    ([5j, -5j], 0.0, "5i and -5i"),
]


@exercise("3.11")
@pytest.mark.parametrize("values, right, words", HAND, ids=[words for *_, words in HAND])
def test_score_of_few_eigenvalues_worked_by_hand(circuits, values, right, words):
    values = torch.tensor(values, dtype=torch.complex128)
    claim = f"{words} give {right:.3g}."
    assert_close(circuits.copying_score(values), right, claim, mistakes(values))


@exercise("3.11")
@pytest.mark.parametrize("lead", [(4,), (4, 4), (2, 3)])
def test_score_is_the_sum_over_the_sum_of_sizes(circuits, lead):
    half = torch.complex(normal(*lead, 2, seed=1) + 0.4, normal(*lead, 2, seed=2))
    values = torch.cat([half, half.conj()], dim=-1)
    right = torch.zeros(lead, dtype=torch.float64)
    for place in torch.cartesian_prod(*map(torch.arange, lead)).reshape(-1, len(lead)).tolist():
        own = values[tuple(place)].tolist()
        right[tuple(place)] = math.fsum(x.real for x in own) / math.fsum(abs(x) for x in own)
    with assert_no_side_effects(eigenvalues=values):
        came = circuits.copying_score(values)
    assert_close(came, right, f"Scores of {list(lead)} heads are wrong.", mistakes(values))


@exercise("3.11")
def test_a_head_that_hands_tokens_on_scores_one_and_its_opposite_minus_one(
    circuits, factored_matrix
):
    W_E = torch.linalg.qr(normal(9, 9, seed=3)).Q[:, :5]
    W_V = normal(5, 3, seed=4)
    for sign in (1, -1):
        full = factored_matrix.FactoredMatrix(W_E @ W_V, sign * W_V.mT @ W_E.mT)
        came = circuits.copying_score(full.eigenvalues())
        claim = f"W_V W_O = {'' if sign > 0 else '-'}W_V W_V^T between W_E and W_E^T scores {sign}."
        assert_close(came, sign, claim)
