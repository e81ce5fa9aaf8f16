"""Draw how features of equal importance share dimensions: D* by sparsity, and each feature's D_i.

The paper's own size, on a GPU: python -m docs._figures.ch01_geometry --features 400 --hidden 30
--device cuda. The page's figure is of 100 features in 10 dimensions.
"""

import argparse
import time

import matplotlib as mpl
import torch
from jaxtyping import Bool, Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor
from tqdm import tqdm

from docs._figures.lib.plotting import lines, publish
from solutions.ch01_superposition import (
    LinearToy,
    ReluOutputToy,
    ToyConfig,
    ToyTrainConfig,
    sparse_features,
    train,
)
from solutions.ch01_superposition.data import density_schedule
from solutions.ch01_superposition.geometry import (
    POLYTOPES,
    dimensions_per_feature,
    feature_dimensionality,
    unit_directions,
)
from solutions.ch01_superposition.toy_model import TiedToy

SEEDS = (0, 1, 2)
DENSITIES = density_schedule(20, 0.1, 1)[:, 0]
LINEAR_DENSITIES = DENSITIES[::5]
STEPS, BATCH, LR = 2000, 128, 0.01
KEPT, NEAR = 0.5, 0.02


def directions(
    kind: type[TiedToy], density: Float[Tensor, " inst"], sizes: argparse.Namespace, seed: int
) -> Float[Tensor, "inst d_hidden n_features"]:
    """W of one model at each density, all features as important as each other."""
    probability = density[:, None].repeat(1, sizes.features).to(sizes.device)
    model = kind(ToyConfig(len(density), sizes.features, sizes.hidden), seed).to(sizes.device)
    config = ToyTrainConfig(STEPS, BATCH, LR, linear_decay=True, seed=seed)

    def draw(batch: int, generator: torch.Generator) -> Tensor:
        return sparse_features(probability, batch, generator)

    records = train(model, draw, torch.ones_like(probability), config)
    label = f"{kind.__name__} {sizes.features} in {sizes.hidden}, seed {seed}"
    for _ in tqdm(records, total=STEPS, desc=label, disable=None):
        pass
    return model.W.detach().cpu()


def shares(D: Tensor, kept: Tensor) -> dict[str, Tensor]:
    """Compute the share of represented features with each polytope's dimensionality."""
    count = kept.sum(dim=-1).clamp(min=1)
    near = {p.name: (D - p.dimensionality).abs() <= NEAR for p in POLYTOPES}
    return {name: (hit & kept).sum(dim=-1) / count for name, hit in near.items()}


def forty_features(device: str) -> dict[str, Tensor]:
    """Train 80 features in 20 dimensions with p = .3, one instance per seed."""
    sizes = argparse.Namespace(features=80, hidden=20, device=device)
    W = directions(ReluOutputToy, torch.full((len(SEEDS),), 0.3), sizes, seed=0)
    D, kept = feature_dimensionality(W), W.norm(dim=1) > KEPT
    near = ((D - 0.5).abs() <= 0.03) & kept
    return {
        "kept": kept.sum(dim=-1),
        "share_at_1/2": near.sum(dim=-1) / kept.sum(dim=-1),
        "dimensions_per_feature": dimensions_per_feature(W),
        "sum_of_dimensionalities": D.sum(dim=-1),
    }


def by_chance(counts: list[int], hidden: int) -> list[Float[Tensor, " n_features"]]:
    """Compute dimensionalities of random unit directions, as many as features at each density."""
    generator = torch.Generator().manual_seed(0)
    random = [torch.randn(1, hidden, count, generator=generator) for count in counts]
    return [feature_dimensionality(unit_directions(W))[0] for W in random]


def draw_shares(axes: Axes, D: Tensor, kept: Tensor, chance: list[Tensor]) -> None:
    """Draw represented features as points, random ones in grey, the polytopes' values as lines."""
    for points, place in zip(chance, (1 / DENSITIES).tolist(), strict=True):
        grey = {"color": mpl.rcParams["axes.edgecolor"], "alpha": 0.35, "mec": "none"}
        axes.plot([place * 1.06] * len(points), points, "o", ms=2, **grey)
    for seed, marker in zip(range(len(SEEDS)), "os^", strict=True):
        for density, place in enumerate((1 / DENSITIES).tolist()):
            points = D[seed, density][kept[seed, density]]
            x = [place * (1 + 0.025 * (seed - 1))] * len(points)
            axes.plot(x, points, marker, ms=2.6, color="C0", alpha=0.35, mec="none")
    for polytope in POLYTOPES:
        share = polytope.dimensionality
        axes.axhline(share, lw=0.8, ls=":", color="C1")
        spot = (1.02, share + {"square antiprism": -0.018, "pentagon": 0.012}.get(polytope.name, 0))
        axes.annotate(
            polytope.name, spot, xycoords=("axes fraction", "data"), va="center", fontsize=8
        )
    axes.set(xlabel="1 / (1 - S)", ylabel="dimensionality $D_i$", xscale="log", ylim=(0, 1.05))


