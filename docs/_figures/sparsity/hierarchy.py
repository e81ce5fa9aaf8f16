"""Planted parents with children: does the latent of a parent fire where a child is present?"""

from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from docs._figures.lib.cached_steps import CachedSteps
from docs._figures.sparsity.variants import SOURCES
from solutions.ch08_saes.metrics import cosines, fraction_unexplained, l0
from solutions.ch08_saes.train import SAETrainConfig, train_saes
from solutions.ch09_sparsity import BatchTopKSAE, MatryoshkaSAE, fit_threshold
from solutions.ch09_sparsity.absorption import absorbed_fraction, best_detector

SEEDS = (0, 1, 2)
N_PARENTS, N_CHILDREN, D_IN, D_SAE = 8, 4, 48, 64
PREFIXES = (8, 24, 64)
PARENT, CHILD, WEAKEST, STRONGEST = 0.25, 0.75, 0.8, 1.2
KS = (3,)
SAE_SEED = 1000
STEPS, HELD_OUT, BATCH = 600, 10_000, 256
VARIANTS = ("BatchTopK", "Matryoshka", "untrained")


class Family(NamedTuple):
    """Activations, and what is in them."""

    x: Tensor
    """[batch, d_in]."""
    parents: Tensor
    """[batch, parent]."""
    children: Tensor
    """[batch, parent, child]: at most one of a parent, and only where the parent is present."""


class Hierarchy:
    """Parents, present independently; with each present parent at most one of its children."""

    def __init__(self, seed: int) -> None:
        generator = torch.Generator().manual_seed(seed)
        rows = N_PARENTS * (1 + N_CHILDREN)
        self.directions = F.normalize(torch.randn(rows, D_IN, generator=generator), dim=-1)
        self.seed = seed

    def sample(self, batch: int, generator: torch.Generator) -> Family:
        """Draw activations."""
        parents = torch.rand(batch, N_PARENTS, generator=generator) < PARENT
        has_child = parents & (torch.rand(batch, N_PARENTS, generator=generator) < CHILD)
        which = torch.randint(N_CHILDREN, (batch, N_PARENTS), generator=generator)
        children = has_child[..., None] & F.one_hot(which, N_CHILDREN).bool()
        present = torch.cat([parents, children.flatten(1)], dim=1)
        uniform = torch.rand(present.shape, generator=generator)
        strengths = present * (WEAKEST + (STRONGEST - WEAKEST) * uniform)
        return Family(strengths @ self.directions, parents, children)

    def batch(self, step: int) -> Tensor:
        """Draw the training batch of a step."""
        generator = torch.Generator().manual_seed(1_000_003 * (self.seed + 1) + step)
        return self.sample(BATCH, generator).x


def measure_all() -> dict[str, list[list[dict[str, Any]]]]:
    """Return variant -> seed -> k -> scores; each run is cached."""
    torch.set_num_threads(1)
    runs = [(seed, name, k) for seed in SEEDS for name in VARIANTS for k in KS]
    settings = [N_PARENTS, N_CHILDREN, D_IN, D_SAE, PREFIXES, PARENT, CHILD, WEAKEST, STRONGEST]
    given = [*settings, SAE_SEED, STEPS, HELD_OUT, BATCH]
    steps = CachedSteps("ch09_hierarchy", len(runs), given, [__file__, *SOURCES])
    measured: dict[str, list[list[dict[str, Any]]]] = {n: [[] for _ in SEEDS] for n in VARIANTS}
    for seed, name, k in runs:
        scores = steps(f"{name} {k} {seed}", lambda: measure(name, k, seed))
        measured[name][SEEDS.index(seed)].append(scores)
    return measured


def measure(name: str, k: int, seed: int) -> dict[str, Any]:
    """Train one SAE and score it on new inputs."""
    data = Hierarchy(seed)
    sae = BatchTopKSAE(D_IN, D_SAE, k, SAE_SEED + seed)
    if name == "Matryoshka":
        sae = MatryoshkaSAE(D_IN, D_SAE, k, PREFIXES, SAE_SEED + seed)
    if name != "untrained":
        config = SAETrainConfig(STEPS, lr=3e-3, lr_decay=250, seed=seed)
        for _ in train_saes({name: sae}, data.batch, config):
            pass
    fit_threshold(sae, (data.batch(STEPS + i) for i in range(20)))
    return score(sae.eval(), data, data.sample(HELD_OUT, torch.Generator().manual_seed(90 + seed)))


@torch.no_grad()
def score(sae: BatchTopKSAE, data: Hierarchy, family: Family) -> dict[str, Any]:
    """Score the latents of all parents, and the error."""
    out = sae(family.x)
    absorbed, recalls, precisions, similar = [], [], [], []
    for parent in range(N_PARENTS):
        children = family.children[:, parent]
        absorbed.append(absorbed_fraction(out.acts, family.parents[:, parent], children))
        keep = ~children.any(dim=1)
        found = best_detector(out.acts[keep], family.parents[keep, parent])
        with_child = out.acts[children.any(dim=1), found.latent] > 0
        recalls.append(with_child.double().mean().item())
        precisions.append(found.precision)
        row = sae.W_dec[found.latent][None]
        similar.append(cosines(data.directions[parent][None], row).item())
    return {
        "absorbed": torch.stack(absorbed).tolist(),
        "recall": recalls,
        "precision": precisions,
        "cosine": similar,
        "fvu": fraction_unexplained(family.x, out.x_hat).item(),
        "l0": l0(out.acts).item(),
    }
