"""Draw the diagrams of chapter 5: what a patch changes, and the four runs of path patching."""

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from docs._figures.ch02_diagrams import arrow, bare
from docs._figures.lib.plotting import publish

LAYERS, POSITIONS, START = 6, 8, 5
"""Sizes of the sketch, and the position of its patches."""
PATCHES = {1: "A", 3: "B", 4: "C"}
"""Layer -> the patch in this layer."""


def cell(axes: Axes, x: float, y: float, colour: str, alpha: float, hatch: str = "") -> None:
    """Draw one layer at one position."""
    look = {"fc": colour, "alpha": alpha, "ec": mpl.rcParams["axes.edgecolor"], "lw": 0.6}
    axes.add_patch(Rectangle((x + 0.04, y + 0.06), 0.92, 0.88, hatch=hatch, **look))


def draw_reach(figure: Figure) -> None:
    """Draw the grid of a prompt, and three patches that begin at the same position."""
    axes = bare(figure, 20.6, LAYERS + 1.6)
    axes.set_aspect("auto")
    colours = mpl.rcParams["axes.prop_cycle"].by_key()["color"]
    soft = mpl.rcParams["axes.edgecolor"]
    for layer in range(LAYERS):
        axes.text(-0.15, layer + 0.5, f"{layer}", ha="right", va="center", fontsize=8.5)
        for position in range(POSITIONS):
            cell(axes, position, layer, soft, 0.16)
            if position >= START:
                for number, (first_layer, name) in enumerate(PATCHES.items()):
                    x = 9.6 + 3.7 * number + position - START
                    shared = layer < first_layer
                    cell(
                        axes, x, layer, soft if shared else colours[number], 0.06 if shared else 0.4
                    )
                    if layer == first_layer and position == START:
                        axes.text(
                            x + 0.5, layer + 0.5, name, ha="center", va="center", weight="bold"
                        )
    axes.plot([START, START], [-0.1, LAYERS + 0.1], color=mpl.rcParams["text.color"], lw=1.4)
    axes.text(START / 2, LAYERS + 0.3, "keys and values:\nshared", ha="center", fontsize=9)
    axes.text((START + POSITIONS) / 2, LAYERS + 0.3, "run once", ha="center", fontsize=9)
    for number, name in enumerate(PATCHES.values()):
        axes.text(11.1 + 3.7 * number, LAYERS + 0.3, f"patch {name}", ha="center", fontsize=9)
    axes.text(POSITIONS / 2, -0.55, "position", ha="center", fontsize=9)
    axes.text(-1.1, LAYERS / 2, "layer", ha="center", va="center", rotation=90, fontsize=9)
    axes.text(15.0, -0.55, "computed in one batch: colored", ha="center", fontsize=9)
    axes.set(xlim=(-1.5, 20.6), ylim=(-0.9, LAYERS + 1.4))


RUNS = (
    ("A", "corrupted", "cache the sender"),
    ("B", "clean", "cache all heads"),
    ("C", "clean", "sender from A"),
    ("D", "clean", "receiver from C"),
)
"""Name, prompts, and what is cached or patched."""


STATES = {
    "A": {
        "sender": (1, False),
        "heads": (1, False),
        "MLPs": (1, False),
        "receiver": (1, False),
    },
    "B": {
        "sender": (0, False),
        "heads": (0, False),
        "MLPs": (0, False),
        "receiver": (0, False),
    },
    "C": {"sender": (1, True), "heads": (0, True), "MLPs": (2, False), "receiver": (2, False)},
    "D": {"sender": (0, False), "heads": (0, False), "MLPs": (0, False), "receiver": (2, True)},
}
"""Run -> component -> color of its edge, and whether it is patched in."""


def box(axes: Axes, x: float, y: float, words: str, colour: int | None, filled: bool) -> None:
    """Draw a component, filled where it is patched in."""
    series = mpl.rcParams["axes.prop_cycle"].by_key()["color"]
    edge = mpl.rcParams["axes.edgecolor"] if colour is None else series[colour]
    face = edge if filled else "none"
    axes.add_patch(Rectangle((x - 0.72, y - 0.3), 1.44, 0.6, fc=face, alpha=0.3, lw=0))
    axes.add_patch(Rectangle((x - 0.72, y - 0.3), 1.44, 0.6, fc="none", ec=edge, lw=1.4))
    axes.text(x, y, words, ha="center", va="center", fontsize=8)


def draw_paths(figure: Figure) -> None:
    """Draw four runs from bottom to top: sender, components between, receiver, components after."""
    axes = bare(figure, 17.2, 6.4)
    for number, (name, prompts, words) in enumerate(RUNS):
        x = 4.3 * number + 2.1
        axes.text(x, 6.05, f"{name}: {prompts}", ha="center", weight="bold", fontsize=9.5)
        places = {
            "sender": (x, 1.0),
            "heads": (x - 0.85, 2.3),
            "MLPs": (x + 0.85, 2.3),
            "receiver": (x, 3.6),
        }
        for part, where in places.items():
            box(axes, *where, part, *STATES[name][part])
        for low, high in (("sender", "heads"), ("sender", "MLPs"), ("heads", "receiver")):
            tip = places[high][0] - (0.25 if high == "receiver" else 0)
            ends = (places[low][0], places[low][1] + 0.32), (tip, places[high][1] - 0.32)
            arrow(axes, *ends, 2 if name == "C" and "MLPs" in (low, high) else None)
        ends = (places["MLPs"][0], 2.62), (x + 0.25, 3.28)
        arrow(axes, *ends, 2 if name == "C" else None)
        arrow(axes, (x, 1.32), (x, 3.28), 2 if name == "C" else None)
        last = {"A": "", "B": "", "C": "record the input", "D": "logits"}[name]
        if name == "D":
            arrow(axes, (x, 3.92), (x, 4.75), 2)
            box(axes, x, 5.07, "after it", 2, False)
        axes.text(x, 4.2 if name != "D" else 5.5, last, ha="center", fontsize=8.5, style="italic")
        axes.text(x, 0.1, words, ha="center", fontsize=8.5)


def main() -> None:
    """Write both diagrams."""
    publish(
        "ch05_reuse",
        draw_reach,
        alt="A grid of layers by positions. Left of the patches' position all patches share the "
        "prompt's keys and values. Patch A begins in layer 1, B in layer 3, C in layer 4; from "
        "there on each is computed, only at the patch's position and later ones.",
        sources=[__file__],
        size=(9.0, 3.6),
    )
    publish(
        "ch05_paths",
        draw_paths,
        alt="Four runs. A, corrupted: the sender's output is cached. B, clean: all heads are "
        "cached. C, clean: the sender is patched from A, other heads are frozen at B, MLPs are "
        "recomputed, and the receiver's input is recorded. D, clean: the receiver's input is "
        "patched from C, and everything after it is recomputed.",
        sources=[__file__],
        size=(9.0, 3.5),
    )


if __name__ == "__main__":
    main()
