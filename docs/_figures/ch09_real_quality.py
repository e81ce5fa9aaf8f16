"""Compare dictionaries of the real model: text, seeds, and a control, on held-out documents."""

from typing import Any

import matplotlib as mpl
import torch
from matplotlib.figure import Figure
from torch import Tensor

from docs._figures.lib.plotting import publish
from docs._figures.real_sae import runs
from docs._figures.real_sae.runs import RANDOM, SOURCES, TRAINED, Run, measure_all

RUNS: tuple[Run, ...] = (
    (TRAINED, 100_000, 0),
    (TRAINED, 100_000, 1),
    (RANDOM, 100_000, 0),
)
DRAWS = 2_000


def main() -> None:
    """Measure all runs, and draw error and recovered loss."""
    torch.set_num_threads(1)
    found = measure_all(RUNS)
    scores = {run: score(found["base"], found["{} {} {}".format(*run)]) for run in RUNS}

    def draw(figure: Figure) -> None:
        left, right = figure.subplots(1, 2, sharey=True)
        first, second = mpl.rcParams["axes.prop_cycle"].by_key()["color"][:2]
        names = [f"seed {run[2]}" if run[0] == TRAINED else run[0] for run in RUNS]
        for row, (run, one) in enumerate(scores.items()):
            color = first if run[0] == TRAINED else second
            left.plot([one["fvu"]], [row], color=color, marker="o")
            right.plot([one["recovered_low"], one["recovered_high"]], [row, row], color=color)
            right.plot([one["recovered"]], [row], color=color, marker="o")
        left.set_yticks(range(len(names)), names)
        left.set(xlabel="variance unexplained", xlim=(0, 1), ylim=(len(names) - 0.5, -0.5))
        right.set(xlabel="loss recovered", xlim=(0, 1))

    said = "; ".join(
        f"{kind}, {tokens:,} tokens, seed {seed}: {one['fvu']:.3f} unexplained, "
        f"{one['recovered']:.3f} recovered"
        for (kind, tokens, seed), one in scores.items()
    )
    publish(
        "ch09_real_quality",
        draw,
        alt=f"Variance unexplained and loss recovered on held-out text: {said}.",
        numbers={
            "held-out tokens": found["base"]["tokens"],
            "loss": found["base"]["clean"].mean(),
            "loss, mean ablation": found["base"]["mean"].mean(),
            "runs": [
                {"kind": kind, "tokens": tokens, "seed": seed, **one}
                for (kind, tokens, seed), one in scores.items()
            ],
        },
        seeds=sorted({seed for _, _, seed in RUNS}),
        sources=[__file__, runs.__file__, *SOURCES],
        size=(7.2, 2.4),
    )


def score(base: dict[str, Any], run: dict[str, Any]) -> dict[str, Any]:
    """Compute the share of mean ablation's loss that a run recovers, with an interval.

    The interval resamples windows: 2.5 % to 97.5 % of 2,000 draws.
    """
    generator = torch.Generator().manual_seed(0)
    n = len(base["clean"])
    draws = torch.randint(n, (DRAWS, n), generator=generator)

    def share(rows: Tensor) -> Tensor:
        clean, mean, spliced = (
            x[rows].mean(dim=-1) for x in (base["clean"], base["mean"], run["losses"])
        )
        return (mean - spliced) / (mean - clean)

    low, high = share(draws).quantile(torch.tensor([0.025, 0.975])).tolist()
    return {
        **{name: run[name] for name in ("fvu", "l0", "never")},
        "loss": run["losses"].mean().item(),
        "recovered": share(torch.arange(n)).item(),
        "recovered_low": low,
        "recovered_high": high,
    }


if __name__ == "__main__":
    main()
