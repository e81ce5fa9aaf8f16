"""Compare all variants of chapter 9 on planted features: error, shrinkage, and each one's own."""

from collections.abc import Sequence

import matplotlib as mpl
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from docs._figures.lib.plotting import lines, publish
from docs._figures.sparsity.looks import CONTROL, look_of
from docs._figures.sparsity.variants import (
    LEVELS,
    N_FEATURES,
    PROBABILITY,
    SEEDS,
    STEPS,
    TRUE_COUNTS,
    Measured,
    collect,
    figure_sources,
    measure_all,
)

TRUE_L0 = N_FEATURES * PROBABILITY
COMPARED = ("L1", "gated", "TopK", "BatchTopK", "JumpReLU", "Matryoshka")
LABELS = {"gamma": "γ (1: no shrinkage)", "recall": "share of features found"}
WORDS = {"gamma": "gamma", "recall": "features found"}
KEYS = ("l0", "fvu", "gamma", "dead", "recall", "precision", "mmcs")


def main() -> None:
    """Train or load all runs, and draw."""
    measured = measure_all()
    draw_frontier("ch09_topk", measured, ("L1", "TopK"), "gamma")
    draw_frontier("ch09_gated", measured, ("L1", "gated"), "gamma")
    draw_frontier("ch09_pareto", measured, (*COMPARED, CONTROL), "recall")
    draw_counts(measured)


def frontier(axes: Axes, measured: Measured, names: Sequence[str], key: str) -> None:
    """Draw the mean over seeds of one score against L0, with the range."""
    for name in names:
        x, y = collect(measured, name, "l0").mean(dim=0), collect(measured, name, key)
        mean = y.mean(dim=0)
        below, above = mean - y.amin(dim=0), y.amax(dim=0) - mean
        axes.errorbar(
            x.tolist(),
            mean.tolist(),
            yerr=torch.stack([below, above]).tolist(),
            ms=5,
            lw=1.2,
            capsize=2,
            label=name,
            **look_of(name),
        )
    axes.axvline(TRUE_L0, color=mpl.rcParams["text.color"], lw=1, ls=":")
    axes.set(xlabel="active latents per token (dotted: features per token)")


def draw_frontier(name: str, measured: Measured, names: Sequence[str], key: str) -> None:
    """Draw FVU, and gamma or the share of features found, against L0."""

    def draw(figure: Figure) -> None:
        left, right = figure.subplots(1, 2)
        frontier(left, measured, names, "fvu")
        left.set(ylabel="fraction of variance unexplained", ylim=(0, None))
        frontier(right, measured, names, key)
        right.set(ylabel=LABELS[key])
        right.axhline(1, color=mpl.rcParams["text.color"], lw=0.8)
        right.legend(frameon=False, fontsize=8)

    said = "; ".join(
        f"{one} {listed(collect(measured, one, 'fvu'))} at {listed(collect(measured, one, 'l0'))} "
        f"active latents, {WORDS[key]} {listed(collect(measured, one, key))}"
        for one in names
    )
    publish(
        name,
        draw,
        alt=f"Fraction of variance unexplained at active latents per token: {said}.",
        numbers={
            "steps": STEPS,
            "features_per_token": TRUE_L0,
            "levels": {one: LEVELS[one] for one in names},
            **{one: {key: collect(measured, one, key) for key in KEYS} for one in names},
        },
        seeds=SEEDS,
        sources=figure_sources(__file__),
        size=(8.6, 3.9),
    )


def banded(axes: Axes, x: Sequence[float], series: dict[str, Tensor], label: str) -> None:
    """Draw the mean over seeds with the range; each series is [seed, x]."""
    lines(
        axes,
        list(x),
        {name: value.mean(dim=0) for name, value in series.items()},
        bands={name: (value.amin(dim=0), value.amax(dim=0)) for name, value in series.items()},
        labels=(label, ""),
    )


def draw_counts(measured: Measured) -> None:
    """Draw active latents against the features that are there."""
    place = LEVELS["BatchTopK"].index(3)
    names = ("TopK", "BatchTopK")
    series = {name: collect(measured, name, "active")[:, place] for name in names}
    correlation = {name: collect(measured, name, "correlation")[:, place] for name in names}

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        banded(axes, TRUE_COUNTS, series, "features in the token")
        axes.plot(TRUE_COUNTS, TRUE_COUNTS, color=mpl.rcParams["text.color"], lw=0.8, ls=":")
        axes.set(ylabel="active latents", xticks=TRUE_COUNTS)

    said = "; ".join(f"{name} {listed(value)}" for name, value in series.items())
    publish(
        "ch09_batch_topk",
        draw,
        alt=f"Active latents for tokens with 0 to {TRUE_COUNTS[-1]} features: {said}.",
        numbers={"features": TRUE_COUNTS, "active": series, "correlation": correlation},
        seeds=SEEDS,
        sources=figure_sources(__file__),
        size=(6.0, 3.5),
    )


def listed(values: Tensor) -> str:
    """Write the means over seeds."""
    return ", ".join(f"{value:.2f}" for value in values.mean(dim=0).tolist())


if __name__ == "__main__":
    main()
