"""Draw five features in two dimensions, from dense to sparse: two axes, two digons, a pentagon."""

import torch
from einops import repeat
from jaxtyping import Float, Int
from matplotlib.figure import Figure
from torch import Tensor
from tqdm import tqdm

from docs._figures.lib.plotting import plot_directions, publish
from solutions.ch01_superposition import (
    LinearToy,
    ReluOutputToy,
    ToyConfig,
    ToyTrainConfig,
    sparse_features,
    train,
)
from solutions.ch01_superposition.data import density_schedule, importance_schedule
from solutions.ch01_superposition.geometry import feature_dimensionality
from solutions.ch01_superposition.toy_model import TiedToy, reconstruction_loss

SEEDS = (0, 1, 2)
STARTS = 10
N_FEATURES, D_HIDDEN, DECAY = 5, 2, 0.9
STEPS, BATCH, LR = 2000, 256, 0.01
DENSITIES = density_schedule(10, 0.05, N_FEATURES)
SHOWN = (0, 3, 4, 6, 9)
KEPT = 0.5


def best_models(
    kind: type[TiedToy], seed: int, starts: int
) -> tuple[Float[Tensor, "density d_hidden n_features"], Int[Tensor, " density"]]:
    """Select the best start at each density, and count the starts with as many features."""
    probability = repeat(DENSITIES, "density f -> (start density) f", start=starts)
    importance = importance_schedule(N_FEATURES, DECAY).expand_as(probability)
    model = kind(ToyConfig(len(probability), N_FEATURES, D_HIDDEN), seed)
    config = ToyTrainConfig(STEPS, BATCH, LR, linear_decay=True, seed=seed)

    def draw(batch: int, generator: torch.Generator) -> Tensor:
        return sparse_features(probability, batch, generator)

    records = train(model, draw, importance, config)
    for _ in tqdm(records, total=STEPS, desc=f"{kind.__name__}, seed {seed}", disable=None):
        pass
    with torch.no_grad():
        # All starts of a density are judged by the same examples.
        x = sparse_features(DENSITIES, 10_000, torch.Generator().manual_seed(1_000 + seed))
        x = repeat(x, "density batch f -> (start density) batch f", start=starts)
        losses = reconstruction_loss(model(x), x, importance).view(starts, -1)
        best = losses.argmin(dim=0) * len(DENSITIES) + torch.arange(len(DENSITIES))
        kept = (model.W.norm(dim=1) > KEPT).sum(dim=-1).view(starts, -1)
        return model.W[best], (kept == kept.gather(0, (best // len(DENSITIES))[None])).sum(dim=0)


def turns(W: Float[Tensor, "two n_features"]) -> Float[Tensor, " n_features"]:
    """Compute the angle from each direction to the next, in degrees."""
    angles = torch.atan2(W[1], W[0]).rad2deg().sort().values
    return torch.cat([angles.diff(), angles[:1] + 360 - angles[-1:]])


def draw_planes(
    figure: Figure,
    W: Float[Tensor, "seed density d_hidden n_features"],
    D: Float[Tensor, "seed density n_features"],
    linear_counts: Int[Tensor, "seed density"],
) -> None:
    """Draw the first seed's directions above; counts and dimensionalities of all seeds below."""
    kept, inverse = W.norm(dim=2) > KEPT, (1 / DENSITIES[:, 0]).tolist()
    top, bottom = figure.subfigures(2, 1, squeeze=False, height_ratios=[1, 1.35]).flat
    for axes, density in zip(top.subplots(1, len(SHOWN)), SHOWN, strict=True):
        title = f"p = {DENSITIES[density, 0]:.2f}"
        plot_directions(axes, W[0, density], groups=range(N_FEATURES), title=title)
    left, right = bottom.subplots(1, 2)
    for seed, marker in zip(range(len(SEEDS)), "os^", strict=True):
        style = {"ls": "", "marker": marker, "ms": 5, "alpha": 0.7, "mec": "none"}
        shift = 1 + 0.02 * (seed - 1)
        x = [shift * value for value in inverse]
        name = "ReLU output" if seed == 0 else None
        left.plot(x, kept[seed].sum(dim=-1), color="C0", label=name, **style)
        name = "linear" if seed == 0 else None
        left.plot(x, linear_counts[seed], color="C1", label=name, **style)
        for density, place in enumerate(x):
            shares = D[seed, density][kept[seed, density]]
            right.plot([place] * len(shares), shares, color="C0", **style)
    for share, name in ((1, "1"), (1 / 2, "1/2"), (2 / 5, "2/5")):
        right.axhline(share, lw=0.8, ls=":", color="C1")
        right.annotate(name, (1.02, share), xycoords=("axes fraction", "data"), va="center")
    left.set(xlabel="1 / p", ylabel="features represented (norm > .5)", ylim=(0, 5.4))
    left.legend(frameon=False, loc="center right")
    right.set(xlabel="1 / p", ylabel="dimensionality of kept features", ylim=(0, 1.1))
    left.set_xscale("log")
    right.set_xscale("log")


def main() -> None:
    """Train ten densities with each seed, draw the directions and the dimensionalities."""
    torch.set_num_threads(1)  # these tensors are too small to share out
    best, alike = zip(*(best_models(ReluOutputToy, seed, STARTS) for seed in SEEDS), strict=True)
    W, linear = torch.stack(best), torch.stack([best_models(LinearToy, s, 4)[0] for s in SEEDS])
    D = torch.stack([feature_dimensionality(each) for each in W])
    counts, linear_counts = ((each.norm(dim=2) > KEPT).sum(dim=-1) for each in (W, linear))
    numbers = {
        "sizes": {"n_features": N_FEATURES, "d_hidden": D_HIDDEN, "starts": STARTS},
        "training": {"steps": STEPS, "batch": BATCH, "lr": LR, "importance": f"{DECAY}^i"},
        "density": DENSITIES[:, 0],
        "features_kept": counts,
        "features_kept_by_linear": linear_counts,
        "dimensionality": D,
        "turns_of_sparsest_degrees": torch.stack([turns(W[s, -1]) for s in range(len(SEEDS))]),
        "starts_that_keep_as_many": torch.stack(alike),
        "directions_shown": W[0, list(SHOWN)],
    }
    publish(
        "ch01_pentagon",
        lambda figure: draw_planes(figure, W, D, linear_counts),
        alt="Five features in two dimensions. Dense: two are represented, orthogonally; at p = .37 "
        "and .26 four, as two antipodal pairs; at p = .05 all five, as a regular pentagon. The "
        "dimensionalities are 1, then 1/2, then 2/5. A linear model represents two at every "
        "density.",
        numbers=numbers,
        seeds=SEEDS,
        sources=[__file__],
        size=(7.4, 4.9),
    )


if __name__ == "__main__":
    main()
