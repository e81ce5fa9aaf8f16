"""Draw the phase of a feature by importance and density: ten models per cell, and theory."""

from typing import Any, NamedTuple

import matplotlib as mpl
import numpy as np
import torch
from einops import repeat
from jaxtyping import Float, Int
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import Patch
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
from solutions.ch01_superposition.phase import (
    Phase,
    antipodal_loss,
    best_loss,
    classify_phase,
    dropped_loss,
    expected_loss,
)

SEEDS = (0, 1, 2)
MODELS = 10
"""Models per cell and seed; the worst is discarded, as in the paper."""
GRID = 12
"""Even, so that no cell has equal importances, where the pairs are accidental."""
RATIOS = torch.logspace(-1, 1, GRID)
"""Importance of the last feature; the others have 1."""
DENSITIES = torch.logspace(0, -2, GRID)
STEPS, BATCH, LR = 1000, 128, 0.03
NODES = {2: 8, 3: 5}
Cells = Float[Tensor, "cell n_features"]


class Diagram(NamedTuple):
    """Results of training and of theory for one number of features."""

    losses: Float[Tensor, "seed model cell"]
    """Expected loss of each trained model, by quadrature."""
    phases: Int[Tensor, "seed model cell"]
    """Phase of the last feature."""
    best: Float[Tensor, " cell"]
    """The oracle's loss."""
    theory: Int[Tensor, " cell"]
    """Phase of the last feature at the oracle's weights."""


def cells(n_features: int) -> tuple[Cells, Cells]:
    """List importance and probability of every cell, dense cells first."""
    importance = torch.ones(GRID, GRID, n_features)
    importance[:, :, -1] = RATIOS
    probability = DENSITIES[:, None, None].expand_as(importance)
    return importance.flatten(0, 1), probability.flatten(0, 1)


def simulate(n_features: int, seed: int) -> tuple[Tensor, Tensor]:
    """Train MODELS models per cell; return loss and phase, each [model, cell]."""
    tile = "cell f -> (model cell) f"
    importance, probability = (repeat(x, tile, model=MODELS) for x in cells(n_features))
    model = ReluOutputToy(ToyConfig(len(importance), n_features, n_features - 1), seed)
    config = ToyTrainConfig(STEPS, BATCH, LR, linear_decay=True, seed=seed)

    def draw(batch: int, generator: torch.Generator) -> Tensor:
        return sparse_features(probability, batch, generator)

    records = train(model, draw, importance, config)
    for _ in tqdm(records, total=STEPS, desc=f"n = {n_features}, seed {seed}", disable=None):
        pass
    with torch.no_grad():
        losses = expected_loss(model.W, model.b, importance, probability, NODES[n_features])
        phases = classify_phase(model.W, n_features - 1)
    return losses.view(MODELS, -1), phases.view(MODELS, -1)


def oracle(n_features: int) -> tuple[Tensor, Tensor]:
    """Compute each cell's lowest loss and its phase; retry with more starts where few agree."""
    importance, probability = cells(n_features)
    settings: dict[str, Any] = {"steps": 500, "nodes": NODES[n_features]}
    first = best_loss(importance, probability, n_features - 1, starts=8, **settings)
    loss, phase = first.loss.clone(), classify_phase(first.W, n_features - 1).clone()
    hard = (first.share_of_starts < 0.4).nonzero().flatten()
    again = (importance[hard], probability[hard], n_features - 1)
    second = best_loss(*again, starts=24, seed=1, **settings)
    better = second.loss < loss[hard]
    loss[hard[better]] = second.loss[better]
    phase[hard[better]] = classify_phase(second.W, n_features - 1)[better]
    return loss, phase


def closed_form(n_features: int, density: float, ratio: float) -> tuple[float, Phase]:
    """Compute the best simple solution: ignore one feature, or make one pair antipodal."""
    options = [
        (dropped_loss(density, ratio), Phase.IGNORED),
        (dropped_loss(density, 1.0), Phase.DEDICATED),
        (antipodal_loss(density, ratio), Phase.SUPERPOSED),
    ]
    if n_features > 2:
        options.append((antipodal_loss(density, 1.0), Phase.DEDICATED))
    return min(options)


def measure(n_features: int) -> Diagram:
    """Collect all seeds' simulations and the oracle."""
    runs = [simulate(n_features, seed) for seed in SEEDS]
    losses, phases = (torch.stack(parts) for parts in zip(*runs, strict=True))
    return Diagram(losses, phases, *oracle(n_features))


def facts(diagram: Diagram, n_features: int) -> dict:
    """Measure the agreement of maps, losses and closed forms with the oracle."""
    shares = torch.bincount(diagram.theory, minlength=len(Phase)) / len(diagram.theory)
    simple = [closed_form(n_features, p, r) for p in DENSITIES.tolist() for r in RATIOS.tolist()]
    ratio = torch.tensor([loss for loss, _ in simple]) / diagram.best
    differs = torch.tensor([int(phase) for _, phase in simple]) != diagram.theory
    over = diagram.losses[:, :8].amin(dim=1) / diagram.best
    return {
        "best_agrees": (winners(diagram) == diagram.theory).float().mean(dim=1),
        "nine_of_ten_agree": without_worst(diagram, diagram.phases == diagram.theory).mean(dim=-1),
        "agreement_of_shuffled_cells": shares.square().sum(),
        "best_of_8_over_oracle": {"median": over.median(dim=1).values, "most": over.amax(dim=1)},
        "share_of_cells_within_2_percent": ((over - 1).abs() <= 0.02).float().mean(dim=1),
        "theory": diagram.theory.view(GRID, GRID),
        "oracle_loss": diagram.best.view(GRID, GRID),
        "closed_form_over_oracle": ratio.view(GRID, GRID),
        "closed_form_most_over_oracle": ratio.max(),
        "cells_where_closed_form_is_of_another_phase": differs.sum(),
    }


