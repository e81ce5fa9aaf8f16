"""Draws the book's figures: one look, two variants, the same bytes on every run.

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

`draw` is called twice, for the light and for the dark page, and must not compute. The page says
`![](figures/ch02_loss.svg "caption")`: the alt text comes from the JSON beside the figure.
"""

import io
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from docs._figures.look import DARK, LIGHT, Palette, look, readable, scale_of, sequential
from docs._figures.write import FIGURES, replace_file, write_facts

LARGEST = 400_000
"""Bytes of one SVG; what is larger belongs into a PNG or says too much."""


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

    Raises: ValueError without an alt text, or when the picture is too large to ship.
    """
    if not alt.strip():
        raise ValueError(f"figure {name}: say in `alt` what a reader who cannot see it should know")
    written = []
    for suffix, palette in (("", LIGHT), (".dark", DARK)):
        svg = render(name, draw, palette, size)
        if len(svg) > LARGEST:
            raise ValueError(f"figure {name}: {len(svg)} bytes, at most {LARGEST}; draw less")
        written.append(FIGURES / f"{name}{suffix}.svg")
        replace_file(written[-1], svg)
    written.append(FIGURES / f"{name}.json")
    write_facts(written[-1], alt, sources, numbers, seeds)
    return written


def render(
    name: str, draw: Callable[[Figure], None], palette: Palette, size: tuple[float, float]
) -> str:
    """Return the SVG of one variant, the same text for the same drawing."""
    with mpl.rc_context(rc=look(name, palette)):
        figure = Figure(figsize=size, layout="constrained")
        FigureCanvasAgg(figure)
        draw(figure)
        buffer = io.StringIO()
        # Neither date nor version of matplotlib: the file changes when the picture does.
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    return "\n".join(line.rstrip() for line in buffer.getvalue().splitlines()) + "\n"


def lines(
    axes: Axes,
    x: Sequence[float],
    series: Mapping[str, Sequence[float]],
    *,
    bands: Mapping[str, tuple[Sequence[float], Sequence[float]]] | None = None,
    labels: tuple[str, str] = ("", ""),
) -> None:
    """Draw a line for each series, with its band (low, high) where there is one."""
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
    """Draw a horizontal bar for each value, first on top, with its number and its (low, high)."""
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
    values: np.ndarray,
    *,
    rows: Sequence[str],
    columns: Sequence[str],
    words: Sequence[Sequence[str]] | None = None,
    label: str = "",
    diverging: bool = False,
) -> None:
    """Draw a grid of values, [row, column], with a word or number in each cell.

    Empty cells (nan) stay blank. `words` replaces the numbers, as in a logit lens.
    """
    values = np.asarray(values, dtype=float)
    scale, colours = scale_of(values, diverging)
    image = axes.imshow(values, cmap=colours, norm=scale, aspect="auto")
    axes.set(yticks=range(len(rows)), yticklabels=[show_token(row) for row in rows])
    axes.set(xticks=range(len(columns)), xticklabels=[show_token(name) for name in columns])
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    for (row, column), value in np.ndenumerate(values):
        if np.isfinite(value):
            word = show_token(words[row][column]) if words else f"{value:.2f}"
            colour = readable(colours(scale(value)))
            axes.text(column, row, word, color=colour, ha="center", va="center", fontsize=8.5)
    axes.figure.colorbar(image, ax=axes, label=label, pad=0.015).outline.set_visible(False)


def attention(axes: Axes, pattern: np.ndarray, tokens: Sequence[str], *, title: str = "") -> None:
    """Draw one head's pattern, [query, key], as a triangle: what may not be seen stays blank."""
    pattern = np.asarray(pattern, dtype=float)
    hidden = np.triu(np.ones_like(pattern, dtype=bool), 1)
    colours = sequential()
    axes.imshow(np.ma.masked_array(pattern, hidden), cmap=colours, norm=Normalize(0, 1))
    names = [show_token(token) for token in tokens]
    axes.set(yticks=range(len(names)), yticklabels=names, ylabel="from", title=title)
    axes.set_xticks(range(len(names)), names, rotation=90)
    axes.set_xlabel("to")
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    stairs = [step for i in range(len(names)) for step in ((i + 0.5, i - 0.5), (i + 0.5, i + 0.5))]
    axes.plot(
        *zip((-0.5, -0.5), *stairs, strict=True), color=mpl.rcParams["axes.edgecolor"], lw=0.6
    )


def star(
    axes: Axes, W: np.ndarray, *, groups: Sequence[int] = (), title: str = "", reach: float = 1.35
) -> None:
    """Draw each feature's direction in a plane, W [2, feature]; features of a group share a colour.

    Without groups all have one colour. `reach` is where the picture ends.
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
    """Return a token with its spaces and line ends made visible, and nothing taken for maths."""
    if token.startswith(" "):
        token = "\u2423" + token[1:]
    return token.replace("\n", "\u21b5").replace("\t", "\u21e5").replace("$", r"\$")
