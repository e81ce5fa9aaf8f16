"""Draw what agrees between networks that differ in their random numbers only.

Left: units of vision networks, matched one to one by their tuning curves. Right: agreement of
toy models on the represented features, their dimensionalities and their partners.
"""

import itertools
from typing import Any

import matplotlib as mpl
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor
from tqdm import tqdm

from docs._figures.lib.plotting import publish
from solutions.ch01_superposition import (
    ReluOutputToy,
    ToyConfig,
    ToyTrainConfig,
    sparse_features,
    train,
)
from solutions.ch01_superposition.arcs import (
    DIRECTIONS,
    ArcNet,
    ArcTrainConfig,
    train_arcs,
    tuning_curves,
)
from solutions.ch01_superposition.data import importance_schedule
from solutions.ch01_superposition.geometry import feature_dimensionality, partners
from solutions.ch01_superposition.toy_model import reconstruction_loss
from solutions.ch01_superposition.universality import jaccard, match_units, shift_curves

SEEDS = (0, 1, 2, 3)
PAIRS = tuple(itertools.combinations(range(len(SEEDS)), 2))
UNITS, LINES, TURNS = 12, 12, 20
N_FEATURES, D_HIDDEN, DENSITY, COPIES = 20, 5, 0.1, 8
DECAYS = {"importance 0.7^i": 0.7, "equal importance": 1.0}


def main() -> None:
    """Train four networks and four batches of toy models, match, draw."""
    nets = [fit_arcs(seed) for seed in tqdm(SEEDS, desc="vision networks")]
    toys = [fit_toys(seed) for seed in tqdm(SEEDS, desc="toy models")]
    draw_universality(nets, toys)


def fit_arcs(seed: int) -> tuple[Tensor, Tensor]:
    """Measure tuning curves before and after training, each [unit, angle of light and dark]."""
    generator = torch.Generator().manual_seed(50 + seed)
    net = ArcNet(0.06 * torch.randn(LINES, 1, 5, 5, generator=generator), UNITS, seed)
    before = both_shades(net)
    for _ in train_arcs(net, ArcTrainConfig(seed=seed)):
        pass
    return before, both_shades(net)


def both_shades(net: ArcNet) -> Tensor:
    """Measure responses to light arcs, then to dark arcs, [unit, 2, angle]."""
    return torch.stack([tuning_curves(net, light) for light in (True, False)], dim=1)


def fit_toys(seed: int) -> Tensor:
    """Best of COPIES toy models for each kind of importance, [kind, d_hidden, n_features]."""
    rows = [importance_schedule(N_FEATURES, decay) for decay in DECAYS.values()]
    importance = torch.stack(rows).repeat_interleave(COPIES, dim=0)
    p = torch.full_like(importance, DENSITY)
    model = ReluOutputToy(ToyConfig(len(p), N_FEATURES, D_HIDDEN), seed)
    config = ToyTrainConfig(steps=2500, batch_size=512, lr=1e-2, linear_decay=True, seed=seed)
    for _ in train(model, lambda n, g: sparse_features(p, n, g), importance, config):
        pass
    with torch.no_grad():
        x = sparse_features(p, 20_000, torch.Generator().manual_seed(1000 + seed))
        losses = reconstruction_loss(model(x), x, importance).view(len(DECAYS), COPIES)
        best = losses.argmin(dim=1) + COPIES * torch.arange(len(DECAYS))
        return model.W[best].clone()


def matched(first: Tensor, second: Tensor) -> Tensor:
    """Correlate the matched units of two networks, highest first."""
    matching = match_units(first.flatten(1), second.flatten(1))
    return matching.correlation.sort(descending=True).values


def turn(curves: Tensor, seed: int) -> Tensor:
    """Shift each unit's curves to another direction, light and dark ones alike."""
    shades = [shift_curves(curves[:, i], torch.Generator().manual_seed(seed)) for i in (0, 1)]
    return torch.stack(shades, dim=1)


