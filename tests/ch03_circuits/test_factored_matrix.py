"""Graders of factored_matrix.py: norm and singular values, from the thin factors alone."""

import pytest
import torch

from tests.grading import exercise
from tests.grading.assertions import assert_close, normal
from tests.grading.low_rank import THIN, WIDE, factors, multiplied_out
from tests.grading.peak_memory import largest_made
from tests.grading.side_effects import assert_no_side_effects

SHAPES = [((), 6, 3, 5), ((2,), 7, 4, 5), ((3, 2), 4, 4, 4)]


def norm_mistakes(A, B):
    """Words -> what the usual mistakes give; those of another shape never match."""
    M = A @ B
    S = torch.linalg.svdvals(M)
    right = M.square().sum((-2, -1)).sqrt()
    inner, outer = A.mT @ A, B @ B.mT
    return {
        "This is ||A|| ||B||: the norm of a product is not the product of the norms.": (
            A.square().sum((-2, -1)).sqrt() * B.square().sum((-2, -1)).sqrt()
        ),
        "The square root is missing.": right**2,
        "This is the spectral norm, the largest singular value; Frobenius is asked for.": S[..., 0],
        "This is the nuclear norm, the sum of the singular values.": S.sum(-1),
        "This is the trace of the product, not of its square.": M.diagonal(dim1=-2, dim2=-1).sum(
            -1
        ),
        "All heads share one norm: leading axes stay.": right.square().sum().sqrt(),
        "This is the norm of (A^T A)(B B^T); its trace is asked for.": (
            (inner @ outer).square().sum((-2, -1)).sqrt()
        ),
        "This is the sum of all entries of (A^T A)(B B^T), the matrix product; the trace is that "
        "of its diagonal.": (inner @ outer).sum((-2, -1)).abs().sqrt(),
        "This is the largest entry.": M.abs().amax((-2, -1)),
        "This is the sum of the entries' sizes.": M.abs().sum((-2, -1)),
        "This is a mean over the entries (root mean square); a norm adds up.": (
            M.square().mean((-2, -1)).sqrt()
        ),
        "This is the norm of BA, not of AB.": (
            (B @ A).square().sum((-2, -1)).sqrt() if A.shape[-2] == B.shape[-1] else A
        ),
    }


@exercise("3.7")
@pytest.mark.parametrize("lead, left, rank, right", SHAPES)
def test_norm_is_frobenius_of_the_product(factored_matrix, lead, left, rank, right):
    A, B = factors(lead, left, rank, right)
    entries = (A[..., :, :, None] * B[..., None, :, :]).sum(-2)
    expected = sum(entries[..., i, j] ** 2 for i in range(left) for j in range(right)) ** 0.5
    with assert_no_side_effects(A=A, B=B):
        came = factored_matrix.FactoredMatrix(A, B).norm()
    assert_close(came, expected, "||AB|| is the root of the sum of squares.", norm_mistakes(A, B))


@exercise("3.7")
def test_norm_of_columns_times_rows_worked_by_hand(factored_matrix):
    A, B = torch.tensor([[3.0], [4.0]]).double(), torch.tensor([[0.0, 6.0, 8.0]]).double()
    claim = "A column of length 5 times a row of length 10 has norm 50."
    assert_close(factored_matrix.FactoredMatrix(A, B).norm(), 50.0, claim, norm_mistakes(A, B))


@exercise("3.7")
def test_norm_is_unchanged_by_what_passes_between_the_factors(factored_matrix):
    A, B = factors((2,), 7, 4, 5, seed=9)
    R = normal(2, 4, 4, seed=10)
    claim = "(A R)(R^-1 B) is the same product, so its norm is the same."
    before = factored_matrix.FactoredMatrix(A, B).norm()
    assert_close(
        factored_matrix.FactoredMatrix(A @ R, torch.linalg.inv(R) @ B).norm(),
        before,
        claim,
        None,
        1e-9,
    )


@exercise("3.7")
def test_norm_of_a_product_that_is_zero_is_zero(factored_matrix):
    """Factors that undo each other: rounding must not put a negative number under the root."""
    for seed in range(8):
        u = normal(2, seed=seed)
        v = torch.stack([-u[1], u[0]])
        A, B = normal(5, 1, seed=seed + 20) * u, v[:, None] * normal(1, 6, seed=seed + 40)
        came = factored_matrix.FactoredMatrix(A, B).norm()
        assert came < 1e-6, (
            f"A product of zeros has norm 0, {came.item()} came. Does rounding put a number just "
            "below zero under the root? Clamp it."
        )


@exercise("3.7")
def test_norm_never_builds_the_product(factored_matrix):
    A, B = factors((), WIDE, THIN, WIDE)
    multiplied_out("norm", largest_made(lambda: factored_matrix.FactoredMatrix(A, B).norm()))


