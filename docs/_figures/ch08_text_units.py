"""Draw how well one phrase predicts a unit: neurons, features and controls, judged by one rule."""

import matplotlib as mpl
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from docs._figures.lib.plotting import publish
from docs._figures.monosemanticity import dictionaries, matching
from docs._figures.monosemanticity.dictionaries import MAIN, SAE_SEEDS, quality, trained
from docs._figures.monosemanticity.labels import Scores
from docs._figures.monosemanticity.matching import summary
from docs._figures.monosemanticity.units import SOURCES, Judged, both_texts, judge_all

GROUPS = (
    "neurons",
    "neurons, strongest",
    "random dictionary",
    "features",
    "features, L1",
    "shuffled model, neurons",
    "shuffled model, features",
    "shuffled model, features, L1",
)


def main() -> None:
    """Train or load, judge, draw."""
    saes = trained()
    judged = judge_all(saes)
    names = [partition.name for partition in both_texts()[0].partitions]
    numbers: dict[str, dict[str, dict[str, object]]] = {
        group: {key: scored(judged, group, key) for key in Scores._fields} for group in GROUPS
    }
    for group in GROUPS:
        mine = [one for one in judged if one.group == group]
        numbers[group]["swapped"] = summary([one.swapped for one in mine])
        numbers[group]["alive"] = {"seeds": [one.eligible for one in mine]}
        numbers[group]["labels"] = kinds_of_label(mine, names)
    measured = {" ".join(map(str, run)): quality(run, sae) for run, sae in saes.items()}
    said = "; ".join(f"{group} {numbers[group]['correlation']['mean']:.2f}" for group in GROUPS)
    publish(
        "ch08_text_units",
        lambda figure: draw(figure, numbers),
        alt=f"Mean held-out correlation of a unit with its label: {said}.",
        numbers={"groups": numbers, "dictionaries": measured, "latents": MAIN},
        seeds=SAE_SEEDS,
        sources=[__file__, dictionaries.__file__, matching.__file__, *SOURCES],
        size=(7.6, 4.8),
    )


def scored(judged: list[Judged], group: str, key: str) -> dict[str, object]:
    """Summarize one score of a group; every set of it has other seeds."""
    return summary([getattr(one.scores, key) for one in judged if one.group == group])


def kinds_of_label(judged: list[Judged], names: list[str]) -> dict[str, object]:
    """Count the kinds of phrases that were chosen, as shares."""
    chosen = torch.cat([one.labels.partition for one in judged])
    counts = chosen.bincount(minlength=len(names)) / len(chosen)
    return dict(zip(names, counts.tolist(), strict=True))


def draw(figure: Figure, numbers: dict[str, dict[str, dict[str, object]]]) -> None:
    """Draw scores to the left, and where labels hold to the right."""
    left, right = figure.subplots(1, 2, sharey=True)
    rows(left, numbers, {"label": "correlation", "current token": "token"})
    left.set(xlabel="correlation with the label;\nvariance explained by the token", xlim=(0, 1))
    left.set_yticks(range(len(GROUPS)), GROUPS)
    left.invert_yaxis()
    rows(right, numbers, {"20 strongest": "top", "all firings": "firing"})
    right.set(xlabel="share of positions at which\nthe label is true", xlim=(0, 1))
    for axes in (left, right):
        axes.legend(frameon=False, loc="lower left", bbox_to_anchor=(0, 1), ncols=2)
        axes.grid(axis="x", linewidth=0.5, alpha=0.3)


def rows(
    axes: Axes, numbers: dict[str, dict[str, dict[str, object]]], series: dict[str, str]
) -> None:
    """Draw one dot per seed, and the interval of the mean over units."""
    colours = mpl.rcParams["axes.prop_cycle"].by_key()["color"]
    for number, (name, key) in enumerate(series.items()):
        for row, group in enumerate(GROUPS):
            found = numbers[group][key]
            y = row + (number - 0.5) * 0.36
            seeds = torch.as_tensor(found["seeds"])
            mark = "os"[number]
            label = name if row == 0 else None
            axes.plot(
                [found["low"], found["high"]],  # type: ignore[arg-type]
                [y, y],
                color=colours[number],
                lw=3,
                alpha=0.4,
            )
            axes.plot(seeds, same(y, seeds), mark, ms=4, color=colours[number], label=label)


def same(y: float, values: Tensor) -> list[float]:
    """Repeat a height for each value."""
    return [y] * len(values)


if __name__ == "__main__":
    main()
