"""Draw error and recovered loss against active latents, for all variants on a text model."""

from collections.abc import Sequence

import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from docs._figures.lib.plotting import publish
from docs._figures.sparsity.looks import MARKERS, look_of
from docs._figures.sparsity.text_model import (
    D_SAE,
    HOOK,
    LEVELS,
    SEEDS,
    SEEDS_OF,
    STEPS,
    Scores,
    collect_scores,
    measure_all,
    text_sources,
)

SHOWN = {"fvu": "fraction of variance unexplained", "recovered": "share of the loss recovered"}
KEYS = ("l0", "fvu", "recovered", "kl", "gamma", "dead")
Measured = dict[str, list[list[Scores]]]


def main() -> None:
    """Train or load all runs, and draw."""
    measured = measure_all()

    def draw(figure: Figure) -> None:
        left, right = figure.subplots(1, 2)
        for axes, (key, label) in zip((left, right), SHOWN.items(), strict=True):
            frontier(axes, measured, list(MARKERS), key)
            axes.set(ylabel=label)
        left.set(ylim=(0, None))
        right.legend(frameon=False, fontsize=8, loc="lower right")

    said = "; ".join(
        f"{name} {listed(measured, name, 'l0')} active latents, {listed(measured, name, 'fvu')} "
        f"unexplained, {listed(measured, name, 'recovered')} recovered"
        for name in LEVELS
    )
    publish(
        "ch09_text",
        draw,
        alt=f"Means of seeds: {said}.",
        numbers={
            "hook": HOOK,
            "latents": D_SAE,
            "steps": STEPS,
            "levels": LEVELS,
            "seeds": SEEDS_OF,
            **{n: {key: collect_scores(measured, n, key) for key in KEYS} for n in LEVELS},
        },
        seeds=SEEDS,
        sources=text_sources(__file__),
        size=(8.6, 4.0),
    )


def frontier(axes: Axes, measured: Measured, names: Sequence[str], key: str) -> None:
    """Draw each seed's score against its L0, and a line through the means."""
    for name in names:
        x, y = (collect_scores(measured, name, one) for one in ("l0", key))
        order = x.mean(dim=0).argsort()
        mean_x, mean_y = x.mean(dim=0)[order], y.mean(dim=0)[order]
        axes.plot(mean_x, mean_y, lw=1.2, ms=5, label=name, **look_of(name))
        axes.plot(x.flatten(), y.flatten(), ls="", ms=3, **look_of(name))
    axes.set(xscale="log", xlabel="active latents per token")
    ticks = [4, 8, 16, 32, 64]
    axes.set_xticks(ticks, [str(tick) for tick in ticks])
    axes.minorticks_off()
    axes.grid(axis="y", linewidth=0.5, alpha=0.35)


def listed(measured: Measured, name: str, key: str) -> str:
    """Write the means over seeds, by level."""
    values: torch.Tensor = collect_scores(measured, name, key).mean(dim=0)
    return ", ".join(f"{value:.3g}" for value in values.tolist())


if __name__ == "__main__":
    main()
