"""Draw chapter 2's two diagrams: a hook point, and a block on the residual stream."""

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch

from docs._figures.lib.plotting import publish


def box(axes: Axes, x: float, y: float, words: str, colour: int | None = None) -> None:
    """Draw a rounded box around its words, in one of the series' colours or the ink's."""
    series = mpl.rcParams["axes.prop_cycle"].by_key()["color"]
    edge = mpl.rcParams["axes.edgecolor"] if colour is None else series[colour]
    shape = FancyBboxPatch(
        (x - 0.9, y - 0.3), 1.8, 0.6, boxstyle="round,pad=0.04", fc="none", ec=edge, lw=1.4
    )
    axes.add_patch(shape)
    axes.text(x, y, words, ha="center", va="center", fontsize=9)


def arrow(
    axes: Axes, start: tuple[float, float], end: tuple[float, float], colour: int | None = None
) -> None:
    """Draw an arrow from start to end."""
    series = mpl.rcParams["axes.prop_cycle"].by_key()["color"]
    paint = mpl.rcParams["text.color"] if colour is None else series[colour]
    patch = FancyArrowPatch(
        start,
        end,
        color=paint,
        lw=1.3,
        arrowstyle="-|>",
        mutation_scale=11,
        shrinkA=0,
        shrinkB=0,
    )
    axes.add_patch(patch)


def bare(figure: Figure, width: float, height: float) -> Axes:
    """Create axes without ticks or frame, in units of the drawing."""
    axes = figure.subplots()
    axes.set(xlim=(0, width), ylim=(0, height), aspect="equal")
    axes.axis("off")
    return axes


def draw_hook_point(figure: Figure) -> None:
    """Draw a tensor that passes two hooks and an observer."""
    axes = bare(figure, 13, 3.4)
    for x, words, colour in ((3.4, "hook 1", 0), (6.4, "hook 2", 0), (9.4, "observer", 2)):
        box(axes, x, 2.2, words, colour)
    axes.text(0.1, 2.2, "x", ha="left", va="center", fontsize=12)
    arrow(axes, (0.5, 2.2), (2.42, 2.2))
    arrow(axes, (4.38, 2.2), (5.42, 2.2), 0)
    arrow(axes, (7.38, 2.2), (8.42, 2.2), 0)
    arrow(axes, (10.38, 2.2), (12.1, 2.2), 0)
    axes.text(12.25, 2.2, "x", ha="left", va="center", fontsize=12)
    labels = {1.45: "a copy", 4.9: "its return\nvalue", 7.9: "its return\nvalue", 11.2: "unchanged"}
    for x, text in labels.items():
        axes.text(x, 2.42, text, ha="center", va="bottom", fontsize=8)
    axes.text(4.9, 1.25, "hooks may replace", ha="center", fontsize=9)
    axes.text(9.4, 1.25, "observers only read", ha="center", fontsize=9)
    axes.text(6.5, 0.35, "x = self.hook_resid_mid(x)", ha="center", family="monospace", fontsize=10)


def draw_block(figure: Figure) -> None:
    """Draw the residual stream from bottom to top, with attention and MLP reading and adding."""
    axes = bare(figure, 13, 7.2)
    arrow(axes, (3, 0.1), (3, 7.1))
    for y, name in ((0.5, "hook_resid_pre"), (3.5, "hook_resid_mid"), (6.6, "hook_resid_post")):
        axes.plot([3], [y], "o", color=mpl.rcParams["text.color"], ms=4)
        axes.text(2.75, y, name, ha="right", va="center", family="monospace", fontsize=8.5)
    for low, norm, part, out, colour in (
        (0.9, "ln1", "attn", "hook_attn_out", 0),
        (4.0, "ln2", "mlp", "hook_mlp_out", 1),
    ):
        arrow(axes, (3, low), (5.0, low), colour)
        box(axes, 6, low, norm)
        arrow(axes, (6.95, low), (9.0, low), colour)
        box(axes, 10, low, part, colour)
        axes.plot([10, 10], [low + 0.36, low + 1.8], color=mpl.rcParams["text.color"], lw=1.3)
        arrow(axes, (10, low + 1.8), (3.28, low + 1.8), colour)
        axes.text(3, low + 1.8, "+", ha="center", va="center", fontsize=15, weight="bold")
        axes.text(6.6, low + 1.95, out, ha="center", family="monospace", fontsize=8.5)


def main() -> None:
    """Write both diagrams."""
    publish(
        "ch02_hooks",
        draw_hook_point,
        alt="A tensor x enters from the left. Hook 1 gets a copy, and its return value goes to "
        "hook 2. The return value of hook 2 is the new x. An observer reads it last, unchanged.",
        sources=[__file__],
        size=(7.0, 2.1),
    )
    publish(
        "ch02_block",
        draw_block,
        alt="The residual stream runs from bottom to top. Attention reads it through the norm ln1 "
        "and adds its output; the MLP reads the sum through ln2 and adds its own.",
        sources=[__file__],
        size=(6.4, 3.8),
    )


if __name__ == "__main__":
    main()
