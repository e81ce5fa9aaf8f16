"""The theme of the figures: a light and a dark palette, and colour scales made from them.

The settings are passed in matplotlib's rcParams, so a drawing function does not depend on the
variant. `hatch.color`, which is not used otherwise, holds the strong end of the sequential scale.
"""

from typing import Any, NamedTuple

import matplotlib as mpl
import numpy as np
from cycler import cycler
from matplotlib.colors import Colormap, LinearSegmentedColormap, Normalize, TwoSlopeNorm
from numpy.typing import ArrayLike


class Palette(NamedTuple):
    """Colours of one variant; the series are Okabe and Ito's, safe for colour-blind readers."""

    background: str
    """Colour of the page, where nothing is drawn."""
    text: str
    """Colour of text."""
    muted: str
    """Colour of axes, ticks and grid."""
    series: tuple[str, ...]
    """Colours of lines and bars, in this order."""
    strong: str
    """Colour of the largest value of a sequential scale."""


LIGHT = Palette(
    background="#ffffff",
    text="#1c2530",
    muted="#6a7580",
    series=("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#8a6d00", "#2a9bd6"),
    strong="#08306b",
)
DARK = Palette(
    background="#12181e",
    text="#dfe5ea",
    muted="#94a1ac",
    series=("#56b4e9", "#f08a45", "#2fc49a", "#e3a1c8", "#f0e442", "#7cc8f0"),
    strong="#d8f0ff",
)


def rc_params(name: str, palette: Palette) -> dict[Any, Any]:
    """Return matplotlib's rcParams for one variant of the figure `name`."""
    return {
        "svg.hashsalt": name,
        "svg.fonttype": "path",
        "savefig.transparent": True,
        "font.size": 9.5,
        "axes.titlesize": 10.5,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.prop_cycle": cycler(color=palette.series),
        "figure.facecolor": palette.background,
        "axes.facecolor": palette.background,
        "image.cmap": "viridis",
        "text.color": palette.text,
        "axes.labelcolor": palette.text,
        "axes.titlecolor": palette.text,
        "xtick.labelcolor": palette.text,
        "ytick.labelcolor": palette.text,
        "axes.edgecolor": palette.muted,
        "xtick.color": palette.muted,
        "ytick.color": palette.muted,
        "grid.color": palette.muted,
        "patch.facecolor": palette.series[0],
        "hatch.color": palette.strong,
    }


def sequential_colormap() -> Colormap:
    """Return the colour map from the background colour at zero to the strong colour."""
    series = mpl.rcParams["axes.prop_cycle"].by_key()["color"]
    ends = [mpl.rcParams["axes.facecolor"], series[0], mpl.rcParams["hatch.color"]]
    return LinearSegmentedColormap.from_list("book", ends)


def colour_scale(values: ArrayLike, *, diverging: bool) -> tuple[Normalize, Colormap]:
    """Return the norm and the colour map for `values`; zero has the background colour."""
    low, high = float(np.nanmin(values)), float(np.nanmax(values))
    if not diverging:
        return Normalize(min(low, 0.0), high), sequential_colormap()
    reach = max(abs(low), abs(high), 1e-12)
    series = mpl.rcParams["axes.prop_cycle"].by_key()["color"]
    ends = [series[1], mpl.rcParams["axes.facecolor"], series[0]]
    return TwoSlopeNorm(0.0, -reach, reach), LinearSegmentedColormap.from_list("book", ends)


def text_colour_on(colour: tuple[float, ...]) -> str:
    """Return black or white, the one with more contrast on `colour` (WCAG luminance)."""
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in colour[:3]]
    luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    return "#000000" if luminance > 0.179 else "#ffffff"
