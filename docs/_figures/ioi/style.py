"""What chapter 7's figures share: the facts of the flagship run, and how classes look."""

import json
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import matplotlib as mpl
from matplotlib.axes import Axes

from docs._figures.lib.figure_files import FIGURES

WEIGHTS = "SmolLM2-135M-Instruct, 4-bit weights (Q4_1), dequantised"
ROLES = {"io": "IO", "s1": "S1", "s1_next": "S1+1", "s2": "S2", "end": "END"}


class Look(NamedTuple):
    """How a class of heads is drawn, and what it is said to do."""

    colour: int | str
    """Place in the cycle of colours, or a name among matplotlib's settings."""
    marker: str
    """Shape of its points."""
    looks: str | None
    """The attention that names it, as the flagship run calls it."""


LOOKS = {
    "name mover": Look(0, "o", "end to io"),
    "negative name mover": Look(1, "v", "end to io"),
    "subject suppressor": Look(5, "D", "end to s2"),
    "unexplained": Look("axes.edgecolor", "X", None),
    "S-inhibition": Look(2, "s", "end to s2"),
    "induction": Look(3, "^", "s2 to s1_next"),
    "duplicate token": Look(4, "P", "s2 to s1"),
    "previous token": Look("text.color", "<", "s1_next to s1"),
}
OTHER = Look("text.color", "*", None)

STEPS = {
    "direct": "END to the logits",
    "queries": "END to the name movers' queries",
    "subject": "S2 to keys and values of its readers",
    "keys": "S1+1 to the induction heads' keys",
}
"""The four steps of the search, last to first in the circuit."""
STEP_OF = {
    "S-inhibition": "queries",
    "S-excitation": "queries",
    **dict.fromkeys(("induction", "negative induction"), "subject"),
    **dict.fromkeys(("duplicate token", "negative duplicate token"), "subject"),
    **dict.fromkeys(("previous token", "negative previous token"), "keys"),
}
"""The step that finds a class; all others are found by the first one."""

Interval = Sequence[float]


def load(name: str = "circuit") -> dict[str, Any]:
    """The numbers of `experiment.py` ("circuit") or of `paths.py` ("paths")."""
    path = FIGURES / f"ch07_{name}.json"
    return json.loads(path.read_text(encoding="utf-8"))["numbers"]


def members(facts: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """(class, head) of the circuit, from the answer back to the names."""
    known = [name for name in LOOKS if name in facts["classes"]]
    rest = [name for name in facts["classes"] if name not in LOOKS]
    for name in known + rest:
        for head in facts["classes"][name]:
            yield name, head


def look_of(name: str) -> tuple[str, str]:
    """Colour and marker of a class, in the variant that is being drawn."""
    look = LOOKS.get(name, OTHER)
    settings = mpl.rcParams
    named = settings.get(look.colour) if look.colour in settings else None
    return named or settings["axes.prop_cycle"].by_key()["color"][look.colour], look.marker


def whisker(axes: Axes, y: float, values: Interval, colour: str, marker: str = "o") -> None:
    """A horizontal interval [low, mean, high] with a point at its mean."""
    low, mean, high = values
    axes.plot([low, high], [y, y], color=colour, lw=1.6)
    axes.plot([mean], [y], ls="", marker=marker, ms=5.5, color=colour)


def spaced(values: Sequence[float], gap: float) -> list[float]:
    """Heights near these values and at least `gap` apart, for labels beside points."""
    order = sorted(range(len(values)), key=lambda i: values[i])
    found = list(values)
    for _ in range(200):
        for low, high in zip(order, order[1:], strict=False):
            lack = gap - (found[high] - found[low])
            if lack > 1e-9:
                found[low] -= lack / 2
                found[high] += lack / 2
    return found


def words(values: Interval, places: int = 2) -> str:
    """An interval in words: mean [low, high]."""
    low, mean, high = (f"{value:.{places}f}" for value in values)
    return f"{mean} [{low}, {high}]"