def agreements(W: list[Tensor]) -> dict[str, list[float]]:
    """Measure the agreement of each pair of toy models: 1 is full agreement, 0 is none."""
    kept = [w.norm(dim=0) > 0.5 for w in W]
    share = [feature_dimensionality(w[None])[0] for w in W]
    # A dropped feature has a direction too, one that means nothing.
    together = [
        partners(w[None], threshold=0.5)[0] & k & k[:, None] for w, k in zip(W, kept, strict=True)
    ]
    ordered = [values.sort().values for values in share]
    return {
        "features represented": [jaccard(kept[i], kept[j]) for i, j in PAIRS],
        "sorted dimensionalities": [closeness(ordered[i], ordered[j]) for i, j in PAIRS],
        "dimensionality of each": [closeness(share[i], share[j]) for i, j in PAIRS],
        "partners": [jaccard(together[i], together[j]) for i, j in PAIRS],
    }


def closeness(first: Tensor, second: Tensor) -> float:
    """Compute the similarity of two lists of positive numbers: 1 is equal, 0 is disjoint."""
    return 1 - ((first - second).abs().sum() / (first + second).sum()).item()


def renamed(W: Tensor, seed: int) -> Tensor:
    """Permute a toy model's features: it agrees by chance only."""
    order = torch.randperm(W.shape[1], generator=torch.Generator().manual_seed(seed))
    return W[:, order]


def matches(before: list[Tensor], after: list[Tensor]) -> dict[str, Tensor]:
    """Correlate matched units, [pair, unit]: of two seeds, and of two controls."""

    def by_chance(i: int, j: int) -> Tensor:
        every = [matched(after[i], turn(after[j], seed)) for seed in range(TURNS)]
        return torch.stack(every).mean(dim=0)

    return {
        "two seeds": torch.stack([matched(after[i], after[j]) for i, j in PAIRS]),
        "two seeds, one turned": torch.stack([by_chance(i, j) for i, j in PAIRS]),
        "trained and untrained": torch.stack([matched(after[i], before[j]) for i, j in PAIRS]),
    }


