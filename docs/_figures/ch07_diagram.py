"""Draw the circuit: its classes at the positions where they work, and the paths between them.

Positions from left to right, depth from bottom to top, in inches. A box names its heads and the
logit difference lost along their path, on prompts on which no head was chosen.
"""

from typing import Any, NamedTuple

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch

from docs._figures.ioi.style import STEP_OF, interval_text, load, members, style_of
from docs._figures.lib.plotting import publish

LINE, PAD, GAP = 0.17, 0.1, 0.26
COLUMNS = {"IO": 0.24, "S1": 0.66, "S1+1": 1.52, "S2": 2.86, "END": 4.3}
EXAMPLE = {"IO": "Mary", "S1": "John", "S1+1": "went", "S2": "John", "END": "to"}
WIDTH = 1.2
BANDS = {"IO": (0.04, 0.44), "S1": (0.46, 0.86), "S1+1": (0.88, 2.16), "S2": (2.22, 3.5)}
BANDS |= {"END": (3.66, 5.2)}
BUS, STREAM, FULL = 3.58, 5.07, 5.24
"""x of the line from S2 to END, of the residual stream at END, and of the drawing's edge."""
FLOOR, UNDER = 0.5, 0.68
"""y of the bands' lower edge, and of the lines below all boxes."""
STACK = (
    "previous token",
    "duplicate token",
    "induction",
    "S-inhibition",
    "name mover",
    "subject suppressor",
    "negative name mover",
    "unexplained",
)
"""From bottom to top."""
COLUMN_OF = {"previous token": "S1+1", "duplicate token": "S2", "induction": "S2"}


class Box(NamedTuple):
    """A class of heads in the drawing."""

    x: float
    """Its centre."""
    low: float
    """Its lower edge."""
    high: float
    """Its upper edge."""
    lines: tuple[str, ...]
    """Its name, and a line for each head."""


def main() -> None:
    """Draw the circuit, and list its paths in the alt text."""
    facts, paths = load(), load("paths")["paths"]
    heads: dict[str, dict[str, list[float]]] = {}
    for name, head in members(facts):
        heads.setdefault(name, {})[head] = paths[STEP_OF.get(name, "direct")][head]
    boxes, height = place(heads)

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        axes.set(xlim=(0, FULL), ylim=(0, height), aspect="equal")
        axes.axis("off")
        columns(axes, height - 0.3)
        for name, box in boxes.items():
            draw_box(axes, name, box)
        connect(axes, boxes, height - 0.3)

    publish(
        "ch07_diagram",
        draw,
        alt=alt_text(heads),
        numbers={"prompts": facts["prompts"], "heads": heads},
        sources=[__file__],
        seeds=range(5),
        size=(FULL, height),
    )


def place(heads: dict[str, dict[str, Any]]) -> tuple[dict[str, Box], float]:
    """Place the boxes from bottom to top, each above the classes that reach it."""
    boxes: dict[str, Box] = {}
    order = [n for n in STACK if n in heads] + [n for n in heads if n not in STACK]
    tops = {"S1+1": 0.9, "S2": 0.9, "END": 0.0}
    for name in order:
        column = COLUMN_OF.get(name, "END")
        low = tops[column] or tops["S2"] - 0.5
        if name == "induction" and "previous token" in boxes:
            low = max(low, boxes["previous token"].high - 0.05)
        lines = tuple(f"{head}  {short(effect)}" for head, effect in heads[name].items())
        title = name.replace(" ", "\n", 1) if len(name) > 16 else name
        high = low + LINE * (len(lines) + 1 + title.count("\n")) + 2 * PAD
        boxes[name] = Box(COLUMNS[column], low, high, (*title.split("\n"), *lines))
        tops[column] = high + GAP
    return boxes, max(box.high for box in boxes.values()) + 0.6


def short(effect: list[float]) -> str:
    """Format a mean and half the width of its interval."""
    low, mean, high = effect
    sign = "\u2212" if mean < 0 else ""
    size, half = (f"{value:.2f}".removeprefix("0") for value in (abs(mean), (high - low) / 2))
    return f"{sign}{size} \u00b1 {half}"


def columns(axes: Axes, top: float) -> None:
    """Draw a pale band per position, with its token."""
    soft = mpl.rcParams["axes.edgecolor"]
    for name, (left, right) in BANDS.items():
        axes.fill_between([left, right], FLOOR, top - 0.1, color=soft, alpha=0.1, lw=0)
        middle = COLUMNS[name]
        axes.text(middle, 0.33, name, ha="center", va="center", fontsize=9.5, weight="bold")
        axes.text(middle, 0.12, EXAMPLE[name], ha="center", va="center", fontsize=9, style="italic")
    axes.text(STREAM, top + 0.12, "logits", ha="right", va="center", fontsize=9.5, weight="bold")


