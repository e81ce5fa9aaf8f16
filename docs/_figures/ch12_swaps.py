"""Draw how many held-out answers switch when groups of neurons are swapped, with controls."""

from statistics import mean
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from docs._figures.lib.plotting import publish
from docs._figures.neuron_graphs import swaps
from docs._figures.neuron_graphs.swaps import SIZES, SOURCES, SPLITS, run_splits, summarize

KINDS = {"held out": "o", "new frames": "s"}
WORDS = {"held out": "held-out pairs", "new frames": "sentence frames never used to choose"}


def draw_rates(axes: Axes, by_split: list[dict[str, Any]], name: str) -> None:
    """Draw the share of switched answers against the size of the group, one dot per split."""
    colors = mpl.rcParams["axes.prop_cycle"].by_key()["color"]
    for index, (kind, marker) in enumerate(KINDS.items()):
        rates = [[one[kind][f"top {k}"]["switched"] for k in SIZES] for one in by_split]
        means = [mean(column) for column in zip(*rates, strict=True)]
        axes.plot(SIZES, means, color=colors[index], lw=1.6, label=WORDS[kind])
        for row in rates:
            axes.plot(SIZES, row, ls="", marker=marker, ms=4, alpha=0.6, color=colors[index])
    controls = [key for key in by_split[0]["held out"] if key.startswith(("random", "as", "other"))]
    for key in controls:
        size = int(key.rpartition(" ")[2])
        for one in by_split:
            for kind in KINDS:
                axes.plot([size], [one[kind][key]["switched"]], "x", ms=5, color=colors[3])
    axes.plot([], [], "x", color=colors[3], label="controls")
    axes.set(xscale="log", xlabel="neurons swapped", ylim=(-0.04, 1.04), title=name)
    axes.set_xticks(SIZES, [str(k) for k in SIZES])
    axes.minorticks_off()
    axes.grid(axis="y", linewidth=0.5, alpha=0.35)


def main() -> None:
    """Run or load all splits, and draw."""
    results = run_splits()
    summaries = {
        name: [{kind: summarize(one[name][kind]) for kind in KINDS} for one in results]
        for name in results[0]
    }

    def draw(figure: Figure) -> None:
        left, right = figure.subplots(1, 2, sharey=True)
        for axes, (name, by_split) in zip((left, right), summaries.items(), strict=True):
            draw_rates(axes, by_split, name)
        left.set(ylabel="share of answers that switch")
        left.legend(frameon=False, fontsize=8, loc="center right")

    said = "; ".join(
        f"{name}, {k} neurons: "
        + ", ".join(
            f"{WORDS[kind]} {mean(one[kind][f'top {k}']['switched'] for one in by_split):.2f}"
            for kind in KINDS
        )
        for name, by_split in summaries.items()
        for k in (5, 30)
    )
    publish(
        "ch12_swaps",
        draw,
        alt=f"Mean share of answers that switch over {len(SPLITS)} splits. {said}. "
        "Controls are at the bottom.",
        numbers={
            "splits": summaries,
            "neurons": {name: [one[name]["neurons"] for one in results] for name in results[0]},
            "training pairs": swaps.N_TRAINING,
        },
        seeds=SPLITS,
        sources=[__file__, *SOURCES],
        size=(7.6, 3.4),
    )


if __name__ == "__main__":
    main()
