"""Draw the induction circuit over "A B C ... A", and the stripe that it leaves in a pattern."""

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch, Rectangle

from docs._figures.lib.plotting import publish

TOKENS = ("A", "B", "C", "D", "A", "B", "C", "D")
PERIOD = 4
BLUE, ORANGE, GREEN = 0, 1, 2


def colours() -> list[str]:
    """Return the colours of the series."""
    return mpl.rcParams["axes.prop_cycle"].by_key()["color"]


def box(axes: Axes, x: float, y: float, words: str, colour: int, width: float = 1.9) -> None:
    """Draw a head."""
    page = mpl.rcParams["axes.facecolor"]
    shape = FancyBboxPatch(
        (x - width / 2, y - 0.34),
        width,
        0.68,
        boxstyle="round,pad=0.04",
        fc=page,
        ec=colours()[colour],
        lw=1.6,
        zorder=3,
    )
    axes.add_patch(shape)
    axes.text(x, y, words, ha="center", va="center", fontsize=8.5, zorder=4)


def curve(
    axes: Axes,
    start: tuple[float, float],
    end: tuple[float, float],
    colour: int,
    bend: float = 0.0,
    ls: str = "-",
) -> None:
    """Draw an arrow between two places."""
    axes.add_patch(
        FancyArrowPatch(
            start,
            end,
            connectionstyle=f"arc3,rad={bend}",
            color=colours()[colour],
            lw=1.6,
            ls=ls,
            arrowstyle="-|>",
            mutation_scale=12,
            shrinkA=0,
            shrinkB=0,
            zorder=2,
        )
    )


def draw_heads(axes: Axes) -> None:
    """Draw the two heads above the tokens, from bottom to top."""
    axes.set(xlim=(0, 9.3), ylim=(-0.5, 6.2), aspect="equal")
    axes.axis("off")
    soft = mpl.rcParams["axes.edgecolor"]
    places = {"A": 1.0, "B": 2.9, "...": 4.9, "A again": 7.2}
    for name, x in places.items():
        word = name.split()[0]
        if word != "...":
            axes.plot([x, x], [0.55, 5.1], color=soft, lw=6, alpha=0.18, zorder=1)
        axes.text(x, 0.15, word, ha="center", va="center", fontsize=13, weight="bold")
    box(axes, 2.9, 1.75, "previous-token\nhead", BLUE)
    curve(axes, (1.0, 0.6), (1.95, 1.6), BLUE, -0.25)
    axes.text(0.62, 1.6, "A", fontsize=9, color=colours()[BLUE], weight="bold")
    axes.text(2.7, 2.75, 'key: "the token\nbefore is A"', fontsize=8.5, va="center", ha="right")
    box(axes, 7.2, 3.9, "induction\nhead", ORANGE)
    curve(axes, (7.2, 0.6), (7.2, 3.5), ORANGE)
    axes.text(7.4, 2.2, 'query: "A"', fontsize=8.5, va="center")
    curve(axes, (6.2, 3.9), (2.95, 2.2), ORANGE, 0.25, "--")
    axes.text(4.5, 4.45, "attends", ha="center", fontsize=8.5, color=colours()[ORANGE])
    curve(axes, (7.2, 4.3), (7.2, 5.3), GREEN)
    axes.text(7.2, 5.65, "logit of B rises", ha="center", fontsize=9, color=colours()[GREEN])
    axes.text(4.4, -0.35, "full: moves information, dashed: attention", ha="center", fontsize=8)


def draw_stripe(axes: Axes) -> None:
    """Draw the pattern of an ideal induction head: query by key."""
    n = len(TOKENS)
    axes.set(xlim=(-0.2, n + 0.2), ylim=(n + 0.2, -0.2), aspect="equal")
    soft = mpl.rcParams["axes.edgecolor"]
    for query in range(n):
        for key in range(query + 1):
            hit = query >= PERIOD and key == query - PERIOD + 1
            fill = colours()[ORANGE] if hit else soft
            axes.add_patch(
                Rectangle((key, query), 1, 1, fc=fill, alpha=0.85 if hit else 0.12, lw=0)
            )
    axes.set_xticks([i + 0.5 for i in range(n)], TOKENS)
    axes.set_yticks([i + 0.5 for i in range(n)], TOKENS)
    axes.tick_params(length=0, labelsize=9)
    axes.set_xlabel("attends to")
    axes.set_ylabel("current token")
    axes.set_title("The stripe", fontsize=10)
    for side in axes.spines.values():
        side.set_visible(False)


def draw(figure: Figure) -> None:
    """Draw the circuit on the left, the stripe on the right."""
    left, right = figure.subplots(1, 2, width_ratios=[1.75, 1.0])
    draw_heads(left)
    draw_stripe(right)


def main() -> None:
    """Write the drawing."""
    publish(
        "ch04_circuit",
        draw,
        alt="Left: a text A, B, ..., A. At B a previous-token head copies A from the position "
        "before, so the key at B contains: the token before is A. At the second A an induction "
        "head's query matches this key, the head attends to B and raises the logit of B. Right: "
        "the pattern of such a head on A B C D A B C D. Each token of the second half attends to "
        "the token after its first copy, which makes a stripe parallel to the diagonal.",
        sources=[__file__],
        size=(9.0, 4.0),
    )


if __name__ == "__main__":
    main()
