"""Draw how stable automatic supernodes are, what they switch, and influence against effects."""

from itertools import combinations
from typing import Any

import torch
from jaxtyping import Float
from matplotlib.figure import Figure
from torch import Tensor

from docs._figures.attribution import (
    addition,
    group_stability,
    node_effects,
    text_cases,
    two_hop_clts,
)
from docs._figures.attribution.group_stability import (
    LEAST,
    Grouped,
    adjusted_rand,
    all_acts,
    cosines,
    count_pairs,
    group_question,
    match,
    swap_rates,
)
from docs._figures.attribution.node_effects import measure_effects
from docs._figures.attribution.two_hop_clts import SEEDS, TwoCLTs, load_all
from docs._figures.lib.plotting import publish
from solutions.ch00_looking import bootstrap_interval
from solutions.ch11_transcoders.geography import make_geography
from solutions.ch12_graphs import influence, scores, supernodes

Asked = dict[tuple[int, int], Grouped]
"""(city, relation) -> the graph of this question."""
DRAWS, RESAMPLES = 20, 1000
CHANGES = (
    "all latents",
    "supernode",
    "latent, same length",
    "latent",
    "random group",
    "random direction",
)


def interval(values: Float[Tensor, " question"]) -> dict[str, float]:
    """Return the mean and its 95 % bootstrap interval."""
    generator = torch.Generator().manual_seed(0)
    low, mean, high = bootstrap_interval(values.double(), RESAMPLES, 0.95, generator)
    return {"low": low, "mean": mean, "high": high}


def rand_interval(counts: Float[Tensor, "question 3"]) -> dict[str, float]:
    """Return the adjusted Rand index and its 95 % bootstrap interval over questions."""
    generator = torch.Generator().manual_seed(0)
    drawn = [
        adjusted_rand(counts[torch.randint(len(counts), (len(counts),), generator=generator)])
        for _ in range(RESAMPLES)
    ]
    low, high = torch.tensor(drawn).quantile(torch.tensor([0.025, 0.975])).tolist()
    return {"low": low, "mean": adjusted_rand(counts), "high": high}


def stability(
    one: Asked, two: Asked, acts: tuple[Tensor, Tensor], generator: torch.Generator
) -> dict[str, Any]:
    """Compare the groups of two dictionaries, and their matches with those of shuffled rows."""
    matched, real = match(*acts)
    shuffled = acts[1][:, torch.randperm(acts[1].shape[1], generator=generator)]
    _, null = match(acts[0], shuffled)
    found = [count_pairs(one[key], two[key], matched, generator) for key in one]
    nulls = [
        adjusted_rand(
            torch.tensor([count_pairs(one[key], two[key], matched, generator)[1] for key in one])
        )
        for _ in range(DRAWS)
    ]
    return {
        "matched": sum(value >= LEAST for value in real) / len(real),
        "matched, shuffled": sum(value >= LEAST for value in null) / len(null),
        "compared": interval(torch.tensor([share for _, _, share in found])),
        "rand": rand_interval(torch.tensor([counts for counts, _, _ in found])),
        "rand, permuted": {"low": min(nulls), "mean": sum(nulls) / DRAWS, "high": max(nulls)},
    }


