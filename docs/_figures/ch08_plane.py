"""Activations of two neurons that represent five features: the points, and the directions."""

from functools import partial

import matplotlib as mpl
import torch
from matplotlib.figure import Figure

from docs._figures.lib.plotting import publish
from solutions.ch08_saes.planted import PlantedConfig, PlantedFeatures

CONFIG = PlantedConfig(n_features=5, d_in=2, probability=0.12, noise=0.03, seed=14)
POINTS, REACH = 800, 2.2


def main() -> None:
    """Draw the points alone, then with the directions that they were made of."""
    data = PlantedFeatures(CONFIG)
    x, strengths = data.sample(POINTS, torch.Generator().manual_seed(0))
    active = (strengths > 0).sum(dim=1)

    def draw(figure: Figure, directions: bool = False) -> None:
        axes = figure.subplots()
        axes.scatter(
            x[:, 0].tolist(), x[:, 1].tolist(), s=5, alpha=0.35 if directions else 0.7, linewidths=0
        )
        if directions:
            colour = mpl.rcParams["axes.prop_cycle"].by_key()["color"][1]
            for one in data.directions.tolist():
                axes.annotate(
                    "", one, (0, 0), arrowprops={"arrowstyle": "->", "color": colour, "lw": 2}
                )
        limits = (-REACH, REACH)
        axes.set(xlabel="neuron 0", ylabel="neuron 1", xlim=limits, ylim=limits, aspect="equal")
        axes.grid(linewidth=0.5, alpha=0.35)

    numbers = {
        "directions": data.directions,
        "points": POINTS,
        "one feature": (active == 1).double().mean(),
        "several features": (active > 1).double().mean(),
    }
    points = f"{POINTS} activations of two neurons, as points in the plane"
    for name, drawing, words in (
        ("ch08_plane", draw, "They lie near several rays from 0."),
        (
            "ch08_plane_directions",
            partial(draw, directions=True),
            "An arrow shows each of the five features. No arrow is along an axis.",
        ),
    ):
        publish(
            name,
            drawing,
            alt=f"{points}. {words}",
            numbers=numbers,
            seeds=[CONFIG.seed],
            sources=[__file__],
            size=(4.6, 4.6),
        )


if __name__ == "__main__":
    main()
