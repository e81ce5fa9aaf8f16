"""Plot accuracy by group of reviews, for models trained with and without the shortcut."""

import torch
from matplotlib.figure import Figure
from tqdm import tqdm

from docs._figures.lib.dot_plot import dot_plot, legend_above
from docs._figures.lib.plotting import publish
from solutions.ch00_looking import (
    SentimentModel,
    SentimentTraining,
    draw_reviews,
    train_sentiment_model,
)
from solutions.ch00_looking.behaviour import accuracy_by_group

SEEDS = (10, 11, 12, 13, 14)
N_REVIEWS = 20_000
GROUPS = (
    "mark agrees, plain",
    "mark agrees, ironic",
    "mark disagrees, plain",
    "mark disagrees, ironic",
)


def by_group(model: SentimentModel, seed: int) -> list[float]:
    """Measure the accuracy on reviews as in training, then on each of GROUPS."""
    generator = torch.Generator().manual_seed(1000 + seed)
    training = draw_reviews(N_REVIEWS, generator)
    as_in_training = (model.predict(training.tokens) == training.label).float().mean().item()
    reviews = draw_reviews(N_REVIEWS, generator, agree=0.5, irony=0.5)
    group = 2 * (reviews.mark ^ reviews.words) + reviews.irony
    return [
        as_in_training,
        *accuracy_by_group(model.predict(reviews.tokens), reviews.label, group, 4).tolist(),
    ]


def main() -> None:
    """Train five models of each kind and compare them."""
    trainings = {
        "trained with the shortcut": SentimentTraining(),
        "trained with random marks": SentimentTraining(agree=0.5),
    }
    measured = {
        name: [
            by_group(train_sentiment_model(seed, training), seed)
            for seed in tqdm(SEEDS, disable=None)
        ]
        for name, training in trainings.items()
    }
    rows = ["as in training", *GROUPS]
    series = {name: list(zip(*models, strict=True)) for name, models in measured.items()}

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        dot_plot(axes, rows, series, label="accuracy")
        legend_above(axes, columns=1)

    means = {n: [sum(row) / len(row) for row in values] for n, values in series.items()}
    with_shortcut, without = means.values()
    publish(
        "ch00_behaviour",
        draw,
        alt="Models trained with the shortcut have accuracy "
        f"{with_shortcut[0]:.3f} on reviews as in training, and {with_shortcut[3]:.3f} on plain "
        "reviews whose mark disagrees with the words. Models trained with random marks have "
        f"{without[3]:.3f} on the latter.",
        numbers={"rows": rows, "values": series, "means": means, "n_reviews": N_REVIEWS},
        seeds=SEEDS,
        sources=[__file__],
        size=(6.4, 3.6),
    )


if __name__ == "__main__":
    main()