def winners(diagram: Diagram) -> Int[Tensor, "seed cell"]:
    """Return the last feature's phase in each cell's best model."""
    best = diagram.losses.argmin(dim=1, keepdim=True)
    return diagram.phases.gather(1, best).squeeze(1)


def one_hot(phases: Int[Tensor, " cell"]) -> Float[Tensor, "phase cell"]:
    """Encode each cell's phase as one-hot."""
    return torch.stack([(phases == phase).float() for phase in Phase])


def colours() -> list[str]:
    """Choose one colour per phase; an ignored feature has the page's background."""
    series = mpl.rcParams["axes.prop_cycle"].by_key()["color"]
    return [mpl.rcParams["axes.facecolor"], series[0], series[1]]


def without_worst(diagram: Diagram, values: Tensor) -> Float[Tensor, "seed cell"]:
    """Average a value over a cell's models, without the one of highest loss."""
    worst = diagram.losses.argmax(dim=1, keepdim=True)
    keep = torch.ones_like(diagram.losses).scatter(1, worst, 0.0)
    return (values.float() * keep).sum(dim=1) / keep.sum(dim=1)


def draw_map(axes: Axes, shares: Float[Tensor, "phase cell"]) -> None:
    """Draw each cell in the mean colour of its phases."""
    picture = shares.numpy().T @ np.array([to_rgb(colour) for colour in colours()])
    half = 1 / (GRID - 1)
    extent = (-1 - half, 1 + half, -2 - half, half)
    axes.imshow(picture.reshape(GRID, GRID, 3), extent=extent, aspect="auto", origin="upper")
    axes.set_xticks([-1, 0, 1], [".1", "1", "10"])
    axes.set_yticks([0, -1, -2], ["1", ".1", ".01"])


def draw_closed_form(axes: Axes, n_features: int) -> None:
    """Draw the borders of the phases by the closed forms."""
    x, y = np.linspace(-1, 1, 121), np.linspace(-2, 0, 121)
    phases = [[closed_form(n_features, 10**p, 10**r)[1] for r in x] for p in y]
    for phase in Phase:
        mask = np.array(phases) == phase
        axes.contour(x, y, mask, levels=[0.5], colors=mpl.rcParams["text.color"], linewidths=0.8)


def draw_diagrams(figure: Figure, diagrams: dict[int, Diagram]) -> None:
    """Draw one row per number of features: trained, best trained, and computed."""
    rows = figure.subplots(2, 3, sharex=True, sharey=True)
    for axes, (n, diagram) in zip(rows, diagrams.items(), strict=True):
        mean = [without_worst(diagram, diagram.phases == phase).mean(dim=0) for phase in Phase]
        draw_map(axes[0], torch.stack(mean))
        draw_map(axes[1], one_hot(winners(diagram)[0]))
        draw_map(axes[2], one_hot(diagram.theory))
        draw_closed_form(axes[2], n)
        axes[0].set(title=f"n = {n}, m = {n - 1}: nine of ten", ylabel="density p")
        axes[1].set_title("best of ten")
        axes[2].set_title("lowest expected loss")
    rows[1][1].set_xlabel("importance of the last feature")
    edge = mpl.rcParams["axes.edgecolor"]
    patches = [
        Patch(facecolor=colour, edgecolor=edge, label=phase.name.lower())
        for phase, colour in zip(Phase, colours(), strict=True)
    ]
    figure.legend(handles=patches, loc="outside lower center", ncols=3, frameon=False)


def main() -> None:
    """Draw two diagrams, each simulated and computed."""
    torch.set_num_threads(1)  # these tensors are too small to share out
    diagrams = {n: measure(n) for n in (2, 3)}
    numbers = {f"n_{n}": facts(diagram, n) for n, diagram in diagrams.items()}

    words = [
        f"{facts['best_agrees'].mean():.1%} of the cells (shuffled cells: "
        f"{facts['agreement_of_shuffled_cells']:.0%})"
        for facts in numbers.values()
    ]
    publish(
        "ch01_phase",
        lambda figure: draw_diagrams(figure, diagrams),
        alt="Phase diagrams of the last feature's importance and the density, for two features in "
        "one dimension and three in two. Dense and unimportant: ignored. Dense and important: a "
        "dedicated dimension. Sparse: superposition, except that with three features an important "
        "last "
        "one keeps its dimension. The best of ten trained models is in the phase of lowest "
        f"expected loss in {words[0]} and in {words[1]}.",
        numbers=numbers
        | {
            "training": {"steps": STEPS, "batch": BATCH, "lr": LR, "models_a_cell": MODELS},
            "ratio": RATIOS,
            "density": DENSITIES,
        },
        seeds=SEEDS,
        sources=[__file__],
        size=(7.8, 5.6),
    )


if __name__ == "__main__":
    main()
