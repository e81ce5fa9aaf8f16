"""Draws three ways of asking how sure one can be: resampling, shuffling, random sets."""

from typing import NamedTuple

import matplotlib as mpl
import torch
from jaxtyping import Float, Int
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor
from tqdm import tqdm

import toy_models
from docs._figures.plotting import publish
from solutions.ch00_looking import (
    Interval,
    Reader,
    bootstrap_interval,
    draw_reviews,
    percentile_among,
    permutation_p_value,
    random_sets,
    train_reader,
)
from solutions.ch00_looking.behaviour import flips
from solutions.ch00_looking.cause import pooled
from solutions.ch00_looking.tensors import score_of_answer

SEEDS = (10, 11, 12, 13, 14)
LEVEL, N_RESAMPLES, N_PERMUTATIONS = 0.95, 1000, 2000
SIZES, REPEATS, SHOWN = (10, 40, 160), 300, 40
N_COMPARED, SET_SIZE, N_SETS = 40, 6, 400


class Shuffled(NamedTuple):
    """Two groups of scores, and what shuffling makes of the distance of their means."""

    observed: float
    """Mean of the one group minus mean of the other, logits."""
    null: Float[Tensor, " n_permutations"]
    """The same after shuffling who is in which group."""
    p: float
    """From permutation_p_value."""


def intervals(reader: Reader, size: int, repeats: int) -> list[Interval]:
    """95 % intervals of the accuracy with marks at random, each from a few reviews of its own."""
    generator = torch.Generator().manual_seed(size)
    found = []
    for _ in range(repeats):
        reviews = draw_reviews(size, generator, agree=0.5)
        right = (reader.verdict(reviews.tokens) == reviews.label).float()
        found.append(bootstrap_interval(right, N_RESAMPLES, LEVEL, generator))
    return found


def shuffle(reader: Reader, name: str) -> Shuffled:
    """Compare the score of "good" between 40 reviews without a property and 40 with it."""
    generator = torch.Generator().manual_seed(4)
    reviews = draw_reviews(2000, generator)
    score = score_of_answer(reader(reviews.tokens), torch.ones_like(reviews.label))
    a, b = (score[getattr(reviews, name) == value][:N_COMPARED] for value in (0, 1))
    both, null = torch.cat([a, b]), []
    for _ in range(N_PERMUTATIONS):
        mixed = both[torch.randperm(len(both), generator=generator)]
        null.append(mixed[N_COMPARED:].mean() - mixed[:N_COMPARED].mean())
    p = permutation_p_value(a, b, N_PERMUTATIONS, generator)
    return Shuffled((b.mean() - a.mean()).item(), torch.stack(null), p)


def compare_sets(reader: Reader, seed: int) -> tuple[float, Float[Tensor, " n_sets"]]:
    """Verdicts that flip without the six neurons that tell marks apart best, and without others."""
    generator = torch.Generator().manual_seed(5000 + seed)
    reviews = draw_reviews(1000, generator)
    hidden = reader.hidden(pooled(reader, reviews))
    gap = hidden[reviews.mark == 1].mean(dim=0) - hidden[reviews.mark == 0].mean(dim=0)
    chosen = (gap * (reader.W_out[:, 1] - reader.W_out[:, 0])).abs().topk(SET_SIZE).indices

    def without(neurons: Int[Tensor, " size"]) -> float:
        ablated = hidden.clone()
        ablated[:, neurons] = hidden[:, neurons].mean(dim=0)
        after = reader.read(ablated).argmax(dim=-1)
        return flips(reader.verdict(reviews.tokens), after).mean().item()

    sets = random_sets(hidden.shape[-1], SET_SIZE, N_SETS, generator)
    return without(chosen), torch.tensor([without(neurons) for neurons in sets])


