"""Draw the training of an octahedron: the loss falls when dimensionalities jump."""

from typing import Any, NamedTuple

import torch
from jaxtyping import Float, Int
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
from solutions.ch01_superposition.geometry import feature_dimensionality

SEEDS = (0, 1, 2)
INSTANCES = 8
"""Models per seed; their data and initial weights differ."""
N_FEATURES, D_HIDDEN = 6, 3
SPARSE, DENSE = 0.05, 1.0
STEPS, BATCH, LR = 3000, 512, 1e-3
SMALL = 0.03
"""Initial weights, as a fraction of Xavier's, so that features are learned one after another."""
EVERY, WINDOW, EARLY = 10, 100, 500
"""Steps between two measurements; of the window of a fall; before which falls are not counted."""
NEAR = WINDOW // 2 + STEPS // 50
"""Steps to either side of a fall's middle: half the fall, and two per cent of training."""
MOVED = 0.05
"""A feature whose dimensionality changes by more than this near a fall has moved."""


class Run(NamedTuple):
    """Measurements of a batch of models every EVERY steps."""

    losses: Float[Tensor, "time inst"]
    """Mean loss of the steps since the previous measurement."""
    D: Float[Tensor, "time inst n_features"]
    """Dimensionality of each feature."""


def watch(density: float, seed: int) -> Run:
    """Train models from small weights, and measure them on the way."""
    probability = torch.full((INSTANCES, N_FEATURES), density)
    model = ReluOutputToy(ToyConfig(INSTANCES, N_FEATURES, D_HIDDEN), seed)
    with torch.no_grad():
        model.W.mul_(SMALL)
    config = ToyTrainConfig(STEPS, BATCH, LR, seed=seed)

    def draw(batch: int, generator: torch.Generator) -> Tensor:
        return sparse_features(probability, batch, generator)

    recent, losses, D = [], [], []
    records = train(model, draw, torch.ones_like(probability), config)
    for record in tqdm(records, total=STEPS, desc=f"p = {density}, seed {seed}", disable=None):
        recent.append(record.losses)
        if record.step % EVERY == 0:
            losses.append(torch.stack(recent).mean(dim=0))
            D.append(feature_dimensionality(model.W.detach()))
            recent = []
    return Run(torch.stack(losses), torch.stack(D))


