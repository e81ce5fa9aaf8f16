"""Draw neurons of the addition toy over all pairs of numbers, and measure swaps of two groups."""

import torch
from matplotlib.figure import Figure
from torch import Tensor

from docs._figures.attribution import addition
from docs._figures.attribution.addition import (
    QUANTITIES,
    SEEDS,
    SOURCES,
    label_neurons,
    neuron_acts,
    study,
)
from docs._figures.lib.plotting import publish
from solutions.ch02_transformer import load_pretrained
from solutions.ch12_graphs import edges, nodes
from toy_models.addition.train import N_NUMBERS
from toy_models.toys import folder

DRAWN = {"the sum's ones digit": 3, "the sum's tens digit": 2, "the sum": 1}
"""Quantity -> neurons of it that are drawn, of seed 0."""


def drawn_neurons() -> list[tuple[str, Tensor]]:
    """Return activations over both numbers: of each quantity, neurons of the last layer."""
    acts = neuron_acts(load_pretrained(folder("addition"))[0].requires_grad_(False))
    labels, found = label_neurons(acts), []
    for name, n in DRAWN.items():
        for neuron in (labels[1] == QUANTITIES.index(name)).nonzero()[:n, 0].tolist():
            grid = acts[:, 1, neuron].view(N_NUMBERS, N_NUMBERS)
            found.append((f"1.{neuron}: {name}", grid))
    return found


def main() -> None:
    """Study all seeds, and draw."""
    torch.set_num_threads(1)
    studied = {str(seed): study(seed) for seed in SEEDS}
    neurons = drawn_neurons()

    def draw(figure: Figure) -> None:
        for axes, (name, grid) in zip(figure.subplots(2, 3).flat, neurons, strict=True):
            axes.imshow(grid.T, origin="lower", cmap="viridis")
            axes.set_title(name, fontsize=8)
            axes.set(xlabel="first number", ylabel="second number")
            axes.tick_params(labelsize=7)

    swaps = studied["0"]["swaps"]
    said = "; ".join(
        f"{name}: ones follow {one['ones follow']:.2f}, tens follow {one['tens follow']:.2f}"
        for name, one in swaps.items()
    )
    publish(
        "ch12_addition",
        draw,
        alt="Activations of six neurons over all pairs of numbers: stripes of period ten for ones "
        f"digits, bands for the size of the sum. Swaps, seed 0: {said}.",
        numbers={"seeds": studied},
        seeds=SEEDS,
        sources=[__file__, addition.__file__, *SOURCES, str(edges.__file__), str(nodes.__file__)],
        size=(8.4, 5.6),
    )


if __name__ == "__main__":
    main()
