"""Draw the four steps of the search: the effect of every head, and the heads that were found."""

from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke

from docs._figures.ioi.style import STEP_OF, STEPS, load, members, spaced, style_of
from docs._figures.lib.plotting import publish

N_HEADS = 9
SHARE = 0.02
"""Least effect of a head that is found, as a share of the clean logit difference (search.py)."""


WAYS = ("recomputed", "frozen")


def main() -> None:
    """Draw one panel per step."""
    facts = load()
    losses = {step: [-effect for effect in facts["steps"][step]["means"]] for step in STEPS}
    found = {
        step: [(n, h) for n, h in members(facts) if STEP_OF.get(n, "direct") == step]
        for step in STEPS
    }
    least = SHARE * facts["chosen"]["clean"][1]
    screened = {step: facts["steps"][step]["screened"] for step in STEPS}
    frozen = {
        step: {head: -screened[step][head]["frozen"]["mean"] for _, head in found[step]}
        for step in STEPS
    }

    def draw(figure: Figure) -> None:
        for axes, step in zip(figure.subplots(4, 1, sharex=True), STEPS, strict=True):
            panel(axes, losses[step], found[step], frozen[step], least)
            axes.set_title(STEPS[step], loc="left", fontsize=9.5)
        axes.set(xlabel="layer", xlim=(-0.8, 32.8))
        figure.supylabel("loss of logit difference", fontsize=9.5)

    rest = {step: largest_other(losses[step], [head for _, head in found[step]]) for step in STEPS}
    publish(
        "ch07_effects",
        draw,
        alt=alt_text(losses, frozen, found),
        numbers={
            "prompts": facts["prompts"],
            "least": least,
            "found": {
                step: {head: loss_of(losses[step], head) for _, head in found[step]}
                for step in STEPS
            },
            "found, frozen": frozen,
            "standard errors": {
                step: standard_errors(screened[step], list(frozen[step])) for step in STEPS
            },
            "largest of the others": rest,
            "not selected, but large": {
                step: large_others(screened[step], least) for step in STEPS
            },
        },
        sources=[__file__],
        seeds=range(5),
        size=(5.4, 7.6),
    )


def standard_errors(screened: dict[str, Any], heads: list[str]) -> dict[str, dict[str, float]]:
    """Return how many standard errors each head's effect is from 0, with both kinds of MLPs."""
    return {
        head: {way: screened[head][way]["z"] for way in WAYS} for head in screened if head in heads
    }


def large_others(screened: dict[str, Any], least: float) -> dict[str, Any]:
    """List the heads that are large enough with some kind of MLPs, and were not selected."""
    return {
        head: of
        for head, of in screened.items()
        if not of["selected"] and max(abs(of[way]["mean"]) for way in WAYS) >= least
    }


def loss_of(losses: list[float], head: str) -> float:
    """Return the loss of the head called `layer.head`."""
    layer, index = map(int, head.split("."))
    return losses[layer * N_HEADS + index]


def largest_other(losses: list[float], found: list[str]) -> dict[str, Any]:
    """Find the head with the largest effect among those that this step did not find."""
    names = [f"{i // N_HEADS}.{i % N_HEADS}" for i in range(len(losses))]
    left = [i for i, name in enumerate(names) if name not in found]
    best = max(left, key=lambda i: abs(losses[i]))
    return {"head": names[best], "loss": losses[best]}


def panel(
    axes: Axes,
    losses: list[float],
    found: list[tuple[str, str]],
    frozen: dict[str, float],
    least: float,
) -> None:
    """Draw all heads as dots over their layers, those that were found in colour.

    A hollow marker is the effect of the same head with MLPs frozen.
    """
    soft = mpl.rcParams["axes.edgecolor"]
    axes.axhspan(-least, least, color=soft, alpha=0.14, lw=0)
    layers = [index // N_HEADS for index in range(len(losses))]
    axes.plot(layers, losses, ".", ms=3, color=soft, alpha=0.8)
    top = max(*losses, *frozen.values(), least)
    bottom = min(*losses, *frozen.values(), -least)
    gap = 0.17 * (top - bottom)
    at = {head: (int(head.split(".")[0]), loss_of(losses, head)) for _, head in found}
    # Where another head follows two or three layers later at the same height, there is no room.
    left = {a for a in at for b in at if 2 <= at[b][0] - at[a][0] <= 3 and near(at, a, b, gap)}
    rest = [head for head in at if head not in left]
    heights = {head: at[head][1] for head in left}
    heights |= zip(rest, spaced([at[head][1] for head in rest], gap), strict=True)
    for name, head in found:
        colour, marker = style_of(name)
        layer, loss = at[head]
        shift = -1.0 if head in left else 1.0
        axes.plot([layer, layer], [loss, frozen[head]], color=colour, lw=0.8, alpha=0.7)
        axes.plot([layer], [frozen[head]], ls="", marker=marker, ms=5, mfc="none", color=colour)
        axes.plot([layer], [loss], ls="", marker=marker, ms=5.5, color=colour)
        style = {"arrowstyle": "-", "color": colour, "lw": 0.7, "shrinkA": 0, "shrinkB": 3}
        axes.annotate(
            head,
            (layer, loss),
            (layer + shift, heights[head]),
            va="center",
            ha="right" if head in left else "left",
            fontsize=8.5,
            color=colour,
            arrowprops=style,
            path_effects=[withStroke(linewidth=2.5, foreground=mpl.rcParams["axes.facecolor"])],
        )
    margin = 0.14 * (top - bottom)
    axes.set_ylim(min(bottom, *heights.values()) - margin, max(top, *heights.values()) + margin)
    axes.grid(axis="y", linewidth=0.5, alpha=0.3)


def near(at: dict[str, tuple[int, float]], one: str, other: str, gap: float) -> bool:
    """Test whether two heads have nearly the same effect."""
    return abs(at[one][1] - at[other][1]) < gap


def alt_text(
    losses: dict[str, list[float]],
    frozen: dict[str, dict[str, float]],
    found: dict[str, list[tuple[str, str]]],
) -> str:
    """List the heads found in each step, with the loss along their paths in both ways."""
    parts = []
    for step, title in STEPS.items():
        heads = ", ".join(
            f"{h} ({n}) {loss_of(losses[step], h):.2f}, frozen {frozen[step][h]:.2f}"
            for n, h in found[step]
        )
        parts.append(f"{title}: {heads or 'none'}.")
    intro = "Loss of logit difference when a head is corrupted along a path, with MLPs recomputed "
    return intro + "and frozen. " + " ".join(parts)


if __name__ == "__main__":
    main()
