"""Plot the book's figures: one theme, two variants, the same bytes on every run.

A figure script is a file docs/_figures/chNN_name.py with a function `main`. It computes its numbers
with solutions/ and toy_models/, then hands a drawing function to `publish`:

    def main() -> None:
        losses = measure(seed=0)

        def draw(figure: Figure) -> None:
            lines(figure.subplots(), steps, {"ours": losses}, labels=("step", "loss (nats)"))

        publish("ch02_loss", draw, alt="The loss falls from 10.8 to 4.1 nats.",
                numbers={"loss": losses}, seeds=[0], sources=[__file__])

    if __name__ == "__main__":
        main()

`draw` is called twice, for the light and the dark page, so it must not compute anything. The page
shows the figure by `![](figures/ch02_loss.svg "caption")`; its alt text is read from the JSON file.
"""

import io
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.ticker import FixedFormatter, FuncFormatter
from numpy.typing import ArrayLike

from docs._figures.lib.figure_files import FIGURES, replace_file, write_metadata
from docs._figures.lib.theme import (
    DARK,
    LIGHT,
    Palette,
    colour_scale,
    rc_params,
    sequential_colormap,
    text_colour_on,
)

LARGEST = 400_000
"""Largest size of one SVG in bytes."""


def publish(
    name: str,
    draw: Callable[[Figure], None],
    *,
    alt: str,
    sources: Iterable[Path | str],
    numbers: Mapping[str, Any] | None = None,
    seeds: Iterable[int] = (),
    size: tuple[float, float] = (7.0, 3.9),
) -> list[Path]:
    """Write figures/NAME.svg, NAME.dark.svg and NAME.json, and return their paths.

    Raises: ValueError without an alt text, or when an SVG is larger than LARGEST.
    """
    if not alt.strip():
        raise ValueError(
            f"figure {name}: expected an alt text, got none; describe what the figure shows"
        )
    written = []
    for suffix, palette in (("", LIGHT), (".dark", DARK)):
        svg = render(name, draw, palette, size)
        if len(svg) > LARGEST:
            raise ValueError(
                f"figure {name}: expected at most {LARGEST} bytes, got {len(svg)}; draw fewer marks"
            )
        written.append(FIGURES / f"{name}{suffix}.svg")
        replace_file(written[-1], svg)
    written.append(FIGURES / f"{name}.json")
    write_metadata(written[-1], alt, sources, numbers, seeds)
    return written


def render(
    name: str, draw: Callable[[Figure], None], palette: Palette, size: tuple[float, float]
) -> str:
    """Return the SVG of one variant; the same drawing always gives the same text."""
    with mpl.rc_context(rc=rc_params(name, palette)):
        figure = Figure(figsize=size, layout="constrained")
        FigureCanvasAgg(figure)
        draw(figure)
        for axis in (axis for axes in figure.axes for axis in (axes.xaxis, axes.yaxis)):
            shorten_log_labels(axis)
        buffer = io.StringIO()
        # without date and matplotlib version, so the file changes only if the picture does
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    return "\n".join(line.rstrip() for line in buffer.getvalue().splitlines()) + "\n"


def shorten_log_labels(axis: Axis) -> None:
    """Write 0.2 and 30 in place of powers of ten on a logarithmic axis without large numbers.

    An axis whose ticks have labels of their own keeps them.
    """
    if isinstance(axis.get_major_formatter(), FixedFormatter | FuncFormatter):
        return
    low, high = sorted(axis.get_view_interval())
    if axis.get_scale() == "log" and low >= 0.01 and high <= 1000 and high < 30 * low:
        for kind in (axis.set_major_formatter, axis.set_minor_formatter):
            kind(lambda value, _: f"{value:g}" if f"{value:.0e}"[0] in "125" else "")


def lines(
    axes: Axes,
    x: ArrayLike,
    series: Mapping[str, ArrayLike],
    *,
    bands: Mapping[str, tuple[ArrayLike, ArrayLike]] | None = None,
    labels: tuple[str, str] = ("", ""),
) -> None:
    """Plot one line per series, with its band (low, high) if it has one."""
    colours = mpl.rcParams["axes.prop_cycle"].by_key()["color"]
    for index, (label, y) in enumerate(series.items()):
        colour = colours[index % len(colours)]
        if bands and label in bands:
            axes.fill_between(x, *bands[label], color=colour, alpha=0.22, linewidth=0)
        axes.plot(x, y, color=colour, label=label, linewidth=1.8)
    axes.set(xlabel=labels[0], ylabel=labels[1])
    axes.grid(axis="y", linewidth=0.5, alpha=0.35)
    if len(series) > 1:
        axes.legend(frameon=False)


