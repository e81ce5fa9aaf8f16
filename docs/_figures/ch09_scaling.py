"""Draw the error of TopK SAEs against their width, with power laws and their intervals."""

import matplotlib as mpl
import torch
from matplotlib.figure import Figure

from docs._figures.lib.plotting import publish
from docs._figures.sparsity import widths
from docs._figures.sparsity.variants import figure_sources
from docs._figures.sparsity.widths import CONTROL, SEEDS, WIDTHS, measure_all
from solutions.ch09_sparsity import bootstrap_power_law, scaling


def main() -> None:
    """Train or load all runs, fit, and draw."""
    errors = measure_all()
    sizes = torch.tensor(WIDTHS).float()
    trained, control = errors["trained"], errors[CONTROL]
    fit = bootstrap_power_law(sizes, trained, torch.Generator().manual_seed(0))

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        first, second = mpl.rcParams["axes.prop_cycle"].by_key()["color"][:2]
        for row in trained:
            axes.plot(WIDTHS, row, ls="", marker="o", ms=5, color=first, alpha=0.7)
        label = f"trained: exponent {fit.law.exponent:.2f} ({fit.low:.2f} to {fit.high:.2f})"
        fitted = fit.law.constant * sizes**fit.law.exponent
        axes.plot(WIDTHS, fitted, color=first, lw=1.4, label=label)
        axes.plot(WIDTHS, control[0], color=second, marker="s", ms=5, lw=1, label=CONTROL)
        axes.set(xscale="log", yscale="log", xlabel="latents")
        axes.set_ylabel("fraction of variance unexplained")
        axes.set_xticks(WIDTHS, [str(width) for width in WIDTHS])
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
        },
        seeds=SEEDS,
        sources=figure_sources(__file__, widths.__file__, scaling.__file__),
        size=(6.4, 3.9),
    )


if __name__ == "__main__":
    main()
