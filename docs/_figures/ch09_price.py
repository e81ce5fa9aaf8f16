"""Draw what the price of a JumpReLU SAE decides: thresholds, and the strengths that are kept."""

from collections.abc import Sequence

import matplotlib as mpl
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from docs._figures.lib.plotting import publish
from docs._figures.sparsity.variants import LEVELS, SEEDS, collect, figure_sources, measure_all
from solutions.ch08_saes.planted import PlantedConfig

STARTS = {"JumpReLU": "threshold starts at .1", "JumpReLU from .5": "threshold starts at .5"}
PRICES = LEVELS["JumpReLU"]
KEYS = ("threshold", "detected", "recall", "l0", "fvu")
SHOWN = {
    "threshold": "median threshold of matched latents",
    "detected": "share of present features detected",
}


def main() -> None:
    """Train or load all runs, and draw."""
    measured = measure_all()
    found = {name: {key: collect(measured, name, key) for key in KEYS} for name in STARTS}
    fine = torch.linspace(PRICES[0], PRICES[-1], 100)
    expected = {"threshold": torch.sqrt, "detected": worth}

    def draw(figure: Figure) -> None:
        every = figure.subplots(1, 2)
        for axes, (key, label) in zip(every, SHOWN.items(), strict=True):
            for name, words in STARTS.items():
                draw_seeds(axes, LEVELS[name], found[name][key], words)
            colour = mpl.rcParams["text.color"]
            axes.plot(fine, expected[key](fine), color=colour, lw=0.9, ls=":", label="expected")  # type: ignore[operator]
            axes.set(xlabel="price λ of an active latent", ylabel=label, ylim=(0, None))
            axes.grid(axis="y", linewidth=0.5, alpha=0.35)
        every[1].legend(frameon=False)

    said = "; ".join(
        f"{words}, at prices {', '.join(map(str, LEVELS[name]))} it is "
        f"{listed(found[name]['threshold'])}, and {listed(found[name]['detected'])} of the present "
        "features are detected"
        for name, words in STARTS.items()
    )
    publish(
        "ch09_price",
        draw,
        alt=f"{said}.",
        numbers={
            "prices": {name: LEVELS[name] for name in STARTS},
            "worth their price": worth(torch.tensor(PRICES)),
            **found,
        },
        seeds=SEEDS,
        sources=figure_sources(__file__),
        size=(8.6, 3.5),
    )


def worth(price: Tensor) -> Tensor:
    """Compute the share of strengths f with f^2 above the price; strengths are uniform."""
    weakest, strongest = PlantedConfig.weakest, PlantedConfig.strongest
    return ((strongest - price.sqrt()) / (strongest - weakest)).clamp(0, 1)


def draw_seeds(axes: Axes, prices: Sequence[float], values: Tensor, label: str) -> None:
    """Draw the mean over seeds of [seed, price] with the range."""
    mean = values.mean(dim=0)
    around = torch.stack([mean - values.amin(dim=0), values.amax(dim=0) - mean])
    axes.errorbar(
        prices, mean.tolist(), yerr=around.tolist(), marker="o", ms=5, capsize=2, label=label
    )


def listed(values: Tensor) -> str:
    """Write the means over seeds."""
    return ", ".join(f"{value:.2f}" for value in values.mean(dim=0).tolist())


if __name__ == "__main__":
    main()
