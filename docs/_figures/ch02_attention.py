"""Draw one attention head, and a block, as tensors with their axes."""

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.typing import ArrayLike

from docs._figures.ch02_diagrams import arrow, bare
from docs._figures.lib.plotting import publish

TOKENS = ("the", "cat", "sat", "on")
CELL = 0.36
SCORES = np.array([[0.0, 0, 0, 0], [1.2, 0.3, 0, 0], [0.2, 1.6, 0.1, 0], [0.4, 0.2, 1.4, 0.3]])


def paint(number: int | None) -> str:
    """Return one of the series' colours, or the colour of the text."""
    series = mpl.rcParams["axes.prop_cycle"].by_key()["color"]
    return str(mpl.rcParams["text.color"] if number is None else series[number])


def tensor(
    axes: Axes,
    corner: tuple[float, float],
    columns: int,
    words: tuple[str, str],
    colour: int | None = None,
    fill: ArrayLike | None = None,
) -> tuple[float, float]:
    """Draw a tensor of one row per token, its name above and its axes below; return its middle."""
    left, top = corner
    values = np.full((len(TOKENS), columns), 0.18) if fill is None else np.asarray(fill)
    for (row, column), value in np.ndenumerate(values):
        place = (left + column * CELL, top - (row + 1) * CELL)
        hidden = np.isnan(value)
        shade = Rectangle(
            place, CELL, CELL, fc=paint(colour), alpha=0.0 if hidden else float(value), lw=0
        )
        axes.add_patch(shade)
        axes.add_patch(Rectangle(place, CELL, CELL, fc="none", ec=paint(colour), lw=0.7))
        if hidden:
            middle = (place[0] + CELL / 2, place[1] + CELL / 2)
            axes.text(*middle, "-", ha="center", va="center", fontsize=8)
    width, height = columns * CELL, len(TOKENS) * CELL
    axes.text(left + width / 2, top + 0.12, words[0], ha="center", va="bottom", fontsize=10)
    axes.text(left + width / 2, top - height - 0.12, words[1], ha="center", va="top", fontsize=8)
    return left + width / 2, top - height / 2


def name_rows(axes: Axes, left: float, top: float) -> None:
    """Write the tokens next to the rows of a tensor."""
    for row, token in enumerate(TOKENS):
        height = top - (row + 0.5) * CELL
        axes.text(left - 0.12, height, token, ha="right", va="center", fontsize=8.5)


def masked() -> tuple[np.ndarray, np.ndarray]:
    """Return scores for shading, with the future left out, and the pattern that follows."""
    future = np.triu(np.ones_like(SCORES, dtype=bool), k=1)
    weights = np.where(future, 0.0, np.exp(SCORES))
    pattern = weights / weights.sum(axis=1, keepdims=True)
    return np.where(future, np.nan, 0.1 + 0.45 * SCORES), np.where(future, np.nan, 0.9 * pattern)


def draw_head(figure: Figure) -> None:
    """Draw where one head attends, and what it moves."""
    axes = bare(figure, 13.6, 7.6)
    scores, pattern = masked()
    name_rows(axes, 0.75, 5.2)
    tensor(axes, (0.75, 5.2), 6, ("x, after the norm", "pos x d_model"))
    for top, name, weight, colour in (
        (7.1, "q", "W_Q", 0),
        (4.75, "k", "W_K", 0),
        (2.4, "v", "W_V", 1),
    ):
        tensor(axes, (4.6, top), 3, (name, "pos x d_head"), colour)
        arrow(axes, (3.05, 4.48), (4.5, top - 2 * CELL), colour)
        axes.text(
            3.72,
            4.4 + 0.46 * (top - 2 * CELL - 4.48),
            weight,
            ha="center",
            fontsize=9,
            color=paint(colour),
            backgroundcolor=mpl.rcParams["figure.facecolor"],
        )
    tensor(axes, (7.0, 5.9), 4, ("scores", "query x key"), 0, scores)
    arrow(axes, (5.78, 6.38), (6.9, 5.4), 0)
    arrow(axes, (5.78, 4.03), (6.9, 4.95), 0)
    tensor(axes, (9.6, 5.9), 4, ("pattern", "rows sum to one"), 0, pattern)
    arrow(axes, (8.54, 5.18), (9.5, 5.18), 0)
    axes.text(9.02, 5.32, "softmax", ha="center", fontsize=8.5)
    axes.text(8.0, 6.85, "where to attend", ha="left", fontsize=11, weight="bold", color=paint(0))
    tensor(axes, (8.1, 2.4), 3, ("z", "pos x d_head"), 1)
    arrow(axes, (10.3, 4.0), (9.2, 2.0), 0)
    arrow(axes, (5.78, 1.68), (8.0, 1.68), 1)
    axes.text(6.9, 1.5, "averaged by\nthe pattern", va="top", ha="center", fontsize=8.5)
    tensor(axes, (10.9, 2.4), 6, ("output of the head", "pos x d_model"), 1)
    arrow(axes, (9.28, 1.68), (10.8, 1.68), 1)
    axes.text(10.02, 1.8, "W_O", ha="center", fontsize=9, color=paint(1))
    axes.text(8.0, 0.2, "what to move", ha="left", fontsize=11, weight="bold", color=paint(1))


def draw_stream(figure: Figure) -> None:
    """Draw how a block changes shapes, from left to right."""
    axes = bare(figure, 13.6, 4.6)
    name_rows(axes, 0.75, 4.2)
    for left, name in (
        (0.75, "residual stream"),
        (5.6, "after attention"),
        (10.45, "after the MLP"),
    ):
        tensor(axes, (left, 4.2), 6, (name, "pos x d_model"))
    for left, parts, colour in ((0.75, "norm, attention", 0), (5.6, "norm, MLP", 1)):
        start, end = left + 6 * CELL, left + 4.85
        arrow(axes, (start + 0.1, 3.48), (end - 0.1, 3.48))
        axes.text((start + end) / 2, 3.62, "+", ha="center", fontsize=15, weight="bold")
        middle = (start + end) / 2
        frame = Rectangle((middle - 1.15, 0.75), 2.3, 0.85, fc="none", ec=paint(colour), lw=1.4)
        axes.add_patch(frame)
        axes.text(middle, 1.17, parts, ha="center", va="center", fontsize=9.5)
        arrow(axes, (left + 1.1, 2.3), (middle - 1.1, 1.35), colour)
        arrow(axes, (middle, 1.65), (middle, 3.35), colour)
    axes.text(2.0, 1.75, "read", ha="right", fontsize=8.5)
    axes.text(3.6, 2.2, "add", fontsize=8.5)


def main() -> None:
    """Write both drawings."""
    publish(
        "ch02_attention",
        draw_head,
        alt="The normalised residual stream, one row per token, is projected to queries, keys and "
        "values. Queries and keys give a table of scores, query by key, without the future; the "
        "softmax makes a pattern whose rows sum to one. The pattern averages the values to z, and "
        "W_O maps z back to the width of the residual stream.",
        sources=[__file__],
        size=(7.4, 4.2),
    )
    publish(
        "ch02_stream",
        draw_stream,
        alt="The residual stream, one row per token, before a block, after attention and after the "
        "MLP, always of the same shape. A norm and attention, then a norm and the MLP, read the "
        "residual stream and add to it.",
        sources=[__file__],
        size=(7.4, 2.6),
    )


if __name__ == "__main__":
    main()
