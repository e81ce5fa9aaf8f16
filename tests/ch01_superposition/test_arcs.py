"""Graders of arcs.py: two convolutions without a nonlinearity between them are one (1.16)."""

import pytest
import torch
import torch.nn.functional as F

from tests.grading import exercise
from tests.grading.assertions import assert_close, check, normal

#: d_in, d_mid, d_out, then height and width of the first and of the second kernel.
SIZES = [(2, 3, 4, (5, 2), (3, 6)), (5, 4, 2, (3, 4), (2, 5)), (3, 2, 3, (4, 3), (1, 2))]


def kernels(sizes, seed):
    """Random kernels of both layers."""
    d_in, d_mid, d_out, first, second = sizes
    return normal(d_mid, d_in, *first, seed=seed), normal(d_out, d_mid, *second, seed=seed + 100)


def composed(first, second):
    """The composed kernel, number by number: each number of the second places the first there."""
    (h, w), (h2, w2) = first.shape[2:], second.shape[2:]
    whole = torch.zeros(len(second), first.shape[1], h + h2 - 1, w + w2 - 1, dtype=torch.float64)
    for row in range(h2):
        for column in range(w2):
            for out in range(len(second)):
                for mid in range(len(first)):
                    part = second[out, mid, row, column] * first[mid]
                    whole[out, :, row : row + h, column : column + w] += part
    return whole


@exercise("1.16")
def test_two_rows_of_two_numbers_by_hand(arcs):
    first = torch.tensor([[[[1.0, 2.0]]]], dtype=torch.float64)
    second = torch.tensor([[[[3.0, 5.0]]]], dtype=torch.float64)
    claim = "[1, 2] then [3, 5] is one kernel, [3 * 1, 3 * 2 + 5 * 1, 5 * 2] = [3, 11, 10]."
    expected = torch.tensor([[[[3.0, 11.0, 10.0]]]], dtype=torch.float64)
    check(arcs.compose_convolutions, first, second, expected=expected, claim=claim)


@exercise("1.16")
@pytest.mark.parametrize("sizes", SIZES)
@pytest.mark.parametrize("seed", [0, 1])
def test_the_kernel_sums_shifted_first_kernels(arcs, sizes, seed):
    claim = (
        "The kernel [d_out, d_in, h + h2 - 1, w + w2 - 1] must be the sum, over all places and "
        "middle channels, of the first kernel shifted there, times the second's number there."
    )
    first, second = kernels(sizes, seed)
    expected = composed(first, second)
    check(arcs.compose_convolutions, first, second, expected=expected, claim=claim)


@exercise("1.16")
@pytest.mark.parametrize("sizes", SIZES)
def test_one_convolution_equals_the_two(arcs, sizes):
    first, second = kernels(sizes, seed=7)
    picture = normal(2, sizes[0], 9, 11, seed=8)
    whole = arcs.compose_convolutions(first, second)
    actual = F.conv2d(picture, whole) if whole.shape[1] == sizes[0] else whole
    claim = "conv2d(x, composed kernel) must equal conv2d(conv2d(x, first), second)."
    assert_close(actual, F.conv2d(F.conv2d(picture, first), second), claim)


@exercise("1.16")
def test_kernels_of_one_pixel_multiply_as_matrices(arcs):
    first, second = kernels((2, 3, 4, (1, 1), (1, 1)), seed=9)
    A, B = first[:, :, 0, 0], second[:, :, 0, 0]
    claim = "Kernels of one pixel are matrices, [d_out, d_mid] times [d_mid, d_in]."
    assert_close(arcs.compose_convolutions(first, second)[:, :, 0, 0], B @ A, claim)


@exercise("1.16")
def test_kernels_keep_their_precision(arcs):
    first, second = (kernel.float() for kernel in kernels(SIZES[0], seed=10))
    actual = arcs.compose_convolutions(first, second).dtype
    assert actual == torch.float32, f"Expected a float32 kernel of float32 kernels, got {actual}."