def draw_intervals(axes: Axes, shown: list[Interval], truth: float) -> None:
    """Draw intervals side by side, those that miss the truth in the second colour."""
    colours = mpl.rcParams["axes.prop_cycle"].by_key()["color"]
    for x, (low, estimate, high) in enumerate(shown):
        colour = colours[0] if low <= truth <= high else colours[1]
        axes.plot([x, x], [low, high], color=colour, lw=1.4)
        axes.plot(x, estimate, marker="o", ms=3.5, color=colour)
    axes.axhline(truth, lw=0.9, ls=":", color=mpl.rcParams["text.color"])
    axes.set(xticks=[], ylabel="accuracy", ylim=(0, 1))
    axes.set_title(f"{len(shown)} intervals, each from {SIZES[1]} reviews", loc="left")


def draw_null(axes: Axes, null: Tensor, observed: dict[str, float], bins: int = 40) -> None:
    """Draw what chance gives as a histogram, and what was found as lines with words."""
    colours = mpl.rcParams["axes.prop_cycle"].by_key()["color"]
    axes.hist(null.tolist(), bins=bins, color=colours[0], alpha=0.55)
    top = axes.get_ylim()[1]
    for index, (name, value) in enumerate(observed.items()):
        axes.axvline(value, color=colours[1 + index], lw=1.8)
        axes.annotate(
            *(name, (value, top * (0.9 - 0.16 * index)), (-4, 0)),
            **{"textcoords": "offset points", "ha": "right", "fontsize": 8.5, "va": "center"},
        )
    axes.set(yticks=[])


def main() -> None:
    """Measure the shipped model, and for the sets of neurons five more; draw three panels."""
    toy = toy_models.load("shortcut")
    reader = Reader.from_tensors(toy.config, toy.tensors).requires_grad_(False)
    many = draw_reviews(200_000, torch.Generator().manual_seed(3), agree=0.5)
    truth = (reader.verdict(many.tokens) == many.label).double().mean().item()
    by_size = {size: intervals(reader, size, REPEATS) for size in tqdm(SIZES, disable=None)}
    covered = {
        size: sum(one.low <= truth <= one.high for one in found) / REPEATS
        for size, found in by_size.items()
    }
    groups = {name: shuffle(reader, name) for name in ("topic", "mark")}
    shipped, random = compare_sets(reader, 0)
    others = [compare_sets(train_reader(seed), seed) for seed in tqdm(SEEDS, disable=None)]

    def draw(figure: Figure) -> None:
        upper, middle, lower = figure.subplots(3, 1)
        draw_intervals(upper, by_size[SIZES[1]][:SHOWN], truth)
        draw_null(middle, groups["mark"].null, {n: g.observed for n, g in groups.items()})
        middle.set_title(f"means of {N_COMPARED} and {N_COMPARED} scores, shuffled", loc="left")
        middle.set_xlabel("difference of means (logits)")
        draw_null(lower, random, {"the six chosen neurons": shipped})
        lower.set_title(f"{N_SETS} random sets of {SET_SIZE} neurons", loc="left")
        lower.set_xlabel("share of verdicts that flip without them")

    percentiles = [percentile_among(value, null) for value, null in others]
    publish(
        "ch00_evidence",
        draw,
        alt=f"Of {REPEATS} intervals from {SIZES[1]} reviews, {covered[SIZES[1]]:.2f} hold the true "
        f"accuracy, {truth:.3f}. Scores of films and restaurants differ by "
        f"{groups['topic'].observed:.1f} logits, well within what shuffling gives; those of thumbs "
        f"down and up by {groups['mark'].observed:.1f}, far outside. Without the six chosen neurons "
        f"{shipped:.2f} of the verdicts flip, without six random ones {random.mean():.2f}.",
        numbers={
            "truth": truth,
            "share_of_intervals_that_hold_it": covered,
            "observed": {name: group.observed for name, group in groups.items()},
            "p": {name: group.p for name, group in groups.items()},
            "flips_without_chosen": shipped,
            "flips_without_random": {"mean": random.mean(), "highest": random.max()},
            "percentile": percentile_among(shipped, random),
            "fresh_models": {
                "flips_without_chosen": [value for value, _ in others],
                "percentile": percentiles,
            },
        },
        seeds=(0, *SEEDS),
        sources=[__file__],
        size=(6.4, 6.6),
    )


if __name__ == "__main__":
    main()
