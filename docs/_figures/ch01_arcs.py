"""Draw a circuit read from weights: from line detectors to detectors of light or dark arcs."""

import copy
import math
from typing import NamedTuple

import matplotlib as mpl
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor
from tqdm import tqdm

from docs._figures.lib.plotting import bars, publish
from docs._figures.lib.theme import colour_scale
from solutions.ch01_superposition.arcs import (
    ArcNet,
    ArcTrainConfig,
    arc_kernels,
    compose_convolutions,
    hand_written,
    line_detectors,
    nearest_direction,
    random_arcs,
    train_arcs,
    tuning_curves,
)
from solutions.ch01_superposition.universality import correlations

SEEDS = (0, 1, 2)
UNITS, ANGLES, EXAMPLES = 12, 36, 4000
LIGHT = slice(0, 4)
FULL = 2 * math.pi * torch.arange(ANGLES) / ANGLES


class Read(NamedTuple):
    """What one network does, and what its weights show."""

    accuracy: Tensor
    """Accuracy; then on light and dark pictures without the detectors of light lines."""
    light: Tensor
    """Tuning curves on light arcs, [unit, angle]."""
    dark: Tensor
    """The same on dark arcs."""
    peak: Tensor
    """Direction of the strongest response, in degrees, over both."""
    read: Tensor
    """Direction read from the weights: that of the most similar handwritten kernel."""
    read_from_light: Tensor
    """The same from the weights on light lines alone."""
    read_from_dark: Tensor
    """The same from the weights on dark lines alone."""
    likeness: Tensor
    """Correlation of a unit's weights with that handwritten kernel."""


def main() -> None:
    """Train three networks, read them, draw."""
    nets = [fit(seed) for seed in tqdm(SEEDS, desc="arcs")]
    runs = Read(*map(torch.stack, zip(*(read(net) for net in nets), strict=True)))
    nothing = [read(ArcNet(line_detectors(), UNITS, seed)) for seed in SEEDS]
    draw_arcs_figure(nets[0], runs, Read(*map(torch.stack, zip(*nothing, strict=True))))


def fit(seed: int) -> ArcNet:
    """Train the arc detectors and the output; the line detectors are given."""
    net = ArcNet(line_detectors(), UNITS, seed)
    net.W_line.requires_grad_(False)
    for _ in train_arcs(net, ArcTrainConfig(seed=seed)):
        pass
    return net.requires_grad_(False)


@torch.no_grad()
def accuracies(net: ArcNet) -> Tensor:
    """Measure accuracy, and that on light and dark pictures without the light-line detectors."""
    arcs = random_arcs(EXAMPLES, torch.Generator().manual_seed(0))
    ablated = copy.deepcopy(net)
    ablated.W_line[LIGHT] = 0
    ablated.b_line[LIGHT] = -1
    right = net(arcs.picture).argmax(dim=1) == nearest_direction(arcs.direction)
    still = ablated(arcs.picture).argmax(dim=1) == nearest_direction(arcs.direction)
    groups = (right, still[arcs.light], still[~arcs.light])
    return torch.stack([group.float().mean() for group in groups])


def read(net: ArcNet) -> Read:
    """Measure the units' tuning with pictures, and read it from the weights."""
    light, dark = (tuning_curves(net, shade, ANGLES) for shade in (True, False))
    W, wanted = net.W_arc.detach(), arc_kernels(FULL)
    cases = (slice(None), LIGHT, slice(4, None))
    likeness = [correlations(W[:, c].flatten(1), wanted[:, c].flatten(1)) for c in cases]
    read = [values.argmax(dim=1) for values in likeness]
    degrees = 360 // ANGLES
    peak = (light + dark).argmax(dim=1)
    read_full, read_light, read_dark = (degrees * way for way in read)
    return Read(
        accuracies(net),
        light,
        dark,
        degrees * peak,
        read_full,
        read_light,
        read_dark,
        likeness[0].amax(dim=1),
    )


def apart(first: Tensor, second: Tensor) -> Tensor:
    """Compute the angle between two directions, 0 to 180 degrees."""
    return ((first - second + 180) % 360 - 180).abs()


