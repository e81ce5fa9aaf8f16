"""Scatter plot of heads: two effects per head, with their range over several sets of prompts."""

from collections.abc import Mapping

from jaxtyping import Float
from matplotlib.axes import Axes
from torch import Tensor


def scatter(
    axes: Axes,
    x: Float[Tensor, "set head"],
    y: Float[Tensor, "set head"],
    heads: list[str],
    named: int = 9,
    shifts: Mapping[str, tuple[float, float]] | None = None,
) -> None:
    """Plot the mean of each head over the sets; label the `named` heads farthest from zero.

    A labelled head also has the range of its two effects over the sets, as lines. `shifts` places
    labels that would print over each other, in points from their dots.
    """
    axes.axhline(0, color="0.5", lw=0.6)
    axes.axvline(0, color="0.5", lw=0.6)
    axes.plot(x.mean(dim=0), y.mean(dim=0), "o", ms=3.5, alpha=0.8, mec="none")
    axes.margins(0.09)
    scales = [max(effect.mean(dim=0).abs().max().item(), 1e-9) for effect in (x, y)]
    distance = (x.mean(dim=0) / scales[0]).abs() + (y.mean(dim=0) / scales[1]).abs()
    placed: list[tuple[float, float]] = []
    for head in distance.argsort(descending=True)[:named].tolist():
        a, b = x[:, head].mean().item(), y[:, head].mean().item()
        axes.plot([x[:, head].amin(), x[:, head].amax()], [b, b], lw=0.8, alpha=0.5, color="0.5")
        axes.plot([a, a], [y[:, head].amin(), y[:, head].amax()], lw=0.8, alpha=0.5, color="0.5")
        # labels of neighbouring heads go to different corners
        at = a / scales[0], b / scales[1]
        near = sum(abs(at[0] - u) < 0.2 and abs(at[1] - v) < 0.12 for u, v in placed)
        placed.append(at)
        corner: tuple[float, float] = ((4, 3), (4, -10), (-25, 3), (-25, -10))[near % 4]
        shift = (shifts or {}).get(heads[head], corner)
        axes.annotate(heads[head], (a, b), shift, textcoords="offset points", fontsize=8)
