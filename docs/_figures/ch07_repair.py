"""Draw direct against total effects, and the heads that write more without the name movers."""

from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from docs._figures.ioi.style import STEP_OF, load, members, spaced, style_of
from docs._figures.lib.plotting import publish


def main() -> None:
    """Draw direct against total effects above, and rising contributions below."""
    facts = load()
    writers = [(n, h) for n, h in members(facts) if STEP_OF.get(n, "direct") == "direct"]
    risen = facts["movers"]["backup"]["heads"]

    def draw(figure: Figure) -> None:
        upper, lower = figure.subplots(2, 1, height_ratios=(1.25, 1))
        scatter(upper, facts["heads"], writers)
        before_after(lower, risen, dict((head, name) for name, head in writers))

    sure = [head for head, (_, _, rise) in risen.items() if rise[0] > 0]
    publish(
        "ch07_repair",
        draw,
        alt=alt_text(facts, writers),
        numbers={
            "prompts": facts["prompts"],
            "whole": facts["whole"],
            "without name movers": {way: facts["movers"][way] for way in ("resampling", "means")},
            "95 % of the other heads rise less than": facts["movers"]["backup"]["others"],
            "heads": {
                head: {key: facts["heads"][head][key] for key in ("direct", "total", "self-repair")}
                for _, head in writers
            },
            "risen": risen,
            "risen, interval above 0": sure,
            "direct effects of name movers, summed": movers_sum(facts),
        },
        sources=[__file__],
        seeds=range(5),
        size=(5.2, 6.6),
    )


def movers_sum(facts: dict[str, Any]) -> float:
    """Add up the direct effects of the name movers."""
    return sum(facts["heads"][head]["direct"][1] for head in facts["classes"]["name mover"])


def scatter(axes: Axes, heads: dict[str, Any], writers: list[tuple[str, str]]) -> None:
    """Draw direct and total effects with intervals, and the line of equal effects."""
    soft = mpl.rcParams["axes.edgecolor"]
    ends = [
        heads[head][kind][i] for _, head in writers for kind in ("direct", "total") for i in (0, 2)
    ]
    low, high = min(ends), max(ends)
    axes.plot([low, high], [low, high], ls=":", color=soft, lw=1.2)
    axes.text(high, high, "no repair ", ha="right", va="bottom", fontsize=8.5, color=soft)
    heights = spaced([heads[head]["total"][1] for _, head in writers], 0.055 * (high - low))
    for (name, head), height in zip(writers, heights, strict=True):
        colour, marker = style_of(name)
        direct, total = heads[head]["direct"], heads[head]["total"]
        axes.plot(direct[::2], [total[1]] * 2, color=colour, lw=1.1, alpha=0.7)
        axes.plot([direct[1]] * 2, total[::2], color=colour, lw=1.1, alpha=0.7)
        axes.plot([direct[1]], [total[1]], ls="", marker=marker, ms=6, color=colour)
        axes.annotate(
            head,
            (direct[1], total[1]),
            (direct[2] + 0.06 * (high - low), height),
            va="center",
            fontsize=8.5,
            color=colour,
            arrowprops={"arrowstyle": "-", "color": colour, "lw": 0.6, "shrinkA": 1, "shrinkB": 3},
        )
    seen = dict.fromkeys(name for name, _ in writers)
    for name in seen:
        colour, marker = style_of(name)
        axes.plot([], [], ls="", marker=marker, color=colour, label=name)
    axes.legend(frameon=False, fontsize=8.5, loc="upper left")
    axes.set(xlabel="direct effect", ylabel="total effect")
    axes.grid(linewidth=0.5, alpha=0.3)


def before_after(axes: Axes, risen: dict[str, Any], names: dict[str, str]) -> None:
    """Draw each head's contribution before and after, with the interval of the rise."""
    soft = mpl.rcParams["axes.edgecolor"]
    for row, (head, (before, after, rise)) in enumerate(risen.items()):
        colour = style_of(names[head])[0] if head in names else mpl.rcParams["text.color"]
        axes.plot([before[1], after[1]], [row, row], color=colour, lw=1.6, alpha=0.7)
        axes.plot([before[1]], [row], "o", ms=5.5, mfc="none", color=colour)
        axes.plot([after[1]], [row], "o", ms=5.5, color=colour)
        axes.annotate(
            f"{rise[1]:+.2f} [{rise[0]:+.2f}, {rise[2]:+.2f}]",
            (1.02, row),
            xycoords=("axes fraction", "data"),
            va="center",
            fontsize=8.5,
        )
    axes.axvline(0, color=soft, lw=0.8)
    axes.plot([], [], "o", mfc="none", color=soft, label="full model")
    axes.plot([], [], "o", color=soft, label="name movers ablated")
    axes.legend(frameon=False, ncols=2, loc="lower left", bbox_to_anchor=(-0.1, 1), fontsize=8.5)
    axes.set(yticks=range(len(risen)), yticklabels=list(risen), ylim=(len(risen) - 0.5, -0.5))
    axes.set_xlabel("direct contribution to the logit difference")
    axes.grid(axis="x", linewidth=0.5, alpha=0.3)


def alt_text(facts: dict[str, Any], writers: list[tuple[str, str]]) -> str:
    """List the numbers of both panels."""
    pairs = ", ".join(
        f"{head} {facts['heads'][head]['direct'][1]:.2f} and {facts['heads'][head]['total'][1]:.2f}"
        for _, head in writers
    )
    risen = ", ".join(
        f"{head} {before[1]:.2f} to {after[1]:.2f}"
        for head, (before, after, _) in list(facts["movers"]["backup"]["heads"].items())[:5]
    )
    return (
        f"Direct and total effects on the logit difference: {pairs}. Direct contributions that "
        f"rise most when the name movers are ablated: {risen}."
    )


if __name__ == "__main__":
    main()
