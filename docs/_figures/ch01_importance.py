"""Draw a pentagon that deforms as one feature gets rarer or less important, and collapses."""

import itertools
import math
from typing import Any

import torch
from einops import rearrange, repeat
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor
from tqdm import tqdm

from docs._figures.lib.plotting import plot_directions, publish
from solutions.ch01_superposition import (
    ReluOutputToy,
    ToyConfig,
    ToyTrainConfig,
    sparse_features,
    train,
)
from solutions.ch01_superposition.phase import quadrature_nodes

SEEDS = (0, 1, 2)
STARTS = 8
N_FEATURES, D_HIDDEN, DENSITY = 5, 2, 0.05
RATIOS = torch.logspace(0, -1, 11)
"""Ratios of the last feature's probability, or importance, to the others'."""
SWEEPS = ("probability", "importance")
STEPS, BATCH, LR = 1000, 512, 0.01
KEPT = 0.5
NODES = (1, 200, 48, 16, 6, 3)
"""Points per feature where 0, 1, ..., 5 features are on; the kink of a ReLU needs many."""
SHOWN = (0, 4, 7)
Swept = tuple[
    Float[Tensor, "start sweep ratio d_hidden n_features"], Float[Tensor, "start sweep ratio"]
]


def sweep(seed: int) -> Swept:
    """Train all starts of both sweeps; W, and the expected loss without sampling noise."""
    ones = torch.ones(len(SWEEPS), len(RATIOS), N_FEATURES)
    probability, importance = DENSITY * ones, ones.clone()
    probability[0, :, -1] *= RATIOS
    importance[1, :, -1] *= RATIOS
    tile = "sweep ratio f -> (start sweep ratio) f"
    probability, importance = (repeat(x, tile, start=STARTS) for x in (probability, importance))
    model = ReluOutputToy(ToyConfig(len(probability), N_FEATURES, D_HIDDEN), seed)
    config = ToyTrainConfig(STEPS, BATCH, LR, linear_decay=True, seed=seed)

    def draw(batch: int, generator: torch.Generator) -> Tensor:
        return sparse_features(probability, batch, generator)

    records = train(model, draw, importance, config)
    for _ in tqdm(records, total=STEPS, desc=f"seed {seed}", disable=None):
        pass
    sizes = {"start": STARTS, "sweep": len(SWEEPS)}
    with torch.no_grad():
        losses = exact_losses(model.W, model.b, importance, probability)
        W = rearrange(model.W.detach(), "(start sweep ratio) d f -> start sweep ratio d f", **sizes)
        return W, rearrange(losses, "(start sweep ratio) -> start sweep ratio", **sizes)


def exact_losses(
    W: Float[Tensor, "inst d_hidden n_features"],
    b: Float[Tensor, "inst n_features"],
    importance: Float[Tensor, "inst n_features"],
    probability: Float[Tensor, "inst n_features"],
) -> Float[Tensor, " inst"]:
    """Compute the expected loss by Gauss-Legendre quadrature on every set of features that are on.

    `expected_loss` has as many nodes for five features as for one, and five are too few near the
    kink of a ReLU: with them two digons become better at a ratio of .25 instead of .27.
    """
    losses = torch.zeros(len(W), dtype=torch.float64)
    for on in itertools.product((False, True), repeat=N_FEATURES):
        mask = torch.tensor(on)
        nodes, shares = (values.double() for values in quadrature_nodes(NODES[sum(on)]))
        x = torch.cartesian_prod(*(nodes if one else nodes.new_zeros(1) for one in on))
        weight = torch.cartesian_prod(*(shares if one else shares.new_ones(1) for one in on))
        chance = torch.where(mask, probability, 1 - probability).double().prod(dim=1)
        for i, (w, bias) in enumerate(zip(W.double(), b.double(), strict=True)):
            error = ((x @ w.T @ w + bias).relu() - x).square() @ importance[i].double()
            losses[i] += chance[i] * (weight.prod(dim=1) @ error)
    return losses.float()


def branches(swept: Swept) -> Float[Tensor, "kept sweep ratio"]:
    """Find the lowest loss of the models that represent four features, and of those with five.

    NaN where no start ended there.
    """
    W, losses = swept
    kept = (W.norm(dim=-2) > KEPT).sum(dim=-1)
    low = [losses.where(kept == count, torch.inf).amin(dim=0) for count in (4, 5)]
    return torch.stack([loss.where(loss.isfinite(), torch.nan) for loss in low])


def crossing(four: Float[Tensor, " ratio"], five: Float[Tensor, " ratio"]) -> float:
    """Interpolate the ratio at which two digons become as good as the pentagon."""
    gap = (four - five).tolist()
    for i, (a, b) in enumerate(zip(gap, gap[1:], strict=False)):
        if a > 0 >= b:
            x, y = RATIOS[i].log().item(), RATIOS[i + 1].log().item()
            return math.exp(x + (y - x) * a / (a - b))
    return math.nan


def opening(W: Float[Tensor, "two n_features"]) -> float:
    """Compute the angle between the last feature's two neighbours, in degrees."""
    angles = torch.atan2(W[1], W[0]).rad2deg()
    others = ((angles[:-1] - angles[-1]) % 360).sort().values
    return (others[0] + 360 - others[-1]).item()