def selectivity(curves: Tensor) -> Tensor:
    """Divide a curve's maximum by its value 180 degrees away; at most 100, 0 for a silent unit."""
    best, where = curves.max(dim=-1)
    away = (where + ANGLES // 2) % ANGLES
    opposite = curves.gather(-1, away[..., None])[..., 0]
    return torch.where(best > 0, (best / opposite.clamp(min=1e-9)).clamp(max=100), 0.0)


def well_tuned(run: Read, seed: int) -> int:
    """Count units with a peak of 3 times the opposite value, 20 degrees from other counted ones."""
    counted: list[int] = []
    for peak, ratio in zip(run.peak[seed], selectivity(run.light[seed]), strict=True):
        if ratio >= 3 and all(apart(peak, torch.tensor(other)) >= 20 for other in counted):
            counted.append(int(peak))
    return len(counted)


def alike(run: Read) -> Tensor:
    """Correlate each unit's two tuning curves, [seed, unit]; 0 for a silent unit."""
    both = zip(run.light, run.dark, strict=True)
    return torch.stack([correlations(light, dark).diagonal() for light, dark in both])


def draw_arcs_figure(net: ArcNet, run: Read, nothing: Read) -> None:
    """Draw kernels, tuning curves, read against measured directions, and accuracies."""
    by_hand = accuracies(hand_written())
    unit = int(correlations(net.W_arc.flatten(1), arc_kernels(FULL).flatten(1)).amax(1).argmax())
    trained = run.accuracy.mean(dim=0).tolist()
    rows = {
        "trained": (trained[0], run.accuracy[:, 0]),
        "by hand": (by_hand[0].item(), by_hand[:1]),
        "light arcs, ablated": (trained[1], run.accuracy[:, 1]),
        "dark arcs, ablated": (trained[2], run.accuracy[:, 2]),
        "untrained": (nothing.accuracy[:, 0].mean().item(), nothing.accuracy[:, 0]),
    }

    def draw(figure: Figure) -> None:
        above, below = figure.subfigures(2, 1, squeeze=False, height_ratios=(1, 1.35)).flat
        kernels(above, net, unit, math.radians(run.peak[0, unit]))
        left, middle, right = below.subplots(1, 3, width_ratios=(1, 1.15, 0.6))
        curves(left, run)
        middle.plot([0, 350], [0, 350], color=mpl.rcParams["axes.edgecolor"], lw=0.8)
        middle.plot(run.read.flatten(), run.peak.flatten(), "o", markersize=4, alpha=0.7)
        middle.set(xlabel="read from the weights", ylabel="measured peak", aspect="equal")
        middle.set(xticks=[0, 90, 180, 270], yticks=[0, 90, 180, 270])
        values = {name: value for name, (value, _) in rows.items()}
        errors = {name: (v.min().item(), v.max().item()) for name, (_, v) in rows.items()}
        bars(right, values, errors=errors, label="accuracy")
        right.set_xlim(0, 1.3)

    publish(
        "ch01_arcs",
        draw,
        alt=describe(run, by_hand),
        numbers=facts(run, nothing, by_hand),
        seeds=SEEDS,
        sources=[__file__],
        size=(7.6, 5.2),
    )


def facts(run: Read, nothing: Read, by_hand: Tensor) -> dict:
    """Collect the numbers of the figure; angles in degrees."""
    silent = run.light.amax(dim=-1) <= 0
    return {
        "units": UNITS,
        "examples": EXAMPLES,
        "accuracy_trained_and_without_light_lines": run.accuracy,
        "accuracy_by_hand_and_without_light_lines": by_hand,
        "accuracy_untrained": nothing.accuracy[:, 0],
        "peak": run.peak,
        "selectivity": selectivity(run.light),
        "selectivity_untrained": selectivity(nothing.light),
        "well_tuned": [well_tuned(run, seed) for seed in range(len(SEEDS))],
        "silent": silent.sum(dim=1),
        "light_dark_correlation": alike(run),
        "likeness_of_weights": run.likeness,
        "weights_off_peak": apart(run.read, run.peak),
        "light_weights_off_peak": apart(run.read_from_light, run.peak),
        "dark_weights_off_peak": apart(run.read_from_dark, run.peak),
        "untrained_weights_off_peak": apart(nothing.read, nothing.peak),
    }


def kernels(figure: Figure, net: ArcNet, unit: int, direction: float) -> None:
    """Draw one unit's weights on each kind of line, above the handwritten ones."""
    hand = arc_kernels(torch.tensor([direction]))
    pairs = zip(("trained", "by hand"), (net.W_arc[unit, None], hand), strict=True)
    lines = net.W_line
    for row, (axes, (name, W)) in enumerate(zip(figure.subplots(2, 9), pairs, strict=True)):
        parts = [compose_convolutions(lines[LIGHT], W[:, LIGHT])[0, 0], *W[0]]
        for column, (ax, part) in enumerate(zip(axes, parts, strict=True)):
            values = part.detach().numpy()
            norm, colours = colour_scale(values if column == 0 else W.numpy(), diverging=True)
            ax.imshow(values, cmap=colours, norm=norm)
            ax.set(xticks=[], yticks=[])
            if row == 0:
                kind = "light" if column < 5 else "dark"
                ax.set_title(f"{kind} {45 * ((column - 1) % 4)}\u00b0" if column else "in pixels")
        axes[0].set_ylabel(name)


def curves(axes: Axes, run: Read) -> None:
    """Draw tuning curves of four units of seed 0, each divided by its maximum; dark arcs dashed."""
    order = run.peak[0].argsort()
    tuned = [int(unit) for unit in order if selectivity(run.light[0])[unit] >= 3]
    colours = mpl.rcParams["axes.prop_cycle"].by_key()["color"]
    for colour, unit in zip(colours, tuned[:: max(1, len(tuned) // 4)][:4], strict=False):
        for curve, style in ((run.light[0, unit], "-"), (run.dark[0, unit], "--")):
            axes.plot(360 * FULL / FULL[1] / ANGLES, curve / curve.max(), style, color=colour)
    axes.set(xlabel="direction of the arc", ylabel="response / maximum", xticks=[0, 90, 180, 270])


def describe(run: Read, by_hand: Tensor) -> str:
    """Describe the figure with its numbers."""
    off = apart(run.read, run.peak).flatten()
    accuracy = run.accuracy.mean(dim=0)
    return (
        f"Units respond to arcs of one direction, light and dark ones equally (median correlation "
        f"{alike(run).median():.2f}). The direction read from their weights is within 20 degrees "
        f"of their peak for {(off <= 20).sum()} of {len(off)} units. Trained accuracy is "
        f"{accuracy[0]:.2f}, that of weights written by hand {by_hand[0]:.2f}. Without the "
        f"detectors of light lines it is {accuracy[1]:.2f} on light arcs, {accuracy[2]:.2f} on "
        "dark ones."
    )


if __name__ == "__main__":
    main()
