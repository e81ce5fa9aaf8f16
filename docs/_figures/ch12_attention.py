"""Draw predicted against measured changes of 23.0's score difference when heads are patched."""

from typing import Any

import matplotlib as mpl
import torch
from matplotlib.figure import Figure
from torch import Tensor

from docs._figures.lib.plotting import publish
from docs._figures.neuron_graphs.attention import MOVERS, SOURCES, study_all
from solutions.ch12_graphs.intervene import agreement

SHOWN = "23.0"
NAMED = 0.7


def chance(predicted: Tensor, measured: Tensor) -> float:
    """Return the 95th percentile of the correlation's size when heads are exchanged at random."""
    generator = torch.Generator().manual_seed(0)
    orders = [torch.randperm(len(measured), generator=generator) for _ in range(1000)]
    sizes = [abs(agreement(predicted, measured[order]).correlation) for order in orders]
    return float(torch.tensor(sizes).quantile(0.95))


def summarize(study: dict[str, Any], mover: str) -> dict[str, Any]:
    """Summarize one mover on one prompt."""
    one = study[mover]
    agreed = agreement(one["predicted"], one["measured"])
    heads = dict(zip(one["heads"], one["predicted"].tolist(), strict=True))
    change = dict(zip(one["names"], one["change"].tolist(), strict=True))
    largest = sorted(change, key=lambda name: -abs(change[name]))[:6]
    others = torch.tensor([head not in one["best"] for head in one["heads"]])
    return {
        "agreement": agreed._asdict(),
        "without the two best": agreement(
            one["predicted"][others], one["measured"][others]
        )._asdict(),
        "heads exchanged": chance(one["predicted"], one["measured"]),
        "difference": one["difference"],
        "changes by": sum(change.values()),
        "largest": {name: change[name] for name in largest},
        "best": {head: heads[head] for head in one["best"]},
        "both": one["both"],
    }


def draw_changes(figure: Figure, studies: dict[str, Any]) -> None:
    """Draw every patched head of every prompt, and name the large ones of one prompt."""
    axes = figure.subplots()
    colors = mpl.rcParams["axes.prop_cycle"].by_key()["color"]
    for index, (kind, some) in enumerate(studies.items()):
        for number, study in enumerate(some):
            one = study[SHOWN]
            label = f"{kind} prompts" if number == 0 else None
            axes.plot(
                one["predicted"],
                one["measured"],
                ls="",
                marker="os"[index],
                ms=4,
                alpha=0.6,
                color=colors[index],
                label=label,
            )
    first = studies["new"][0][SHOWN]
    for head, x, y in zip(first["heads"], first["predicted"], first["measured"], strict=True):
        if abs(x) > NAMED:
            axes.annotate(head, (x, y), (6, -10), textcoords="offset points", fontsize=8)
    low = min(one[SHOWN]["predicted"].min().item() for some in studies.values() for one in some)
    axes.plot([low, 0.5], [low, 0.5], color="0.5", lw=0.8)
    axes.set(xlabel="predicted change of score(IO) - score(S1)", ylabel="measured change")
    axes.grid(linewidth=0.5, alpha=0.3)
    axes.legend(frameon=False)


def main() -> None:
    """Run or load all prompts, and draw."""
    studies = study_all()
    movers = [f"{layer}.{head}" for layer, head in MOVERS]
    numbers = {
        kind: [
            {key: one[key] for key in ("text", "parts", "total", "gap", "moved")}
            | {mover: summarize(one, mover) for mover in movers}
            for one in some
        ]
        for kind, some in studies.items()
    }
    worst = min(one[SHOWN]["agreement"]["correlation"] for some in numbers.values() for one in some)

    publish(
        "ch12_attention",
        lambda figure: draw_changes(figure, studies),
        alt=f"Predicted and measured changes of {SHOWN}'s score difference lie near a line, on "
        f"{sum(map(len, studies.values()))} prompts; the smallest correlation is {worst:.3f}.",
        numbers=numbers,
        sources=[__file__, *SOURCES],
        size=(5.6, 4.0),
    )


if __name__ == "__main__":
    main()
