"""Draws why a gradient at the input can be zero, and what integrating along the way repairs."""

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


def along_the_way(model: SentimentModel) -> tuple[Float[Tensor, " point"], list[float], float]:
    """Probability of the verdict along the way; explained shares by steps, and by the gradient.

    The explained share is the sum of all attributions over the difference that they should
    explain, both averaged over reviews.
    """
    tokens = draw_reviews(N_REVIEWS, torch.Generator().manual_seed(1)).tokens
    embedded = model.embed(tokens)
    baseline = embedded.mean(dim=(0, 1)).expand_as(embedded)
    score = probability_score(model, model.predict(tokens))
    way = embedded - baseline
    probability = torch.stack([score(baseline + f * way).mean() for f in FRACTIONS])
    difference = (score(embedded) - score(baseline)).mean()
    shares = [
        (integrated_gradients(score, embedded, baseline, n).sum(dim=(1, 2)).mean() / difference)
        for n in STEPS
    ]
    local = gradient_times_input(score, embedded).sum(dim=(1, 2)).mean() / difference
    return probability, [share.item() for share in shares], local.item()


def draw(figure: Figure, way: Tensor, shares: Tensor, local: Tensor) -> None:
    """Draw the probability along the way, and the explained shares by the number of steps."""
    left, right = figure.subplots(1, 2)
    band = {"probability": (way.amin(0).tolist(), way.amax(0).tolist())}
    labels = ("fraction of the way to the review", "probability of the verdict")
    lines(
        left, FRACTIONS.tolist(), {"probability": way.mean(0).tolist()}, bands=band, labels=labels
    )
    left.set_ylim(0, 1.05)
    series, bands = {}, {}
    level = local[:, None].expand(-1, len(STEPS))
    for name, values in (("integrated gradients", shares), ("gradient x input", level)):
        series[name] = values.mean(0).tolist()
        bands[name] = (values.amin(0).tolist(), values.amax(0).tolist())
    lines(right, STEPS, series, bands=bands, labels=("steps", "sum / difference to explain"))
    right.axhline(1, lw=0.8, ls=":")
    right.set_xscale("log", base=2)


def main() -> None:
    """Measure five models, draw the way and the sums."""
    measured = [along_the_way(train_sentiment_model(seed)) for seed in SEEDS]
    way = torch.stack([probability for probability, _, _ in measured])
    shares = torch.tensor([shares for _, shares, _ in measured])
    local = torch.tensor([share for _, _, share in measured])
    publish(
        "ch00_saturation",
        lambda figure: draw(figure, way, shares, local),
        alt=f"On the way from an average review to a real one the probability of the verdict rises "
        f"from {way[:, 0].mean():.2f} to {way[:, 20].mean():.3f} half-way and is flat from there. "
        f"Gradient times input, taken at the end, sums to {local.mean():.4f} of the difference; "
        f"integrated gradients with 32 steps sum to {shares[:, STEPS.index(32)].mean():.3f} of it.",
        numbers={
            "fractions": FRACTIONS,
            "probability": way,
            "steps": STEPS,
            "explained": shares,
            "explained_by_gradient_times_input": local,
            "n_reviews": N_REVIEWS,
        },
        seeds=SEEDS,
        sources=[__file__],
        size=(7.0, 3.0),
    )


if __name__ == "__main__":
    main()
