"""Draws the phase change from what the induction toys' recipe measured: no training here."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from matplotlib.figure import Figure
from safetensors.torch import load_file

from docs._figures.plotting import lines, publish
from solutions.ch04_induction.phase_change import loss_slope, steepest, trajectory, turn
from toy_models import toys

KINDS = {
    "one layer": "induction_1l",
    "two layers": "induction_2l",
    "one layer, smeared": "induction_1l_smeared",
    "two layers, smeared": "induction_2l_smeared",
}
LENGTH = 150
"""Steps of the stretch in which a change has to happen to be called sudden."""


def runs_of(kind: str, task: str) -> list[list[dict[str, Any]]]:
    """The records of each seed."""
    path = toys.ROOT / KINDS[kind] / "runs.json"
    return json.loads(path.read_text(encoding="utf-8"))[task]


def curve(runs: list[list[dict[str, Any]]], name: str) -> np.ndarray:
    """A measure over training, [seed, snapshot]; of head scores the largest."""
    return np.array([[np.max(record[name]) for record in run] for run in runs])


def main() -> None:
    """Draw the four pictures."""
    draw_phase_change()
    draw_smeared()
    draw_statistical()
    draw_slopes()
    draw_trajectories()


def steps_of(runs: list[list[dict[str, Any]]]) -> list[int]:
    return [record["step"] for record in runs[0]]


def band(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return values.min(axis=0), values.max(axis=0)


def draw_phase_change() -> None:
    """Loss, in-context score, head scores and K-composition of one and of two layers."""
    one, two = runs_of("one layer", "repeats"), runs_of("two layers", "repeats")
    steps = steps_of(two)
    measures = {
        "loss (nats)": ("loss",),
        "in-context score (nats)": ("in_context",),
        "prefix matching": ("prefix",),
        "previous token": ("previous",),
    }
    baseline = 1 / 64**0.5
    composed = curve(two, "k_composition") - baseline
    windows = {
        name: [
            steepest(torch.tensor(steps), torch.tensor(run), LENGTH)._asdict()
            for run in curve(two, name)
        ]
        for name in ("in_context", "prefix")
    }

    def draw(figure: Figure) -> None:
        rows = figure.subplots(5, 1, sharex=True)
        for axes, (label, (name,)) in zip(rows, measures.items(), strict=False):
            series = {"two layers": curve(two, name), "one layer": curve(one, name)}
            lines(
                axes,
                steps,
                {k: v.mean(axis=0) for k, v in series.items()},
                bands={k: band(v) for k, v in series.items()},
                labels=("", label),
            )
            if name != "loss":
                axes.get_legend().remove()
        lines(
            rows[4],
            steps,
            {"two layers": composed.mean(axis=0)},
            bands={"two layers": band(composed)},
            labels=("step", "K-composition"),
        )

    publish(
        "ch04_phase_change",
        draw,
        alt=f"Five curves over {steps[-1]} steps. With two layers loss and in-context score fall "
        "and prefix matching rises together; with one layer none of them moves as far.",
        numbers={
            "steps": steps,
            "sizes": "d_model 64, 2 heads a layer, 64 tokens, repeats of 16 to 32 tokens",
            "windows": windows,
            "length": LENGTH,
            "baseline": baseline,
            "two": {
                name: curve(two, name) for name in ("loss", "in_context", "prefix", "previous")
            },
            "one": {
                name: curve(one, name) for name in ("loss", "in_context", "prefix", "previous")
            },
            "k_composition_minus_baseline": composed,
        },
        sources=[__file__],
        seeds=range(len(two)),
        size=(7.0, 8.6),
    )


def draw_smeared() -> None:
    """Prefix matching of all four kinds over training."""
    curves = {kind: curve(runs_of(kind, "repeats"), "prefix") for kind in KINDS}
    losses = {kind: curve(runs_of(kind, "repeats"), "loss")[:, -1] for kind in KINDS}
    steps = steps_of(runs_of("two layers", "repeats"))
    first = {
        kind: [
            next((s for s, v in zip(steps, run, strict=True) if v > 0.3), None) for run in values
        ]
        for kind, values in curves.items()
    }

    def draw(figure: Figure) -> None:
        lines(
            figure.subplots(),
            steps,
            {kind: values.mean(axis=0) for kind, values in curves.items()},
            bands={kind: band(values) for kind, values in curves.items()},
            labels=("step", "prefix matching, best head"),
        )

    publish(
        "ch04_smeared",
        draw,
        alt="Prefix matching over training for one and two layers, with plain and smeared keys. "
        "One layer with plain keys stays low; with smeared keys it rises, before two plain layers.",
        numbers={"steps": steps, "prefix": curves, "first_above_0.3": first, "final_loss": losses},
        sources=[__file__],
        seeds=range(3),
    )


def draw_statistical() -> None:
    """The same model on repeats and on Markov chains: literal and statistical induction."""
    curves = {
        "repeats": curve(runs_of("two layers", "repeats"), "prefix"),
        "Markov chains": curve(runs_of("two layers", "markov"), "prefix"),
    }
    scores = {
        task: curve(runs_of("two layers", task), "in_context") for task in ("repeats", "markov")
    }
    short = min(values.shape[1] for values in curves.values())
    steps = steps_of(runs_of("two layers", "repeats"))[:short]

    def draw(figure: Figure) -> None:
        lines(
            figure.subplots(),
            steps,
            {task: values[:, :short].mean(axis=0) for task, values in curves.items()},
            bands={task: band(values[:, :short]) for task, values in curves.items()},
            labels=("step", "prefix matching, best head"),
        )

    publish(
        "ch04_statistical",
        draw,
        alt="Prefix matching of two-layer models over training, on repeats and on Markov chains.",
        numbers={"steps": steps, "prefix": curves, "in_context": scores},
        sources=[__file__],
        seeds=range(3),
    )


def draw_slopes() -> None:
    """How the loss falls with the index of the token, before and after the change."""
    runs = runs_of("two layers", "repeats")
    by_index = torch.tensor([[r["by_index"] for r in run] for run in runs])
    slopes = loss_slope(by_index[:, :, None], width=9).mean(dim=0)
    steps = steps_of(runs)
    bands = [f"{9 * i + 1} to {9 * i + 9}" for i in range(slopes.shape[1])]
    shown = [0, 1, 3, 6]

    def draw(figure: Figure) -> None:
        series = {f"indices {bands[i]}": slopes[:, i].numpy() for i in shown}
        lines(figure.subplots(), steps, series, labels=("step", "slope (nats per factor e)"))

    publish(
        "ch04_slope",
        draw,
        alt="Slope of the loss by the logarithm of the token's index over training, for four bands.",
        numbers={"steps": steps, "bands": bands, "slope": slopes.numpy()},
        sources=[__file__],
        seeds=range(len(runs)),
    )


def draw_trajectories() -> None:
    """Principal components of per-token losses, and the angle at which the path turns."""
    paths, angles = {}, {}
    for kind, name in KINDS.items():
        losses = load_file(Path(toys.ROOT / name / "token_losses.safetensors"))
        stacks = [losses[f"repeats/{seed}"].float() for seed in range(3)]
        paths[kind] = trajectory(stacks[0]).numpy()
        middles = [best_turn(stack) for stack in stacks]
        angles[kind] = middles

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        for kind, path in paths.items():
            axes.plot(path[:, 0], path[:, 1], ".-", label=kind, linewidth=1.2, markersize=4)
        axes.set(xlabel="first component (nats)", ylabel="second component (nats)")
        axes.legend(frameon=False)

    publish(
        "ch04_trajectory",
        draw,
        alt="Paths of four kinds of model through the first two principal components.",
        numbers={"paths": paths, "largest_turn_degrees": angles},
        sources=[__file__],
        seeds=range(3),
    )


def best_turn(losses: torch.Tensor) -> float:
    """The largest turn of a path at any snapshot but the first and last three."""
    path = trajectory(losses)
    return max(turn(path, at) for at in range(3, len(path) - 3))


if __name__ == "__main__":
    main()
