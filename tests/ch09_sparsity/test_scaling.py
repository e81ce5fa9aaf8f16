"""Graders of scaling.py: a power law (9.16) and the interval of its exponent (9.17)."""

import numpy as np
import pytest
import torch

from tests.grading import exercise
from tests.grading.assertions import assert_close, check, normal

SIZES = torch.tensor([64.0, 128.0, 256.0, 512.0])


def by_numpy(sizes, errors):
    x, y = np.log(sizes.double().numpy()), np.log(errors.double().numpy())
    exponent, intercept = np.polyfit(x, y, 1)
    total = ((y - y.mean()) ** 2).sum()
    rest = ((y - intercept - exponent * x) ** 2).sum()
    return [float(np.exp(intercept)), float(exponent), float(1 - rest / total)]


@exercise("9.16")
@pytest.mark.parametrize("law", [(3.0, -0.5), (0.02, -0.07), (1.0, 0.4)])
def test_an_exact_power_law_is_found(scaling, law):
    constant, exponent = law
    expected = [constant, exponent, 1.0]
    check(
        lambda sizes, errors: list(scaling.fit_power_law(sizes, errors)),
        SIZES.double(),
        constant * SIZES.double() ** exponent,
        expected=expected,
        claim="Constant, exponent and R squared of an exact power law are wrong.",
        tolerance=1e-8,
    )


@exercise("9.16")
@pytest.mark.parametrize("seed", range(4))
def test_noisy_points_are_fitted_by_least_squares_of_logs(scaling, seed):
    sizes = SIZES.repeat(2 + seed).double()
    errors = 2 * sizes**-0.3 * normal(len(sizes), seed=seed).mul(0.2).exp()
    actual = [*scaling.fit_power_law(sizes, errors)]
    assert_close(
        actual,
        by_numpy(sizes, errors),
        "The least-squares line of the logarithms is another.",
        tolerance=1e-8,
    )


@exercise("9.16")
def test_errors_in_float32_lose_no_digits(scaling):
    sizes, errors = SIZES * 1e6, (SIZES * 1e6) ** -1.5
    actual = [*scaling.fit_power_law(sizes, errors)]
    assert_close(
        actual, by_numpy(sizes, errors), "Large sizes are fitted in float64.", tolerance=1e-6
    )


@pytest.mark.parametrize("value", [0.0, -1.0, float("nan"), float("inf")])
def test_values_without_a_logarithm_raise(scaling, value):
    errors = torch.ones(4)
    errors[2] = value
    with pytest.raises(ValueError, match="positive, finite"):
        scaling.fit_power_law(SIZES, errors)


def seeds_with_own_slopes(slopes):
    return torch.stack([2 * SIZES.double() ** slope for slope in slopes])


@exercise("9.17")
def test_the_law_fits_all_points(scaling):
    errors = seeds_with_own_slopes([-0.2, -0.5, -0.3])
    actual = scaling.bootstrap_power_law(
        SIZES, errors, torch.Generator().manual_seed(1), draws=50
    ).law
    expected = by_numpy(SIZES.repeat(3), errors.flatten())
    assert_close([*actual], expected, "The law is not the fit to all seeds.", tolerance=1e-8)


@exercise("9.17")
def test_equal_seeds_have_no_spread(scaling):
    """Points off the line, alike in all seeds: only a resampling of points would see a spread."""
    errors = (2 * SIZES.double() ** -0.3 * torch.tensor([1.0, 1.3, 0.8, 1.1]))[None].repeat(5, 1)
    made = scaling.bootstrap_power_law(SIZES, errors, torch.Generator().manual_seed(1), draws=50)
    claim = "Seeds that agree have no spread: resample seeds, whole rows, and not points."
    assert_close([made.low, made.high], [made.law.exponent] * 2, claim, tolerance=1e-6)


@exercise("9.17")
def test_the_interval_holds_the_middle_of_resampled_exponents(scaling):
    slopes = [-0.1, -0.2, -0.4, -0.8]
    made = scaling.bootstrap_power_law(
        SIZES,
        seeds_with_own_slopes(slopes),
        torch.Generator().manual_seed(1),
        draws=600,
        coverage=0.5,
    )
    chance = np.random.default_rng(0)
    means = np.sort([np.mean(chance.choice(slopes, 4)) for _ in range(20000)])
    expected = [float(np.quantile(means, 0.25)), float(np.quantile(means, 0.75))]
    claim = "The interval is not that of exponents over resampled seeds."
    assert_close([made.low, made.high], expected, claim, tolerance=0.06)


@exercise("9.17")
def test_the_generator_decides_the_interval(scaling):
    errors = seeds_with_own_slopes([-0.1, -0.2, -0.4, -0.8])
    runs = [
        scaling.bootstrap_power_law(SIZES, errors, torch.Generator().manual_seed(seed), draws=40)
        for seed in (1, 1, 2)
    ]
    assert runs[0] == runs[1] and runs[0] != runs[2], "The draws come from the generator given."


@pytest.mark.project
def test_too_few_points_raise(scaling):
    with pytest.raises(ValueError, match="at least two sizes"):
        scaling.fit_power_law(torch.ones(3), torch.ones(3))
    with pytest.raises(ValueError, match="at least two seeds, got 1"):
        scaling.bootstrap_power_law(SIZES, SIZES[None], torch.Generator())
