"""Graders of arcs.py: two convolutions without a nonlinearity between them are one."""

import pytest
import torch
import torch.nn.functional as F

from tests.grading import exercise
from tests.grading.assertions import assert_close, normal
from tests.grading.side_effects import assert_no_side_effects

#: d_in, d_mid, d_out, then height and width of the first and of the second kernel.
SIZES = [(2, 3, 4, (5, 2), (3, 6)), (5, 4, 2, (3, 4), (2, 5)), (3, 2, 3, (4, 3), (1, 2))]


def kernels(sizes, seed):
    """Random kernels of both layers."""
    d_in, d_mid, d_out, first, second = sizes
    return normal(d_mid, d_in, *first, seed=seed), normal(d_out, d_mid, *second, seed=seed + 100)


def placed(first, second, place):
    """The whole, number by number; `place` says where a number of the second puts the first."""
    (d_out, d_mid), d_in = second.shape[:2], first.shape[1]
    (h, w), (h2, w2) = first.shape[2:], second.shape[2:]
    whole = torch.zeros(d_out, d_in, h + h2 - 1, w + w2 - 1, dtype=torch.float64)
    for row in range(h2):
        for column in range(w2):
            down, right = place(row, column)
            for out in range(d_out):
                for mid in range(d_mid):
                    part = second[out, mid, row, column] * first[mid]
                    whole[out, :, down : down + h, right : right + w] += part
    return whole


def mistakes(first, second):
    """Words -> what the usual mistakes give; some only exist for some sizes."""
    h2, w2 = second.shape[2:]
    right = placed(first, second, lambda row, column: (row, column))
    backward = placed(first, second, lambda row, column: (h2 - 1 - row, w2 - 1 - column))
    rows = placed(first, second, lambda row, column: (h2 - 1 - row, column))
    columns = placed(first, second, lambda row, column: (row, w2 - 1 - column))
    words = "runs over the first, flip it in both directions: C[u] = sum_v B[v] A[u - v]."
    flipped = "Is the whole turned by half a turn? conv2d does not flip its kernel, C neither."
    d_mid = len(first)
    inside = right[:, :, h2 - 1 : first.shape[2], w2 - 1 : first.shape[3]]
    total, kernel = first.sum(dim=0, keepdim=True), second.sum(dim=1, keepdim=True)
    long, short = [0, w2 - 1, 0, h2 - 1], [0, first.shape[3] - 1, 0, first.shape[2] - 1]
    product = torch.einsum("omhw,mihw->oihw", F.pad(second, short), F.pad(first, long))
    return {
        f"The second kernel is not flipped; where conv2d {words}": backward,
        f"The second kernel is flipped left to right only; where conv2d {words}": rows,
        f"The second kernel is flipped top to bottom only; where conv2d {words}": columns,
        flipped: right.flip(-2, -1),
        "The middle channels are averaged: sum over them.": right / d_mid,
        "Only the middle channel 0 is used: sum over all of them.": placed(
            first[:1], second[:, :1], lambda row, column: (row, column)
        ),
        "The two channel axes are in each other's place: [d_out, d_in, H, W].": (
            right.transpose(0, 1)
        ),
        "The two spatial axes are in each other's place: [d_out, d_in, H, W].": (
            right.transpose(2, 3)
        ),
        "The whole is cut: it has h + h2 - 1 rows, so pad by h2 - 1 and w2 - 1.": inside,
        "Are the middle channels summed before the kernels meet? Channel by channel, then sum.": (
            placed(total, kernel, lambda row, column: (row, column))
        ),
        "Are the kernels multiplied pixel by pixel? Each number moves the whole first kernel.": (
            product
        ),
    }


def check(arcs, first, second, claim):
    """Refuses another whole than the slow loop's."""
    with assert_no_side_effects(first=first, second=second):
        whole = arcs.compose_convolutions(first, second)
    right = placed(first, second, lambda row, column: (row, column))
    size, came = tuple(right.shape), tuple(whole.shape)
    words = [text for text, value in mistakes(first, second).items() if value.shape == came]
    hint = f" {words[-1]}" if came != size and words else ""
    assert came == size, (
        f"The whole has shape [d_out, d_in, h + h2 - 1, w + w2 - 1], here {list(size)}: the second "
        f"kernel can stand at the far end of the first. {list(came)} came.{hint}"
    )
    assert_close(whole, right, claim, mistakes(first, second))


@exercise("1.16")
def test_a_row_of_two_numbers_and_another_worked_by_hand(arcs):
    first = torch.tensor([[[[1.0, 2.0]]]], dtype=torch.float64)
    second = torch.tensor([[[[3.0, 5.0]]]], dtype=torch.float64)
    claim = "[1, 2] then [3, 5] is one kernel, [3 * 1, 3 * 2 + 5 * 1, 5 * 2] = [3, 11, 10]."
    check(arcs, first, second, claim)


@exercise("1.16")
@pytest.mark.parametrize("sizes", SIZES)
def test_each_number_of_the_second_kernel_puts_the_first_kernel_there(arcs, sizes):
    claim = (
        "The whole must be the sum, over all places and middle channels, of the first kernel "
        "moved to that place, times the second kernel's number there."
    )
    for seed in (0, 1):
        check(arcs, *kernels(sizes, seed), claim)


@exercise("1.16")
@pytest.mark.parametrize("sizes", SIZES)
def test_one_convolution_does_what_the_two_did(arcs, sizes):
    first, second = kernels(sizes, seed=7)
    picture = normal(2, sizes[0], 9, 11, seed=8)
    two = F.conv2d(F.conv2d(picture, first), second)
    whole = arcs.compose_convolutions(first, second)
    one = F.conv2d(picture, whole) if whole.shape[1] == sizes[0] else whole
    claim = "conv2d(x, composed kernel) must equal conv2d(conv2d(x, first), second)."
    assert_close(one, two, claim)


@exercise("1.16")
def test_kernels_of_one_pixel_are_multiplied_as_matrices(arcs):
    first, second = kernels((2, 3, 4, (1, 1), (1, 1)), seed=9)
    A, B = first[:, :, 0, 0], second[:, :, 0, 0]
    claim = "Kernels of one pixel are matrices, [d_out, d_mid] times [d_mid, d_in]."
    wrong = {"Is only one middle channel used? Sum over all of them.": B[:, :1] @ A[:1]}
    assert_close(arcs.compose_convolutions(first, second)[:, :, 0, 0], B @ A, claim, wrong)


@exercise("1.16")
def test_kernels_keep_their_precision(arcs):
    first, second = (kernel.float() for kernel in kernels(SIZES[0], seed=10))
    came = arcs.compose_convolutions(first, second).dtype
    assert came == torch.float32, f"float32 kernels make a float32 whole; {came} came."