def falls(run: Run) -> Float[Tensor, "time inst"]:
    """Compute the fall of the log loss within WINDOW around each time."""
    width = WINDOW // EVERY
    ends = [run.losses[:1].expand(width // 2, -1), run.losses, run.losses[-1:].expand(width, -1)]
    log = torch.cat(ends).unfold(0, width, 1).mean(dim=-1)[: len(run.losses)].log()
    return within(log[:-width] - log[width:], len(log))


def movement(run: Run) -> Float[Tensor, "time inst"]:
    """Compute the total change of the dimensionalities within WINDOW around each time."""
    width = WINDOW // EVERY
    return within((run.D[width:] - run.D[:-width]).abs().sum(dim=-1), len(run.D))


def within(change: Float[Tensor, "window inst"], times: int) -> Float[Tensor, "time inst"]:
    """Place each window's change at its middle; zero where no window fits."""
    padded = torch.zeros(times, change.shape[1])
    start = (times - len(change)) // 2
    padded[start : start + len(change)] = change
    return padded


def largest_fall(run: Run) -> Int[Tensor, " inst"]:
    """Find the time at the middle of each model's steepest fall, after EARLY."""
    late = falls(run)
    late[: EARLY // EVERY] = 0
    return late.argmax(dim=0)


def moved_near(run: Run, shift: int) -> Int[Tensor, " inst"]:
    """Count features that move near each model's steepest fall; shift > 0 takes another model's."""
    D, reach = run.D.roll(shift, dims=1), NEAR // EVERY
    counts = []
    for model, time in enumerate(largest_fall(run).tolist()):
        window = D[max(0, time - reach) : time + reach + 1, model]
        counts.append((window.amax(dim=0) - window.amin(dim=0) > MOVED).sum())
    return torch.stack(counts)


def coincidence(run: Run, shift: int) -> Float[Tensor, " inst"]:
    """Correlate a model's fall with its (or another's) movement over time, after EARLY."""
    late = slice(EARLY // EVERY, -WINDOW // EVERY)
    pair = [falls(run)[late], movement(run).roll(shift, dims=1)[late]]
    a, b = ((values - values.mean(dim=0)) / values.std(dim=0) for values in pair)
    return (a * b).mean(dim=0)


def draw_model(top: Axes, bottom: Axes, run: Run, model: int) -> None:
    """Draw loss above, dimensionalities below, and a line at the steepest late fall."""
    steps = [EVERY * (look + 1) for look in range(len(run.losses))]
    top.plot(steps, run.losses[:, model], color="C1", lw=1.2)
    for feature in range(N_FEATURES):
        bottom.plot(steps, run.D[:, model, feature], color="C0", lw=1.2, alpha=0.8)
    for axes in (top, bottom):
        axes.axvline(steps[largest_fall(run)[model]], lw=0.8, ls=":", color="C2")
    top.set(yscale="log", xticks=[])
    bottom.set(ylim=(0, 1.05), xlabel="step")


def facts(runs: list[Run], dense: Run) -> dict[str, Any]:
    """Collect the page's numbers: features that move when the loss falls, and by chance."""
    others = range(1, INSTANCES)
    return {
        "sizes": {"n_features": N_FEATURES, "d_hidden": D_HIDDEN, "models_a_seed": INSTANCES},
        "training": {"steps": STEPS, "batch": BATCH, "lr": LR, "density": SPARSE},
        "final_D": torch.stack([run.D[-1] for run in runs]),
        "final_D_of_dense": dense.D[-1],
        "step_of_fall": torch.stack([EVERY * (largest_fall(run) + 1) for run in runs]),
        "features_moved_at_fall": torch.stack([moved_near(run, 0) for run in runs]),
        "features_moved_of_another": torch.stack(
            [torch.stack([moved_near(run, shift) for shift in others]) for run in runs]
        ),
        "correlation": torch.stack([coincidence(run, 0) for run in runs]),
        "correlation_with_another": torch.stack(
            [torch.stack([coincidence(run, s) for s in others]).mean(dim=0) for run in runs]
        ),
    }


def main() -> None:
    """Train models of three seeds, and dense ones; draw the model of each seed that jumps last."""
    torch.set_num_threads(1)  # these tensors are too small to share out
    runs, dense = [watch(SPARSE, seed) for seed in SEEDS], watch(DENSE, seed=0)
    numbers = facts(runs, dense)
    shown = [int(largest_fall(run).argmax()) for run in runs] + [0]

    def draw(figure: Figure) -> None:
        axes = figure.subplots(2, len(shown), sharey="row", height_ratios=[1, 1.2])
        for column, (run, model) in enumerate(zip([*runs, dense], shown, strict=True)):
            draw_model(axes[0, column], axes[1, column], run, model)
            title = f"seed {SEEDS[column]}, p = {SPARSE}" if run is not dense else "dense, p = 1"
            axes[0, column].set_title(title, fontsize=9.5)
        axes[0, 0].set_ylabel("loss")
        axes[1, 0].set_ylabel("dimensionality $D_i$")

    moved, chance = (numbers[f"features_moved_{key}"] for key in ("at_fall", "of_another"))
    own, other = (numbers[key].mean().item() for key in ("correlation", "correlation_with_another"))
    publish(
        "ch01_dynamics",
        draw,
        alt="Loss and dimensionalities of six features in three dimensions over training. Sparse "
        "models stay on a plateau, their features unequal, until the loss falls and all six move "
        "to "
        "1/2, an octahedron. Dense models stay unequal. In "
        f"{int((moved >= 2).sum())} of {moved.numel()} models two or more features move at the "
        f"steepest fall ({(chance >= 2).float().mean():.0%} with those of another model); "
        f"falls and movement correlate by {own:.2f} ({other:.2f}).",
        numbers=numbers,
        seeds=SEEDS,
        sources=[__file__],
        size=(7.6, 3.9),
    )


if __name__ == "__main__":
    main()
