"""Graders of factored_matrix.py: norm (3.7), singular values (3.8) and eigenvalues (3.9)."""

import pytest
import torch

from tests.grading import exercise
from tests.grading.assertions import assert_close, check, normal
from tests.grading.low_rank import THIN, WIDE, factors, multiplied_out
from tests.grading.odd_inputs import check_odd
from tests.grading.peak_memory import largest_made

from .spectra import assert_same_spectrum

SHAPES = [((), 6, 3, 5), ((2,), 7, 4, 5), ((3, 2), 4, 4, 4), ((1,), 6, 1, 3)]
SQUARE = [((), 6, 3), ((2,), 7, 4), ((3, 2), 5, 5)]


@pytest.fixture
def matrix(factored_matrix):
    return factored_matrix.FactoredMatrix


@pytest.fixture
def norm(matrix):
    """The method as a function of its factors."""

    def norm(A, B):
        return matrix(A, B).norm()

    return norm


def norm_by_loop(A, B):
    """Square and sum every entry of the product."""
    M = (A[..., :, :, None] * B[..., None, :, :]).sum(-2)
    return sum((M[..., i, :] ** 2).sum(-1) for i in range(M.shape[-2])) ** 0.5


def two_factors(head, left, rank, right):
    return factors((head,), left, rank, right)


@exercise("3.7")
@pytest.mark.parametrize("lead, left, rank, right", SHAPES)
def test_norm_is_the_frobenius_norm_of_the_product(norm, lead, left, rank, right):
    A, B = factors(lead, left, rank, right)
    claim = "||AB|| must be the square root of the sum of squares."
    check(norm, A, B, expected=norm_by_loop(A, B), claim=claim)


@exercise("3.7")
def test_norm_on_odd_inputs(norm):
    sizes = dict(head=2, left=7, rank=3, right=5)
    skip = "nan left=1 right=1 left=300 right=300 rank=300"  # the rank is at most either side
    check_odd(norm, norm_by_loop, two_factors, skip, **sizes)


@exercise("3.7")
def test_norm_of_columns_times_rows_worked_by_hand(norm):
    A, B = torch.tensor([[3.0], [4.0]]).double(), torch.tensor([[0.0, 6.0, 8.0]]).double()
    check(norm, A, B, expected=50.0, claim="Column of length 5, row of length 10: 50.")


@exercise("3.7")
def test_norm_of_a_product_that_is_zero_is_zero(norm):
    for seed in range(8):
        u = normal(2, seed=seed)
        v = torch.stack([-u[1], u[0]])  # orthogonal to u
        # Small factors: the root of what rounding leaves stays below what counts as another result.
        A, B = normal(5, 1, seed=seed + 20) * u / 1e4, v[:, None] * normal(1, 6, seed=seed + 40)
        assert_close(norm(A, B), 0.0, "The norm of a product of zeros must be 0.", None, 1e-6)


@exercise("3.7")
def test_norm_never_builds_the_product(norm):
    A, B = factors((), WIDE, THIN, WIDE)
    multiplied_out("norm", largest_made(lambda: norm(A, B)))


def check_svd(actual, A, B):
    """Compare sizes, singular values, orthonormality and the product."""
    U, S, Vh = actual
    lead, rank = list(A.shape[:-2]), A.shape[-1]
    sizes = [[*lead, A.shape[-2], rank], [*lead, rank], [*lead, rank, B.shape[-1]]]
    assert_close([list(part.shape) for part in actual], sizes, "The sizes of U, S, Vh are wrong.")
    M, eye = A @ B, torch.eye(rank, dtype=torch.float64).expand(*lead, rank, rank)
    assert_close(S, torch.linalg.svdvals(M)[..., :rank], "The singular values are wrong.")
    assert_close(U.mT @ U, eye, "U's columns must be orthonormal. Is U multiplied by Q_A?")
    assert_close(Vh @ Vh.mT, eye, "Vh's rows must be orthonormal. Is Vh multiplied by Q_B^T?")
    assert_close(U * S[..., None, :] @ Vh, M, "U S Vh must be the product AB.")


@exercise("3.8")
@pytest.mark.parametrize("lead, left, rank, right", SHAPES)
def test_svd_is_that_of_the_product(matrix, lead, left, rank, right):
    A, B = factors(lead, left, rank, right)
    before = A.clone(), B.clone()
    check_svd(matrix(A, B).svd(), A, B)
    assert torch.equal(A, before[0]) and torch.equal(B, before[1]), "A factor was changed in place."


@exercise("3.8")
@pytest.mark.parametrize("rank", [3, 0])
def test_svd_of_a_product_of_lower_rank(matrix, rank):
    A, B = factors((2,), 7, 4, 5, seed=11)
    A[..., rank:] = A[..., :1] if rank else 0.0
    actual = matrix(A, B).svd()
    finite = all(part.isfinite().all() for part in actual)
    assert finite, "Expected finite numbers, got nan or inf: a singular value is zero here."
    check_svd(actual, A, B)


@exercise("3.8")
def test_svd_of_tiny_weights_is_as_exact(matrix):
    A, B = factors((2,), 7, 4, 5, seed=12)
    whole, tiny = matrix(A, B).svd()[1], matrix(1e-5 * A, 1e-5 * B).svd()[1]
    claim = "Factors 1e-5 times as large have singular values 1e-10 times as large; none is cut."
    assert_close(tiny, 1e-10 * whole, claim, scale=1e-10)


@exercise("3.8")
def test_svd_never_builds_the_product(matrix):
    A, B = factors((), WIDE, THIN, WIDE)
    most = largest_made(lambda: matrix(A, B).svd())
    multiplied_out("singular value decomposition", most)


@exercise("3.9")
@pytest.mark.parametrize("lead, side, rank", SQUARE)
def test_eigenvalues_are_the_nonzero_ones_of_the_product(matrix, lead, side, rank):
    A, B = factors(lead, side, rank, side)
    M, power = A @ B, torch.eye(side, dtype=torch.float64)
    whole = torch.linalg.eigvals(M)
    expected = whole.gather(-1, whole.abs().topk(rank).indices)
    actual = matrix(A, B).eigenvalues()
    assert_same_spectrum(actual, expected, "Expected the nonzero eigenvalues of AB.")
    for exponent in range(1, rank + 1):
        power = power @ M
        trace = power.diagonal(dim1=-2, dim2=-1).sum(-1)
        claim = f"The eigenvalues to the power {exponent} must sum to the trace of (AB)^{exponent}."
        assert_close((actual**exponent).sum(-1).real, trace, claim, None, 1e-9)


@exercise("3.9")
def test_eigenvalues_of_a_quarter_rotation_worked_by_hand(matrix):
    A = torch.tensor([[0.0, -3.0], [3.0, 0.0], [0.0, 0.0]]).double()
    B = torch.tensor([[1.0, 0.0, 5.0], [0.0, 1.0, -7.0]]).double()
    claim = "A plane that is rotated by 90 degrees and stretched three times has 3i and -3i."
    expected = torch.tensor([3j, -3j], dtype=torch.complex64)
    assert_same_spectrum(matrix(A, B).eigenvalues(), expected, claim, 1e-6)


@exercise("3.9")
def test_eigenvalues_never_build_the_product(matrix):
    A, B = factors((), WIDE, THIN, WIDE)
    multiplied_out("spectrum", largest_made(lambda: matrix(A, B).eigenvalues()))
