"""Share the main experiment's numbers and the style of each class among the figures."""

import json
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import matplotlib as mpl
from matplotlib.axes import Axes

from docs._figures.lib.figure_files import FIGURES

WEIGHTS = "SmolLM2-135M-Instruct, 4-bit weights (Q4_1), dequantised"
ROLES = {"io": "IO", "s1": "S1", "s1_next": "S1+1", "s2": "S2", "end": "END"}


class ClassStyle(NamedTuple):
    """Style of a class of heads, and the attention that names it."""

    colour: int | str
    """Index in the colour cycle, or the name of a setting of matplotlib."""
    marker: str
    """Marker of its points."""
    attention: str | None
    """Attention that names it, as a key of the main experiment's numbers."""


STYLES = {
    "name mover": ClassStyle(0, "o", "end to io"),
    "negative name mover": ClassStyle(1, "v", "end to io"),
    "subject suppressor": ClassStyle(5, "D", "end to s2"),
    "unexplained": ClassStyle("axes.edgecolor", "X", None),
    "S-inhibition": ClassStyle(2, "s", "end to s2"),
    "induction": ClassStyle(3, "^", "s2 to s1_next"),
    "duplicate token": ClassStyle(4, "P", "s2 to s1"),
    "previous token": ClassStyle("text.color", "<", "s1_next to s1"),
}
OTHER = ClassStyle("text.color", "*", None)

STEPS = {
    "direct": "END to the logits",
    "queries": "END to the name movers' queries",
    "subject": "S2 to keys and values of its readers",
    "keys": "S1+1 to the induction heads' keys",
}
"""The four steps of the search, from the logits backwards."""
STEP_OF = {
    "S-inhibition": "queries",
    "S-excitation": "queries",
    **dict.fromkeys(("induction", "negative induction"), "subject"),
    **dict.fromkeys(("duplicate token", "negative duplicate token"), "subject"),
    **dict.fromkeys(("previous token", "negative previous token"), "keys"),
}
"""Class -> the step that finds it; all other classes are found by the first one."""

Interval = Sequence[float]


def load(name: str = "circuit") -> dict[str, Any]:
    """Load numbers of experiment.py: of the circuit, or of its "paths"."""
    path = FIGURES / f"ch07_{name}.json"
    return json.loads(path.read_text(encoding="utf-8"))["numbers"]


def members(facts: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield (class, head) of the circuit, from the logits backwards."""
    known = [name for name in STYLES if name in facts["classes"]]
    rest = [name for name in facts["classes"] if name not in STYLES]
    for name in known + rest:
        for head in facts["classes"][name]:
            yield name, head


def style_of(name: str) -> tuple[str, str]:
    """Return colour and marker of a class, in the theme that is being drawn."""
    style = STYLES.get(name, OTHER)
    settings: Any = mpl.rcParams
    named = settings.get(style.colour) if style.colour in settings else None
    return named or settings["axes.prop_cycle"].by_key()["color"][style.colour], style.marker


def whisker(axes: Axes, y: float, values: Interval, colour: str, marker: str = "o") -> None:
    """Draw a horizontal interval [low, mean, high] with a point at its mean."""
    low, mean, high = values
    axes.plot([low, high], [y, y], color=colour, lw=1.6)
    axes.plot([mean], [y], ls="", marker=marker, ms=5.5, color=colour)


def spaced(values: Sequence[float], gap: float) -> list[float]:
    """Space values at least `gap` apart, for labels next to points."""
    order = sorted(range(len(values)), key=lambda i: values[i])
    found = list(values)
    for _ in range(200):
        for low, high in zip(order, order[1:], strict=False):
            lack = gap - (found[high] - found[low])
            if lack > 1e-9:
                found[low] -= lack / 2
                found[high] += lack / 2
    return found


def interval_text(values: Interval, places: int = 2) -> str:
    """Format an interval as mean [low, high]."""
    low, mean, high = (f"{value:.{places}f}" for value in values)
    return f"{mean} [{low}, {high}]"
