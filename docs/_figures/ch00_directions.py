"""Plot how many predictions flip when the mark is swapped along one direction of the averages."""

import torch
from jaxtyping import Float, Int
from matplotlib.figure import Figure
from torch import Tensor
from tqdm import tqdm

from docs._figures.lib.dot_plot import dot_plot
from docs._figures.lib.plotting import publish
from solutions.ch00_looking import Reviews, SentimentModel, draw_reviews, train_sentiment_model
from solutions.ch00_looking.behaviour import flips
from solutions.ch00_looking.interventions import (
    ablate_direction,
    difference_in_means,
    flips_when_swapped,
    flips_when_swapped_along,
    pooled_acts,
)
from solutions.ch00_looking.probe import LinearProbe, held_out_accuracy

SEEDS = (10, 11, 12, 13, 14)
N_REVIEWS, N_RANDOM = 4000, 50


def directions(model: SentimentModel, seed: int, name: str) -> dict[str, Float[Tensor, " d_model"]]:
    """Estimate a property's direction on balanced reviews: by class means, and by a probe."""
    generator = torch.Generator().manual_seed(seed)
    reviews = draw_reviews(N_REVIEWS, generator, agree=0.5, irony=0.5)
    acts, labels = pooled_acts(model, reviews), getattr(reviews, name)
    probe = LinearProbe(acts.shape[-1])
    held_out_accuracy(probe, acts, labels)
    return {"means": difference_in_means(acts, labels), "probe": probe.direction}


def predict_ablated(
    model: SentimentModel, reviews: Reviews, direction: Tensor
) -> Int[Tensor, " batch"]:
    """Predict with the coordinate of every review set to the mean's."""
    acts = pooled_acts(model, reviews)
    ablated = ablate_direction(acts, direction, acts.mean(dim=0))
    return model.logits_from_pooled(ablated).argmax(dim=-1)


def flips_when_ablated(model: SentimentModel, reviews: Reviews, direction: Tensor) -> float:
    """Measure the fraction of predictions that change when a direction is ablated."""
    after = predict_ablated(model, reviews, direction)
    return flips(model.predict(reviews.tokens), after).mean().item()


def agreement_after_ablation(
    model: SentimentModel, seed: int, direction: Tensor
) -> dict[str, float]:
    """Measure how often the prediction follows the words, and the mark, with the mark ablated.

    Marks are random and no review is ironic, so words and mark are independent.
    """
    generator = torch.Generator().manual_seed(4000 + seed)
    reviews = draw_reviews(N_REVIEWS, generator, agree=0.5, irony=0.0)
    after = predict_ablated(model, reviews, direction)
    return {
        "after ablation: prediction follows the words": (after == reviews.words)
        .double()
        .mean()
        .item(),
        "after ablation: prediction follows the mark": (after == reviews.mark)
        .double()
        .mean()
        .item(),
    }


def measure(model: SentimentModel, seed: int) -> dict[str, float]:
    """Measure the fraction of predictions flipped by each intervention and control."""
    generator = torch.Generator().manual_seed(3000 + seed)
    reviews = draw_reviews(N_REVIEWS, generator)
    mark, topic = directions(model, seed, "mark"), directions(model, seed, "topic")
    random_directions = torch.randn(N_RANDOM, model.config.d_model, generator=generator)
    at_random = [
        flips_when_swapped_along(model, reviews, "mark", one).mean() for one in random_directions
    ]
    return {
        "mark swapped in the input": flips_when_swapped(model, reviews, "mark").mean().item(),
        "mark, along the difference of means": (
            flips_when_swapped_along(model, reviews, "mark", mark["means"]).mean().item()
        ),
        "mark, along a probe's direction": (
            flips_when_swapped_along(model, reviews, "mark", mark["probe"]).mean().item()
        ),
        "mark, along random directions": torch.stack(at_random).mean().item(),
        "mark's direction ablated": flips_when_ablated(model, reviews, mark["means"]),
        "topic swapped in the input": flips_when_swapped(model, reviews, "topic").mean().item(),
        "topic, along the difference of means": (
            flips_when_swapped_along(model, reviews, "topic", topic["means"]).mean().item()
        ),
        "topic's direction ablated": flips_when_ablated(model, reviews, topic["means"]),
        "cosine of probe and means": (
            torch.cosine_similarity(mark["probe"], mark["means"], dim=0).item()
        ),
        **agreement_after_ablation(model, seed, mark["means"]),
    }


def main() -> None:
    """Measure five models; plot a dot for each."""
    models = [measure(train_sentiment_model(seed), seed) for seed in tqdm(SEEDS, disable=None)]
    values = {name: [model[name] for model in models] for name in models[0]}
    means = {name: sum(numbers) / len(numbers) for name, numbers in values.items()}
    rows = [name for name in values if not name.startswith(("cosine", "after"))]

    def draw(figure: Figure) -> None:
        series = {"flips": [values[name] for name in rows]}
        dot_plot(figure.subplots(), rows, series, label="fraction of predictions that flip")

    publish(
        "ch00_directions",
        draw,
        alt=f"Swapping the mark in the input flips {means[rows[0]]:.3f} of predictions, swapping "
        f"the average's coordinate along the difference of means {means[rows[1]]:.3f}, along a "
        f"probe's direction {means[rows[2]]:.2f}, along random directions {means[rows[3]]:.3f}. "
        f"No intervention on the topic flips more than {max(values[rows[6]]):.3f}.",
        numbers={"means": means, "values": values, "n_reviews": N_REVIEWS, "n_random": N_RANDOM},
        seeds=SEEDS,
        sources=[__file__],
        size=(6.8, 3.6),
    )


if __name__ == "__main__":
    main()
