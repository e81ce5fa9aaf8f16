"""Draw the effect of a ReLU on the hidden layer: a privileged basis, polysemantic when sparse.

For each density the best of many models is kept. Its hidden space is then turned at random: where
axes mean nothing the loss stays, and features per neuron is what any basis would give.
"""

from typing import Any, NamedTuple

import torch
from einops import einsum
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor
from tqdm import tqdm

from docs._figures.lib.plotting import lines, publish
from docs._figures.lib.theme import colour_scale
from solutions.ch01_superposition import (
    ReluHiddenToy,
    ReluOutputToy,
    ToyConfig,
    ToyTrainConfig,
    sparse_features,
    train,
)
from solutions.ch01_superposition.computation import features_per_neuron
from solutions.ch01_superposition.data import importance_schedule
from solutions.ch01_superposition.toy_model import reconstruction_loss

SEEDS = (0, 1, 2)
COPIES = 16
N_FEATURES, D_HIDDEN, DECAY = 10, 5, 0.75
DENSITIES = (1.0, 0.5, 0.3, 0.1, 0.03, 0.01)
SHOWN = (0.5, 0.3, 0.1, 0.01)
MODELS = {"ReLU on the hidden layer": ReluHiddenToy, "ReLU on the output": ReluOutputToy}


class Measured(NamedTuple):
    """The best copy of each density, [density, ...]."""

    W: Tensor
    """[density, d_hidden, n_features]."""
    loss: Tensor
    """On new data."""
    turned_loss: Tensor
    """The same after a random rotation of the hidden space."""
    per_neuron: Tensor
    """Features per neuron, mean over neurons."""
    turned_per_neuron: Tensor
    """The same after a random rotation, mean over neurons and 50 rotations."""


def main() -> None:
    """Train both kinds of model with three seeds, measure, draw."""
    runs = {
        name: [fit(kind, seed) for seed in tqdm(SEEDS, desc=name)] for name, kind in MODELS.items()
    }
    draw_basis({name: Measured(*map(torch.stack, zip(*r))) for name, r in runs.items()})


def fit(kind: type, seed: int) -> Measured:
    """Train COPIES models of each density in one batch and measure the best."""
    p = torch.tensor(DENSITIES).repeat_interleave(COPIES)
    p = p[:, None].expand(-1, N_FEATURES).contiguous()
    model = kind(ToyConfig(len(p), N_FEATURES, D_HIDDEN), seed)
    importance = importance_schedule(N_FEATURES, DECAY).expand(len(p), -1).contiguous()
    config = ToyTrainConfig(steps=1500, batch_size=256, lr=1e-2, linear_decay=True, seed=seed)
    for _ in train(model, lambda n, g: sparse_features(p, n, g), importance, config):
        pass
    generator = torch.Generator().manual_seed(1000 + seed)
    x = sparse_features(p, 10_000, generator)
    model.requires_grad_(False)
    losses = reconstruction_loss(model(x), x, importance)
    best = losses.view(-1, COPIES).argmin(dim=1) + COPIES * torch.arange(len(DENSITIES))
    W = model.W[best].clone()
    model.W.copy_(turn(model.W, random_rotations(len(p), generator)))
    turned = reconstruction_loss(model(x), x, importance)
    many = [
        features_per_neuron(turn(W, random_rotations(len(W), generator))).mean(dim=1)
        for _ in range(50)
    ]
    own = features_per_neuron(W).mean(dim=1)
    return Measured(W, losses[best], turned[best], own, torch.stack(many).mean(dim=0))


def turn(W: Tensor, rotations: Tensor) -> Tensor:
    """Rotate every feature's direction within the hidden space."""
    return einsum(rotations, W, "inst new d_hidden, inst d_hidden n -> inst new n")


