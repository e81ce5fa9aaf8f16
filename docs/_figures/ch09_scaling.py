"""Draw the error of TopK SAEs against their width, with power laws and their intervals."""

import matplotlib as mpl
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from docs._figures.lib.plotting import publish
from docs._figures.sparsity import widths
from docs._figures.sparsity.variants import figure_sources
from docs._figures.sparsity.widths import CONTROL, SEEDS, WIDTHS, measure_all
from solutions.ch09_sparsity import bootstrap_power_law, scaling
from solutions.ch09_sparsity.scaling import PowerLawInterval

ERRORS = (0.25, 0.35, 0.5, 0.7)
"""Marks of the vertical axis, which spans less than a decade."""


def draw_law(axes: Axes, name: str, errors: Tensor, fit: PowerLawInterval, colour: str) -> None:
    """Draw the error of each seed, [seed, width], and the fitted power law."""
    for row in errors:
        axes.plot(WIDTHS, row, ls="", marker="o", ms=5, color=colour, alpha=0.7)
    label = f"{name}: exponent {fit.law.exponent:.2f} ({fit.low:.2f} to {fit.high:.2f})"
    fitted = [fit.law.constant * width**fit.law.exponent for width in WIDTHS]
    axes.plot(WIDTHS, fitted, color=colour, lw=1.4, label=label)


def main() -> None:
    """Train or load all runs, fit, and draw."""
    errors = measure_all()
    sizes = torch.tensor(WIDTHS).float()
    trained, control = errors["trained"], errors[CONTROL]
    fit, fit_of_control = (
        bootstrap_power_law(sizes, rows, torch.Generator().manual_seed(0))
        for rows in (trained, control)
    )

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        first, second = mpl.rcParams["axes.prop_cycle"].by_key()["color"][:2]
        draw_law(axes, "trained", trained, fit, first)
        draw_law(axes, CONTROL, control, fit_of_control, second)
        axes.set(xscale="log", yscale="log", xlabel="latents")
        axes.set_ylabel("fraction of variance unexplained")
        axes.set_xticks(WIDTHS, [str(width) for width in WIDTHS])
        axes.set_yticks(ERRORS, [str(error) for error in ERRORS])
        axes.minorticks_off()
        axes.legend(frameon=False)

    said = "; ".join(
        f"{name} {', '.join(f'{value:.2f}' for value in rows.mean(dim=0).tolist())}"
        for name, rows in errors.items()
    )
    publish(
        "ch09_scaling",
        draw,
        alt=f"Fraction of variance unexplained with {', '.join(map(str, WIDTHS))} latents: {said}. "
        f"The exponent of trained dictionaries is {fit.law.exponent:.2f}.",
        numbers={
            "widths": WIDTHS,
            **errors,
            "exponent": fit.law.exponent,
            "low": fit.low,
            "high": fit.high,
            "r_squared": fit.law.r_squared,
            "exponent of the random dictionary": fit_of_control.law.exponent,
            "its low": fit_of_control.low,
            "its high": fit_of_control.high,
        },
        seeds=SEEDS,
        sources=figure_sources(__file__, widths.__file__, scaling.__file__),
        size=(6.4, 3.9),
    )


if __name__ == "__main__":
    main()
