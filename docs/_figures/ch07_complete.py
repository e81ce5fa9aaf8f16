"""Draw F of the circuit against F of the model after the same nodes were ablated in both."""

from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from docs._figures.ioi.style import STYLES, load, spaced, style_of
from docs._figures.lib.plotting import publish


def main() -> None:
    """Draw one point per set K."""
    facts = load()
    measured = facts["completeness"]
    before = measured["whole"][1]
    sets = {name: of["scores"] for name, of in measured.items() if "scores" in of}
    kinds = {
        kind: {name: sets[name] for name in sets if name.split(" ")[0] == kind}
        for kind in ("random", "greedy")
    }
    classes = {name: sets[name] for name in facts["classes"]}
    outside = {name: of["change"] for name, of in measured.items() if name.startswith("outside")}
    whole = [facts["circuit"][1], facts["whole"][1]]

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        scatter(axes, kinds, classes, whole)

    worst = max(sets, key=lambda name: abs(sets[name][0] - sets[name][1]))
    publish(
        "ch07_complete",
        draw,
        alt="F of the circuit without K against F of the model without K. "
        + "; ".join(f"K {n}: {c:.2f} and {m:.2f}" for n, (c, m) in classes.items())
        + f". Largest difference: K {worst}, {abs(sets[worst][0] - sets[worst][1]):.2f}.",
        numbers={
            "sets": sets,
            "incompleteness": {name: abs(c - m) for name, (c, m) in sets.items()},
            "gap, model minus circuit": {name: measured[name]["gap"] for name in sets},
            "worst": worst,
            "greedy sets": facts["greedy sets"],
            "whole": before,
            "change of the model, percent": {
                name: percent(measured[name]["change"], before) for name in classes
            },
            "heads outside, percent": {
                name: percent(change, before) for name, change in outside.items()
            },
        },
        sources=[__file__],
        seeds=[0],
        size=(5.2, 4.9),
    )


def percent(change: list[float], before: float) -> list[float]:
    """Express a change of F and its interval as percent of the model's F."""
    return [100 * value / before for value in change]


def scatter(axes: Axes, kinds: dict[str, Any], classes: dict[str, Any], whole: list[float]) -> None:
    """Draw random and greedy sets, classes with their names, and the line of equal scores."""
    soft, ink = mpl.rcParams["axes.edgecolor"], mpl.rcParams["text.color"]
    points = [whole, *classes.values(), *(p for kind in kinds.values() for p in kind.values())]
    low, high = min(map(min, points)), max(map(max, points))
    axes.plot([low, high], [low, high], ls=":", color=soft, lw=1.2)
    for kind, marker, full in (("random", "o", False), ("greedy", "X", True)):
        circuit, model = zip(*kinds[kind].values(), strict=True)
        fill: dict[str, Any] = {} if full else {"mfc": "none"}
        axes.plot(model, circuit, ls="", marker=marker, ms=6, color=soft, label=f"{kind} K", **fill)
    axes.plot([whole[1]], [whole[0]], ls="", marker="*", ms=11, color=ink, label="K empty")
    heights = spaced([circuit for circuit, _ in classes.values()], 0.06 * (high - low))
    column = high + 0.05 * (high - low)
    for (name, (circuit, model)), height in zip(classes.items(), heights, strict=True):
        colour, marker = style_of(name if name in STYLES else "")
        axes.plot([model], [circuit], ls="", marker=marker, ms=7.5, color=colour)
        style = {"arrowstyle": "-", "color": colour, "lw": 0.8, "shrinkA": 0, "shrinkB": 4}
        axes.annotate(
            name,
            (model, circuit),
            (column, height),
            va="center",
            color=colour,
            fontsize=9,
            arrowprops=style,
        )
    axes.set(xlabel="F(model without K)", ylabel="F(circuit without K)")
    axes.margins(0.08)
    axes.set_xlim(low - 0.4, high + 0.42 * (high - low))
    axes.legend(frameon=False, fontsize=9, loc="upper left")
    axes.grid(linewidth=0.5, alpha=0.3)


if __name__ == "__main__":
    main()
