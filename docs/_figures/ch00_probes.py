"""Plot the accuracy of probes on trained and untrained models, and on a control task."""

from collections.abc import Callable, Sequence
from functools import partial

import torch
from matplotlib.figure import Figure
from torch import nn
from tqdm import tqdm

from docs._figures.lib.dot_plot import dot_plot, legend_above
from docs._figures.lib.plotting import publish
from solutions.ch00_looking import SentimentModel, draw_reviews, train_sentiment_model
from solutions.ch00_looking.interventions import decodability, pooled_acts
from solutions.ch00_looking.probe import LinearProbe, MLPProbe, held_out_accuracy, selectivity
from solutions.ch00_looking.sentiment_data import PROPERTIES
from solutions.ch00_looking.train import SHORTCUT

SEEDS = (10, 11, 12, 13, 14)
N_REVIEWS, WIDTH = 4000, 128
ROWS = tuple(
    f"{task}, {probe} probe"
    for task in ("topic", "40 random labels", "tone")
    for probe in ("linear", "MLP")
)
PROBES: dict[str, Callable[[], nn.Module]] = {
    "linear": partial(LinearProbe, SHORTCUT.d_model),
    "MLP": partial(MLPProbe, SHORTCUT.d_model, WIDTH),
}
Values = dict[str, list[list[float]]]
"""Kind of model -> one list per row, with the values of all models."""


def with_probes(model: SentimentModel, seed: int) -> dict[str, float]:
    """Measure both probes on tone, topic and the topic's control task."""
    generator = torch.Generator().manual_seed(seed)
    reviews = draw_reviews(N_REVIEWS, generator, agree=0.5, irony=0.5)
    acts = pooled_acts(model, reviews)
    found = {}
    for name, new_probe in PROBES.items():
        result = selectivity(new_probe, acts, reviews.topic, reviews.product, generator)
        found[f"topic, {name} probe"] = result.task
        found[f"40 random labels, {name} probe"] = result.control
        found[f"tone, {name} probe"] = held_out_accuracy(new_probe(), acts, reviews.tone)
    return found


def averages(rows: Sequence[str], values: Values) -> dict[str, dict[str, float]]:
    """Average over models, by kind of model and row."""
    return {
        kind: {row: sum(v) / len(v) for row, v in zip(rows, by_row, strict=True)}
        for kind, by_row in values.items()
    }


def draw(figure: Figure, linear: Values, probed: Values) -> None:
    """Draw linear probes of all properties in the upper panel, both probes in the lower one."""
    upper, lower = figure.subplots(2, 1)
    reach, label = (0.4, 1.06), "accuracy on fresh reviews"
    dot_plot(upper, PROPERTIES, linear, label=f"{label}, linear probe", reach=reach)
    dot_plot(lower, ROWS, probed, label=label, reach=reach)
    legend_above(upper)


def main() -> None:
    """Fit probes on five trained models and on the same models before training."""
    linear: Values = {}
    probed: Values = {}
    for name, make in (
        ("trained", train_sentiment_model),
        ("untrained", partial(SentimentModel, SHORTCUT)),
    ):
        models = [make(seed=seed).requires_grad_(False) for seed in tqdm(SEEDS, disable=None)]
        pairs = list(zip(models, SEEDS, strict=True))
        linear[name] = [[decodability(r, p, seed) for r, seed in pairs] for p in PROPERTIES]
        found = [with_probes(model, seed) for model, seed in pairs]
        probed[name] = [[numbers[row] for numbers in found] for row in ROWS]

    means, probe_means = averages(PROPERTIES, linear), averages(ROWS, probed)
    trained, untrained = means["trained"], means["untrained"]
    publish(
        "ch00_probes",
        lambda figure: draw(figure, linear, probed),
        alt=f"A linear probe predicts the topic with accuracy {trained['topic']:.2f} from trained "
        f"models and {untrained['topic']:.2f} from untrained ones, the order with "
        f"{trained['order']:.2f} and the tone with {trained['tone']:.2f}, which is guessing. An "
        f"MLP probe predicts the tone with {probe_means['trained']['tone, MLP probe']:.2f}, from "
        f"untrained models with {probe_means['untrained']['tone, MLP probe']:.2f}.",
        numbers={
            "linear": means,
            "probes": probe_means,
            "linear_by_model": linear,
            "probes_by_model": probed,
            "properties": PROPERTIES,
            "rows": ROWS,
            "n_reviews": N_REVIEWS,
            "width_of_mlp": WIDTH,
        },
        seeds=SEEDS,
        sources=[__file__],
        size=(6.6, 6.4),
    )


if __name__ == "__main__":
    main()
