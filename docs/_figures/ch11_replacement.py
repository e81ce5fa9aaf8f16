"""Compare replacement models of text_4l: divergence from it, and the error layer by layer."""

from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure

from docs._figures.lib.plotting import publish
from docs._figures.transcoders import kinds
from docs._figures.transcoders.kinds import BASELINES, KINDS, SEEDS, SOURCES, measure_all

ORDER = (*KINDS, *BASELINES)
SHOWN = ("top1", "kl", "sure", "loss", "fvu", "growth", "parameters")


def mean(scores: list[dict[str, Any]], key: str) -> float:
    """Average one score over seeds."""
    return sum(one[key] for one in scores) / len(scores)


def main() -> None:
    """Train or load all runs, and draw."""
    measured = measure_all()
    by_kl = sorted(ORDER, key=lambda kind: -mean(measured[kind], "kl"))

    def draw(figure: Figure) -> None:
        left, right = figure.subplots(1, 2, width_ratios=[3, 2])
        colors = mpl.rcParams["axes.prop_cycle"].by_key()["color"]
        for row, kind in enumerate(by_kl):
            values = [scores["kl"] for scores in measured[kind]]
            left.plot(values, [row] * len(values), ls="", marker="o", ms=5, color=colors[0])
        left.set_yticks(range(len(by_kl)), by_kl)
        left.set(xscale="log", xlabel="divergence from the model (nats per token)")
        layers = range(1, 1 + len(measured["per layer"][0]["growth"]))
        for number, kind in enumerate(("per layer", "with skip", "cross-layer", "affine map")):
            growth = [scores["growth"] for scores in measured[kind]]
            averages = [sum(column) / len(column) for column in zip(*growth, strict=True)]
            right.plot(layers, averages, marker="osD^"[number], ms=5, lw=1.4, label=kind)
        right.set_xticks(list(layers))
        right.set(xlabel="blocks so far", ylabel="share of the residual stream's variance")
        right.set(ylim=(0, None))
        right.legend(frameon=False, fontsize=8)

    said = "; ".join(f"{kind} {mean(measured[kind], 'kl'):.3f}" for kind in reversed(by_kl))
    publish(
        "ch11_replacement",
        draw,
        alt=f"Mean divergence of replacement models from text_4l, in nats per token: {said}. "
        "The error of the residual stream after each block is drawn for four kinds.",
        numbers={
            kind: {key: [scores[key] for scores in measured[kind]] for key in SHOWN}
            for kind in ORDER
        },
        seeds=SEEDS,
        sources=[__file__, kinds.__file__, *SOURCES],
        size=(7.6, 3.6),
    )


if __name__ == "__main__":
    main()
