"""Draw the loss added by a small perturbation, against the number of features per dimension."""

from typing import NamedTuple

import matplotlib as mpl
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor
from tqdm import tqdm

from docs._figures.lib.plotting import lines, publish
from solutions.ch01_superposition import (
    LinearToy,
    ReluOutputToy,
    ToyConfig,
    ToyTrainConfig,
    sparse_features,
    train,
)
from solutions.ch01_superposition.adversarial import attack, random_perturbation, vulnerability
from solutions.ch01_superposition.geometry import dimensions_per_feature
from solutions.ch01_superposition.toy_model import reconstruction_loss

SEEDS = (0, 1, 2)
N_FEATURES, D_HIDDEN = 50, 10
DENSITIES = (1.0, 0.7, 0.5, 0.3, 0.2, 0.1, 0.05, 0.02, 0.01)
EXAMPLES, SHARE, STEPS = 1000, 0.1, 20
MODELS = {"ReLU model": ReluOutputToy, "linear model": LinearToy}


class Hurt(NamedTuple):
    """Effect of perturbations on one model."""

    crowding: float
    """Features per dimension, 1 / D*."""
    clean: float
    """Loss on clean inputs."""
    attacked: float
    """Added loss of the worst perturbation, divided by its squared length."""
    at_random: float
    """The same for a random perturbation of that length."""
    ratio: float
    """Attacked loss over clean loss."""


def main() -> None:
    """Train, attack, draw."""
    runs = {
        name: [fit(kind, seed) for seed in tqdm(SEEDS, desc=name)] for name, kind in MODELS.items()
    }
    draw_adversarial({name: torch.tensor(values) for name, values in runs.items()})


def fit(kind: type, seed: int) -> list[Hurt]:
    """Train one model per density in one batch, and perturb the inputs of each."""
    p = torch.tensor(DENSITIES)[:, None].expand(-1, N_FEATURES).contiguous()
    importance = torch.ones(len(p), N_FEATURES)
    model = kind(ToyConfig(len(p), N_FEATURES, D_HIDDEN), seed)
    config = ToyTrainConfig(steps=1500, batch_size=128, lr=1e-2, linear_decay=True, seed=seed)
    for _ in train(model, lambda n, g: sparse_features(p, n, g), importance, config):
        pass
    single = kind(ToyConfig(1, N_FEATURES, D_HIDDEN)).requires_grad_(False)
    generator = torch.Generator().manual_seed(1000 + seed)
    measured = []
    for number in range(len(p)):
        single.load_state_dict({name: w[number, None] for name, w in model.named_parameters()})
        measured.append(measure(single, p[number, None], generator))
    return measured


def measure(model: LinearToy | ReluOutputToy, p: Tensor, generator: torch.Generator) -> Hurt:
    """Compare the worst perturbation with a random one, both a tenth of the mean input norm."""
    x = sparse_features(p, EXAMPLES, generator)
    radius = SHARE * x.norm(dim=-1).mean().item()
    importance = torch.ones(1, N_FEATURES)
    worst = attack(model, x, importance, radius, STEPS)
    shifted = random_perturbation(x, radius, generator)
    clean, bad, chance = (
        reconstruction_loss(model(inputs), x, importance).item() for inputs in (x, worst, shifted)
    )
    return Hurt(
        1 / dimensions_per_feature(model.W).item(),
        clean,
        (bad - clean) / radius**2,
        (chance - clean) / radius**2,
        vulnerability(model, x, worst, importance).item(),
    )


def by_density(axes: Axes, series: dict[str, Tensor]) -> None:
    """Draw lines over 1 / probability: mean over seeds, with lowest and highest."""
    means = {name: values.mean(dim=0).tolist() for name, values in series.items()}
    bands = {n: (v.amin(dim=0).tolist(), v.amax(dim=0).tolist()) for n, v in series.items()}
    labels = ("1 / probability", "added loss / squared length of the perturbation")
    lines(axes, [1 / p for p in DENSITIES], means, bands=bands, labels=labels)
    axes.set(xscale="log", yscale="log", ylim=(0.03, 150))


def by_crowding(axes: Axes, series: dict[str, Tensor], crowding: dict[str, Tensor]) -> None:
    """Draw one dot per model and seed."""
    colours = mpl.rcParams["axes.prop_cycle"].by_key()["color"]
    for mark, colour, (name, values) in zip("osd", colours, series.items(), strict=False):
        axes.plot(crowding[name].flatten(), values.flatten(), mark, color=colour, ms=4.5)
    axes.set(xlabel="features per dimension, 1 / D*")
    axes.grid(axis="y", linewidth=0.5, alpha=0.35)


def draw_adversarial(runs: dict[str, Tensor]) -> None:
    """Draw the added loss by density on the left, by features per dimension on the right."""
    relu, linear = runs.values()  # [seed, density, field of Hurt]
    series = {
        "worst perturbation": relu[..., 2],
        "random perturbation": relu[..., 3],
        "worst perturbation, linear model": linear[..., 2],
    }
    crowding = {"worst perturbation": relu[..., 0], "random perturbation": relu[..., 0]}
    crowding["worst perturbation, linear model"] = linear[..., 0]

    def draw(figure: Figure) -> None:
        left, right = figure.subplots(1, 2, sharey=True)
        by_density(left, series)
        by_crowding(right, series, crowding)

    publish(
        "ch01_adversarial",
        draw,
        alt=describe(relu, linear),
        numbers={
            "n_features": N_FEATURES,
            "d_hidden": D_HIDDEN,
            "densities": DENSITIES,
            "examples": EXAMPLES,
            "radius_of_mean_norm": SHARE,
            "steps": STEPS,
            **{
                kind.__name__: {field: run[..., i] for i, field in enumerate(Hurt._fields)}
                for kind, run in zip(MODELS.values(), runs.values(), strict=True)
            },
        },
        seeds=SEEDS,
        sources=[__file__],
        size=(7.4, 3.6),
    )


def describe(relu: Tensor, linear: Tensor) -> str:
    """Describe the figure with its numbers."""
    first, last = relu[:, 0].mean(dim=0), relu[:, -1].mean(dim=0)
    return (
        f"The loss added by the worst perturbation, over its squared length, is {first[2]:.1f} "
        f"with {first[0]:.1f} features per dimension and {last[2]:.0f} with {last[0]:.1f}. A "
        f"random perturbation of that length adds {relu[..., 3].min():.1f} to "
        f"{relu[..., 3].max():.1f}. In the linear model, which has no superposition, the worst "
        f"adds at most "
        f"{linear[..., 2].max():.1f}."
    )


if __name__ == "__main__":
    main()
