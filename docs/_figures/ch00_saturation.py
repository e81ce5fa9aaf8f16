"""Plot how the probability saturates on the path to the input, and completeness by method."""

from typing import NamedTuple

import torch
from jaxtyping import Float
from matplotlib.figure import Figure
from torch import Tensor

from docs._figures.lib.plotting import lines, publish
from solutions.ch00_looking import SentimentModel, draw_reviews, train_sentiment_model
from solutions.ch00_looking.saliency import (
    gradient_times_input,
    integrated_gradients,
    probability_score,
)

SEEDS = (10, 11, 12, 13, 14)
N_REVIEWS = 500
FRACTIONS = torch.linspace(0, 1, 41)
STEPS = (1, 2, 4, 8, 16, 32, 64, 128)


class PathResult(NamedTuple):
    """Measurements of one model on the path from the baseline to the reviews."""

    probability: Float[Tensor, " point"]
    """Mean probability of the predicted class at each of FRACTIONS."""
    explained: Float[Tensor, " n_steps"]
    """Sum of integrated gradients over f(x) - f(baseline), for each of STEPS."""
    by_gradient: float
    """The same for gradient times input."""


def measure_path(model: SentimentModel) -> PathResult:
    """Measure the probability along the path, and the completeness of two methods.

    Sums of attributions and differences of scores are averaged over reviews before the division.
    """
    tokens = draw_reviews(N_REVIEWS, torch.Generator().manual_seed(1)).tokens
    embedded = model.embed(tokens)
    baseline = embedded.mean(dim=(0, 1)).expand_as(embedded)
    score = probability_score(model, model.predict(tokens))
    path = embedded - baseline
    probability = torch.stack([score(baseline + f * path).mean() for f in FRACTIONS])
    difference = (score(embedded) - score(baseline)).mean()
    explained = [
        (integrated_gradients(score, embedded, baseline, n).sum(dim=(1, 2)).mean() / difference)
        for n in STEPS
    ]
    by_gradient = gradient_times_input(score, embedded).sum(dim=(1, 2)).mean() / difference
    return PathResult(probability, torch.stack(explained), by_gradient.item())


def draw(figure: Figure, path: Tensor, explained: Tensor, by_gradient: Tensor) -> None:
    """Draw the probability along the path, and the explained fraction by the number of steps."""
    left, right = figure.subplots(1, 2)
    band = {"probability": (path.amin(0).tolist(), path.amax(0).tolist())}
    labels = ("fraction of the path to the review", "probability of the predicted class")
    lines(
        left, FRACTIONS.tolist(), {"probability": path.mean(0).tolist()}, bands=band, labels=labels
    )
    left.set_ylim(0, 1.05)
    series: dict[str, list[float]] = {}
    bands: dict[str, tuple[list[float], list[float]]] = {}
    level = by_gradient[:, None].expand(-1, len(STEPS))
    for name, values in (("integrated gradients", explained), ("gradient x input", level)):
        series[name] = values.mean(0).tolist()
        bands[name] = (values.amin(0).tolist(), values.amax(0).tolist())
    lines(
        right,
        STEPS,
        series,
        bands=bands,
        labels=("steps", "explained fraction of f(x) - f(baseline)"),
    )
    right.axhline(1, lw=0.8, ls=":")
    right.set_xscale("log", base=2)


def main() -> None:
    """Measure five models; draw the path and the completeness."""
    results = [measure_path(train_sentiment_model(seed)) for seed in SEEDS]
    path = torch.stack([result.probability for result in results])
    explained = torch.stack([result.explained for result in results])
    by_gradient = torch.tensor([result.by_gradient for result in results])
    publish(
        "ch00_saturation",
        lambda figure: draw(figure, path, explained, by_gradient),
        alt="On the path from an average review to a real one the probability of the predicted "
        f"class rises from {path[:, 0].mean():.2f} to {path[:, 20].mean():.3f} half-way and is "
        "flat from there. Gradient times input, evaluated at the end, sums to "
        f"{by_gradient.mean():.4f} of the difference; integrated gradients with 32 steps sum to "
        f"{explained[:, STEPS.index(32)].mean():.3f} of it.",
        numbers={
            "fractions": FRACTIONS,
            "probability": path,
            "steps": STEPS,
            "explained": explained,
            "explained_by_gradient_times_input": by_gradient,
            "n_reviews": N_REVIEWS,
        },
        seeds=SEEDS,
        sources=[__file__],
        size=(7.0, 3.0),
    )


if __name__ == "__main__":
    main()
