"""Compare two sets of complex numbers, in any order."""

import torch
from scipy.optimize import linear_sum_assignment
from torch import Tensor

from tests.grading.assertions import assert_close


def assert_same_spectrum(
    actual: Tensor, expected: Tensor, claim: str, tolerance: float = 1e-9
) -> None:
    """Fail unless both hold the same numbers along the last axis; others are compared in order.

    Raises: AssertionError when they differ.
    """
    actual, expected = (x.resolve_conj().to(torch.complex128) for x in (actual, expected))
    if actual.shape == expected.shape:
        rows = actual.reshape(-1, actual.shape[-1])
        targets = expected.reshape(rows.shape)
        actual = torch.stack([_ordered(*pair) for pair in zip(rows, targets, strict=True)])
        actual = actual.reshape(expected.shape)
    claim = f"{claim} (Last axis: real and imaginary part.)"
    assert_close(torch.view_as_real(actual), torch.view_as_real(expected), claim, None, tolerance)


def _ordered(row: Tensor, target: Tensor) -> Tensor:
    """Sort the numbers of a row so that each is near the target of its place."""
    gaps = (target[:, None] - row).abs().nan_to_num(nan=1e30)
    return row[linear_sum_assignment(gaps.detach().numpy())[1]]
