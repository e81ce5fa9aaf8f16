"""Draw what AuxK and multi-TopK add to TopK, on planted features."""

import matplotlib as mpl
from matplotlib.figure import Figure
from torch import Tensor

from docs._figures.lib.dot_plot import dot_plot, legend_above
from docs._figures.lib.plotting import lines, publish
from docs._figures.sparsity.variants import (
    KS,
    LEVELS,
    SEEDS,
    Measured,
    collect,
    figure_sources,
    measure_all,
)

WITH, WITHOUT, MULTI = "TopK", "TopK without AuxK", "multi-TopK"
TRAINED_AT = 3
SHOWN = {"dead": "dead latents", "recall": "features found", "fvu": "unexplained"}


def main() -> None:
    """Train or load all runs, and draw."""
    measured = measure_all()
    draw_auxk(measured)
    draw_other_k(measured)


def draw_auxk(measured: Measured) -> None:
    """Draw dead latents, features found and error, with AuxK and without."""
    names = {"with AuxK": WITH, "without": WITHOUT}
    scores = {
        said: {key: at_k(measured, name, key) for key in SHOWN} for said, name in names.items()
    }
    series = {said: [row.tolist() for row in own.values()] for said, own in scores.items()}

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        dot_plot(axes, list(SHOWN.values()), series)
        legend_above(axes)

    words = "; ".join(
        f"{said} {', '.join(f'{SHOWN[key]} {row.mean():.2f}' for key, row in own.items())}"
        for said, own in scores.items()
    )
    publish(
        "ch09_auxk",
        draw,
        alt=f"TopK with k = {TRAINED_AT}, mean of seeds: {words}.",
        numbers={"k": TRAINED_AT, **scores},
        seeds=SEEDS,
        sources=figure_sources(__file__),
        size=(6.4, 3.0),
    )


def at_k(measured: Measured, name: str, key: str) -> Tensor:
    """Collect a score of the SAEs trained with k = 3, [seed] or [seed, ...]."""
    return collect(measured, name, key)[:, LEVELS[name].index(TRAINED_AT)]


def draw_other_k(measured: Measured) -> None:
    """Draw the error against the number of latents that are kept, for SAEs trained with k = 3."""
    errors = {name: at_k(measured, name, "fvu_at_k") for name in (WITH, MULTI)}

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        lines(
            axes,
            list(KS),
            {name: value.mean(dim=0) for name, value in errors.items()},
            bands={n: (value.amin(dim=0), value.amax(dim=0)) for n, value in errors.items()},
            labels=("latents that are kept", "fraction of variance unexplained"),
        )
        axes.set(xticks=KS, ylim=(0, None))
        axes.axvline(TRAINED_AT, color=mpl.rcParams["text.color"], lw=0.8, ls=":")

    said = "; ".join(f"{name} {means(value)}" for name, value in errors.items())
    publish(
        "ch09_multi_topk",
        draw,
        alt=f"Fraction of variance unexplained when {', '.join(map(str, KS))} latents are kept, "
        f"trained with {TRAINED_AT}: {said}.",
        numbers={"k": KS, "trained with": TRAINED_AT, **errors},
        seeds=SEEDS,
        sources=figure_sources(__file__),
        size=(6.0, 3.5),
    )


def means(values: Tensor) -> str:
    """Write the means over seeds."""
    return ", ".join(f"{value:.2f}" for value in values.mean(dim=0).tolist())


if __name__ == "__main__":
    main()
