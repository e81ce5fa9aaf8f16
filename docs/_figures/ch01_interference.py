"""Draw what one feature does to three outputs: its hidden vector, and its projections."""

import math

import matplotlib as mpl
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from docs._figures.lib.plotting import bars, publish
from solutions.ch01_superposition import ReluOutputToy

ANGLES, NORM, BIAS, STRENGTH = (15, 90, 170), 1.15, -0.3, 0.8
"""Three directions set by hand, in degrees; feature 0 is on."""


def main() -> None:
    """Draw the plane of the hidden vector, and input, projections and output as bars."""
    radians = torch.tensor(ANGLES) * math.pi / 180
    W = NORM * torch.stack([radians.cos(), radians.sin()])  # [d_hidden, n_features]
    config = {"n_inst": 1, "n_features": 3, "d_hidden": 2}
    model = ReluOutputToy.from_tensors(config, {"W": W[None], "b": torch.full((1, 3), BIAS)})
    x = torch.zeros(1, 1, 3)
    x[..., 0] = STRENGTH
    hidden = model.hidden(x)[0, 0]
    stages = {
        "x": x[0, 0].tolist(),
        "WᵀWx": (W.T @ hidden).tolist(),
        "ReLU(WᵀWx + b)": model(x)[0, 0].tolist(),
    }

    def draw(figure: Figure) -> None:
        left, *panels = figure.subplots(1, 4, width_ratios=(1.7, 1, 1, 1))
        plane(left, W, hidden)
        for axes, (title, values) in zip(panels, stages.items(), strict=True):
            bars(axes, {f"feature {i}": value for i, value in enumerate(values)})
            for patch, colour in zip(axes.patches, series(), strict=True):
                patch.set_color(colour)
            axes.set(xlim=(-1.6, 1.6), title=title, xticks=[])
            axes.spines[["left", "bottom"]].set_visible(False)
            axes.axvline(0, color=mpl.rcParams["axes.edgecolor"], linewidth=0.8)
            if axes is not panels[0]:
                axes.set_yticks([])

    before, after = (", ".join(f"{v:.2f}" for v in stages[name]) for name in list(stages)[1:])
    publish(
        "ch01_interference",
        draw,
        alt=(
            f"Three directions in a plane, at {ANGLES[0]}, {ANGLES[1]} and {ANGLES[2]} degrees. "
            f"Feature 0 is on with strength {STRENGTH}, so the hidden vector lies on W0. Dashed: "
            f"its projections onto W1, which is small, and onto W2, which is negative. The "
            f"projections {before} become the outputs {after}."
        ),
        numbers={"W": W, "b": BIAS, "stages": stages},
        sources=[__file__],
        size=(7.4, 2.3),
    )


def series() -> list[str]:
    """Return one colour per feature."""
    colours: list[str] = mpl.rcParams["axes.prop_cycle"].by_key()["color"]
    return colours[: len(ANGLES)]


def plane(axes: Axes, W: Tensor, hidden: Tensor) -> None:
    """Draw the directions, the hidden vector, and its projections onto the other directions."""
    colours, muted, h = series(), mpl.rcParams["grid.color"], hidden.tolist()
    for i, direction in enumerate(W.T):
        x, y = direction.tolist()
        axes.plot([0, x], [0, y], color=colours[i], linewidth=1.6)
        axes.text(1.17 * x, 1.17 * y, f"$W_{i}$", color=colours[i], ha="center", va="center")
        unit = direction / direction.norm()
        foot = ((hidden @ unit) * unit).tolist()
        if i:
            axes.plot([0, foot[0]], [0, foot[1]], color=colours[i], linewidth=4, alpha=0.45)
            axes.plot(*zip(h, foot, strict=True), color=muted, linewidth=0.9, linestyle="--")
    axes.plot(*h, "o", color=mpl.rcParams["text.color"], markersize=6)
    axes.annotate("h", (h[0], h[1]), xytext=(2, -13), textcoords="offset points")
    axes.set(aspect="equal", xlim=(-1.4, 1.4), ylim=(-0.45, 1.45))
    axes.axis("off")


if __name__ == "__main__":
    main()
