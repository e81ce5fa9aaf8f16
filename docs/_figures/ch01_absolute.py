"""Draw how many absolute values forty neurons compute, and how neurons are shared.

Small initial weights matter: with Xavier's, features that are not learned yet add more noise than
the learned ones' signal. Rare features need large batches and small steps, dense ones large steps.
"""

import math
from typing import Any, NamedTuple

import matplotlib as mpl
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor
from tqdm import tqdm

from docs._figures.lib.plotting import lines, publish
from solutions.ch01_superposition import ToyConfig, ToyTrainConfig, sparse_features, train
from solutions.ch01_superposition.computation import AbsoluteToy, features_per_neuron, r_squared
from solutions.ch01_superposition.data import importance_schedule, random_signs
from solutions.ch01_superposition.toy_model import reconstruction_loss

SEEDS = (0, 1, 2)
SMALL: dict[str, Any] = {"n_features": 3, "d_hidden": 6, "densities": (0.5, 0.1), "copies": 8}
LARGE: dict[str, Any] = {"n_features": 100, "d_hidden": 40, "decay": 0.8, "copies": 2}
DENSE, RARE = (1.0, 0.1), (0.01,)
DENSITIES = DENSE + RARE
COMPUTED = 0.5
"""R^2 above which a feature counts as computed; half of the variance takes one of two signs."""


class Fitted(NamedTuple):
    """The best copy of each density."""

    W_in: Tensor
    """[density, d_hidden, n_features]."""
    W_out: Tensor
    """[density, n_features, d_hidden]."""
    loss: Tensor
    """[density]."""
    r_squared: Tensor
    """R^2, [density, n_features]."""


def main() -> None:
    """Train small and large models with three seeds, count, draw."""
    exact, many = [], []
    for seed in tqdm(SEEDS, desc="absolute values"):
        config = ToyTrainConfig(steps=2500, batch_size=256, lr=1e-2, linear_decay=True, seed=seed)
        exact.append(fit(SMALL, SMALL["densities"], config, scale=1.0))
        config = ToyTrainConfig(steps=3000, batch_size=256, lr=1e-2, linear_decay=True, seed=seed)
        dense = fit(LARGE, DENSE, config, scale=0.2)
        config = ToyTrainConfig(steps=3000, batch_size=1024, lr=3e-3, linear_decay=True, seed=seed)
        rare = fit(LARGE, RARE, config, scale=0.1)
        many.append(Fitted(*(torch.cat(both) for both in zip(dense, rare, strict=True))))
    draw_absolute(*(Fitted(*map(torch.stack, zip(*runs))) for runs in (exact, many)))


def fit(sizes: dict, densities: tuple, config: ToyTrainConfig, scale: float) -> Fitted:
    """Train some copies of each density in one batch and keep the best of each."""
    n, copies = sizes["n_features"], sizes["copies"]
    p = torch.tensor(densities).repeat_interleave(copies)[:, None].expand(-1, n).contiguous()
    importance = importance_schedule(n, sizes.get("decay", 1.0)).expand(len(p), -1).contiguous()
    model = AbsoluteToy(ToyConfig(len(p), n, sizes["d_hidden"]), config.seed)
    with torch.no_grad():
        model.W_in.mul_(scale)
        model.W_out.mul_(scale)

    def draw(batch: int, generator: torch.Generator) -> Tensor:
        return random_signs(sparse_features(p, batch, generator), generator)

    for _ in train(model, draw, importance, config, target=torch.abs):
        pass
    with torch.no_grad():
        x = draw(30_000, torch.Generator().manual_seed(1000 + config.seed))
        y = model(x)
        losses = reconstruction_loss(y, x.abs(), importance)
        best = losses.view(-1, copies).argmin(dim=1) + copies * torch.arange(len(densities))
        kept = model.W_in[best], model.W_out[best], losses[best], r_squared(y, x.abs())[best]
    return Fitted(*kept)


def shares(W_in: Tensor) -> Tensor:
    """Compute the largest weight's share of a neuron's squared input weights, [..., d_hidden]."""
    squares = W_in.square()
    return squares.amax(dim=-1) / squares.sum(dim=-1)


def motifs(W_in: Tensor, W_out: Tensor) -> list[dict]:
    """Find neurons that read one feature strongly and write it weakly, and another in reverse.

    The large input weight of the first feature interferes with the second one's output. The motif
    counts only where other neurons that the first feature activates cancel most of this.
    """
    served = W_in.abs() * W_out.T > 0.3
    found = []
    for neuron, feature, other in (
        served[:, :, None].logical_and(served[:, None]).nonzero().tolist()
    ):
        read, written = W_in[neuron, [feature, other]], W_out[[feature, other], neuron]
        if read[0].abs() > 2 * read[1].abs() and written[1] > 2 * written[0]:
            interference = (read[0].abs() * written[1]).item()
            driven = (W_in[:, feature] * read[0].sign()).relu()
            cancelled = -(driven * W_out[other].clamp(max=0)).sum().item()
            if cancelled > 0.5 * interference:
                pair = {"features": [feature, other], "reads": read, "writes": written}
                sizes = {"interference": interference, "cancelled": cancelled}
                found.append({"neuron": neuron, **pair, **sizes})
    return found


