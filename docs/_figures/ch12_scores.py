"""Compare the scores of text_4l's graphs with those of shuffled and untrained dictionaries."""

from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure

from docs._figures.attribution import text_graphs
from docs._figures.attribution.text_graphs import (
    CONTROLS,
    KINDS,
    NODE_SHARES,
    SEEDS,
    measure_all,
)
from docs._figures.lib.plotting import publish
from solutions.ch12_graphs import edges, influence, pruning, scores, supernodes

SCORES = ("replacement", "completeness", "unaccounted", "path_length")


def mean(values: list[float]) -> float:
    """Average numbers, leaving out NaN."""
    known = [value for value in values if value == value]
    return sum(known) / len(known) if known else float("nan")


Table = dict[str, dict[str, list[float]]]


def averaged(measured: dict[str, Any]) -> Table:
    """Average scores over prompts: dictionary -> score -> one value per seed."""
    return {
        f"{kind}, {control}": {
            **{
                score: [
                    mean([p["scores"][score] for p in seed[control]]) for seed in measured[kind]
                ]
                for score in SCORES
            },
            "unexplained": [mean([p["unexplained"] for p in s[control]]) for s in measured[kind]],
        }
        for kind in KINDS
        for control in CONTROLS
    }


def pruned(measured: dict[str, Any]) -> dict[str, list[list[float]]]:
    """Average what pruning keeps, for each share of nodes."""
    shares = range(len(NODE_SHARES))
    return {
        kind: [
            [mean([p["pruned"][i][column] for s in measured[kind] for p in s["trained"]])
             for column in range(4)]
            for i in shares
        ]
        for kind in KINDS
    }  # fmt: skip


def grouped(measured: dict[str, Any]) -> Table:
    """Average the cohesion of supernodes, one value per seed."""
    return {
        kind: {
            key: [mean([p["groups"][key] for p in seed["trained"]]) for seed in measured[kind]]
            for key in ("groups", "share", "within", "random")
        }
        for kind in KINDS
    }


def draw_scores(figure: Figure, table: Table) -> None:
    """Draw a row for each dictionary: scores of its graphs, and its unexplained share."""
    left, right = figure.subplots(1, 2, width_ratios=[3, 2], sharey=True)
    colors = mpl.rcParams["axes.prop_cycle"].by_key()["color"]
    rows = list(reversed(table))
    for row, name in enumerate(rows):
        for number, score in enumerate(SCORES[:3]):
            values = table[name][score]
            left.plot(
                values, [row + 0.15 * (1 - number)] * len(values), ls="",
                marker="osD"[number], ms=5, color=colors[number],
                label=score if row == 0 else None,
            )  # fmt: skip
        values = table[name]["unexplained"]
        right.plot(values, [row] * len(values), ls="", marker="o", ms=5, color=colors[3])
    left.set_yticks(range(len(rows)), [name.replace("cross-layer", "CLT") for name in rows])
    left.set(xlim=(0, 1), xlabel="score of the graph")
    left.legend(frameon=False, fontsize=8, loc="upper left", bbox_to_anchor=(0, 1.16), ncols=3)
    right.axvline(1, color=mpl.rcParams["axes.edgecolor"], lw=0.8, ls="--")
    right.set(xlim=(0, None), xlabel="unexplained share of outputs")


def main() -> None:
    """Load the measurements, average over prompts, and draw."""
    measured = measure_all()
    table = averaged(measured)
    values = "; ".join(
        f"{name}: {mean(one['completeness']):.2f} and {mean(one['unexplained']):.2f}"
        for name, one in table.items()
    )
    publish(
        "ch12_scores",
        lambda figure: draw_scores(figure, table),
        alt=f"Completeness and unexplained share of MLP outputs; mean of {len(SEEDS)} seeds. "
        f"{values}. Replacement and unaccounted share are drawn too.",
        numbers={
            "scores": table,
            "pruned": pruned(measured),
            "shares": NODE_SHARES,
            "groups": grouped(measured),
        },
        seeds=SEEDS,
        sources=[str(one.__file__) for one in (edges, influence, pruning, scores, supernodes)]
        + [text_graphs.__file__, __file__],
        size=(7.6, 3.4),
    )


if __name__ == "__main__":
    main()
