"""Give each variant of chapter 9 one colour and one marker, the same in all figures."""

from typing import Any

import matplotlib as mpl

CONTROL = "random dictionary"
MARKERS = {
    "L1": "o",
    "gated": "s",
    "TopK": "^",
    "BatchTopK": "D",
    "JumpReLU": "v",
    "Matryoshka": "P",
    CONTROL: "x",
}


def look_of(name: str) -> dict[str, Any]:
    """Return the colour and the marker of a variant; the control has the colour of text."""
    colours = mpl.rcParams["axes.prop_cycle"].by_key()["color"]
    place = list(MARKERS).index(name)
    colour = mpl.rcParams["text.color"] if name == CONTROL else colours[place]
    return {"color": colour, "marker": MARKERS[name]}
