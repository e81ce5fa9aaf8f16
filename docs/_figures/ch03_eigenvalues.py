"""Draw the eigenvalues of full OV circuits: which heads copy, and which do the opposite."""

import torch
from jaxtyping import Complex, Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from docs._figures.lib.plotting import publish
from solutions.ch02_transformer import load_pretrained
from solutions.ch03_circuits.circuits import copying_score, full_ov, random_copying_scores
from solutions.ch03_circuits.factored_matrix import FactoredMatrix
from toy_models import folder

SEEDS, DRAWS = (0, 1, 2), 400


def main() -> None:
    """Measure every head of three models, and random heads of the same sizes."""
    found = {seed: eigenvalues(seed) for seed in SEEDS}
    scores = {seed: copying_score(values) for seed, values in found.items()}
    null = random_copying_scores(64, 64, 16, DRAWS, torch.Generator().manual_seed(0))
    shown = found[0] / found[0].abs().amax(dim=(-1), keepdim=True)

    def draw(figure: Figure) -> None:
        left, right = figure.subplots(1, 2, width_ratios=(1, 1.5))
        draw_plane(left, shown)
        draw_scores(right, scores, null)

    low, high = null.quantile(torch.tensor([0.025, 0.975])).tolist()
    later = torch.stack([scores[seed][1] for seed in SEEDS])
    earlier = torch.stack([scores[seed][0] for seed in SEEDS])
    publish(
        "ch03_eigenvalues",
        draw,
        alt="Left: eigenvalues in the complex plane. Those of the heads of layer 1 lie on the "
        "positive real axis. Right: copying scores. Every head of layer 1 scores at least "
        f"{later.min():.2f} over three seeds; those of layer 0 are between {earlier.min():.2f} and "
        f"{earlier.max():.2f}; 95 percent of random heads are between {low:.2f} and {high:.2f}.",
        numbers={
            "copying": {str(seed): values for seed, values in scores.items()},
            "random_std": null.std().item(),
            "random_interval": [low, high],
            "random_largest": null.abs().max().item(),
        },
        seeds=SEEDS,
        sources=[__file__],
        size=(7.8, 3.4),
    )


def eigenvalues(seed: int) -> Complex[Tensor, "layer head rank"]:
    """Compute those of every head's full OV circuit in one model."""
    model, _ = load_pretrained(folder("attn_2l", seed))
    return torch.stack([full_ov(model, layer).eigenvalues().detach() for layer in (0, 1)])


def random_eigenvalues() -> Complex[Tensor, " n"]:
    """Compute those of four random heads, each divided by its head's largest."""
    draws = torch.randn(2, 4, 64, 16, generator=torch.Generator().manual_seed(1))
    values = FactoredMatrix(draws[0], draws[1].mT).eigenvalues()
    return (values / values.abs().amax(dim=-1, keepdim=True)).flatten()


def draw_plane(axes: Axes, values: Complex[Tensor, "layer head rank"]) -> None:
    """Draw each eigenvalue divided by its head's largest; crosses are of random heads."""
    for layer, marker in enumerate("os"):
        points = values[layer].flatten()
        axes.scatter(
            points.real, points.imag, s=12, marker=marker, alpha=0.7, linewidths=0,
            label=f"layer {layer}",
        )  # fmt: skip
    points = random_eigenvalues()
    axes.scatter(points.real, points.imag, s=14, marker="x", color="C2", linewidths=0.8, zorder=0)
    around = torch.linspace(0, 2 * torch.pi, 120)
    ink = axes.xaxis.label.get_color()
    axes.plot(around.cos(), around.sin(), linewidth=0.6, alpha=0.5, color=ink)
    axes.axhline(0, linewidth=0.5, alpha=0.4, color=ink)
    axes.axvline(0, linewidth=0.5, alpha=0.4, color=ink)
    axes.set(xlabel="real part", ylabel="imaginary part", title="eigenvalue / the head's largest")
    axes.set_aspect("equal")


def draw_scores(axes: Axes, scores: dict[int, Float[Tensor, "layer head"]], null: Tensor) -> None:
    """Draw copying scores of all heads with those of random heads."""
    axes.hist(
        null.numpy(),
        bins=30,
        color="C2",
        alpha=0.45,
        label="random heads (count; crosses on the left)",
    )
    for layer, marker in enumerate("os"):
        for place, seed in enumerate(scores):
            height = [3 + 5 * place + 15 * layer] * scores[seed].shape[1]
            label = f"heads of layer {layer}, three seeds" if place == 0 else None
            axes.scatter(
                scores[seed][layer], height, marker=marker, s=22, color=f"C{layer}", label=label,
                linewidths=0,
            )  # fmt: skip
    axes.set(xlabel="copying score", xlim=(-1.05, 1.05), ylim=(0, 62), title="copying scores")
    axes.legend(frameon=False, loc="upper center", ncols=1)


if __name__ == "__main__":
    main()
