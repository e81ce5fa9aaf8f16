"""Train SAEs on planted features: how many are found, and what the L1 penalty costs.

Left: recall, precision and mean maximum cosine against the number of latents, with the score of a
random dictionary. Right: sparsity, error and shrinkage against the L1 coefficient.
"""

from typing import Any

import matplotlib as mpl
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from tqdm import tqdm

from docs._figures.lib.plotting import lines, publish
from solutions.ch08_saes.metrics import (
    ReconstructionSums,
    cosines,
    mean_max_cosine,
    recover_features,
)
from solutions.ch08_saes.planted import PlantedConfig, PlantedFeatures
from solutions.ch08_saes.sae import AbstractSAE
from solutions.ch08_saes.train import SAETrainConfig, train_saes
from solutions.ch08_saes.vanilla import VanillaSAE

SEEDS = (0, 1, 2)
N_FEATURES, D_IN, PROBABILITY = 64, 32, 0.05
WIDTHS, MAIN = (1, 2, 4), 0.5
PENALTIES = (0.125, 0.25, 0.5, 1.0, 2.0)
N_GROUPS, GROUP, SPREAD = 16, 4, 0.6
GROUP_WIDTHS = (16, 64, 128)
STEPS, HELD_OUT = 800, 10_000


def main() -> None:
    """Train, measure, draw."""
    torch.set_num_threads(1)
    measured = [measure(seed) for seed in tqdm(SEEDS, desc="planted features")]
    draw_recovery(measured)
    draw_penalty(measured)
    draw_splitting([split(seed) for seed in tqdm(SEEDS, desc="groups of features")])


def train_on(data: PlantedFeatures, saes: dict[str, AbstractSAE], seed: int) -> None:
    """Train SAEs on the same batches."""
    config = SAETrainConfig(
        STEPS, lr=3e-3, lr_decay=200, resample_at=(300,), dead_after=100, seed=seed
    )
    for _ in train_saes(saes, lambda step: data.batch(step, seed=seed), config):
        pass


@torch.no_grad()
def measure(seed: int) -> dict[str, dict[str, Any]]:
    """Measure SAEs of several widths, and of several penalties at width 2."""
    data = PlantedFeatures(PlantedConfig(N_FEATURES, D_IN, PROBABILITY, seed=seed))
    saes: dict[str, AbstractSAE] = {
        f"width {width}": VanillaSAE(D_IN, width * N_FEATURES, MAIN, seed) for width in WIDTHS
    }
    for penalty in PENALTIES:
        if penalty != MAIN:
            saes[f"penalty {penalty}"] = VanillaSAE(D_IN, 2 * N_FEATURES, penalty, seed)
    with torch.enable_grad():
        train_on(data, saes, seed)
    x = data.sample(HELD_OUT, torch.Generator().manual_seed(90 + seed)).x
    found = {name: scores(sae, data, x, seed) for name, sae in saes.items()}
    return found | {f"penalty {MAIN}": found["width 2"]}


def scores(sae: AbstractSAE, data: PlantedFeatures, x: torch.Tensor, seed: int) -> dict[str, Any]:
    """Score one SAE, and a random dictionary of its size."""
    out, sums = sae(x), ReconstructionSums(sae.d_in, sae.d_sae)
    sums.add(x, out.x_hat, out.acts)
    report = sums.report()
    found = recover_features(sae.W_dec, data.directions)
    random = torch.randn(sae.W_dec.shape, generator=torch.Generator().manual_seed(70 + seed))
    chance = recover_features(random, data.directions)
    return {
        "recall": found.recall,
        "precision": found.precision,
        "mmcs": mean_max_cosine(sae.W_dec, data.directions).item(),
        "random_mmcs": mean_max_cosine(random, data.directions).item(),
        "random_recall": chance.recall,
        "l0": report.l0,
        "fvu": report.fvu,
        "gamma": report.gamma,
        "dead": report.dead,
    }


@torch.no_grad()
def split(seed: int) -> dict[str, list[int]]:
    """Count the latents that serve each group of similar features, by width."""
    config = PlantedConfig(N_GROUPS * GROUP, D_IN, 0.08, group_size=GROUP, spread=SPREAD, seed=seed)
    data = PlantedFeatures(config)
    saes: dict[str, AbstractSAE] = {
        str(width): VanillaSAE(D_IN, width, 0.3, seed) for width in GROUP_WIDTHS
    }
    with torch.enable_grad():
        train_on(data, saes, seed)
    x = data.sample(HELD_OUT, torch.Generator().manual_seed(90 + seed)).x
    counts = {}
    for name, sae in saes.items():
        used = sae.encode(x).gt(0).double().mean(dim=0) > 1e-3
        near = cosines(data.directions, sae.W_dec[used]) > 0.7  # [feature, latent]
        groups = near.unflatten(0, (N_GROUPS, GROUP)).any(dim=1)
        counts[name] = groups.sum(dim=1).tolist()
    return counts


