"""Measure how far the edges into the nodes of text_4l's graphs are from the nodes' values."""

import matplotlib as mpl
from matplotlib.figure import Figure

from docs._figures.attribution import text_graphs
from docs._figures.attribution.text_graphs import KINDS, SEEDS, STEPS_TO_CLOSE, measure_all
from docs._figures.lib.plotting import publish
from solutions.ch12_graphs import edges, local, logits, nodes


def mean(values: list[float]) -> float:
    """Average numbers."""
    return sum(values) / len(values)


def main() -> None:
    """Load the measurements, and draw."""
    measured = measure_all()
    names = list(STEPS_TO_CLOSE)
    gaps = {
        kind: [
            [mean([one["gaps"][name] for one in seed["trained"]]) for name in names]
            for seed in measured[kind]
        ]
        for kind in KINDS
    }

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        colors = mpl.rcParams["axes.prop_cycle"].by_key()["color"]
        for number, kind in enumerate(KINDS):
            for row in range(len(names)):
                values = [100 * seed[row] for seed in gaps[kind]]
                height = len(names) - row - 0.1 + 0.2 * number
                label = {"cross-layer": "CLT"}.get(kind, "transcoders") if row == 0 else None
                axes.plot(
                    values, [height] * len(values), ls="", marker="os"[number], ms=5,
                    color=colors[number], label=label,
                )  # fmt: skip
        axes.set_yticks(range(len(names), 0, -1), names)
        axes.set(xlabel="left open by the edges from these sources (% of the values)")
        axes.set(xlim=(-0.5, None))
        axes.legend(frameon=False)

    said = "; ".join(
        f"{name}: {100 * mean([seed[row] for seed in gaps['cross-layer']]):.1f} %"
        for row, name in enumerate(names)
    )
    publish(
        "ch12_gap",
        draw,
        alt=f"The share of the nodes' values that edges leave open for a CLT; mean of "
        f"{len(SEEDS)} seeds. {said}. Transcoders per layer are drawn next to it.",
        numbers={"names": names, "gaps": gaps},
        seeds=SEEDS,
        sources=[str(one.__file__) for one in (edges, local, logits, nodes, text_graphs)]
        + [__file__],
        size=(7.0, 2.5),
    )


if __name__ == "__main__":
    main()