def draw_box(axes: Axes, name: str, box: Box) -> None:
    """Draw the name of a class in its colour, and its heads below."""
    colour, _ = style_of(name)
    corner = (box.x - WIDTH / 2 + 0.04, box.low + 0.04)
    size = (WIDTH - 0.08, box.high - box.low - 0.08)
    page = mpl.rcParams["axes.facecolor"]
    style = {"boxstyle": "round,pad=0.04", "fc": page, "ec": colour, "lw": 1.5, "zorder": 2}
    axes.add_patch(FancyBboxPatch(corner, *size, **style))
    for row, line in enumerate(box.lines):
        look: dict[str, Any] = {} if line[0].isdigit() else {"color": colour, "weight": "bold"}
        y = box.high - PAD - LINE * (row + 0.5)
        axes.text(box.x, y, line, ha="center", va="center", fontsize=8.5, zorder=3, **look)


def connect(axes: Axes, boxes: dict[str, Box], top: float) -> None:
    """Draw paths as full lines, labelled by their receivers, and attention as dashed lines."""
    soft, ink = mpl.rcParams["axes.edgecolor"], mpl.rcParams["text.color"]
    line(axes, [(STREAM, FLOOR), (STREAM, top + 0.02)], ink, 1.8)
    for name, box in boxes.items():
        if STEP_OF.get(name, "direct") == "direct":
            line(axes, [(right(box), middle(box)), (STREAM, middle(box))], style_of(name)[0])
    if {"S-inhibition", "name mover"} <= set(boxes):
        start, end = boxes["S-inhibition"], boxes["name mover"]
        line(axes, [(start.x, start.high), (end.x, end.low)], style_of("S-inhibition")[0])
        label(axes, start.x + 0.08, (start.high + end.low) / 2, "queries")
    for name in ("duplicate token", "induction"):
        if name in boxes:
            y = middle(boxes[name])
            axes.plot([right(boxes[name]), BUS], [y, y], color=ink, lw=1.4, zorder=1)
    ends = [boxes[name] for name in ("S-inhibition", "subject suppressor") if name in boxes]
    for box in ends:
        low = min(middle(boxes[n]) for n in ("duplicate token", "induction") if n in boxes)
        line(axes, [(BUS, low), (BUS, middle(box)), (left(box), middle(box))], ink)
    if ends:
        label(axes, BUS - 0.07, middle(ends[-1]), "keys, values", ha="right")
    if {"previous token", "induction"} <= set(boxes):
        start, end = boxes["previous token"], boxes["induction"]
        turn = (start.x, middle(end))
        line(axes, [(start.x, start.high), turn, (left(end), middle(end))], ink)
        label(axes, start.x + 0.08, middle(end) + 0.1, "keys")
    for name, token in (("previous token", "S1"), ("duplicate token", "S1"), ("name mover", "IO")):
        if name in boxes:
            x, box = COLUMNS[token], boxes[name]
            turns = [(x, middle(box)), (left(box), middle(box))]
            if name == "duplicate token":
                turns = [(x, UNDER), (box.x, UNDER), (box.x, box.low)]
            line(axes, [(x, FLOOR), *turns], soft, 1.2, "--")


def left(box: Box) -> float:
    """Return x of a box's left edge."""
    return box.x - WIDTH / 2


def right(box: Box) -> float:
    """Return x of a box's right edge."""
    return box.x + WIDTH / 2


def middle(box: Box) -> float:
    """Return y of a box's centre."""
    return (box.low + box.high) / 2


def label(axes: Axes, x: float, y: float, what: str, ha: str = "left") -> None:
    """Write small text next to a line."""
    axes.text(x, y, what, ha=ha, va="center", fontsize=8.5)


def line(
    axes: Axes,
    points: list[tuple[float, float]],
    colour: str,
    width: float = 1.4,
    ls: str = "-",
) -> None:
    """Draw an arrow with corners behind the boxes."""
    axes.plot(*zip(*points, strict=True), color=colour, lw=width, ls=ls, zorder=1)
    style: dict[str, Any] = {
        "arrowstyle": "-|>",
        "mutation_scale": 10,
        "shrinkA": 0,
        "shrinkB": 0,
        "zorder": 1,
    }
    (x, y), end = points[-2:]
    start = (end[0] - 0.02 * (end[0] - x), end[1] - 0.02 * (end[1] - y))
    axes.add_patch(FancyArrowPatch(start, end, color=colour, lw=0, **style))


def alt_text(heads: dict[str, dict[str, list[float]]]) -> str:
    """Describe the circuit, from the names upwards."""
    order = [n for n in STACK if n in heads] + [n for n in heads if n not in STACK]
    classes = "; ".join(
        f"{name} at {COLUMN_OF.get(name, 'END')}: "
        + ", ".join(f"{head} {interval_text(effect)}" for head, effect in heads[name].items())
        for name in order
    )
    return (
        "Previous-token heads at S1+1 reach the keys of induction heads at S2; these and "
        "duplicate-token heads reach keys and values of S-inhibition heads and subject "
        "suppressors at END; S-inhibition heads change the queries of name movers, which write to "
        f"the logits. Heads with the logit difference lost along their path: {classes}."
    )


if __name__ == "__main__":
    main()
