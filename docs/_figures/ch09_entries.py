"""Draw the diagram of the fast step: active entries, sorted by latent, and the rows they read."""

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from docs._figures.ch02_diagrams import arrow, bare
from docs._figures.lib.plotting import publish

TOKENS, LATENTS, INPUTS = 4, 6, 4
"""Sizes of the sketch."""
ACTS = {
    (0, 1): ".9",
    (0, 4): ".3",
    (1, 1): ".5",
    (1, 2): ".7",
    (2, 4): ".8",
    (2, 5): ".4",
    (3, 0): ".6",
    (3, 4): ".2",
}
"""Token and latent -> activation, set by hand; two latents are active per token."""
CELL, ROW, ENTRY, GAP = 0.72, 0.86, 0.56, 0.17
"""Side of a cell, height of a row of W_dec and of an entry, and space between two latents."""
MATRIX, LIST, ROWS, TOP = 0.9, 6.6, 12.2, 5.4
"""Left edges of the three parts, and their upper edge."""


def cell(axes: Axes, x: float, top: float, size: tuple[float, float], token: int | None) -> None:
    """Draw a cell below `top`, filled in the color of a token if it has one."""
    edge = mpl.rcParams["axes.edgecolor"]
    corner = (x, top - size[1])
    if token is not None:
        colour = mpl.rcParams["axes.prop_cycle"].by_key()["color"][token]
        axes.add_patch(Rectangle(corner, *size, fc=colour, alpha=0.35, lw=0))
    axes.add_patch(Rectangle(corner, *size, fc="none", ec=edge, lw=0.6))


def word(axes: Axes, x: float, y: float, text: str, size: float = 8.5) -> None:
    """Write a text around a point."""
    axes.text(x, y, text, ha="center", va="center", fontsize=size)


def draw_matrix(axes: Axes) -> None:
    """Draw the activations, one row per token."""
    middle = MATRIX + LATENTS * CELL / 2
    word(axes, middle, TOP + 1.35, "activations", 10)
    word(axes, middle, TOP + 0.75, "latent")
    axes.text(
        MATRIX - 0.85, TOP - TOKENS * CELL / 2, "token", rotation=90, va="center", fontsize=8.5
    )
    for latent in range(LATENTS):
        word(axes, MATRIX + (latent + 0.5) * CELL, TOP + 0.27, f"{latent}")
    for token in range(TOKENS):
        top = TOP - token * CELL
        word(axes, MATRIX - 0.2, top - CELL / 2, f"{token}")
        for latent in range(LATENTS):
            active = (token, latent) in ACTS
            cell(axes, MATRIX + latent * CELL, top, (CELL, CELL), token if active else None)
            x = MATRIX + (latent + 0.5) * CELL
            word(axes, x, top - CELL / 2, ACTS.get((token, latent), ""))


def draw_entries(axes: Axes) -> None:
    """Draw the entries sorted by latent, and a line from each to its row of W_dec."""
    columns, width = (0.55, 1.6, 2.65), 3.2
    word(axes, LIST + width / 2, TOP + 1.35, "active entries", 10)
    for x, name in zip(columns, ("latent", "token", "weight"), strict=True):
        word(axes, LIST + x, TOP + 0.27, name)
    top, last = TOP, 0
    for (token, latent), weight in sorted(ACTS.items(), key=lambda entry: entry[0][::-1]):
        top -= GAP * (latent != last)
        cell(axes, LIST, top, (width, ENTRY), token)
        for x, text in zip(columns, (latent, token, weight), strict=True):
            word(axes, LIST + x, top - ENTRY / 2, f"{text}")
        tokens = [other for other, its_latent in ACTS if its_latent == latent]
        apart = 0.24 * (tokens.index(token) - (len(tokens) - 1) / 2)
        start = (LIST + width + 0.08, top - ENTRY / 2)
        arrow(axes, start, (ROWS - 0.08, TOP - (latent + 0.5) * ROW - apart), token)
        top, last = top - ENTRY, latent


def draw_rows(axes: Axes) -> None:
    """Draw W_dec, one row per latent, and mark the row that is not read."""
    width = INPUTS * CELL
    word(axes, ROWS + width / 2, TOP + 1.35, r"$W_{dec}$", 10)
    word(axes, ROWS + width / 2, TOP + 0.27, "one row per latent")
    used = {latent for _, latent in ACTS}
    for latent in range(LATENTS):
        top = TOP - latent * ROW
        word(axes, ROWS + width + 0.25, top - ROW / 2, f"{latent}")
        if latent not in used:
            word(axes, ROWS + width / 2, top - ROW / 2, "not read")
            cell(axes, ROWS, top, (width, ROW), None)
            continue
        for place in range(INPUTS):
            cell(axes, ROWS + place * CELL, top, (CELL, ROW), None)


def draw(figure: Figure) -> None:
    """Draw the activations, their entries and the decoder from left to right."""
    axes = bare(figure, 15.7, TOP + 1.7)
    draw_matrix(axes)
    arrow(axes, (MATRIX + LATENTS * CELL + 0.2, TOP - 1.44), (LIST - 0.15, TOP - 1.44))
    draw_entries(axes)
    draw_rows(axes)


def main() -> None:
    """Write the diagram."""
    publish(
        "ch09_entries",
        draw,
        alt="Left: activations of 4 tokens and 6 latents, with two active latents per token, in a "
        "color per token. Middle: the same eight entries as a list of latent, token and weight, "
        "sorted by latent. Right: each entry points to the row of W_dec of its latent. Latent 4 "
        "has three entries and its row is read three times; latent 3 has none and its row is not "
        "read.",
        sources=[__file__],
        size=(6.8, 3.1),
    )


if __name__ == "__main__":
    main()
