"""Plot one dot per trained model, with a line and a number at the mean."""

from collections.abc import Mapping, Sequence

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes

from docs._figures.lib.plotting import show_token

MARKERS = ("o", "s", "^", "D")


def dot_plot(
    axes: Axes,
    rows: Sequence[str],
    series: Mapping[str, Sequence[Sequence[float]]],
    *,
    label: str = "",
    number: str = "{:.2f}",
    reach: tuple[float, float] = (-0.03, 1.12),
) -> None:
    """Plot, for each row and series, one dot per model and the mean as a number.

    series: name -> the values of all models, one sequence per row. Series of a row are stacked.
    reach: limits of the x axis.
    """
    colours = mpl.rcParams["axes.prop_cycle"].by_key()["color"]
    height = 0.7 / len(series)
    for index, (name, values) in enumerate(series.items()):
        colour, shift = colours[index], (index - (len(series) - 1) / 2) * height
        for row, models in enumerate(values):
            y, mean = row + shift, float(np.mean(models))
            axes.plot([min(0, mean), max(0, mean)], [y, y], color=colour, lw=1, alpha=0.45)
            axes.plot(
                models,
                [y] * len(models),
                ls="",
                marker=MARKERS[index],
                ms=5,
                alpha=0.75,
                color=colour,
                mec="none",
                label=name if row == 0 else None,
            )
            axes.annotate(
                number.format(mean),
                (max(*models, 0), y),
                (7, 0),
                textcoords="offset points",
                va="center",
                fontsize=8.5,
            )
    axes.set(yticks=range(len(rows)), yticklabels=[show_token(row) for row in rows])
    axes.set(xlabel=label, xlim=reach, ylim=(len(rows) - 0.5, -0.5))
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="x", linewidth=0.5, alpha=0.3)


def legend_above(axes: Axes, columns: int = 2) -> None:
    """Put the legend above the axes, where it covers no data."""
    axes.legend(
        frameon=False, loc="lower left", bbox_to_anchor=(0, 1), ncols=columns, borderaxespad=0.2
    )
