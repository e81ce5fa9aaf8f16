"""Draw the diagrams of chapter 11: what a transcoder reads and writes, and what a CLT writes to."""

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Circle

from docs._figures.ch02_diagrams import arrow, bare, box
from docs._figures.lib.plotting import publish

ACTIVE = (1, 4)
"""Which of the latents in the sketch of a transcoder are active."""
LAYERS, FIRST = 4, 1
"""Layers in the sketch of a CLT, and the layer in which its feature is computed."""


def latent(axes: Axes, x: float, y: float, active: bool) -> None:
    """Draw a latent as a circle, filled if it is active."""
    colour = mpl.rcParams["axes.prop_cycle"].by_key()["color"][1]
    edge = colour if active else mpl.rcParams["axes.edgecolor"]
    axes.add_patch(Circle((x, y), 0.17, fc=colour if active else "none", ec=edge, lw=1.2))


def word(axes: Axes, x: float, y: float, text: str, size: float = 9) -> None:
    """Write a text around a point."""
    axes.text(x, y, text, ha="center", va="center", fontsize=size)


def dictionary(axes: Axes, x: float, low: float) -> None:
    """Draw an encoder, latents and a decoder above each other, with arrows between them."""
    box(axes, x, low, "encoder", 1)
    arrow(axes, (x, low + 0.36), (x, low + 0.9), 1)
    for place in range(6):
        latent(axes, x - 1.25 + 0.5 * place, low + 1.15, place in ACTIVE)
    arrow(axes, (x, low + 1.4), (x, low + 1.94), 1)
    box(axes, x, low + 2.3, "decoder", 1)


def draw_transcoder(figure: Figure) -> None:
    """Draw an SAE behind an MLP, and a transcoder next to one."""
    axes = bare(figure, 15, 8.0)
    word(axes, 3, 7.6, "SAE of the MLP's output", 10)
    word(axes, 3, 0.2, "x", 12)
    arrow(axes, (3, 0.5), (3, 0.98))
    box(axes, 3, 1.35, "MLP", 0)
    arrow(axes, (3, 1.71), (3, 2.19), 0)
    word(axes, 3, 2.5, "y", 12)
    arrow(axes, (3, 2.75), (3, 3.23), 1)
    dictionary(axes, 3, 3.6)
    arrow(axes, (3, 6.26), (3, 6.7), 1)
    word(axes, 3, 7.0, r"$\hat y$", 12)
    word(axes, 10.5, 7.6, "transcoder", 10)
    word(axes, 10.5, 0.2, "x", 12)
    arrow(axes, (10.3, 0.45), (8.5, 3.3))
    arrow(axes, (10.7, 0.45), (12.3, 2.1), 1)
    box(axes, 8.4, 3.65, "MLP", 0)
    arrow(axes, (8.4, 4.01), (8.4, 6.7), 0)
    word(axes, 8.4, 7.0, "y", 12)
    dictionary(axes, 12.5, 2.5)
    arrow(axes, (12.5, 5.16), (12.5, 6.7), 1)
    word(axes, 12.5, 7.0, r"$\hat y$", 12)
    word(axes, 10.5, 7.0, "trained to be equal", 8)


def draw_crosslayer(figure: Figure) -> None:
    """Draw one feature of three layers: three latents with a decoder each, or one with three."""
    axes = bare(figure, 15, 5.4)
    for start, title, one in ((0.6, "transcoders", False), (8.4, "cross-layer transcoder", True)):
        word(axes, start + 3.1, 5.1, title, 10)
        for layer in range(LAYERS):
            y = 0.5 + 1.2 * layer
            word(axes, start - 0.1, y, f"layer {layer}", 8)
            active = layer == FIRST or (layer > FIRST and not one)
            for place in range(3):
                latent(axes, start + 1.0 + 0.5 * place, y, active and place == 2)
            box(axes, start + 5.3, y, f"output {layer}")
            source = FIRST if one else layer
            if layer >= FIRST:
                arrow(axes, (start + 2.25, 0.5 + 1.2 * source), (start + 4.3, y), 1)


def main() -> None:
    """Write both diagrams."""
    publish(
        "ch11_transcoder",
        draw_transcoder,
        alt="Left: the MLP reads x and writes y; the SAE reads y and writes an estimate of y. "
        "Right: MLP and transcoder both read x; the transcoder writes an estimate of y.",
        sources=[__file__],
        size=(6.6, 3.6),
    )
    publish(
        "ch11_crosslayer",
        draw_crosslayer,
        alt="Left: one feature takes an active latent in each of the layers 1, 2 and 3, and each "
        "writes to the MLP output of its own layer. Right: one latent of layer 1 writes to the "
        "outputs of layers 1, 2 and 3.",
        sources=[__file__],
        size=(6.6, 2.5),
    )


if __name__ == "__main__":
    main()
