"""Draw how often a parent's latent is active with a child: BatchTopK, Matryoshka, untrained."""

import matplotlib as mpl
import torch
from matplotlib.figure import Figure
from torch import Tensor

from docs._figures.lib.dot_plot import dot_plot, legend_above
from docs._figures.lib.plotting import publish
from docs._figures.sparsity import hierarchy
from docs._figures.sparsity.hierarchy import KS, SEEDS, VARIANTS, measure_all
from docs._figures.sparsity.variants import figure_sources


def main() -> None:
    """Train or load all runs, and draw."""
    measured = measure_all()

    def collect(name: str, key: str) -> Tensor:
        return torch.tensor([[scores[key] for scores in run] for run in measured[name]])

    recall = {name: collect(name, "recall").mean(dim=2) for name in VARIANTS}  # [seed, k]
    keys = ("recall", "precision", "absorbed", "cosine", "fvu", "l0")
    numbers = {name: {key: collect(name, key) for key in keys} for name in VARIANTS}

    def draw(figure: Figure) -> None:
        left, right = figure.subplots(1, 2, width_ratios=(1.5, 1))
        rows = [f"k = {k}" for k in KS]
        dot_plot(
            left,
            rows,
            {name: value.T.tolist() for name, value in recall.items()},
            label="recall of the parent's latent, with a child",
            reach=(-0.03, 1.2),
        )
        legend_above(left, columns=3)
        errors = {name: numbers[name]["fvu"].T.tolist() for name in VARIANTS[:2]}
        top = max(max(max(row) for row in rows) for rows in errors.values())
        reach = (-0.02, 1.3 * top)
        dot_plot(right, rows, errors, label="fraction of variance unexplained", reach=reach)
        left.axvline(1, color=mpl.rcParams["text.color"], lw=0.8, ls=":")

    said = "; ".join(
        f"{name} {', '.join(f'{value:.2f}' for value in recall[name].mean(dim=0).tolist())}"
        for name in VARIANTS
    )
    publish(
        "ch09_absorption",
        draw,
        alt="On tokens with a child, the share at which the parent's latent is active, for k = "
        f"{' and '.join(map(str, KS))}: {said}.",
        numbers={"k": KS, **numbers},
        seeds=SEEDS,
        sources=figure_sources(__file__, hierarchy.__file__),
        size=(8.6, 3.3),
    )


if __name__ == "__main__":
    main()
