"""Plot three measures of uncertainty: bootstrap intervals, a permutation test, random sets."""

from typing import Any, NamedTuple

import matplotlib as mpl
import torch
from jaxtyping import Float, Int
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor
from tqdm import tqdm

import toy_models
from docs._figures.lib.plotting import publish
from solutions.ch00_looking import (
    Interval,
    SentimentModel,
    bootstrap_interval,
    draw_reviews,
    percentile_rank,
    permutation_p_value,
    random_sets,
    train_sentiment_model,
)
from solutions.ch00_looking.interventions import pooled_acts
from solutions.ch00_looking.tensors import score_of_answer

SEEDS = (10, 11, 12, 13, 14)
LEVEL, N_RESAMPLES, N_PERMUTATIONS = 0.95, 1000, 2000
SIZES, REPEATS, SHOWN = (10, 40, 160), 300, 40
N_COMPARED, SET_SIZE, N_SETS = 40, 6, 400


class Shuffled(NamedTuple):
    """Difference of the mean scores of two groups, and its permutation null."""

    observed: float
    """Mean of the second group minus mean of the first, in logits."""
    null: Float[Tensor, " n_permutations"]
    """The same after shuffling the group labels."""
    p: float
    """p-value from `permutation_p_value`."""


def intervals(model: SentimentModel, size: int, repeats: int) -> list[Interval]:
    """Compute intervals of the accuracy with random marks, each from `size` new reviews."""
    generator = torch.Generator().manual_seed(size)
    found = []
    for _ in range(repeats):
        reviews = draw_reviews(size, generator, agree=0.5)
        right = (model.predict(reviews.tokens) == reviews.label).float()
        found.append(bootstrap_interval(right, N_RESAMPLES, LEVEL, generator))
    return found


def shuffle(model: SentimentModel, name: str) -> Shuffled:
    """Compare the score of "good" between 40 reviews without a property and 40 with it."""
    generator = torch.Generator().manual_seed(4)
    reviews = draw_reviews(2000, generator)
    score = score_of_answer(model(reviews.tokens), torch.ones_like(reviews.label))
    a, b = (score[getattr(reviews, name) == value][:N_COMPARED] for value in (0, 1))
    both, null = torch.cat([a, b]), []
    for _ in range(N_PERMUTATIONS):
        mixed = both[torch.randperm(len(both), generator=generator)]
        null.append(mixed[N_COMPARED:].mean() - mixed[:N_COMPARED].mean())
    p = permutation_p_value(a, b, N_PERMUTATIONS, generator)
    return Shuffled((b.mean() - a.mean()).item(), torch.stack(null), p)


def compare_sets(
    model: SentimentModel, seed: int
) -> tuple[dict[str, float], Float[Tensor, " n_sets"]]:
    """Measure how far the score moves when six chosen, or six random, neurons are mean-ablated.

    A neuron's contribution is the difference of its mean activations for mark up and down, times
    its output weight. Neurons are chosen on the first 1,000 reviews and ablated on the others.

    Units: logits.
    """
    generator = torch.Generator().manual_seed(5000 + seed)
    reviews = draw_reviews(2000, generator)
    hidden, marks = model.hidden(pooled_acts(model, reviews)), reviews.mark.bool()
    first, second, marks = hidden[:1000], hidden[1000:], marks[:1000]
    gap = first[marks].mean(dim=0) - first[~marks].mean(dim=0)
    weight = model.W_out[:, 1] - model.W_out[:, 0]
    chosen = {
        "largest contributions, absolute": (gap * weight).abs().topk(SET_SIZE).indices,
        "largest contributions": (gap * weight).topk(SET_SIZE).indices,
    }

    def moves(neurons: Int[Tensor, " size"]) -> float:
        missing = second[:, neurons] - second[:, neurons].mean(dim=0)
        return (missing @ weight[neurons]).abs().mean().item()

    sets = random_sets(hidden.shape[-1], SET_SIZE, N_SETS, generator)
    null = torch.tensor([moves(neurons) for neurons in sets])
    return {name: moves(neurons) for name, neurons in chosen.items()}, null