def draw_universality(nets: list[tuple[Tensor, Tensor]], toys: list[Tensor]) -> None:
    """Draw sorted correlations of matched units on the left, agreements of toys on the right."""
    after = [net[1] for net in nets]
    alike = matches([net[0] for net in nets], after)
    agreed = {kind: agreements([toy[i] for toy in toys]) for i, kind in enumerate(DECAYS)}
    chance = {
        kind: agreements([renamed(toy[i], 10 + seed) for seed, toy in enumerate(toys)])
        for i, kind in enumerate(DECAYS)
    }

    def draw(figure: Figure) -> None:
        left, right = figure.subplots(1, 2, width_ratios=(1, 1.15))
        sorted_units(left, alike)
        beside(right, agreed, chance)

    publish(
        "ch01_universality",
        draw,
        alt=describe(alike, agreed, chance),
        numbers={
            "units": UNITS,
            "pairs_of_seeds": PAIRS,
            "matched_correlation": alike,
            "silent_units": [int((net.flatten(1).amax(dim=1) <= 0).sum()) for net in after],
            "peaks": [360 // 36 * net.sum(dim=1).argmax(dim=1) for net in after],
            "empty_sectors": [empty_sectors(net) for net in after],
            "empty_sectors_turned": [
                sum(empty_sectors(turn(net, seed)) for seed in range(100)) / 100 for net in after
            ],
            "toys": {"n_features": N_FEATURES, "d_hidden": D_HIDDEN, "density": DENSITY},
            "kept": {
                kind: [int((toy[i].norm(dim=0) > 0.5).sum()) for toy in toys]
                for i, kind in enumerate(DECAYS)
            },
            "agreement": agreed,
            "agreement_with_renamed_features": chance,
        },
        seeds=SEEDS,
        sources=[__file__],
        size=(7.4, 3.7),
    )


def empty_sectors(curves: Tensor) -> int:
    """Count the directions of eight without a unit that peaks within 30 degrees."""
    peaks = 10 * curves.sum(dim=1).argmax(dim=1)[curves.flatten(1).amax(dim=1) > 0]
    ways = torch.arange(DIRECTIONS) * 360 // DIRECTIONS
    apart = ((ways[:, None] - peaks + 180) % 360 - 180).abs()
    return int((apart.amin(dim=1) > 30).sum())


def sorted_units(axes: Axes, alike: dict[str, Tensor]) -> None:
    """Draw correlations of matched units, best first; mean, lowest and highest of pairs."""
    colours = mpl.rcParams["axes.prop_cycle"].by_key()["color"]
    for colour, (name, values) in zip(colours, alike.items(), strict=False):
        x = range(1, UNITS + 1)
        axes.fill_between(x, values.amin(0), values.amax(0), color=colour, alpha=0.22, linewidth=0)
        axes.plot(x, values.mean(dim=0), color=colour, label=name, linewidth=1.8)
    axes.set(xlabel="matched units, best first", ylabel="correlation", ylim=(-0.5, 1.05))
    axes.set_xticks([1, 4, 8, 12])
    axes.legend(frameon=False, loc="lower left")


def beside(axes: Axes, agreed: dict, chance: dict) -> None:
    """Draw one dot per pair of toy models; grey where features are renamed."""
    colours = mpl.rcParams["axes.prop_cycle"].by_key()["color"]
    soft = mpl.rcParams["axes.edgecolor"]
    names = list(next(iter(agreed.values())))
    for number, kind in enumerate(agreed):
        for row, name in enumerate(names):
            y = row + 0.2 * number - 0.1
            style: dict[str, Any] = {"linestyle": "none", "markersize": 5}
            by_chance = chance[kind][name]
            if name != "sorted dimensionalities":  # which renaming leaves as they are
                axes.plot(by_chance, [y] * len(by_chance), "|", color=soft, **style)
            label = kind if row == 0 else None
            values = agreed[kind][name]
            axes.plot(values, [y] * len(values), "os"[number], color=colours[number], **style)
            axes.plot([], [], "os"[number], color=colours[number], label=label, **style)
    axes.plot([], [], "|", color=soft, linestyle="none", label="features renamed")
    axes.set(yticks=range(len(names)), yticklabels=names, xlim=(-0.04, 1.04), ylim=(3.7, -0.6))
    axes.set(xlabel="agreement of two seeds")
    axes.legend(frameon=False, loc="lower right")


def describe(alike: dict, agreed: dict, chance: dict) -> str:
    """Describe the figure with its numbers."""
    two, turned_one, none = (values.mean().item() for values in alike.values())
    names = ("features represented", "dimensionality of each", "partners")
    decayed, equal = ([sum(kind[n]) / len(PAIRS) for n in names] for kind in agreed.values())
    unequal_chance, by_chance = ([sum(k[n]) / len(PAIRS) for n in names] for k in chance.values())
    return (
        f"Matched units of two trained vision networks correlate {two:.2f} on average; units whose "
        f"curves were shifted at random {turned_one:.2f}, those of an untrained network "
        f"{none:.2f}. "
        f"With unequal importance toy models agree on which features are represented "
        f"({decayed[0]:.2f}, renamed {unequal_chance[0]:.2f}) and the dimensionality of each "
        f"({decayed[1]:.2f}, renamed {unequal_chance[1]:.2f}), with equal importance no more than "
        f"renamed ones "
        f"({equal[0]:.2f} and {by_chance[0]:.2f}). Partners do not agree: "
        f"{decayed[2]:.2f} and {equal[2]:.2f}, renamed {by_chance[2]:.2f}."
    )


if __name__ == "__main__":
    main()
