"""Plot how decodable each property is against how often swapping it changes the prediction."""

from typing import Any

import matplotlib as mpl
import torch
from matplotlib.axes import Axes
from tqdm import tqdm

from docs._figures.lib.dot_plot import MARKERS
from docs._figures.lib.plotting import publish
from solutions.ch00_looking import (
    SentimentModel,
    bootstrap_interval,
    draw_reviews,
    train_sentiment_model,
)
from solutions.ch00_looking.interventions import decodability, flips_when_swapped
from solutions.ch00_looking.sentiment_data import PropertyName

SEEDS = (10, 11, 12, 13, 14)
N_REVIEWS, N_RESAMPLES, LEVEL = 5000, 1000, 0.95
SHOWN: tuple[PropertyName, ...] = ("mark", "tone", "words", "topic", "order", "irony")
LABEL_OFFSETS = {
    "mark": (-12, 7),
    "tone": (10, -14),
    "words": (-34, 6),
    "topic": (0, -18),
    "order": (10, 6),
    "irony": (-40, 8),
    "irony, in\nironic reviews": (-70, -26),
}


def measure(model: SentimentModel, seed: int) -> dict[str, dict[str, Any]]:
    """Measure, for each property, the accuracy of a probe and the predictions that a swap flips."""
    generator = torch.Generator().manual_seed(2000 + seed)
    reviews = draw_reviews(N_REVIEWS, generator)
    found: dict[str, dict[str, Any]] = {}
    for name in SHOWN:
        flipped = flips_when_swapped(model, reviews, name)
        interval = bootstrap_interval(flipped, N_RESAMPLES, LEVEL, generator)
        found[name] = {"decodable": decodability(model, name, seed), "flips": list(interval)}
    ironic = flips_when_swapped(model, reviews, "irony")[reviews.irony == 1]
    interval = bootstrap_interval(ironic, N_RESAMPLES, LEVEL, generator)
    found["irony, in\nironic reviews"] = found["irony"] | {"flips": list(interval)}
    return found


def draw_table(axes: Axes, models: list[dict[str, dict[str, Any]]]) -> None:
    """Plot one dot per property and model: probe accuracy against flipped predictions."""
    colours = mpl.rcParams["axes.prop_cycle"].by_key()["color"]
    for index, name in enumerate(models[0]):
        # irony has one colour and two positions
        style = {"color": colours[min(index, 5)], "ls": "", "ms": 6, "mec": "none", "alpha": 0.8}
        x = [model[name]["decodable"] for model in models]
        low, y, high = zip(*(model[name]["flips"] for model in models), strict=True)
        axes.vlines(x, low, high, color=style["color"], lw=1)
        axes.plot(x, y, marker=MARKERS[index % 4], **style)
        place = (sum(x) / len(x), sum(y) / len(y))
        axes.annotate(name, place, LABEL_OFFSETS[name], textcoords="offset points", fontsize=9)
    axes.plot([1, 1], [0.05, 0.96], color=colours[5], lw=1, ls=":")
    axes.set(xlabel="decodable: accuracy of a linear probe", xlim=(0.42, 1.04))
    axes.set(ylabel="used: fraction of predictions that flip", ylim=(-0.09, 1.09))
    axes.grid(linewidth=0.5, alpha=0.3)


def main() -> None:
    """Measure five models; plot a dot for each, with its interval over reviews."""
    models = [measure(train_sentiment_model(seed), seed) for seed in tqdm(SEEDS, disable=None)]
    means = {
        name: {
            "decodable": sum(model[name]["decodable"] for model in models) / len(models),
            "flips": sum(model[name]["flips"][1] for model in models) / len(models),
        }
        for name in models[0]
    }
    publish(
        "ch00_decodable_used",
        lambda figure: draw_table(figure.subplots(), models),
        alt="Decodability against use. The mark is decodable and used; the topic is decodable "
        f"({means['topic']['decodable']:.2f}) and flips no prediction; the tone is not decodable "
        f"({means['tone']['decodable']:.2f}) and used; the order is neither. Irony is decodable, "
        f"and flips {means['irony']['flips']:.3f} of all predictions, but every prediction on "
        "ironic reviews.",
        numbers={
            "means": means,
            "models": models,
            "n_reviews": N_REVIEWS,
            "level": LEVEL,
        },
        seeds=SEEDS,
        sources=[__file__],
        size=(6.4, 4.6),
    )


if __name__ == "__main__":
    main()