def group_toys(toys: list[TwoCLTs]) -> dict[str, Any]:
    """Measure stability, what supernodes write, and what they switch, in all models."""
    world, generator = make_geography(), torch.Generator().manual_seed(0)
    questions = world.questions(held_out=True)
    every = torch.cat([world.questions(held_out=False), questions])
    asked: list[list[Asked]] = [
        [
            {(int(q[0]), int(q[1])): group_question(toy.model, clt, q) for q in questions}
            for clt in toy.clts
        ]
        for toy in toys
    ]
    acts = [[all_acts(toy.model, clt, every) for clt in toy.clts] for toy in toys]
    written = []
    for one, two in asked:
        rows = [cosines(one[key], two[key], generator) for key in one]
        written.append({k: interval(torch.tensor([row[k] for row in rows])) for k in rows[0]})
    swaps = [
        [swap_rates(toy.model, world, one, questions, generator) for one in both]
        for toy, both in zip(toys, asked, strict=True)
    ]
    return {
        "one model": {
            str(seed): stability(
                asked[seed][0], asked[seed][1], (acts[seed][0], acts[seed][1]), generator
            )
            for seed in SEEDS
        },
        "two models": {
            f"{a}, {b}": stability(asked[a][0], asked[b][0], (acts[a][0], acts[b][0]), generator)
            for a, b in combinations(SEEDS, 2)
        },
        "written": dict(zip(map(str, SEEDS), written, strict=True)),
        "swaps": {
            f"{seed}, {name}": {key: interval(values) for key, values in found.items()}
            for seed, both in zip(SEEDS, swaps, strict=True)
            for name, found in zip(("shipped", "second"), both, strict=True)
        },
    }


def draw(figure: Figure, groups: dict[str, Any], effects: dict[str, Any]) -> None:
    """Draw Rand indices, switched shares, and rank correlations."""
    left, middle, right = figure.subplots(1, 3, width_ratios=[3, 4, 4])
    rows = [f"one model, {k}" for k in groups["one model"]]
    rows += [f"models {k}" for k in groups["two models"]]
    for row, one in enumerate((*groups["one model"].values(), *groups["two models"].values())):
        for key, color, marker in (("rand", "C0", "o"), ("rand, permuted", "C1", "s")):
            value = one[key]
            left.plot([value["low"], value["high"]], [row, row], color=color, lw=1.2)
            left.plot(value["mean"], row, marker, color=color, ms=5)
    left.set_yticks(range(len(rows)), rows, fontsize=8)
    left.set(xlim=(-0.15, 1), xlabel="adjusted Rand index")
    left.axvline(0, color="0.5", lw=0.8)
    for row, name in enumerate(CHANGES):
        values = [one[name]["mean"] for one in groups["swaps"].values()]
        middle.plot(values, [row] * len(values), "o", color="C0", ms=4, alpha=0.7)
    middle.set_yticks(range(len(CHANGES)), CHANGES, fontsize=8)
    middle.set(xlim=(-0.02, 1.02), xlabel="answers that follow")
    shown = ("influence", "shuffled decoders", "length", "random order")
    for number, name in enumerate(shown):
        values = [one[f"rank, {name}"]["mean"] for one in effects.values()]
        right.plot(values, range(len(values)), "osD^"[number], color=f"C{number}", ms=5, label=name)
    right.set_yticks(range(len(effects)), list(effects), fontsize=8)
    right.set(xlim=(-0.3, 1), xlabel="rank correlation with effects")
    right.legend(frameon=False, fontsize=7, loc="upper left", bbox_to_anchor=(-0.2, 1.2), ncols=2)
    for axes in figure.axes:
        axes.invert_yaxis()


def main() -> None:
    """Measure, and draw."""
    toys = load_all()
    groups = group_toys(toys)
    effects = {
        name: {key: interval(torch.tensor([row[key] for row in rows])) for key in rows[0]}
        for name, rows in measure_effects(toys).items()
    }
    said = "; ".join(
        f"{name}: {one['rank, influence']['mean']:.2f}" for name, one in effects.items()
    )
    rands = [one["rand"]["mean"] for one in groups["one model"].values()]
    sources = (addition, group_stability, node_effects, text_cases, two_hop_clts)
    publish(
        "ch12_supernodes",
        lambda figure: draw(figure, groups, effects),
        alt=f"Adjusted Rand index of groups with two CLTs of one model: {min(rands):.2f} to "
        f"{max(rands):.2f}. Shares of answers that follow a swap of a supernode, a latent or a "
        f"random group. Rank correlation of influence with measured effects: {said}.",
        numbers={"groups": groups, "effects": effects},
        seeds=SEEDS,
        sources=[
            __file__,
            *(str(one.__file__) for one in (*sources, influence, scores, supernodes)),
        ],
        size=(9.4, 3.2),
    )


if __name__ == "__main__":
    main()