def stacks(axes: Axes, W: Tensor, title: str, wide: int = 8) -> None:
    """Draw each neuron's weights as one stack, with one colour for each of the first features."""
    colours = [*mpl.rcParams["axes.prop_cycle"].by_key()["color"]]
    for neuron, weights in enumerate(W):
        ends = {True: 0.0, False: 0.0}
        for feature in weights.abs().argsort(descending=True)[:wide].tolist():
            weight = weights[feature].item()
            start, ends[weight > 0] = ends[weight > 0], ends[weight > 0] + weight
            colour = colours[feature % len(colours)]
            axes.bar(neuron, weight, bottom=start, color=colour, width=0.8)
    axes.axhline(0, color=mpl.rcParams["axes.edgecolor"], linewidth=0.6)
    axes.set(title=title, xticks=[], xlabel="neurons")


def draw_stacks(figure: Any, exact: Fitted, many: Fitted) -> None:
    """Draw input weights of the small model, and of the large one at two densities."""
    one, two, three = figure.subplots(1, 3, width_ratios=(1, 2, 2))
    shown = {"3 features, 6 neurons": (one, exact.W_in[0, 0])}
    for axes, p in ((two, DENSE[0]), (three, RARE[0])):
        shown[f"100 features, probability {p:g}"] = (axes, many.W_in[0, DENSITIES.index(p)])
    for title, (axes, W) in shown.items():
        stacks(axes, W[W.abs().argmax(dim=1).argsort()], title)
    one.set_ylabel("input weights")


def draw_counts(axes: Axes, counts: Tensor) -> None:
    """Draw the number of computed features by density, with its range over seeds."""
    name = "computed by 40 neurons"
    spread = (counts.amin(dim=0).tolist(), counts.amax(dim=0).tolist())
    limit = [LARGE["d_hidden"] / 2] * len(DENSITIES)
    series = {name: counts.mean(dim=0).tolist(), "two neurons per feature": limit}
    x = [1 / p for p in DENSITIES]
    lines(axes, x, series, bands={name: spread}, labels=("1 / probability", "features"))
    axes.set(xscale="log", ylim=(0, None))


def draw_absolute(exact: Fitted, many: Fitted) -> None:
    """Draw the stacks of three models, and the number of computed features by density."""
    computed = (many.r_squared > COMPUTED).sum(dim=-1)
    found = [[motifs(*w) for w in zip(*run, strict=True)] for run in zip(many.W_in, many.W_out)]
    mixed = [features_per_neuron(W).mean(dim=-1) for W in many.W_in]
    rare = DENSITIES.index(RARE[0])

    def draw(figure: Figure) -> None:
        above, below = figure.subfigures(2, 1, squeeze=False).flat
        draw_stacks(above, exact, many)
        left, right = below.subplots(1, 2)
        draw_counts(left, computed.float())
        picture_of_motif(right, [motif for run in found for motif in run[rare]])

    publish(
        "ch01_absolute",
        draw,
        alt=describe(exact, computed, found),
        numbers={
            "small": {**SMALL, "loss": exact.loss, "largest_share": shares(exact.W_in)},
            "large": {**LARGE, "densities": DENSITIES, "loss": many.loss},
            "computed": computed,
            "explained_of_first_40": many.r_squared[..., :40],
            "features_per_neuron": torch.stack(mixed),
            "motifs": [[len(here) for here in run] for run in found],
            "motifs_without_match": control(many),
            "motif_shown": found[0][rare][0] if found[0][rare] else None,
        },
        seeds=SEEDS,
        sources=[__file__],
        size=(7.4, 5.4),
    )


def control(many: Fitted) -> list[list[float]]:
    """Count motifs with output weights assigned to other neurons at random; mean of 20."""
    generator = torch.Generator().manual_seed(0)
    orders = [torch.randperm(LARGE["d_hidden"], generator=generator) for _ in range(20)]
    return [
        [sum(len(motifs(i, o[:, order])) for order in orders) / 20 for i, o in zip(*run)]
        for run in zip(many.W_in, many.W_out, strict=True)
    ]


def picture_of_motif(axes: Axes, found: list[dict]) -> None:
    """Draw input against output weight of the features of each motif."""
    for row, motif in enumerate(found):
        for side, weights in enumerate(zip(motif["reads"], motif["writes"], strict=True)):
            read, written = weights
            label = ("large input weight", "small input weight")[side] if row == 0 else None
            colour = mpl.rcParams["axes.prop_cycle"].by_key()["color"][side]
            axes.plot(abs(read), written, "os"[side], color=colour, label=label, markersize=4)
    axes.set(xlabel="size of the input weight", ylabel="output weight", ylim=(0, 3))
    axes.set_title("asymmetric neurons")
    if found:
        axes.legend(frameon=False)


def describe(exact: Fitted, computed: Tensor, found: list) -> str:
    """Describe the figure with its numbers."""
    low, high = computed[:, -1].min(), computed[:, -1].max()
    worst = math.ceil(100 * shares(exact.W_in).min() - 1)
    counts = [len(run[DENSITIES.index(RARE[0])]) for run in found]
    return (
        f"Three features on six neurons: loss at most {exact.loss.max():.0e}, and one feature has "
        f"more than {worst} per cent of each neuron's input. Forty neurons compute "
        f"{computed[:, 0].min()} to {computed[:, 0].max()} absolute values when all features are "
        f"on and {low} to {high} at probability {DENSITIES[-1]:g}, where two neurons per feature "
        f"give 20. {min(counts)} to {max(counts)} pairs of features share a neuron in the "
        f"asymmetric way at probability {RARE[0]:g}."
    )


if __name__ == "__main__":
    main()
