"""Train every variant of chapter 9 on the same planted features, at several sparsities each."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

import solutions.ch08_saes as ch08
import solutions.ch09_sparsity as ch09
from docs._figures.lib.cached_steps import CachedSteps
from solutions.ch08_saes.metrics import (
    ReconstructionSums,
    fraction_unexplained,
    mean_max_cosine,
    recover_features,
)
from solutions.ch08_saes.planted import PlantedBatch, PlantedConfig, PlantedFeatures
from solutions.ch08_saes.sae import AbstractSAE
from solutions.ch08_saes.train import SAETrainConfig, train_saes
from solutions.ch09_sparsity.topk import keep_largest

SEEDS = (0, 1, 2)
N_FEATURES, D_IN, D_SAE, PROBABILITY = 64, 32, 128, 0.05
STEPS, HELD_OUT = 500, 10_000
SAE_SEED = 1000
"""Added to the seed of an SAE: with the data's own seed it would start at the true directions."""
KS = (1, 2, 3, 4, 6, 8, 12)
TRUE_COUNTS = tuple(range(9))
MATCHED = 0.9
"""Cosine with a feature above which a latent counts as its own."""
SOURCES = sorted(
    path
    for module in (ch08, ch09)
    for path in Path(str(module.__file__)).parent.glob("*.py")
    if path.stem
    in {"sae", "vanilla", "train", "planted", "metrics", "topk", "batch_topk", "gated", "jumprelu"}
    | {"matryoshka", "active_entries"}
)


class RandomDictionary(ch09.TopKSAE):
    """The null control: a TopK SAE whose decoder keeps its random rows; the rest is trained."""

    def constrain_gradients(self) -> None:
        """Set the decoder's gradient to zero."""
        assert self.W_dec.grad is not None
        self.W_dec.grad.zero_()


Make = Callable[[float, int], AbstractSAE]
SELECTED = (2, 3, 5)
LEVELS: dict[str, tuple[float, ...]] = {
    "TopK": SELECTED,
    "BatchTopK": SELECTED,
    "L1": (0.25, 0.5, 1.2),
    "gated": (0.5, 1.0, 2.0),
    "JumpReLU": (0.05, 0.1, 0.2, 0.4, 0.8),
    "JumpReLU from .5": (0.2, 0.4, 0.8),
    "Matryoshka": SELECTED,
    "random dictionary": (3,),
    "TopK without AuxK": (3,),
    "multi-TopK": (3,),
}
"""Variant -> its k, or the coefficients of its penalty."""
AUXK = {"aux_k": 16, "dead_after": 100}
MAKE: dict[str, Make] = {
    "L1": lambda level, seed: ch08.VanillaSAE(D_IN, D_SAE, level, seed),
    "gated": lambda level, seed: ch09.GatedSAE(D_IN, D_SAE, level, seed),
    "TopK": lambda level, seed: ch09.TopKSAE(D_IN, D_SAE, int(level), seed, **AUXK),
    "TopK without AuxK": lambda level, seed: ch09.TopKSAE(D_IN, D_SAE, int(level), seed),
    "multi-TopK": lambda level, seed: ch09.MultiTopKSAE(D_IN, D_SAE, int(level), seed, **AUXK),
    "BatchTopK": lambda level, seed: ch09.BatchTopKSAE(D_IN, D_SAE, int(level), seed, **AUXK),
    "JumpReLU": lambda level, seed: ch09.JumpReLUSAE(
        D_IN, D_SAE, level, seed, threshold=0.1, width=0.2
    ),
    "JumpReLU from .5": lambda level, seed: ch09.JumpReLUSAE(
        D_IN, D_SAE, level, seed, threshold=0.5, width=0.2
    ),
    "Matryoshka": lambda level, seed: ch09.MatryoshkaSAE(
        D_IN, D_SAE, int(level), [32, 64, D_SAE], seed
    ),
    "random dictionary": lambda level, seed: RandomDictionary(D_IN, D_SAE, int(level), seed),
}

