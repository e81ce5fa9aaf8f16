"""Power laws: how the error of an SAE falls with its number of latents and with k.

On logarithmic axes a power law, error = constant * size^exponent, is a line. Points of several
seeds at one size are not independent measurements of the size: the interval resamples seeds.
Source: Gao et al. 2024, section 3.
"""

from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor


class PowerLaw(NamedTuple):
    """A fitted power law."""

    constant: float
    """Error at size 1."""
    exponent: float
    """Slope in log-log axes; negative when the error falls."""
    r_squared: float
    """Share of the variance of log error that the line explains."""


class PowerLawInterval(NamedTuple):
    """A power law with an interval."""

    law: PowerLaw
    """Fit to all seeds."""
    low: float
    """Lower end of the interval of the exponent."""
    high: float
    """Upper end."""


def fit_power_law(sizes: Float[Tensor, " point"], errors: Float[Tensor, " point"]) -> PowerLaw:
    """Fit a line to log error against log size by least squares.

    Raises: ValueError for fewer than two different sizes, or a value that is not positive.
    """
    sizes, errors = sizes.double(), errors.double()
    values = torch.cat([sizes, errors])
    if not ((values > 0) & values.isfinite()).all():
        raise ValueError("expected positive, finite sizes and errors, got others")
    if len(sizes.unique()) < 2:
        raise ValueError(f"expected at least two sizes, got {sizes.unique().tolist()}")
    # exercise 9.16
    x, y = sizes.log(), errors.log()
    exponent = ((x - x.mean()) * (y - y.mean())).sum() / (x - x.mean()).square().sum()
    intercept = y.mean() - exponent * x.mean()
    residual = (y - intercept - exponent * x).square().sum()
    total = (y - y.mean()).square().sum()
    rounding = 1e-28 * (1 + y.square()).sum()  # equal errors differ from their mean by as much
    r_squared = 1 - (residual / total).item() if total > rounding else 1.0
    return PowerLaw(intercept.exp().item(), exponent.item(), r_squared)


def bootstrap_power_law(
    sizes: Float[Tensor, " size"],
    errors: Float[Tensor, "seed size"],
    generator: torch.Generator,
    draws: int = 1000,
    coverage: float = 0.95,
) -> PowerLawInterval:
    """Fit all points, and resample seeds, whole rows, for the interval of the exponent.

    Raises: ValueError for fewer than two seeds.
    """
    n_seeds = len(errors)
    if n_seeds < 2:
        raise ValueError(f"expected at least two seeds, got {n_seeds}")
    law = fit_power_law(sizes.repeat(n_seeds), errors.flatten())
    # exercise 9.17
    exponents = []
    for _ in range(draws):
        rows = torch.randint(n_seeds, (n_seeds,), generator=generator)
        exponents.append(fit_power_law(sizes.repeat(n_seeds), errors[rows].flatten()).exponent)
    tail = (1 - coverage) / 2
    ends = torch.tensor(exponents).quantile(torch.tensor([tail, 1 - tail]))
    return PowerLawInterval(law, ends[0].item(), ends[1].item())
