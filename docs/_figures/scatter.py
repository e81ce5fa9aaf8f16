"""Draws heads as dots: two effects of each, with the range of several sets of prompts."""

from matplotlib.axes import Axes
from torch import Tensor


def scatter(axes: Axes, x: Tensor, y: Tensor, heads: list[str], named: int = 9) -> None:
    """Means over sets as dots; the heads farthest out have names, and the range of the sets."""
    axes.axhline(0, color="0.5", lw=0.6)
    axes.axvline(0, color="0.5", lw=0.6)
    axes.plot(x.mean(dim=0), y.mean(dim=0), "o", ms=3.5, alpha=0.8, mec="none")
    axes.margins(0.09)
    reach = [max(one.mean(dim=0).abs().max().item(), 1e-9) for one in (x, y)]
    far = (x.mean(dim=0) / reach[0]).abs() + (y.mean(dim=0) / reach[1]).abs()
    placed: list[tuple[float, float]] = []
    for i in far.argsort(descending=True)[:named].tolist():
        a, b = x[:, i].mean().item(), y[:, i].mean().item()
        axes.plot([x[:, i].amin(), x[:, i].amax()], [b, b], lw=0.8, alpha=0.5, color="0.5")
        axes.plot([a, a], [y[:, i].amin(), y[:, i].amax()], lw=0.8, alpha=0.5, color="0.5")
        at = a / reach[0], b / reach[1]
        near = sum(abs(at[0] - one) < 0.2 and abs(at[1] - two) < 0.12 for one, two in placed)
        placed.append(at)
        shift = ((4, 3), (4, -10), (-25, 3), (-25, -10))[near % 4]
        axes.annotate(heads[i], (a, b), shift, textcoords="offset points", fontsize=8)