def random_rotations(n: int, generator: torch.Generator) -> Tensor:
    """Draw uniformly random rotations of the hidden space."""
    normal = torch.randn(n, D_HIDDEN, D_HIDDEN, generator=generator)
    Q, R = torch.linalg.qr(normal)
    return Q * R.diagonal(dim1=1, dim2=2).sign()[:, None]


def draw_weights(figure: Any, W: Tensor) -> None:
    """Draw neurons by features at some densities, neurons sorted by their largest weight."""
    for axes, p in zip(figure.subplots(1, len(SHOWN)), SHOWN, strict=True):
        weights = W[DENSITIES.index(p)]
        ordered = weights[weights.abs().argmax(dim=1).argsort()].numpy()
        norm, colours = colour_scale(ordered, diverging=True)
        axes.imshow(ordered, cmap=colours, norm=norm)
        axes.set(xticks=[], yticks=[], xlabel="features", title=f"probability {p:g}")
    figure.axes[0].set_ylabel("neurons")


def by_density(axes: Axes, series: dict[str, Tensor], label: str) -> None:
    """Draw lines over 1 / probability: mean over seeds, with lowest and highest."""
    means = {name: values.mean(dim=0).tolist() for name, values in series.items()}
    bands = {name: (v.amin(dim=0).tolist(), v.amax(dim=0).tolist()) for name, v in series.items()}
    x = [1 / p for p in DENSITIES]
    lines(axes, x, means, bands=bands, labels=("1 / probability", label))
    axes.set_xscale("log")


def draw_basis(runs: dict[str, Measured]) -> None:
    """Draw the best models' weights above, features per neuron and effect of rotation below."""
    hidden, output = runs.values()
    per_neuron = {
        "neurons of the hidden-ReLU model": hidden.per_neuron,
        "its axes, rotated": hidden.turned_per_neuron,
        "axes of the output-ReLU model": output.per_neuron,
    }
    factors = {name: run.turned_loss / run.loss for name, run in runs.items()}

    def draw(figure: Figure) -> None:
        above, below = figure.subfigures(2, 1, squeeze=False, height_ratios=(1, 2.2)).flat
        draw_weights(above, hidden.W[0])
        left, right = below.subplots(1, 2)
        by_density(left, per_neuron, "features per neuron")
        by_density(right, factors, "loss, rotated / original")
        left.set_ylim(0.5, 9.5)
        right.set_yscale("log")

    publish(
        "ch01_basis",
        draw,
        alt=describe(hidden, output),
        numbers={
            "n_features": N_FEATURES,
            "d_hidden": D_HIDDEN,
            "importance_decay": DECAY,
            "copies": COPIES,
            "densities": DENSITIES,
            **{
                kind.__name__: {field: getattr(run, field) for field in Measured._fields[1:]}
                for kind, run in zip(MODELS.values(), runs.values(), strict=True)
            },
            "weights_shown": {str(p): hidden.W[0, DENSITIES.index(p)] for p in SHOWN},
        },
        seeds=SEEDS,
        sources=[__file__],
        size=(7.4, 4.9),
    )


def describe(hidden: Measured, output: Measured) -> str:
    """Describe the figure with its numbers."""
    per, turned = hidden.per_neuron.mean(dim=0), (hidden.turned_loss / hidden.loss).mean(dim=0)
    change = (output.turned_loss / output.loss - 1).abs().max()
    return (
        f"With a ReLU on the hidden layer a neuron has {per[1]:.1f} features at probability "
        f"{DENSITIES[1]:g}, {per[3]:.1f} at {DENSITIES[3]:g} and {per[-1]:.1f} at "
        f"{DENSITIES[-1]:g}; where all are always on, {per[0]:.1f}. Rotating its hidden "
        f"space multiplies the loss by {turned.min():.0f} to {turned.max():.0f}. With the ReLU on "
        "the output only, rotation changes the loss by less than "
        f"{max(100 * change, 0.001):.3f} per cent."
    )


if __name__ == "__main__":
    main()