def options() -> argparse.Namespace:
    """Parse sizes and device; the defaults are the page's."""
    parser = argparse.ArgumentParser(prog="python -m docs._figures.ch01_geometry")
    parser.add_argument("--features", type=int, default=100, help="the paper has 400")
    parser.add_argument("--hidden", type=int, default=10, help="the paper has 30")
    parser.add_argument("--device", default="cpu", help="cuda for the paper's sizes")
    return parser.parse_args()


def draw_both(
    figure: Figure,
    packing: Float[Tensor, "seed density"],
    linear: Float[Tensor, " density"],
    D: Float[Tensor, "seed density n_features"],
    kept: Bool[Tensor, "seed density n_features"],
    chance: list[Float[Tensor, " n_features"]],
) -> None:
    """Draw D* by sparsity on the left, each feature on the right."""
    left, right = figure.subplots(1, 2)
    x = (1 / DENSITIES).tolist()
    band = (packing.min(dim=0).values.tolist(), packing.max(dim=0).values.tolist())
    series = {"ReLU output": packing.mean(dim=0).tolist()}
    labels = ("1 / (1 - S)", "dimensions per feature $D^*$")
    lines(left, x, series, bands={"ReLU output": band}, labels=labels)
    left.plot(1 / LINEAR_DENSITIES, linear, "s", color="C1", label="linear", ms=4.5)
    left.axhline(0.5, lw=0.8, ls=":", color="C1")
    left.set(xscale="log", ylim=(0, 1.1))
    left.legend(frameon=False, loc="lower left")
    draw_shares(right, D, kept, chance)
    for axes in (left, right):
        axes.set_xticks([1, 2, 3, 4, 6, 10], ["1", "2", "3", "4", "6", "10"])
        axes.minorticks_off()


def main() -> None:
    """Train twenty densities with each seed, and draw."""
    torch.set_num_threads(1)  # these tensors are too small to share out
    sizes, trained = options(), []
    for seed in SEEDS:
        start = time.process_time()
        trained.append(directions(ReluOutputToy, DENSITIES, sizes, seed))
        print(f"seed {seed}: {time.process_time() - start:.1f} CPU seconds")
    W = torch.stack(trained)
    D = torch.stack([feature_dimensionality(each) for each in W])
    kept = W.norm(dim=2) > KEPT
    packing = torch.stack([dimensions_per_feature(each) for each in W])
    chance = by_chance(kept[0].sum(dim=-1).tolist(), sizes.hidden)
    linear = dimensions_per_feature(directions(LinearToy, LINEAR_DENSITIES, sizes, seed=0))

    publish(
        "ch01_geometry",
        lambda figure: draw_both(figure, packing, linear, D, kept, chance),
        alt=f"{sizes.features} features in {sizes.hidden} dimensions. Left: dimensions per feature "
        "stay near 1 while features are dense, fall around 1/(1-S) = 1.7, stay at 1/2 from about 2 "
        "to 4, then fall further; a linear model stays at 1. Right: from 2 to 4 nearly all "
        "features "
        "have dimensionality 1/2; before, some are on 2/3, after, some on 2/5 and 3/8. "
        "Random directions, in grey, do not cluster.",
        numbers={
            "sizes": {"n_features": sizes.features, "d_hidden": sizes.hidden},
            "training": {"steps": STEPS, "batch": BATCH, "lr": LR},
            "density": DENSITIES,
            "dimensions_per_feature": packing,
            "features_kept": kept.sum(dim=-1),
            "sum_of_dimensionalities": D.sum(dim=-1),
            "share_within_0.02": shares(D, kept),
            "random_directions": chance,
            "linear": {"density": LINEAR_DENSITIES, "dimensions_per_feature": linear},
            "80_in_20_at_p_0.3": forty_features(sizes.device),
        },
        seeds=SEEDS,
        sources=[__file__],
        size=(7.8, 3.6),
    )


if __name__ == "__main__":
    main()
