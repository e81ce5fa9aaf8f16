"""Draw the directions of correlated and anti-correlated pairs of features in two dimensions."""

from typing import NamedTuple

import matplotlib as mpl
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor
from tqdm import tqdm

from docs._figures.lib.plotting import plot_directions, publish
from solutions.ch01_superposition import (
    ReluOutputToy,
    ToyConfig,
    ToyTrainConfig,
    anticorrelated_pairs,
    correlated_pairs,
    sparse_features,
    train,
)
from solutions.ch01_superposition.geometry import cosines
from solutions.ch01_superposition.toy_model import reconstruction_loss

SEEDS = (0, 1, 2)
COPIES = 8
DENSITIES = (0.02, 0.05, 0.1, 0.2, 0.25, 0.3, 0.4)
PAIRS = 2
KINDS = {
    "together": correlated_pairs,
    "never together": anticorrelated_pairs,
    "independent": lambda p, *rest: sparse_features(p.repeat_interleave(2, dim=1), *rest),
}


class Trained(NamedTuple):
    """The best of the copies of each kind and density."""

    W: Tensor
    """[kind, density, d_hidden, n_features]."""
    losses: Tensor
    """[kind, density], on new data."""
    as_good: Tensor
    """[kind, density]: copies whose loss is within 5 % (or 1e-4) of the best."""


def main() -> None:
    """Train all kinds and densities in one batch per seed; draw the best copies."""
    runs, crowded = [], []
    for seed in tqdm(SEEDS, desc="correlated pairs"):
        runs.append(fit(KINDS, DENSITIES, PAIRS, seed))
        crowded.append(fit({"together": correlated_pairs}, DENSITIES[:3], 3, seed))
    draw_pairs(runs, crowded)


def fit(kinds: dict, densities: tuple, n_pairs: int, seed: int) -> Trained:
    """Train COPIES models of each kind and density in one batch, and keep the best of each."""
    p = torch.tensor(densities).repeat_interleave(COPIES)[:, None].expand(-1, n_pairs).contiguous()
    model = ReluOutputToy(ToyConfig(len(kinds) * len(p), 2 * n_pairs, 2), seed)

    def draw(batch: int, generator: torch.Generator) -> Tensor:
        return torch.cat([kind(p, batch, generator) for kind in kinds.values()])

    importance = torch.ones(model.config.n_inst, 2 * n_pairs)
    config = ToyTrainConfig(steps=1500, batch_size=256, lr=1e-2, linear_decay=True, seed=seed)
    for _ in train(model, draw, importance, config):
        pass
    with torch.no_grad():
        x = draw(20_000, torch.Generator().manual_seed(1000 + seed))
        losses = reconstruction_loss(model(x), x, importance)
    shape = (len(kinds), len(densities), COPIES)
    losses, W = losses.view(shape), model.W.detach().unflatten(0, shape)
    best, which = losses.min(dim=-1)
    chosen = W.gather(2, which[..., None, None, None].expand(-1, -1, 1, *W.shape[-2:]))[:, :, 0]
    return Trained(chosen, best, (losses <= 1.05 * best[..., None] + 1e-4).sum(dim=-1))


def within(W: Tensor) -> Tensor:
    """Compute the cosine of the two features of each pair, [kind, density, pair]."""
    angles = cosines(W.flatten(0, 1)).unflatten(0, W.shape[:2])
    firsts = torch.arange(0, W.shape[-1], 2)
    return angles[..., firsts, firsts + 1]


def dots(axes: Axes, kind: int, name: str, cosine: Tensor) -> None:
    """Draw one dot per pair and seed, [seed, density, pair], each kind slightly shifted."""
    colour = mpl.rcParams["axes.prop_cycle"].by_key()["color"][kind]
    values = cosine.permute(1, 0, 2).flatten(1)
    x = torch.tensor(DENSITIES[: len(values)])[:, None] * 1.06 ** (kind - 1)
    style = {"color": colour, "markersize": 5, "linestyle": "none", "label": name}
    axes.plot(x.expand_as(values).flatten(), values.flatten(), "osd^"[kind], **style)


def arrangements(two: Tensor, three: Tensor) -> dict[str, Tensor]:
    """Choose one model of each arrangement, [d_hidden, n_features]."""
    rare, dense = DENSITIES.index(0.05), DENSITIES.index(0.4)
    return {
        "together, rare:\northogonal": two[0, rare],
        "together, dense:\ncollapsed": two[0, dense],
        "three pairs, rare:\nside by side": three[0, rare],
        "never together:\nantipodal": two[1, rare],
        "independent:\nany partner": two[2, rare],
    }


def draw_pairs(runs: list[Trained], crowded: list[Trained]) -> None:
    """Draw five arrangements, and the cosine within every pair by density."""
    pairs = torch.stack([within(run.W) for run in runs])  # [seed, kind, density, pair]
    three = torch.stack([within(run.W) for run in crowded])
    pictures = arrangements(runs[0].W, crowded[0].W)

    def draw(figure: Figure) -> None:
        above, below = figure.subfigures(2, 1, squeeze=False, height_ratios=(1, 1.6)).flat
        for axes, (title, W) in zip(above.subplots(1, 5), pictures.items(), strict=True):
            plot_directions(
                axes, W.numpy(), groups=[i // 2 for i in range(W.shape[-1])], title=title
            )
        axes = below.subplots()
        for kind, name in enumerate(KINDS):
            dots(axes, kind, name, pairs[:, kind])
        dots(axes, len(KINDS), "together, three pairs", three[:, 0])
        axes.set(xscale="log", xlabel="probability of each feature", ylabel="cosine within a pair")
        axes.set_xticks(DENSITIES, [f"{p:g}" for p in DENSITIES])
        axes.minorticks_off()
        axes.grid(axis="y", linewidth=0.5, alpha=0.35)
        axes.legend(frameon=False, ncols=4, loc="lower center", bbox_to_anchor=(0.5, 1.0))

    publish(
        "ch01_correlated",
        draw,
        alt=describe(pairs, three),
        numbers={
            "n_features": 2 * PAIRS,
            "d_hidden": 2,
            "copies": COPIES,
            "kinds": list(KINDS),
            "densities": DENSITIES,
            "cosine_within_pairs": pairs,
            "norms": torch.stack([run.W.norm(dim=2) for run in runs]),
            "losses": torch.stack([run.losses for run in runs]),
            "copies_as_good": torch.stack([run.as_good for run in runs]),
            "three_pairs": {"densities": DENSITIES[:3], "cosine_within_pairs": three[:, 0]},
        },
        seeds=SEEDS,
        sources=[__file__],
        size=(7.4, 5.2),
    )


def describe(pairs: Tensor, three: Tensor) -> str:
    """Describe the figure with its numbers."""
    rare, dense = pairs[:, 0, :4], pairs[:, 0, -2:]
    return (
        f"Two pairs in two dimensions. Features that are always on together are orthogonal up to "
        f"probability {DENSITIES[3]:g} (cosines {rare.min():.2f} to {rare.max():.2f}) and one "
        f"direction from {DENSITIES[-2]:g} on (at least {dense.min():.2f}). Features that are "
        f"never on together are antipodal (at most {pairs[:, 1].max():.2f}). Independent features "
        f"have any partner: {pairs[:, 2].min():.2f} to {pairs[:, 2].max():.2f}. Three correlated "
        f"pairs lie side by side, cosine {three.median():.2f} in the median."
    )


if __name__ == "__main__":
    main()
