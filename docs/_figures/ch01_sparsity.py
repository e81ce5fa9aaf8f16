"""Draw twenty features in five dimensions at seven sparsities: W^T W, bias, norm, interference."""

import matplotlib as mpl
import torch
from einops import einsum, repeat
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from torch import Tensor
from tqdm import tqdm

from docs._figures.lib.plotting import publish
from docs._figures.lib.theme import colour_scale
from solutions.ch01_superposition import (
    LinearToy,
    ReluOutputToy,
    ToyConfig,
    ToyTrainConfig,
    sparse_features,
    train,
)
from solutions.ch01_superposition.data import importance_schedule
from solutions.ch01_superposition.geometry import dimensions_per_feature, interference
from solutions.ch01_superposition.phase import one_sparse_loss, quadrature_nodes
from solutions.ch01_superposition.toy_model import TiedToy, reconstruction_loss

SEEDS = (0, 1, 2)
STARTS = 6
N_FEATURES, D_HIDDEN = 20, 5
SPARSITIES = (0, 0.7, 0.9, 0.97, 0.99, 0.997, 0.999)
SHOWN = (0, 2, 3, 6)
"""Which of them have a picture of their weights: more would be too small to read."""
STEPS, BATCH, LR = 2000, 512, 0.01
IMPORTANCE = importance_schedule(N_FEATURES, 0.7)
KEPT = 0.5
Best = tuple[Float[Tensor, "sparsity d_hidden n_features"], Float[Tensor, "sparsity n_features"]]


def best_models(kind: type[TiedToy], seed: int, starts: int) -> Best:
    """Select W and b of the best start at each sparsity, by its loss on new data."""
    density = 1 - torch.tensor(SPARSITIES)
    probability = repeat(density, "sparsity -> (start sparsity) f", start=starts, f=N_FEATURES)
    importance = IMPORTANCE.expand_as(probability)
    model = kind(ToyConfig(len(probability), N_FEATURES, D_HIDDEN), seed)
    config = ToyTrainConfig(STEPS, BATCH, LR, linear_decay=True, seed=seed)

    def draw(batch: int, generator: torch.Generator) -> Tensor:
        return sparse_features(probability, batch, generator)

    records = train(model, draw, importance, config)
    for _ in tqdm(records, total=STEPS, desc=f"{kind.__name__}, seed {seed}", disable=None):
        pass
    with torch.no_grad():
        generator, losses = torch.Generator().manual_seed(1_000 + seed), []
        for _ in range(20):
            # All starts of a sparsity are judged by the same examples.
            x = sparse_features(probability[: len(density)], 2_000, generator)
            x = repeat(x, "sparsity batch f -> (start sparsity) batch f", start=starts)
            losses.append(reconstruction_loss(model(x), x, importance))
        best = torch.stack(losses).mean(dim=0).view(starts, -1).argmin(dim=0) * len(density)
        best += torch.arange(len(density))
        return model.W[best], model.b[best]


def kept_in_the_limit(seed: int, starts: int = 32, steps: int = 2000) -> int:
    """Count the features at the lowest one-sparse loss, the limit of S = 1."""
    model = ReluOutputToy(ToyConfig(starts, N_FEATURES, D_HIDDEN), seed)
    importance = IMPORTANCE.expand(starts, N_FEATURES)
    optimizer = torch.optim.Adam(model.parameters(), lr=LR)
    decay = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.0, total_iters=steps)
    nodes = list(zip(*(values.tolist() for values in quadrature_nodes(5)), strict=True))
    for _ in tqdm(range(steps), desc=f"one-sparse limit, seed {seed}", disable=None):
        optimizer.zero_grad()
        parts = [w * one_sparse_loss(model.W, model.b, importance, s) for s, w in nodes]
        losses = torch.stack(parts).sum(dim=0)
        losses.sum().backward()
        optimizer.step()
        decay.step()
    return int((model.W[losses.argmin()].norm(dim=0) > KEPT).sum())


def draw_model(top: Axes, bottom: Axes, W: Tensor, b: Tensor) -> None:
    """Draw W^T W with the bias to its right, and each feature's norm coloured by interference."""
    product = einsum(W, W, "d_hidden out, d_hidden source -> out source")
    gap = torch.full((N_FEATURES, 1), torch.nan)
    picture = torch.cat([product, gap, b[:, None]], dim=1)
    _, colours = colour_scale(picture.numpy(), diverging=True)
    top.imshow(picture, cmap=colours, vmin=-1.2, vmax=1.2)
    top.set(xticks=[], yticks=[])
    top.spines[:].set_visible(False)
    disturbed = interference(W[None])[0].clamp(max=1)
    series = mpl.rcParams["axes.prop_cycle"].by_key()["color"]
    scale = LinearSegmentedColormap.from_list("shared", [series[0], series[1]])
    bottom.barh(range(N_FEATURES), W.norm(dim=0), height=0.8, color=scale(disturbed.numpy()))
    bottom.set(xlim=(0, 1.25), xticks=[0, 1], yticks=[], ylim=(N_FEATURES - 0.5, -0.5))
    bottom.spines["left"].set_visible(False)