def bars(
    axes: Axes,
    values: Mapping[str, float],
    *,
    errors: Mapping[str, tuple[float, float]] | None = None,
    label: str = "",
    number: str = "{:.2f}",
) -> None:
    """Plot one horizontal bar per value, the first on top, with its number and its (low, high)."""
    names = [show_token(name) for name in values]
    axes.barh(range(len(names)), list(values.values()), height=0.66)
    for row, (name, value) in enumerate(values.items()):
        end = value
        if errors and name in errors:
            low, high = errors[name]
            axes.plot([low, high], [row, row], color=mpl.rcParams["text.color"], linewidth=1.2)
            end = high if value >= 0 else low
        side = "left" if value >= 0 else "right"
        gap = (6, 0) if value >= 0 else (-6, 0)
        axes.annotate(
            number.format(value), (end, row), gap, textcoords="offset points", ha=side, va="center"
        )
    axes.set(yticks=range(len(names)), yticklabels=names, xlabel=label)
    axes.invert_yaxis()
    axes.margins(x=0.16)
    axes.tick_params(axis="y", length=0)


def heatmap(
    axes: Axes,
    values: ArrayLike,
    *,
    rows: Sequence[str],
    columns: Sequence[str],
    words: Sequence[Sequence[str]] | None = None,
    label: str = "",
    diverging: bool = False,
) -> None:
    """Plot a grid of values, [row, column], with a number or a word in each cell.

    NaN cells stay blank. `words` replaces the numbers, as in a logit lens.
    """
    cells = np.asarray(values, dtype=float)
    scale, colours = colour_scale(cells, diverging=diverging)
    image = axes.imshow(cells, cmap=colours, norm=scale, aspect="auto")
    axes.set(yticks=range(len(rows)), yticklabels=[show_token(row) for row in rows])
    axes.set(xticks=range(len(columns)), xticklabels=[show_token(name) for name in columns])
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    for (row, column), value in np.ndenumerate(cells):
        if np.isfinite(value):
            word = show_token(words[row][column]) if words else f"{value:.2f}"
            colour = text_colour_on(colours(scale(value)))
            axes.text(column, row, word, color=colour, ha="center", va="center", fontsize=8.5)
    axes.figure.colorbar(image, ax=axes, label=label, pad=0.015).outline.set_visible(False)


def attention_pattern(
    axes: Axes, pattern: ArrayLike, tokens: Sequence[str], *, title: str = ""
) -> None:
    """Plot the attention pattern of one head, [query, key]; masked keys stay blank."""
    weights = np.asarray(pattern, dtype=float)
    future = np.triu(np.ones_like(weights, dtype=bool), 1)
    masked = np.ma.masked_array(weights, future)
    axes.imshow(masked, cmap=sequential_colormap(), norm=Normalize(0, 1))
    names = [show_token(token) for token in tokens]
    axes.set(yticks=range(len(names)), yticklabels=names, ylabel="query", title=title)
    axes.set_xticks(range(len(names)), names, rotation=90)
    axes.set_xlabel("key")
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    # the staircase above the diagonal, from the upper left corner
    x, y = [-0.5], [-0.5]
    for i in range(len(names)):
        x, y = [*x, i + 0.5, i + 0.5], [*y, i - 0.5, i + 0.5]
    axes.plot(x, y, color=mpl.rcParams["axes.edgecolor"], lw=0.6)


def plot_directions(
    axes: Axes, W: ArrayLike, *, groups: Sequence[int] = (), title: str = "", reach: float = 1.35
) -> None:
    """Plot each feature's direction in the plane, W [2, feature]; a group shares one colour.

    Without groups all features have the same colour. `reach`: limits of both axes.
    """
    colours = mpl.rcParams["axes.prop_cycle"].by_key()["color"]
    for feature, (right, up) in enumerate(np.asarray(W, dtype=float).T):
        colour = colours[(groups[feature] if len(groups) else 0) % len(colours)]
        axes.plot([0, right], [0, up], color=colour, linewidth=1.6)
        axes.plot([right], [up], "o", color=colour, markersize=4.5)
    axes.set(xlim=(-reach, reach), ylim=(-reach, reach), aspect="equal", title=title)
    axes.set(xticks=[], yticks=[])
    axes.spines[:].set_visible(False)


def show_token(token: str) -> str:
    """Make a token's leading space and line ends visible, and escape `$` (matplotlib's maths)."""
    if token.startswith(" "):
        token = "\u2423" + token[1:]
    return token.replace("\n", "\u21b5").replace("\t", "\u21e5").replace("$", r"\$")
