"""Draw attention, copying and effect of each head, on prompts on which it was not chosen."""

from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from docs._figures.ioi.style import (
    ROLES,
    STEP_OF,
    STYLES,
    interval_text,
    load,
    members,
    style_of,
    whisker,
)
from docs._figures.lib.plotting import publish

AGAINST = ("negative name mover", "subject suppressor")
"""Classes that lower the logit of the name that they attend to."""


def main() -> None:
    """Draw three panels with one row per head: attention, copying, effect along the path."""
    facts, paths = load(), load("paths")
    rows = [measured(name, head, facts, paths) for name, head in members(facts)]
    null = paths["others"]

    def draw(figure: Figure) -> None:
        left, middle, right = figure.subplots(1, 3, sharey=True, width_ratios=(1, 1, 1))
        for place, row in enumerate(rows):
            colour, marker = style_of(row["class"])
            for axes, kind in ((left, "attention"), (middle, "copies"), (right, "effect")):
                if row[kind] is not None:
                    whisker(axes, place, row[kind], colour, marker)
            if row["attention"] is not None:
                edge = null["attention"][row["looks"]]["95 %"]
                axes = left
                axes.plot([edge, edge], [place - 0.4, place + 0.4], color="0.5", lw=1)
        middle.axvline(null["copies"]["most"], color="0.5", lw=1)
        right.axvline(0, color="0.5", lw=1)
        left.set(title="attention\nto its role", xlim=(-0.04, 1.04))
        middle.set(title="copy score", xlim=(-0.06, 1.06))
        right.set(title="loss along\nits path")
        label_rows(left, rows)
        for axes in (left, middle, right):
            axes.grid(axis="x", linewidth=0.5, alpha=0.3)
            axes.tick_params(axis="y", length=0)

    publish(
        "ch07_roles",
        draw,
        alt=alt_text(rows),
        numbers={"prompts": facts["prompts"], "rows": rows, "others": null},
        sources=[__file__],
        seeds=range(5),
        size=(5.6, 0.8 + 0.3 * len(rows)),
    )


def measured(name: str, head: str, facts: dict[str, Any], paths: dict[str, Any]) -> dict[str, Any]:
    """Collect attention, copy score and effect of one head."""
    found = facts["heads"][head]
    looks = STYLES[name].attention if name in STYLES else None
    step = STEP_OF.get(name, "direct")
    copies = "copies negatively" if name in AGAINST else "copies"
    return {
        "head": head,
        "class": name,
        "looks": looks,
        "attention": found[looks] if looks else None,
        "copying": copies,
        "copies": found[copies] if step == "direct" else None,
        "effect": paths["paths"][step][head],
    }


def label_rows(axes: Axes, rows: list[dict[str, Any]]) -> None:
    """Label the rows by head, name each class once, and draw a line between classes."""
    names = []
    for place, row in enumerate(rows):
        first = place == 0 or rows[place - 1]["class"] != row["class"]
        names.append(f"{row['class']}  {row['head']}" if first else row["head"])
        if first and place:
            for panel in axes.figure.axes:
                panel.axhline(place - 0.5, color=mpl.rcParams["axes.edgecolor"], lw=0.4)
    axes.set(yticks=range(len(rows)), yticklabels=names, ylim=(len(rows) - 0.4, -0.6))
    for tick, row in zip(axes.get_yticklabels(), rows, strict=True):
        tick.set_color(style_of(row["class"])[0])


def alt_text(rows: list[dict[str, Any]]) -> str:
    """List every row."""
    heads = []
    for row in rows:
        parts = [f"{row['class']} {row['head']}: loss {interval_text(row['effect'])}"]
        if row["attention"] is not None:
            query, key = (ROLES[role] for role in row["looks"].split(" to "))
            parts.append(f"attention {query} to {key} {interval_text(row['attention'])}")
        if row["copies"] is not None:
            parts.append(f"{row['copying']} {row['copies'][1]:.2f}")
        heads.append(", ".join(parts))
    return "Heads of the circuit on other prompts. " + "; ".join(heads) + "."


if __name__ == "__main__":
    main()
