"""Draw the phase change without reference to heads: slopes of the loss, and paths of losses."""

from typing import Any

import torch
from matplotlib.figure import Figure
from safetensors.torch import load_file
from torch import Tensor

from docs._figures.ch04_phase_change import KINDS, LENGTH, runs_of, steps_of
from docs._figures.lib.plotting import lines, publish
from solutions.ch04_induction.phase_change import (
    loss_pca,
    loss_slope,
    steepest_window,
    turning_angle,
)
from toy_models import toys

PLAIN = ["one layer", "two layers"]


def main() -> None:
    """Draw both figures."""
    draw_slopes()
    draw_trajectories()


def slopes_of(kind: str) -> torch.Tensor:
    """Compute the slope of the loss over the log of the index, mean of seeds: [snapshot, band]."""
    runs = runs_of(kind, "repeats")
    by_index = torch.tensor([[r["by_index"] for r in run] for run in runs])
    return loss_slope(by_index[:, :, None], width=9).mean(dim=0)


def draw_slopes() -> None:
    """Draw how the loss falls with the index of the token over training."""
    slopes, one = slopes_of("two layers"), slopes_of("one layer")
    steps = steps_of(runs_of("two layers", "repeats"))
    bands = [f"{9 * i + 1} to {9 * i + 9}" for i in range(slopes.shape[1])]

    def draw(figure: Figure) -> None:
        for axes, (name, each) in zip(
            figure.subplots(1, 2, sharey=True),
            {"two layers": slopes, "one layer": one}.items(),
            strict=True,
        ):
            series = {f"indices {bands[i]}": each[:, i].numpy() for i in range(4)}
            side = "slope (nats per factor e)" if name == "two layers" else ""
            lines(axes, steps, series, labels=("step", side))
            axes.set(title=name)

    before, after = steps.index(175), len(steps) - 1
    publish(
        "ch04_slope",
        draw,
        alt="Slope of the loss over the log of the index during training. With two layers that of "
        f"indices 19 to 27 falls from {slopes[before, 2]:.1f} at step 175 to "
        f"{slopes[after, 2]:.1f} at the end, that of 28 to 36 from {slopes[before, 3]:.1f} to "
        f"{slopes[after, 3]:.1f}; with one layer they end at {one[after, 2]:.1f} and "
        f"{one[after, 3]:.1f}. Before index 10 nothing can be predicted, and the slope stays at 0.",
        numbers={
            "steps": steps,
            "bands": bands,
            "slope": slopes.numpy(),
            "slope_one_layer": one.numpy(),
            "final_loss_by_index": {
                kind: [run[-1]["by_index"] for run in runs_of(kind, "repeats")] for kind in KINDS
            },
        },
        sources=[__file__],
        seeds=range(3),
        size=(8.0, 3.4),
    )


def draw_trajectories() -> None:
    """Draw principal components of per-token losses: each model's own, and joint ones."""
    stacks = {kind: losses_of(name) for kind, name in KINDS.items()}
    middles = {k: [steepest_snapshot(run) for run in runs_of(k, "repeats")] for k in KINDS}
    own = {kind: [loss_pca(run) for run in runs] for kind, runs in stacks.items()}
    angles = {kind: angles_at(own[kind], middles[kind]) for kind in KINDS}
    widest = {kind: [widest_angle(path) for path in own[kind]] for kind in KINDS}
    paths = {kind: runs[0] for kind, runs in own.items()}
    joint = {
        "two plain models": joint_numbers(stacks, middles, PLAIN),
        "all four models": joint_numbers(stacks, middles, list(KINDS)),
    }
    shared = joint_paths(stacks, PLAIN, seed=0)

    def draw(figure: Figure) -> None:
        left, right = figure.subplots(1, 2)
        for axes, shown, title in (
            (left, paths, "components of each model"),
            (right, shared, "joint components, plain models"),
        ):
            for kind, path in shown.items():
                axes.plot(path[:, 0], path[:, 1], ".-", label=kind, linewidth=1.2, markersize=4)
            axes.set(xlabel="first component (nats)", title=title)
        left.set(ylabel="second component (nats)")
        handles, labels = left.get_legend_handles_labels()
        right.legend(handles, labels, frameon=False, loc="upper center")

    turns = joint["two plain models"]
    publish(
        "ch04_trajectory",
        draw,
        alt="Left: paths of four kinds of model through two principal components, computed per "
        f"model. All four turn; degrees at the steepest window of the loss: {ranges(angles)}. "
        "Right: one-layer and two-layer models in joint components. The one-layer path is short, "
        "the two-layer path is long and turns. Degrees at the steepest window: "
        f"{ranges(turns['turn'])}. Nats from start to end: {ranges(turns['distance'])}.",
        numbers={
            "paths": paths,
            "turn_at_steepest_degrees": angles,
            "widest_turn_of_steps_100_to_500_degrees": widest,
            "joint_paths": shared,
            "joint": joint,
        },
        sources=[__file__],
        seeds=range(3),
        size=(8.0, 3.6),
    )


def angles_at(paths: list[Tensor], middles: list[int]) -> list[float]:
    """Compute the turning angle of each path at its own snapshot."""
    return [turning_angle(path, at) for path, at in zip(paths, middles, strict=True)]


def widest_angle(path: Tensor) -> float:
    """Return the largest turning angle between steps 100 and 500."""
    return max(turning_angle(path, at) for at in range(4, 21))


def losses_of(name: str) -> list[Tensor]:
    """Read the per-token losses of a toy, [snapshot, token] for each seed."""
    losses = load_file(toys.ROOT / name / "token_losses.safetensors")
    return [losses[f"repeats/{seed}"].float() for seed in range(3)]


def steepest_snapshot(run: list[dict[str, Any]]) -> int:
    """Return the index of the snapshot in the middle of the steepest window of the loss."""
    steps = torch.tensor(steps_of([run]))
    window = steepest_window(steps, torch.tensor([record["loss"] for record in run]), LENGTH)
    return int((steps - (window.start + window.stop) / 2).abs().argmin())


def joint_paths(stacks: dict[str, list[Tensor]], kinds: list[str], seed: int) -> dict[str, Tensor]:
    """Project the snapshots of several models of one seed onto their joint components."""
    together = loss_pca(torch.cat([stacks[kind][seed] for kind in kinds]))
    parts = together.split([len(stacks[kind][seed]) for kind in kinds])
    return dict(zip(kinds, parts, strict=True))


def joint_numbers(
    stacks: dict[str, list[Tensor]], middles: dict[str, list[int]], kinds: list[str]
) -> dict[str, dict[str, list[float]]]:
    """Measure paths in joint components: turns, and distances from start to end, per seed."""
    found: dict[str, dict[str, list[float]]] = {"turn": {}, "distance": {}}
    for seed in range(3):
        for kind, path in joint_paths(stacks, kinds, seed).items():
            angle = turning_angle(path, middles[kind][seed])
            found["turn"].setdefault(kind, []).append(angle)
            found["distance"].setdefault(kind, []).append((path[-1] - path[0]).norm().item())
    return found


def ranges(values: dict[str, list[float]]) -> str:
    """Write the range over seeds for each kind of model."""
    return "; ".join(f"{kind} {min(v):.0f} to {max(v):.0f}" for kind, v in values.items())


if __name__ == "__main__":
    main()
