"""Draw the IOI task over its sentence, and the paper's circuit in outline."""

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch

from docs._figures.ch02_diagrams import bare
from docs._figures.lib.plotting import publish

WORDS = "When Mary and John went to the store, John gave a book to".split()
ROLES = {1: "IO", 3: "S1", 4: "S1+1", 8: "S2", 12: "END"}
"""Index of the word -> its role."""
COLOURS = {"IO": 0, "S1": 1, "S1+1": None, "S2": 1, "END": 2}
HEADS = (
    ("S1+1", 2.3, "previous\ntoken"),
    ("S2", 3.7, "induction,\nduplicate token"),
    ("END", 5.1, "S-inhibition"),
    ("END", 6.5, "name mover"),
)
"""Role, height and name of a class of heads."""


def places() -> list[float]:
    """Compute the middle of each word."""
    found, x = [], 0.2
    for word in WORDS:
        width = 0.34 + 0.19 * len(word)
        found.append(x + width / 2)
        x += width
    return found


def arrow(
    axes: Axes, start: tuple[float, float], end: tuple[float, float], bend: float, ls: str = "-"
) -> None:
    """Draw an arrow, dashed for attention."""
    axes.add_patch(
        FancyArrowPatch(
            start,
            end,
            connectionstyle=f"arc3,rad={bend}",
            color=mpl.rcParams["text.color"],
            lw=1.2,
            ls=ls,
            arrowstyle="-|>",
            mutation_scale=10,
            zorder=2,
        )
    )


def draw_sentence(axes: Axes, y: float) -> dict[str, float]:
    """Write the sentence with its roles below; return x per role."""
    series = mpl.rcParams["axes.prop_cycle"].by_key()["color"]
    found = {}
    for index, (word, x) in enumerate(zip(WORDS, places(), strict=True)):
        role = ROLES.get(index)
        colour = None if role is None else COLOURS[role]
        ink = mpl.rcParams["text.color"] if colour is None else series[colour]
        weight = "bold" if role else "normal"
        axes.text(x, y, word, ha="center", va="center", fontsize=9.5, color=ink, weight=weight)
        if role:
            axes.text(x, y - 0.55, role, ha="center", va="center", fontsize=8.5, color=ink)
            found[role] = x
    return found


def draw_task(figure: Figure) -> None:
    """Draw the sentence, and the two candidates for the next word."""
    axes = bare(figure, 15.6, 3.5)
    x = draw_sentence(axes, 1.0)
    series = mpl.rcParams["axes.prop_cycle"].by_key()["color"]
    arrow(axes, (x["S2"], 1.35), (x["S1"], 1.35), 0.28)
    axes.text((x["S1"] + x["S2"]) / 2, 2.62, "the same name", ha="center", fontsize=8.5)
    axes.text(14.2, 1.75, "Mary", fontsize=10, color=series[0], weight="bold", ha="center")
    axes.text(14.2, 0.9, "John", fontsize=10, color=series[1], ha="center")
    arrow(axes, (x["END"] + 0.3, 1.1), (13.7, 1.7), 0.0)
    axes.plot([13.75, 14.65], [1.03, 1.03], color=series[1], lw=1.2)
    axes.text(14.2, 2.4, "logit difference:\nMary minus John", ha="center", fontsize=8)


def draw_circuit(figure: Figure) -> None:
    """Draw the classes of heads above their positions, and what they attend to."""
    axes = bare(figure, 15.6, 7.8)
    x = draw_sentence(axes, 1.0)
    page, soft = mpl.rcParams["axes.facecolor"], mpl.rcParams["axes.edgecolor"]
    where = {}
    for role in ("S1+1", "S2", "END"):
        axes.plot([x[role]] * 2, [1.3, 7.0], color=soft, lw=6, alpha=0.16, zorder=0)
    for role, y, name in HEADS:
        shape = FancyBboxPatch(
            (x[role] - 1.05, y - 0.36),
            2.1,
            0.72,
            boxstyle="round,pad=0.04",
            fc=page,
            ec=mpl.rcParams["text.color"],
            lw=1.3,
            zorder=3,
        )
        axes.add_patch(shape)
        axes.text(x[role], y, name, ha="center", va="center", fontsize=8.5, zorder=4)
        where[name.split("\n")[0]] = (x[role], y)
    previous, induction = where["previous"], where["induction,"]
    inhibition, mover = where["S-inhibition"], where["name mover"]
    arrow(axes, (previous[0] - 1.1, previous[1]), (x["S1"] - 0.1, 1.35), 0.3, "--")
    arrow(axes, (previous[0], previous[1] + 0.4), (induction[0] - 1.15, induction[1]), -0.2)
    arrow(axes, (induction[0], induction[1] + 0.4), (inhibition[0] - 1.15, inhibition[1]), -0.2)
    arrow(axes, (inhibition[0], inhibition[1] + 0.4), (mover[0], mover[1] - 0.4), 0.0)
    arrow(axes, (mover[0] - 1.15, mover[1] + 0.1), (x["IO"], 1.35), 0.36, "--")
    arrow(axes, (mover[0] + 0.2, mover[1] + 0.4), (mover[0] + 0.2, 7.35), 0.0)
    axes.text(mover[0] + 0.5, 7.3, "logit of Mary rises", fontsize=8.5, va="center")
    labels = (
        (previous[0] + 1.2, previous[1] - 0.1, '"after John"'),
        (induction[0] + 1.2, induction[1] - 0.1, '"John again"'),
        (inhibition[0] + 0.2, inhibition[1] + 0.7, '"not John"'),
    )
    for left, y, words in labels:
        axes.text(left, y, words, fontsize=8.5, va="center", style="italic")


def main() -> None:
    """Write both drawings."""
    publish(
        "ch07_task",
        draw_task,
        alt="The sentence When Mary and John went to the store, John gave a book to. Mary is the "
        "indirect object (IO), the two mentions of John are S1 and S2, the word after S1 is S1+1, "
        "the last word is END, where Mary is predicted and John is not.",
        sources=[__file__],
        size=(9.0, 2.1),
    )
    publish(
        "ch07_outline",
        draw_circuit,
        alt="The circuit in outline, over the same sentence. A previous-token head at S1+1 attends "
        "to S1. Induction and duplicate-token heads at S2 detect that John occurs a second time. "
        "S-inhibition heads at END read this from S2 and keep the name movers from attending to "
        "John. Name movers at END attend to IO, Mary, and raise its logit.",
        sources=[__file__],
        size=(9.0, 4.5),
    )


if __name__ == "__main__":
    main()
