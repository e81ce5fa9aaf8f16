"""The look of the figures: two palettes, light and dark, and the scales made from them.

The settings travel in matplotlib's rcParams, so that a drawing function need not know which variant
it draws. `hatch.color`, which nothing here uses, carries the strong end of the sequential scale.
"""

from typing import Any, NamedTuple

import matplotlib as mpl
import numpy as np
from matplotlib.colors import Colormap, LinearSegmentedColormap, Normalize, TwoSlopeNorm


class Palette(NamedTuple):
    """Colours of one variant; series are Okabe and Ito's, which survive colour blindness."""

    page: str
    """What shows through where nothing is drawn."""
    ink: str
    """Words."""
    soft: str
    """Axes, ticks, grid."""
    series: tuple[str, ...]
    """Lines and bars, in this order."""
    strong: str
    """The far end of a sequential scale."""


LIGHT = Palette(
    page="#ffffff",
    ink="#1c2530",
    soft="#6a7580",
    series=("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#8a6d00", "#2a9bd6"),
    strong="#08306b",
)
DARK = Palette(
    page="#12181e",
    ink="#dfe5ea",
    soft="#94a1ac",
    series=("#56b4e9", "#f08a45", "#2fc49a", "#e3a1c8", "#f0e442", "#7cc8f0"),
    strong="#d8f0ff",
)


def look(name: str, palette: Palette) -> dict[str, Any]:
    """Return matplotlib's settings for one variant of the figure `name`."""
    return {
        "svg.hashsalt": name,
        "svg.fonttype": "path",
        "savefig.transparent": True,
        "font.size": 9.5,
        "axes.titlesize": 10.5,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.prop_cycle": mpl.cycler(color=palette.series),
        "figure.facecolor": palette.page,
        "axes.facecolor": palette.page,
        "image.cmap": "viridis",
        "text.color": palette.ink,
        "axes.labelcolor": palette.ink,
        "axes.titlecolor": palette.ink,
        "xtick.labelcolor": palette.ink,
        "ytick.labelcolor": palette.ink,
        "axes.edgecolor": palette.soft,
        "xtick.color": palette.soft,
        "ytick.color": palette.soft,
        "grid.color": palette.soft,
        "patch.facecolor": palette.series[0],
        "hatch.color": palette.strong,
    }


def sequential() -> Colormap:
    """Return the scale from the page's own colour (nothing looks like nothing) upwards."""
    series = mpl.rcParams["axes.prop_cycle"].by_key()["color"]
    ends = [mpl.rcParams["axes.facecolor"], series[0], mpl.rcParams["hatch.color"]]
    return LinearSegmentedColormap.from_list("book", ends)


def scale_of(values: np.ndarray, diverging: bool) -> tuple[Normalize, Colormap]:
    """Return the norm and the colours that fit `values`; zero has the page's own colour."""
    low, high = float(np.nanmin(values)), float(np.nanmax(values))
    if not diverging:
        return Normalize(min(low, 0.0), high), sequential()
    reach = max(abs(low), abs(high), 1e-12)
    series = mpl.rcParams["axes.prop_cycle"].by_key()["color"]
    ends = [series[1], mpl.rcParams["axes.facecolor"], series[0]]
    return TwoSlopeNorm(0.0, -reach, reach), LinearSegmentedColormap.from_list("book", ends)


def readable(colour: tuple[float, ...]) -> str:
    """Return black or white, whichever stands out more on `colour` (WCAG luminance)."""
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in colour[:3]]
    luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    return "#000000" if luminance > 0.179 else "#ffffff"
