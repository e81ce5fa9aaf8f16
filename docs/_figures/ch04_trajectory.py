"""Draws two views of the phase change that use no head: slopes of the loss, and paths of losses."""

from typing import Any

import torch
from matplotlib.figure import Figure
from safetensors.torch import load_file

from docs._figures.ch04_phase_change import KINDS, LENGTH, runs_of, steps_of
from docs._figures.lib.plotting import lines, publish
from solutions.ch04_induction.phase_change import (
    loss_pca,
    loss_slope,
    steepest_window,
    turning_angle,
)
from toy_models import toys


def main() -> None:
    """Draw both."""
    draw_slopes()
    draw_trajectories()


def slopes_of(kind: str) -> torch.Tensor:
    """Slope of the loss by the log of the index, mean over seeds, [snapshot, band]."""
    runs = runs_of(kind, "repeats")
    by_index = torch.tensor([[r["by_index"] for r in run] for run in runs])
    return loss_slope(by_index[:, :, None], width=9).mean(dim=0)


def draw_slopes() -> None:
    """How the loss falls with the index of the token, before and after the change."""
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
        alt="Slope of the loss by the log of the index over training. With two layers that of "
        f"indices 19 to 27 falls from {slopes[before, 2]:.1f} at step 175 to "
        f"{slopes[after, 2]:.1f} at the end, that of 28 to 36 from {slopes[before, 3]:.1f} to "
        f"{slopes[after, 3]:.1f}; with one layer they end at {one[after, 2]:.1f} and "
        f"{one[after, 3]:.1f}. Before index 10 nothing can be known, and the slope stays at 0.",
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
    """Principal components of per-token losses, and the angle at which the path turns."""
    paths, angles, widest = {}, {}, {}
    for kind, name in KINDS.items():
        losses = load_file(toys.ROOT / name / "token_losses.safetensors")
        stacks = [losses[f"repeats/{seed}"].float() for seed in range(3)]
        paths[kind] = loss_pca(stacks[0]).numpy()
        runs = runs_of(kind, "repeats")
        angles[kind] = [turn_of(*pair) for pair in zip(stacks, runs, strict=True)]
        widest[kind] = [
            max(turning_angle(loss_pca(stack), at) for at in range(4, 21)) for stack in stacks
        ]

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        for kind, path in paths.items():
            axes.plot(path[:, 0], path[:, 1], ".-", label=kind, linewidth=1.2, markersize=4)
        axes.set(xlabel="first component (nats)", ylabel="second component (nats)")
        axes.legend(frameon=False)

    said = "; ".join(f"{kind} {min(v):.0f} to {max(v):.0f}" for kind, v in angles.items())
    publish(
        "ch04_trajectory",
        draw,
        alt="Paths of four kinds of model through the first two principal components. All four "
        f"turn; by how many degrees in the middle of the steepest stretch of loss: {said}.",
        numbers={
            "paths": paths,
            "turn_at_steepest_degrees": angles,
            "widest_turn_of_steps_100_to_500_degrees": widest,
        },
        sources=[__file__],
        seeds=range(3),
    )


def turn_of(losses: torch.Tensor, run: list[dict[str, Any]]) -> float:
    """The turn of a path in the middle of the stretch in which its loss falls most."""
    steps = torch.tensor(steps_of([run]))
    window = steepest_window(steps, torch.tensor([record["loss"] for record in run]), LENGTH)
    middle = (steps - (window.start + window.stop) / 2).abs().argmin()
    return turning_angle(loss_pca(losses), int(middle))


if __name__ == "__main__":
    main()