def orthonormal(columns, name: str, hint: str) -> None:
    """Refuses columns that are not of length one and at right angles."""
    eye = torch.eye(columns.shape[-1], dtype=torch.float64).expand(
        *columns.shape[:-2], columns.shape[-1], columns.shape[-1]
    )
    assert_close(columns.mT @ columns, eye, f"{name} must be orthonormal. {hint}")


def value_mistakes(A, B):
    """Words -> what the usual mistakes give for S."""
    rank = A.shape[-1]
    S = torch.linalg.svdvals(A @ B)[..., :rank]
    R_A, R_B = torch.linalg.qr(A).R, torch.linalg.qr(B.mT).R
    of_A, of_B = torch.linalg.svdvals(A), torch.linalg.svdvals(B)
    return {
        "These are the squares, the eigenvalues of M^T M.": S**2,
        "These are the singular values of A times those of B; they do not multiply.": of_A * of_B,
        "These are the singular values of A alone.": of_A,
        "These are the singular values of B alone.": of_B,
        "These come from R_A R_B: the second factor is transposed, R_A R_B^T.": (
            torch.linalg.svdvals(R_A @ R_B)
        ),
        "These come from R_A^T R_B: the core is R_A R_B^T.": torch.linalg.svdvals(R_A.mT @ R_B),
        "These are the eigenvalues' sizes.": torch.linalg.eigvals(B @ A).abs()
        if A.shape[-2] == B.shape[-1]
        else A,
        "They come smallest first; torch.linalg.svd gives the largest first.": S.flip(-1),
        "The core misses B's length: these come from R_A B, or from R_A alone.": (
            torch.linalg.svdvals(R_A)
        ),
    }


def check_sizes(came, lead, left: int, rank: int, right: int) -> None:
    """Refuses parts of other sizes, and says which are expected."""
    sizes = {"U": [*lead, left, rank], "S": [*lead, rank], "Vh": [*lead, rank, right]}
    for (name, expected), part in zip(sizes.items(), came, strict=True):
        words = f"{name} has sizes {list(part.shape)}; {expected} are expected."
        if min(left, right) in part.shape[-2:] and rank not in part.shape:
            words += f" Only {rank} singular values are not zero; keep those alone."
        if name != "S" and list(part.shape[-2:]) == [rank, rank]:
            words += " Carry the vectors of the core out, by Q_A and Q_B."
        if list(part.mT.shape if name != "S" else part.shape) == expected:
            words += " It is transposed."
        assert list(part.shape) == expected, words


@exercise("3.8")
@pytest.mark.parametrize("lead, left, rank, right", SHAPES)
def test_svd_gives_the_product_back_from_orthonormal_parts(
    factored_matrix, lead, left, rank, right
):
    A, B = factors(lead, left, rank, right)
    with assert_no_side_effects(A=A, B=B):
        U, S, Vh = factored_matrix.FactoredMatrix(A, B).svd()
    check_sizes((U, S, Vh), lead, left, rank, right)
    expected = torch.linalg.svdvals(A @ B)[..., :rank]
    assert_close(S, expected, "The singular values are wrong.", value_mistakes(A, B))
    orthonormal(U, "U's columns", "Is U carried out by Q_A, the orthonormal part of A, not by A?")
    orthonormal(Vh.mT, "Vh's rows", "Is Vh carried out by Q_B, the orthonormal part of B^T?")
    M, scaled = A @ B, U * S[..., None, :]
    claim = "U S Vh must be the product AB."
    if left == right == rank and torch.allclose(scaled @ Vh.mT, M):
        claim += " U S Vh^T is: the rows of Vh are the vectors."
    if left == right and torch.allclose((scaled @ Vh).mT, M):
        claim += " This is its transpose: are U and V exchanged?"
    assert_close(scaled @ Vh, M, claim)


@exercise("3.8")
def test_svd_of_a_head_that_does_not_use_all_its_dimensions(factored_matrix):
    A, B = factors((2,), 7, 4, 5, seed=11)
    A[..., 3] = A[..., 0]
    U, S, Vh = factored_matrix.FactoredMatrix(A, B).svd()
    why = "One singular value is zero here; a decomposition of M M^T, or dividing by S, fails."
    assert torch.isfinite(U).all() and torch.isfinite(Vh).all(), f"There are nan or inf. {why}"
    assert_close(S, torch.linalg.svdvals(A @ B)[..., :4], f"The singular values are wrong. {why}")
    orthonormal(U, "U's columns", why)
    orthonormal(Vh.mT, "Vh's rows", why)
    assert_close(U * S[..., None, :] @ Vh, A @ B, f"U S Vh must be the product AB. {why}")


@exercise("3.8")
def test_svd_never_builds_the_product(factored_matrix):
    A, B = factors((), WIDE, THIN, WIDE)
    most = largest_made(lambda: factored_matrix.FactoredMatrix(A, B).svd())
    multiplied_out("singular value decomposition", most)