def every(measured: list[dict[str, dict[str, Any]]], names: list[str], key: str) -> torch.Tensor:
    """Collect one score, [seed, name]."""
    return torch.tensor([[run[name][key] for name in names] for run in measured])


def banded(axes: Axes, x: list[float], values: dict[str, torch.Tensor], x_label: str) -> None:
    """Draw the mean over seeds with the range."""
    lines(
        axes,
        x,
        {name: value.mean(dim=0) for name, value in values.items()},
        bands={name: (value.amin(dim=0), value.amax(dim=0)) for name, value in values.items()},
        labels=(x_label, ""),
    )


def draw_recovery(measured: list[dict[str, dict[str, Any]]]) -> None:
    """Draw recall, precision and MMCS against width."""
    names = [f"width {width}" for width in WIDTHS]
    shown = {
        "recall": every(measured, names, "recall"),
        "precision": every(measured, names, "precision"),
        "mean max cosine": every(measured, names, "mmcs"),
        "mean max cosine, random": every(measured, names, "random_mmcs"),
    }

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        banded(axes, [width * N_FEATURES for width in WIDTHS], shown, "latents")
        axes.set(ylim=(0, 1.05), xticks=[width * N_FEATURES for width in WIDTHS])

    means = {name: value.mean(dim=0).tolist() for name, value in shown.items()}
    publish(
        "ch08_recovery",
        draw,
        alt=(
            "With 64, 128 and 256 latents for 64 planted features, recall is "
            f"{listed(means['recall'])}, precision {listed(means['precision'])}, the mean maximum "
            f"cosine {listed(means['mean max cosine'])}, that of random dictionaries "
            f"{listed(means['mean max cosine, random'])}."
        ),
        numbers={
            "n_features": N_FEATURES,
            "d_in": D_IN,
            "l1_coefficient": MAIN,
            "latents": [width * N_FEATURES for width in WIDTHS],
            **shown,
            "random recall": every(measured, names, "random_recall"),
            "l0": every(measured, names, "l0"),
            "dead": every(measured, names, "dead"),
        },
        seeds=SEEDS,
        sources=[__file__],
    )


def draw_penalty(measured: list[dict[str, dict[str, Any]]]) -> None:
    """Draw L0, FVU and gamma against the coefficient."""
    names = [f"penalty {penalty}" for penalty in PENALTIES]
    keys = ("l0", "fvu", "gamma", "recall", "dead")
    shown = {key: every(measured, names, key) for key in keys}

    def draw(figure: Figure) -> None:
        left, right = figure.subplots(1, 2)
        banded(left, list(PENALTIES), {"L0": shown["l0"]}, "L1 coefficient")
        left.axhline(
            N_FEATURES * PROBABILITY, color=mpl.rcParams["text.color"], lw=1, ls=":", label="true"
        )
        left.set(ylabel="active latents per token", xscale="log", ylim=(0, None))
        both = {"FVU": shown["fvu"], "gamma": shown["gamma"], "recall": shown["recall"]}
        banded(right, list(PENALTIES), both, "L1 coefficient")
        right.set(xscale="log", ylim=(0, 1.05))

    means = {name: value.mean(dim=0).tolist() for name, value in shown.items()}
    publish(
        "ch08_penalty",
        draw,
        alt=(
            f"For L1 coefficients {listed(PENALTIES)}: L0 {listed(means['l0'])} (true 3.2), "
            f"fraction of variance unexplained {listed(means['fvu'])}, gamma "
            f"{listed(means['gamma'])}, recall {listed(means['recall'])}."
        ),
        numbers={"l1_coefficients": PENALTIES, "true_l0": N_FEATURES * PROBABILITY, **shown},
        seeds=SEEDS,
        sources=[__file__],
        size=(7.4, 3.5),
    )


def draw_splitting(counts: list[dict[str, list[int]]]) -> None:
    """Draw the number of latents per group against width."""
    names = [str(width) for width in GROUP_WIDTHS]
    latents = torch.tensor([[run[name] for name in names] for run in counts]).double()

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        banded(axes, list(GROUP_WIDTHS), {"latents per group": latents.mean(dim=2)}, "latents")
        axes.set(ylabel="latents per group of four", xticks=GROUP_WIDTHS, ylim=(0, None))

    publish(
        "ch08_splitting",
        draw,
        alt=(
            "Groups of four similar features are served by "
            f"{listed(latents.mean(dim=(0, 2)).tolist())} latents on average, in SAEs of "
            f"{', '.join(names)} latents."
        ),
        numbers={"groups": N_GROUPS, "members": GROUP, "spread": SPREAD, "latents": latents},
        seeds=SEEDS,
        sources=[__file__],
        size=(6.0, 3.5),
    )


def listed(values: Any) -> str:
    """Write numbers as a list."""
    return ", ".join(f"{value:.2f}" for value in values)


if __name__ == "__main__":
    main()