def draw_intervals(axes: Axes, shown: list[Interval], truth: float) -> None:
    """Plot intervals next to each other, those without the true value in the second colour."""
    colours = mpl.rcParams["axes.prop_cycle"].by_key()["color"]
    for x, (low, estimate, high) in enumerate(shown):
        colour = colours[0] if low <= truth <= high else colours[1]
        axes.plot([x, x], [low, high], color=colour, lw=1.4)
        axes.plot(x, estimate, marker="o", ms=3.5, color=colour)
    axes.axhline(truth, lw=0.9, ls=":", color=mpl.rcParams["text.color"])
    axes.set(xticks=[], ylabel="accuracy", ylim=(0, 1))
    axes.set_title(f"{len(shown)} intervals, each from {SIZES[1]} reviews", loc="left")


def draw_null(axes: Axes, null: Tensor, observed: dict[str, float], bins: int = 40) -> None:
    """Plot the null distribution as a histogram and the observed values as labelled lines."""
    colours = mpl.rcParams["axes.prop_cycle"].by_key()["color"]
    axes.hist(null.tolist(), bins=bins, color=colours[0], alpha=0.55)
    top = axes.get_ylim()[1] * 1.3  # space for the labels above the bars
    axes.set_ylim(0, top)
    for index, (name, value) in enumerate(observed.items()):
        axes.axvline(value, color=colours[1 + index], lw=1.8)
        axes.annotate(
            name,
            (value, top * (0.9 - 0.16 * index)),
            (-4, 0),
            textcoords="offset points",
            ha="right",
            va="center",
            fontsize=8.5,
        )
    axes.set(yticks=[])


def measure() -> dict[str, Any]:
    """Measure the shipped model; for the sets of neurons also five fresh models."""
    toy = toy_models.load("shortcut")
    model = SentimentModel.from_tensors(toy.config, toy.tensors).requires_grad_(False)
    many = draw_reviews(200_000, torch.Generator().manual_seed(3), agree=0.5)
    truth = (model.predict(many.tokens) == many.label).double().mean().item()
    by_size = {size: intervals(model, size, REPEATS) for size in tqdm(SIZES, disable=None)}
    sets = [compare_sets(model, 0)]
    sets += [compare_sets(train_sentiment_model(seed), seed) for seed in tqdm(SEEDS, disable=None)]
    return {
        "truth": truth,
        "intervals": by_size[SIZES[1]],
        "coverage": {
            size: sum(one.low <= truth <= one.high for one in found) / REPEATS
            for size, found in by_size.items()
        },
        "groups": {name: shuffle(model, name) for name in ("topic", "mark")},
        "sets": sets,
    }


def draw(figure: Figure, found: dict[str, Any]) -> None:
    """Draw the three panels, one below the other."""
    upper, middle, lower = figure.subplots(3, 1)
    groups, (shipped, random) = found["groups"], found["sets"][0]
    draw_intervals(upper, found["intervals"][:SHOWN], found["truth"])
    draw_null(middle, groups["mark"].null, {n: group.observed for n, group in groups.items()})
    middle.set_title(f"two groups of {N_COMPARED} scores, group labels shuffled", loc="left")
    middle.set_xlabel("difference of means (logits)")
    draw_null(lower, random, shipped)
    lower.set_title(f"{N_SETS} random sets of {SET_SIZE} neurons", loc="left")
    lower.set_xlabel("change of the score when they are ablated (logits)")


def main() -> None:
    """Measure, draw and publish the figure."""
    found = measure()
    (shipped, random), groups = found["sets"][0], found["groups"]
    percentiles = {
        name: [percentile_rank(chosen[name], null) for chosen, null in found["sets"]]
        for name in shipped
    }
    publish(
        "ch00_evidence",
        lambda figure: draw(figure, found),
        alt=f"Of {REPEATS} intervals from {SIZES[1]} reviews, {found['coverage'][SIZES[1]]:.2f} "
        f"contain the true accuracy, {found['truth']:.3f}. Mean scores of films and "
        f"restaurants differ by {groups['topic'].observed:.1f} logits, well inside the permutation "
        f"null; those of mark down and up by {groups['mark'].observed:.1f}, far outside it. "
        "Ablating the six neurons with the largest contributions moves the score by "
        f"{shipped['largest contributions']:.1f} logits, six random ones by {random.mean():.1f}.",
        numbers={
            "truth": found["truth"],
            "coverage": found["coverage"],
            "observed": {name: group.observed for name, group in groups.items()},
            "p": {name: group.p for name, group in groups.items()},
            "moves_chosen": shipped,
            "moves_random": {"mean": random.mean().item(), "highest": random.max().item()},
            "percentiles": percentiles,
        },
        seeds=(0, *SEEDS),
        sources=[__file__],
        size=(6.4, 6.6),
    )


if __name__ == "__main__":
    main()
