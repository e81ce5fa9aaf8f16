"""Draw how much of a logit difference N neurons carry, and how much is left without them."""

from typing import Any

import matplotlib as mpl
import torch
from matplotlib.figure import Figure
from torch import Tensor

from docs._figures.lib.plotting import publish
from docs._figures.neuron_graphs.faithful import N_NODES, SEED, SIZES, SOURCES, study_all
from solutions.ch00_looking import bootstrap_interval
from solutions.ch12_graphs.intervene import agreement


def shares(studies: list[dict[str, Any]], scores: list[Tensor]) -> dict[str, list[Any]]:
    """Return each size's mean share of the effect over pairs, with an interval."""
    values = torch.stack(
        [
            (score - one["empty"]) / (one["whole"] - one["empty"])
            for score, one in zip(scores, studies, strict=True)
        ]
    )  # [pair, size]
    generator = torch.Generator().manual_seed(0)
    intervals = [bootstrap_interval(column, 2000, 0.95, generator) for column in values.T]
    return {
        "mean": [one.estimate for one in intervals],
        "interval": [[one.low, one.high] for one in intervals],
    }


def curves(studies: list[dict[str, Any]]) -> dict[str, dict[str, list[Any]]]:
    """Return the four curves of a behaviour, and the joined one."""
    made = {
        f"{what}, {kind}": shares(studies, [one[what][kind] for one in studies])
        for what in ("kept", "removed")
        for kind in ("best", "random")
    }
    return made | {"kept, layer 0 live": shares(studies, [one["joined"] for one in studies])}


def main() -> None:
    """Run or load all pairs, and draw."""
    found = study_all()
    numbers = {name: curves(studies) for name, studies in found.items()}
    agreed = {
        name: [agreement(one["predicted"], one["measured"])._asdict() for one in studies]
        for name, studies in found.items()
    }

    def draw(figure: Figure) -> None:
        colors = mpl.rcParams["axes.prop_cycle"].by_key()["color"]
        panels = figure.subplots(1, 2, sharey=True)
        for axes, (name, by_kind) in zip(panels, numbers.items(), strict=True):
            for index, (kind, curve) in enumerate(by_kind.items()):
                x = SIZES if len(curve["mean"]) == len(SIZES) else (3, *SIZES)
                low, high = zip(*curve["interval"], strict=True)
                style = "--" if "random" in kind else "-"
                axes.plot(x, curve["mean"], ls=style, color=colors[index], lw=1.6, label=kind)
                axes.fill_between(x, low, high, color=colors[index], alpha=0.15, lw=0)
            axes.set(xscale="log", xlabel="neurons", title=name, ylim=(-0.3, 1.3))
            axes.set_xticks((3, *SIZES), ["0", *(str(n) for n in SIZES)])
            axes.minorticks_off()
            axes.grid(axis="y", linewidth=0.5, alpha=0.35)
        panels[0].set(ylabel="share of the effect")
        panels[1].legend(frameon=False, fontsize=7.5, loc="center right")

    at = SIZES.index(100)
    said = "; ".join(
        f"{name}: {kind} {curve['mean'][at - len(SIZES)]:.2f}"
        for name, by_kind in numbers.items()
        for kind, curve in by_kind.items()
    )
    publish(
        "ch12_faithful",
        draw,
        alt=f"Share of the effect with 100 neurons. {said}.",
        numbers={"curves": numbers, "predictions": agreed, "nodes": N_NODES},
        seeds=[SEED],
        sources=[__file__, *SOURCES],
        size=(7.6, 3.6),
    )


if __name__ == "__main__":
    main()