Scores = dict[str, Any]
Measured = dict[str, list[list[Scores]]]
"""Variant -> seed -> level -> scores."""


def measure_all(seeds: Sequence[int] = SEEDS) -> Measured:
    """Return the scores of all runs; each run is cached, so seeds may run side by side."""
    torch.set_num_threads(1)
    runs = [(seed, name, i) for seed in seeds for name in LEVELS for i in range(len(LEVELS[name]))]
    settings = [N_FEATURES, D_IN, D_SAE, PROBABILITY, STEPS, HELD_OUT, SAE_SEED]
    steps = CachedSteps("ch09_variants", len(runs), settings, SOURCES)
    measured: Measured = {name: [[] for _ in seeds] for name in LEVELS}
    for seed, name, i in runs:
        level = LEVELS[name][i]
        scores = steps(f"{name} {level} {seed}", lambda: measure(name, level, seed))
        measured[name][seeds.index(seed)].append(scores)
    return measured


def measure(name: str, level: float, seed: int) -> Scores:
    """Train one SAE and score it on new inputs."""
    data = PlantedFeatures(PlantedConfig(N_FEATURES, D_IN, PROBABILITY, seed=seed))
    sae = MAKE[name](level, SAE_SEED + seed)
    config = SAETrainConfig(STEPS, lr=4e-3, lr_decay=150, seed=seed)
    for _ in train_saes({name: sae}, lambda step: data.batch(step, seed=seed), config):
        pass
    if isinstance(sae, ch09.BatchTopKSAE):
        ch09.fit_threshold(sae, (data.batch(STEPS + i, seed=seed) for i in range(20)))
    return score(sae.eval(), data, data.sample(HELD_OUT, torch.Generator().manual_seed(90 + seed)))


@torch.no_grad()
def score(sae: AbstractSAE, data: PlantedFeatures, held_out: PlantedBatch) -> Scores:
    """Score one SAE."""
    out, sums = sae(held_out.x), ReconstructionSums(sae.d_in, sae.d_sae)
    sums.add(held_out.x, out.x_hat, out.acts)
    report = sums.report()
    found = recover_features(sae.W_dec, data.directions)
    n_true, n_active = (t.gt(0).sum(dim=1) for t in (held_out.strengths, out.acts))
    scores: Scores = {
        "l0": report.l0,
        "fvu": report.fvu,
        "gamma": report.gamma,
        "dead": report.dead,
        "recall": found.recall,
        "precision": found.precision,
        "mmcs": mean_max_cosine(sae.W_dec, data.directions).item(),
        "active": [n_active[n_true == n].double().mean().item() for n in TRUE_COUNTS],
        "correlation": torch.corrcoef(torch.stack([n_true, n_active]).double())[0, 1].item(),
    }
    if isinstance(sae, ch09.TopKSAE):
        scores["fvu_at_k"] = [fvu_at(sae, held_out.x, out.pre_acts, k) for k in KS]
    if isinstance(sae, ch09.JumpReLUSAE):
        known = found.cosine > MATCHED
        latent = found.latent[known]
        present, active = held_out.strengths[:, known] > 0, out.acts[:, latent] > 0
        scores["threshold"] = sae.threshold[latent].median().item()
        scores["detected"] = (present & active).sum().item() / present.sum().item()
    return scores


def fvu_at(sae: AbstractSAE, x: Tensor, pre_acts: Tensor, k: int) -> float:
    """Compute the error with another number of active latents."""
    return fraction_unexplained(x, sae.decode(keep_largest(pre_acts, k))).item()


def collect(measured: Measured, name: str, key: str) -> Tensor:
    """Collect one score, [seed, level] or [seed, level, ...]."""
    return torch.tensor([[scores[key] for scores in run] for run in measured[name]])


def figure_sources(*scripts: str) -> list[Path | str]:
    """List what a figure depends on: its scripts, this file, the code of chapter 9."""
    own = [path for path in SOURCES if path.parent.name == "ch09_sparsity"]
    return [*scripts, __file__, *own]