def pentagons(swept: Swept) -> tuple[list[list[float]], list[list[float]]]:
    """Measure gap and last norm of the best model with five features, by sweep and ratio."""
    W, losses = swept
    kept = (W.norm(dim=-2) > KEPT).sum(dim=-1)
    best = losses.where(kept == N_FEATURES, torch.inf).min(dim=0)
    openings, norms = [], []
    for s in range(len(SWEEPS)):
        rows = [
            W[best.indices[s, r], s, r] if best.values[s, r].isfinite() else None
            for r in range(len(RATIOS))
        ]
        openings.append([math.nan if w is None else opening(w) for w in rows])
        norms.append([math.nan if w is None else w[:, -1].norm().item() for w in rows])
    return openings, norms


def draw_branches(axes: Axes, both: Float[Tensor, "seed kept ratio"], cross: list[float]) -> None:
    """Draw the losses of pentagons and of digons along the sweep, and where they cross."""
    for count, name, colour, marker in (
        (1, "five features", "C0", "o"),
        (0, "two digons", "C1", "s"),
    ):
        for seed, losses in enumerate(both[:, count]):
            label = None if seed else name
            axes.plot(RATIOS, losses, "-", color=colour, lw=1, alpha=0.5)
            axes.plot(RATIOS, losses, marker, color=colour, ms=3.5, label=label, alpha=0.8)
    for ratio in cross:
        axes.axvline(ratio, lw=0.8, ls=":", color="C2")
    axes.set_xscale("log")
    axes.set_xlim(1.08, 0.092)
    axes.set_xticks([1, 0.5, 0.3, 0.2, 0.1], ["1", ".5", ".3", ".2", ".1"])
    axes.minorticks_off()
    axes.legend(frameon=False, loc="upper right")


def draw_sweeps(
    figure: Figure,
    first: Swept,
    both: Float[Tensor, "seed kept sweep ratio"],
    cross: list[list[float]],
) -> None:
    """Draw one row per sweep: shapes of the first seed, then the losses of all."""
    axes = figure.subplots(2, 4, width_ratios=[1, 1, 1, 2.6])
    W, losses = first
    for s, kind in enumerate(SWEEPS):
        for column, ratio in enumerate(SHOWN):
            best = W[losses[:, s, ratio].argmin(), s, ratio]
            title = f"{RATIOS[ratio]:.2f}"
            plot_directions(axes[s, column], facing_up(best), groups=[0, 0, 0, 0, 1], title=title)
        axes[s, 0].set_ylabel(f"relative {kind}")
        draw_branches(axes[s, 3], both[:, :, s], cross[s])
        axes[s, 3].set(ylabel="expected loss")
    axes[1, 3].set_xlabel("of the last feature, relative to the others")


def main() -> None:
    """Sweep with each seed; draw the shapes and the two branches of the loss."""
    torch.set_num_threads(1)  # these tensors are too small to share out
    swept = [sweep(seed) for seed in SEEDS]
    both = torch.stack([branches(each) for each in swept])
    cross = [[crossing(*each[:, s]) for each in both] for s in range(len(SWEEPS))]
    shapes = [pentagons(each) for each in swept]

    publish(
        "ch01_importance",
        lambda figure: draw_sweeps(figure, swept[0], both, cross),
        alt=f"Five features in two dimensions, one of them rarer (above) or less important "
        f"(below). A "
        f"regular pentagon first deforms, then gives way to two antipodal pairs, and the last "
        f"feature is ignored. The losses of the two shapes cross at {span(cross[0])} of the "
        f"others' probability and {span(cross[1])} of their importance; both still exist on the "
        f"other side.",
        numbers={
            "sizes": {"n_features": N_FEATURES, "d_hidden": D_HIDDEN, "starts": STARTS},
            "training": {"steps": STEPS, "batch": BATCH, "lr": LR, "density": DENSITY},
            "ratio": RATIOS,
            "sweeps": SWEEPS,
            "lowest_loss_of_4_and_5_kept": plain(both),
            "crossing": plain(torch.tensor(cross)),
            "opening_degrees": plain(torch.tensor([openings for openings, _ in shapes])),
            "norm_of_last": plain(torch.tensor([norms for _, norms in shapes])),
        },
        seeds=SEEDS,
        sources=[__file__],
        size=(7.8, 4.2),
    )


def facing_up(W: Float[Tensor, "two n_features"]) -> Float[Tensor, "two n_features"]:
    """Rotate the directions so that the last feature points up."""
    angle = math.pi / 2 - math.atan2(W[1, -1].item(), W[0, -1].item())
    if W[:, -1].norm() < KEPT:  # it is dropped: turn the first feature to a corner instead
        angle = math.pi / 4 - math.atan2(W[1, 0].item(), W[0, 0].item())
    cos, sin = math.cos(angle), math.sin(angle)
    return torch.tensor([[cos, -sin], [sin, cos]]) @ W


def span(values: list[float]) -> str:
    """Format the lowest and the highest value."""
    low, high = (f"{value:.2f}" for value in (min(values), max(values)))
    return low if low == high else f"{low} to {high}"


def plain(values: Tensor) -> Any:
    """Convert to nested lists with None for NaN, which JSON does not have."""
    if values.ndim:
        return [plain(value) for value in values]
    return None if values.isnan() else values.item()


if __name__ == "__main__":
    main()
