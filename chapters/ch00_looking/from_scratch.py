"""A probe and its control from an empty file: one function, without any other file of this course.

Axes: batch, d_model.
Source: Hewitt and Liang 2019, "Designing and Interpreting Probes with Control Tasks".
"""

from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor


class ProbeReport(NamedTuple):
    """What a linear probe decodes, and what the same probe memorises."""

    accuracy: float
    """On the held-out half, with the real labels."""
    control: float
    """On the held-out half, with one random label per type."""


def probe_with_control(
    acts: Float[Tensor, "batch d_model"],
    labels: Int[Tensor, " batch"],
    types: Int[Tensor, " batch"],
    generator: torch.Generator,
) -> ProbeReport:
    """Fit a linear probe on the first half of the examples, and judge it on the second half.

    The control task gives each type one random label, with the frequencies of `labels`. Labels are
    0 or 1. The scale and the mean of the activations do not matter.

    Units: fractions from 0 to 1.
    """
    # exercise 0.18
    raise NotImplementedError("exercise 0.18")