def draw_counts(axes: Axes, relu: Tensor, linear: Tensor, limit: list[int]) -> None:
    """Draw the number of represented features at each sparsity, one marker per seed."""
    for name, counts, colour, marker in (
        ("ReLU output", relu, "C0", "o"),
        ("linear", linear, "C1", "s"),
    ):
        for seed, row in enumerate(counts.tolist()):
            x = [place + 0.12 * (seed - 1) for place in range(len(row))]
            axes.plot(x, row, marker, ms=5, color=colour, label=None if seed else name, alpha=0.8)
    x = [len(SPARSITIES) + 0.12 * (seed - 1) for seed in range(len(limit))]
    axes.plot(x, limit, "^", ms=5, color="C2", label="lowest one-sparse loss", alpha=0.8)
    axes.axhline(D_HIDDEN, lw=0.8, ls=":", color=mpl.rcParams["axes.edgecolor"])
    names = [f"S = {s:g}" for s in SPARSITIES] + ["S → 1"]
    axes.set(
        xticks=range(len(names)), xticklabels=names, ylim=(0, 20), ylabel="features represented"
    )
    axes.legend(frameon=False, loc="upper left")


def main() -> None:
    """Train seven sparsities with each seed; draw the first seed, count over all."""
    torch.set_num_threads(1)  # these tensors are too small to share out
    relu = [best_models(ReluOutputToy, seed, STARTS) for seed in SEEDS]
    linear = [best_models(LinearToy, seed, 1) for seed in SEEDS]
    limit = [kept_in_the_limit(seed) for seed in SEEDS]
    norms, linear_norms = (torch.stack([W.norm(dim=1) for W, _ in s]) for s in (relu, linear))
    counts, linear_counts = ((n > KEPT).sum(dim=-1) for n in (norms, linear_norms))

    def draw(figure: Figure) -> None:
        above, below = figure.subfigures(2, 1, squeeze=False, height_ratios=[2.1, 1]).flat
        axes = above.subplots(2, len(SHOWN), height_ratios=[1.3, 0.8])
        for column, place in enumerate(SHOWN):
            draw_model(axes[0, column], axes[1, column], relu[0][0][place], relu[0][1][place])
            axes[0, column].set_title(f"S = {SPARSITIES[place]:g}", fontsize=9)
        axes[0, 0].set_ylabel("WᵀW, bias")
        axes[1, 0].set_ylabel("norm of feature")
        draw_counts(below.subplots(), counts, linear_counts, limit)

    publish(
        "ch01_sparsity",
        draw,
        alt=describe(counts, linear_counts, limit),
        numbers={
            "sizes": {"n_features": N_FEATURES, "d_hidden": D_HIDDEN, "starts": STARTS},
            "training": {"steps": STEPS, "batch": BATCH, "lr": LR, "importance": ".7^i"},
            "sparsity": SPARSITIES,
            "features_kept": counts,
            "features_kept_by_linear": linear_counts,
            "features_kept_in_the_one_sparse_limit": limit,
            "dimensions_per_feature": torch.stack([dimensions_per_feature(W) for W, _ in relu]),
            "norms": norms,
            "norms_of_linear": linear_norms,
            "interference_of_first_seed": interference(relu[0][0]),
            "biases_of_first_seed": relu[0][1],
        },
        seeds=SEEDS,
        sources=[__file__],
        size=(7.6, 6.6),
    )


def describe(counts: Tensor, linear: Tensor, limit: list[int]) -> str:
    """Describe the figure with its numbers."""
    span = [words(column.tolist()) for column in counts.unbind(dim=1)]
    kept = ", ".join(f"{n} at {s:g}" for n, s in zip(span, SPARSITIES, strict=True))
    return (
        "Twenty features in five dimensions. Without sparsity W^T W is the identity on the five "
        "most important features. As sparsity grows more rows fill, first in antipodal pairs, then "
        f"in larger groups, and bars change from no interference to much. Features represented: "
        f"{kept}; "
        f"lowest one-sparse loss: {words(limit)}; linear model: {words(linear.flatten().tolist())}."
    )


def words(counts: list[int]) -> str:
    """Format the lowest and the highest count."""
    low, high = min(counts), max(counts)
    return f"{low}" if low == high else f"{low} to {high}"


if __name__ == "__main__":
    main()
