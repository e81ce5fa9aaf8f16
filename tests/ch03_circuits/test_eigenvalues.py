"""Graders of eigenvalues in factored_matrix.py: those of the product, from rank x rank numbers."""

import pytest
import torch

from tests.grading import exercise
from tests.grading.assertions import assert_close, normal
from tests.grading.low_rank import THIN, WIDE, factors, multiplied_out
from tests.grading.peak_memory import largest_made
from tests.grading.side_effects import assert_no_side_effects

from .spectra import match_spectra

SQUARE = [((), 6, 3), ((2,), 7, 4), ((3, 2), 5, 5)]


def eigen_mistakes(A, B):
    """Words -> what the usual mistakes give; `match_spectra` takes them in any order."""
    M, rank = A @ B, A.shape[-1]
    right = torch.linalg.eigvals(B @ A)
    sizes = torch.linalg.svdvals(M)[..., :rank]
    cores = torch.linalg.qr(A).R @ torch.linalg.qr(B.mT).R.mT
    symmetric = (B @ A + (B @ A).mT) / 2
    diagonal = M.diagonal(dim1=-2, dim2=-1)
    best = diagonal.abs().topk(rank).indices
    return {
        "These are the first entries of the diagonal: a diagonal is not the spectrum.": (
            diagonal[..., :rank]
        ),
        "These are the largest entries of the diagonal; a diagonal is not the spectrum.": (
            diagonal.gather(-1, best)
        ),
        "This is the diagonal of BA: a diagonal is not the spectrum.": (
            (B @ A).diagonal(dim1=-2, dim2=-1)
        ),
        "These are singular values; eigenvalues have a sign.": sizes,
        "These are singular values of BA; eigenvalues have a sign.": torch.linalg.svdvals(B @ A),
        "These are the eigenvalues' sizes; their signs and phases are wanted.": right.abs(),
        "These are the real parts alone: eigenvalues are complex.": right.real,
        "These are the squares, the eigenvalues of (AB)^2.": right**2,
        "These are the eigenvalues of R_A R_B^T, which has the product's singular values but not "
        "its eigenvalues.": torch.linalg.eigvals(cores),
        "The matrix is made symmetric first: use eigvals, not eigvalsh.": (
            torch.linalg.eigvalsh(symmetric)
        ),
        "eigvalsh reads one triangle: BA is not symmetric.": torch.linalg.eigvalsh(B @ A),
        "eigvalsh reads one triangle: AB is not symmetric.": torch.linalg.eigvalsh(M)[..., :rank],
        "The sign is turned round.": -right,
        "The first entries of the spectrum of AB need not be those that are not zero.": (
            torch.linalg.eigvals(M)[..., :rank]
        ),
    }


@exercise("3.9")
@pytest.mark.parametrize("lead, side, rank", SQUARE)
def test_eigenvalues_are_those_of_the_product_that_are_not_zero(factored_matrix, lead, side, rank):
    A, B = factors(lead, side, rank, side)
    with assert_no_side_effects(A=A, B=B):
        came = factored_matrix.FactoredMatrix(A, B).eigenvalues()
    assert came.shape == (*lead, rank), (
        f"{rank} eigenvalues are expected for each of {list(lead)}, the others of AB are zero; "
        f"sizes {list(came.shape)} came."
    )
    M, power = A @ B, torch.eye(side, dtype=torch.float64)
    whole = torch.linalg.eigvals(M)
    kept = whole.abs().topk(rank).indices
    match_spectra(
        came,
        whole.gather(-1, kept),
        "The eigenvalues of AB that are not zero are expected.",
        eigen_mistakes(A, B),
    )
    for exponent in range(1, rank + 1):
        power = power @ M
        trace = power.diagonal(dim1=-2, dim2=-1).sum(-1)
        claim = f"The eigenvalues to the power {exponent} sum to the trace of (AB)^{exponent}."
        assert_close((came**exponent).sum(-1).real, trace, claim, None, 1e-9)


@exercise("3.9")
def test_eigenvalues_of_a_turn_by_a_right_angle_worked_by_hand(factored_matrix):
    A = torch.tensor([[0.0, -3.0], [3.0, 0.0], [0.0, 0.0]]).double()
    B = torch.tensor([[1.0, 0.0, 5.0], [0.0, 1.0, -7.0]]).double()
    right = torch.tensor([3j, -3j], dtype=torch.complex64)
    claim = "A plane that is turned by a right angle and stretched three times has 3i and -3i."
    came = factored_matrix.FactoredMatrix(A, B).eigenvalues()
    match_spectra(came, right, claim, eigen_mistakes(A, B), 1e-6)


@exercise("3.9")
def test_eigenvalues_are_unchanged_by_what_passes_between_the_factors(factored_matrix):
    A, B = factors((2,), 6, 3, 6, seed=9)
    R = normal(2, 3, 3, seed=10)
    before = factored_matrix.FactoredMatrix(A, B).eigenvalues()
    came = factored_matrix.FactoredMatrix(A @ R, torch.linalg.inv(R) @ B).eigenvalues()
    claim = "(A R)(R^-1 B) is the same product, so its eigenvalues are the same."
    match_spectra(came, before, claim, {}, 1e-8)


@exercise("3.9")
def test_eigenvalues_never_build_the_product(factored_matrix):
    A, B = factors((), WIDE, THIN, WIDE)
    most = largest_made(lambda: factored_matrix.FactoredMatrix(A, B).eigenvalues())
    multiplied_out("spectrum", most)
