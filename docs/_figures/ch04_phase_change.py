"""Draw the phase change from the measurements of the induction toys' recipe."""

import json
from typing import Any

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from docs._figures.lib.plotting import lines, publish
from solutions.ch04_induction.phase_change import steepest_window
from toy_models import toys

KINDS = {
    "one layer": "induction_1l",
    "two layers": "induction_2l",
    "one layer, smeared": "induction_1l_smeared",
    "two layers, smeared": "induction_2l_smeared",
}
MEASURES = {
    "loss": "loss (nats)",
    "in_context": "in-context score (nats)",
    "prefix": "prefix matching",
    "previous": "previous token",
}
LENGTH = 150
"""Length of the window in which the steepest change is searched, in steps."""


def runs_of(kind: str, task: str) -> list[list[dict[str, Any]]]:
    """Read the records of each seed."""
    path = toys.ROOT / KINDS[kind] / "runs.json"
    return json.loads(path.read_text(encoding="utf-8"))[task]


def curve(runs: list[list[dict[str, Any]]], name: str) -> np.ndarray:
    """Return a measure over training, [seed, snapshot]; of head scores the largest."""
    return np.array([[np.max(record[name]) for record in run] for run in runs])


def main() -> None:
    """Draw the three figures."""
    draw_phase_change()
    draw_smeared()
    draw_statistical()


def steps_of(runs: list[list[dict[str, Any]]]) -> list[int]:
    """Return the steps of the measurements."""
    return [record["step"] for record in runs[0]]


def windows(
    steps: list[int], curves: dict[str, np.ndarray], length: int
) -> dict[str, list[dict[str, float]]]:
    """Find the steepest window of each measure, for each seed."""
    at = torch.tensor(steps)
    return {
        name: [steepest_window(at, torch.tensor(run), length)._asdict() for run in values]
        for name, values in curves.items()
    }


def draw_curves(
    axes: Axes, steps: list[int], curves: dict[str, np.ndarray], labels: tuple[str, str]
) -> None:
    """Draw the mean over seeds of each curve, and the band from the lowest to the highest."""
    means = {name: values.mean(axis=0) for name, values in curves.items()}
    bands = {name: (values.min(axis=0), values.max(axis=0)) for name, values in curves.items()}
    lines(axes, steps, means, bands=bands, labels=labels)


def draw_phase_change() -> None:
    """Draw loss, in-context score, head scores and K-composition of one and two layers."""
    one, two = runs_of("one layer", "repeats"), runs_of("two layers", "repeats")
    steps = steps_of(two)
    composed = curve(two, "k_composition") - 64**-0.5
    two_by_name = {name: curve(two, name) for name in MEASURES}

    def draw(figure: Figure) -> None:
        rows = figure.subplots(5, 1, sharex=True)
        for axes, (name, label) in zip(rows, MEASURES.items(), strict=False):
            series = {"two layers": curve(two, name), "one layer": curve(one, name)}
            draw_curves(axes, steps, series, ("", label))
            if name != "loss":
                axes.get_legend().remove()
        draw_curves(rows[4], steps, {"two layers": composed}, ("step", "K-composition"))

    publish(
        "ch04_phase_change",
        draw,
        alt=f"Five curves over {steps[-1]} steps. With two layers loss and in-context score fall "
        "while prefix matching rises, all between steps 150 and 400; attention to the previous "
        "token rises more slowly. With one layer prefix matching stays at "
        f"{curve(one, 'prefix')[:, -1].mean():.2f}.",
        numbers={
            "steps": steps,
            "sizes": "d_model 64, 2 heads per layer, 64 tokens, repeats of 16 to 32 tokens",
            "windows": windows(steps, two_by_name, LENGTH),
            "length": LENGTH,
            "windows_twice_as_long": windows(steps, two_by_name, 2 * LENGTH),
            "two": two_by_name,
            "one": {name: curve(one, name) for name in MEASURES},
            "k_composition_minus_baseline": composed,
        },
        sources=[__file__],
        seeds=range(len(two)),
        size=(7.0, 8.6),
    )


def draw_smeared() -> None:
    """Draw prefix matching of all four kinds over training."""
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
        draw_curves(figure.subplots(), steps, curves, ("step", "prefix matching, best head"))

    publish(
        "ch04_smeared",
        draw,
        alt="Prefix matching over training for one and two layers, with plain and smeared keys. "
        "One layer with plain keys stays at .06. With smeared keys both exceed .3 by step 100; two "
        "layers with plain keys only by step 225 to 250.",
        numbers={"steps": steps, "prefix": curves, "first_above_0.3": first, "final_loss": losses},
        sources=[__file__],
        seeds=range(3),
    )


def draw_statistical() -> None:
    """Draw the same model on repeats and on Markov chains: literal and statistical induction."""
    runs = {task: runs_of("two layers", task) for task in ("repeats", "markov")}
    curves = {task: curve(each, "prefix") for task, each in runs.items()}
    scores = {task: curve(each, "in_context") for task, each in runs.items()}
    steps = {task: steps_of(each) for task, each in runs.items()}
    names = {"repeats": "repeated segments", "markov": "Markov chains"}

    def draw(figure: Figure) -> None:
        for axes, task in zip(figure.subplots(1, 2, sharey=True), runs, strict=True):
            series = {f"seed {seed}": values for seed, values in enumerate(curves[task])}
            side = "prefix matching, best head" if task == "repeats" else ""
            lines(axes, steps[task], series, labels=("step", side))
            axes.set(title=names[task])

    last = {task: ", ".join(f"{v:.2f}" for v in values[:, -1]) for task, values in curves.items()}
    publish(
        "ch04_statistical",
        draw,
        alt="Prefix matching of two-layer models over training. On repeats all three seeds rise "
        f"at step 200 to 250 and end at {last['repeats']}; on Markov chains they rise late or not "
        f"at all, and after {steps['markov'][-1]} steps they are at {last['markov']}.",
        numbers={"steps": steps, "prefix": curves, "in_context": scores},
        sources=[__file__],
        seeds=range(3),
        size=(8.0, 3.4),
    )


if __name__ == "__main__":
    main()
