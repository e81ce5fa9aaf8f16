"""Draw activation patching as three columns: the clean run, the corrupted run, the patched run."""

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, Rectangle

from docs._figures.ch02_diagrams import bare
from docs._figures.lib.plotting import publish

WORDS = ("Mary", "John", "...", "{}", "... to")
COLUMNS = (("clean", "John", 0), ("corrupted", "Anna", 1), ("patched", "Anna", 1))
"""Title, the word that differs, and the colour of what follows from it."""
LAYERS, SITE = 4, (2, 4)
"""Number of layers, and the layer and position that are patched."""
WIDTH, STEP = 5.0, 6.1


def follows(layer: int, position: int, patched: bool) -> int | None:
    """Return the colour of a cell: what depends on the word that differs, or on the patch."""
    if patched and position == SITE[1] and layer >= SITE[0]:
        return 0 if layer == SITE[0] else 2
    if position == 3 or (position > 3 and layer >= 1):
        return -1
    return None


def draw_column(axes: Axes, left: float, column: int) -> None:
    """Draw one run: layers above words."""
    title, word, own = COLUMNS[column]
    series = mpl.rcParams["axes.prop_cycle"].by_key()["color"]
    soft = mpl.rcParams["axes.edgecolor"]
    axes.text(left + WIDTH / 2, 6.75, title, ha="center", weight="bold", fontsize=10)
    for position, text in enumerate(WORDS):
        axes.text(left + position + 0.5, 0.65, text.format(word), ha="center", fontsize=8)
        for layer in range(LAYERS):
            paint = follows(layer, position, column == 2)
            fill = soft if paint is None else series[own if paint == -1 else paint]
            axes.add_patch(
                Rectangle(
                    (left + position + 0.05, 1.15 + layer),
                    0.9,
                    0.88,
                    fc=fill,
                    alpha=0.12 if paint is None else 0.5,
                    lw=0,
                )
            )
    if column != 1:
        corner = (left + SITE[1] + 0.05, 1.15 + SITE[0])
        ink = mpl.rcParams["text.color"]
        axes.add_patch(Rectangle(corner, 0.9, 0.88, fc="none", ec=ink, lw=1.8, zorder=3))
    answer = ("Mary", "?", "Mary again?")[column]
    axes.text(left + 4.5, 5.6, answer, ha="center", fontsize=9, style="italic")


def draw(figure: Figure) -> None:
    """Draw three columns, and the patch from the first to the third."""
    axes = bare(figure, 2 * STEP + WIDTH + 0.4, 7.2)
    for column in range(3):
        draw_column(axes, 0.3 + STEP * column, column)
    axes.text(0.05, 1.15 + LAYERS / 2, "layers", rotation=90, va="center", fontsize=8.5)
    ink = mpl.rcParams["text.color"]
    y = 1.15 + SITE[0] + 0.44
    axes.add_patch(
        FancyArrowPatch(
            (0.3 + SITE[1] + 0.5, y + 0.44),
            (0.3 + 2 * STEP + SITE[1] + 0.5, y + 0.44),
            connectionstyle="arc3,rad=-0.16",
            color=ink,
            lw=1.4,
            arrowstyle="-|>",
            mutation_scale=12,
            zorder=4,
        )
    )
    axes.text(
        0.3 + STEP + WIDTH / 2,
        0.05,
        "grey: equal in both runs    colored: follows from the name    "
        "green: follows from the patch",
        ha="center",
        fontsize=8.5,
    )


def main() -> None:
    """Write the drawing."""
    publish(
        "ch05_columns",
        draw,
        alt="Three runs as columns of layers above words. Clean: Mary, John, John, to; everything "
        "from the second John on follows from this name. Corrupted: the same with Anna for the "
        "second John. Patched: the corrupted prompt, with one activation at the last word replaced "
        "by its value in the clean run; what is computed after it follows from the patch. The "
        "question is whether the patched run answers Mary.",
        sources=[__file__],
        size=(9.0, 3.8),
    )


if __name__ == "__main__":
    main()
