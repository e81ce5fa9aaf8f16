"""Draw TopK and JumpReLU on the real model, and how many firings of a latent are on one token."""

from collections.abc import Mapping
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from docs._figures import ch09_real_quality
from docs._figures.ch09_real_quality import score
from docs._figures.lib.plotting import publish
from docs._figures.monosemanticity import matching
from docs._figures.monosemanticity.matching import summary
from docs._figures.real_sae import frontier
from docs._figures.real_sae.frontier import (
    JUMPRELU,
    SHUFFLED,
    SOURCES,
    TOKENS,
    TOPK,
    Run,
    measure_all,
)

RUNS = (
    Run(TOPK, 32),
    Run(SHUFFLED, 32),
    Run(TOPK, 16),
    Run(TOPK, 64),
    Run(JUMPRELU, 4.0),
    Run(JUMPRELU, 1.0),
    Run(TOPK, 32, 1),
)
KEYS = {"fvu": "variance unexplained", "recovered": "loss recovered"}
FIRINGS = {
    "strongest": "strongest places",
    "random": "random places of the latent",
    "chance": "random places of the text",
}
MODELS = {TOPK: "the model", SHUFFLED: "the model with\nshuffled weights"}


def main() -> None:
    """Measure all runs, and draw both figures."""
    found = measure_all(RUNS)
    scores = {run: score(found["base"], found[run]) for run in RUNS if run.kind in (TOPK, JUMPRELU)}
    draw_frontier(scores, found["base"])
    draw_tokens({run: found[run] for run in (Run(TOPK, 32), Run(SHUFFLED, 32))})


def draw_frontier(scores: Mapping[Run, dict[str, Any]], base: dict[str, Any]) -> None:
    """Draw error and recovered loss against active latents per token."""
    kinds = {kind: [run for run in scores if run.kind == kind] for kind in (TOPK, JUMPRELU)}
    kinds = {kind: sorted(mine, key=lambda run: scores[run]["l0"]) for kind, mine in kinds.items()}

    def draw(figure: Figure) -> None:
        for axes, (key, label) in zip(figure.subplots(1, 2), KEYS.items(), strict=True):
            for mark, (kind, mine) in zip("os", kinds.items(), strict=True):
                l0, value = ([scores[run][one] for run in mine] for one in ("l0", key))
                (line,) = axes.plot(l0, value, mark, ms=5, label=kind)
                first = [run for run in mine if run.seed == 0]
                curve = ([scores[run][one] for run in first] for one in ("l0", key))
                axes.plot(*curve, lw=1.2, color=line.get_color())
                if key == "recovered":
                    bounds = zip(l0, mine, strict=True)
                    for x, run in bounds:
                        ends = [scores[run]["recovered_low"], scores[run]["recovered_high"]]
                        axes.plot([x, x], ends, color=line.get_color(), lw=1)
            dressed(axes, label)

    said = "; ".join(
        f"{run.kind} {scores[run]['l0']:.0f} active, {scores[run]['fvu']:.3f} unexplained, "
        f"{scores[run]['recovered']:.3f} recovered"
        for mine in kinds.values()
        for run in mine
    )
    publish(
        "ch09_real_frontier",
        draw,
        alt=f"Real model, held-out text: {said}.",
        numbers={
            "tokens": TOKENS,
            "held-out tokens": base["tokens"],
            "loss": base["clean"].mean(),
            "loss, mean ablation": base["mean"].mean(),
            "runs": [{**run._asdict(), **scores[run]} for mine in kinds.values() for run in mine],
        },
        seeds=(0, 1),
        sources=[__file__, ch09_real_quality.__file__, frontier.__file__, *SOURCES],
        size=(8.0, 3.5),
    )


def dressed(axes: Axes, label: str) -> None:
    """Label the axes of one score."""
    axes.set(xscale="log", xlabel="active latents per token", ylabel=label)
    ticks = [8, 16, 32, 64, 128]
    axes.set_xticks(ticks, [str(tick) for tick in ticks])
    axes.minorticks_off()
    axes.grid(axis="y", linewidth=0.5, alpha=0.35)
    axes.legend(frameon=False)


def draw_tokens(found: Mapping[Run, dict[str, Any]]) -> None:
    """Draw the share of firings on one token, for the model and for its shuffled weights."""
    numbers = {
        run.kind: {
            **{name: summary([one["tokens"][name]]) for name in FIRINGS},
            **{key: one[key] for key in ("fvu", "l0", "never")},
        }
        for run, one in found.items()
    }

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        colours = mpl.rcParams["axes.prop_cycle"].by_key()["color"]
        for number, name in enumerate(FIRINGS):
            for row, one in enumerate(numbers.values()):
                y, shown = row + (number - 1) * 0.2, one[name]
                axes.plot([shown["low"], shown["high"]], [y, y], color=colours[number], lw=3)
                label = FIRINGS[name] if row == 0 else None
                axes.plot([shown["mean"]], [y], "os^"[number], color=colours[number], label=label)
        axes.set_yticks(range(len(numbers)), [MODELS[kind] for kind in numbers])
        axes.set(xlabel="share of 20 places that have one token", xlim=(0, 1), ylim=(1.5, -0.5))
        axes.legend(frameon=False, loc="center right")

    said = "; ".join(
        f"{MODELS[kind]}: ".replace("\n", " ")
        + ", ".join(f"{words} {one[name]['mean']:.2f}" for name, words in FIRINGS.items())
        for kind, one in numbers.items()
    )
    publish(
        "ch09_real_control",
        draw,
        alt=f"Share of 20 places that have one token: {said}.",
        numbers={"tokens": TOKENS, "runs": numbers},
        seeds=(0,),
        sources=[__file__, matching.__file__, frontier.__file__, *SOURCES],
        size=(7.0, 2.6),
    )


if __name__ == "__main__":
    main()
