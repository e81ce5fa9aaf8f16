"""Compare two sets of complex numbers, whatever their order."""

from collections.abc import Mapping

import torch
from torch import Tensor

from tests.grading.assertions import assert_close


def in_order_of(came: Tensor, wanted: Tensor) -> Tensor:
    """The wanted numbers, each at the place of the nearest one that came, as real and imaginary.

    Each is used once; sets of different shapes stay as they are, and will not agree.
    """
    wanted = wanted.to(torch.complex128)
    if came.shape != wanted.shape:
        return torch.view_as_real(wanted)
    rows = []
    pairs = zip(came.reshape(-1, came.shape[-1]), wanted.reshape(-1, came.shape[-1]), strict=True)
    for have, left in pairs:
        gaps = (have.to(torch.complex128)[:, None] - left).abs().nan_to_num(nan=1e30)
        row = left.clone()
        for _ in left:
            place, nearest = divmod(int(gaps.argmin()), len(left))
            row[place] = left[nearest]
            gaps[place], gaps[:, nearest] = torch.inf, torch.inf
        rows.append(row)
    return torch.view_as_real(torch.stack(rows).reshape(came.shape))


def match_spectra(
    came: Tensor,
    wanted: Tensor,
    claim: str,
    mistakes: Mapping[str, Tensor],
    tolerance: float = 1e-9,
) -> None:
    """Raises AssertionError unless the same numbers came, and names the mistake that gives them."""
    came = came.resolve_conj()
    found = {words: in_order_of(came, value) for words, value in mistakes.items()}
    claim = f"{claim} (Last axis: real and imaginary part.)"
    real = torch.view_as_real(came.to(torch.complex128))
    assert_close(real, in_order_of(came, wanted), claim, found, tolerance)
