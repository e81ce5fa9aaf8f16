"""Planted features of falling frequency, and TopK SAEs of four widths: how does the error fall?"""

import torch
import torch.nn.functional as F
from torch import Tensor

from docs._figures.lib.cached_steps import CachedSteps
from docs._figures.sparsity.variants import SAE_SEED, SOURCES, RandomDictionary
from solutions.ch08_saes.metrics import fraction_unexplained
from solutions.ch08_saes.train import SAETrainConfig, train_saes
from solutions.ch09_sparsity import TopKSAE

SEEDS = (0, 1, 2)
WIDTHS = (32, 64, 128, 256)
N_FEATURES, D_IN, K, MEAN_ACTIVE = 512, 64, 4, 4.0
STEPS, HELD_OUT, BATCH = 500, 10_000, 256
CONTROL = "random dictionary"


class ZipfFeatures:
    """Feature i is active with a probability proportional to 1 / i, at most .5."""

    def __init__(self, seed: int) -> None:
        generator = torch.Generator().manual_seed(seed)
        self.directions = F.normalize(torch.randn(N_FEATURES, D_IN, generator=generator), dim=-1)
        weight = 1 / torch.arange(1, N_FEATURES + 1)
        self.probability = (MEAN_ACTIVE * weight / weight.sum()).clamp(max=0.5)
        self.seed = seed

    def sample(self, batch: int, generator: torch.Generator) -> Tensor:
        """Draw activations, [batch, d_in]."""
        present = torch.rand(batch, N_FEATURES, generator=generator) < self.probability
        strengths = 0.5 + torch.rand(batch, N_FEATURES, generator=generator)
        return (present * strengths) @ self.directions

    def batch(self, step: int) -> Tensor:
        """Draw the training batch of a step."""
        generator = torch.Generator().manual_seed(1_000_003 * (self.seed + 1) + step)
        return self.sample(BATCH, generator)


def measure_all() -> dict[str, Tensor]:
    """Return variant -> FVU, [seed, width]."""
    torch.set_num_threads(1)
    names = ("trained", CONTROL)
    runs = [(name, seed, width) for name in names for seed in SEEDS for width in WIDTHS]
    given = [N_FEATURES, D_IN, K, MEAN_ACTIVE, STEPS, HELD_OUT, BATCH, SAE_SEED]
    steps = CachedSteps("ch09_widths", len(runs), given, [__file__, *SOURCES])
    errors = [
        steps(f"{name} {width} {seed}", lambda: measure(name, width, seed))
        for name, seed, width in runs
    ]
    by_name = torch.tensor(errors).view(len(names), len(SEEDS), len(WIDTHS))
    return dict(zip(names, by_name, strict=True))


def measure(name: str, width: int, seed: int) -> float:
    """Train one SAE, and return its error on new inputs."""
    data = ZipfFeatures(seed)
    kind = TopKSAE if name == "trained" else RandomDictionary
    sae = kind(D_IN, width, K, SAE_SEED + seed)
    config = SAETrainConfig(STEPS, lr=4e-3, lr_decay=150, seed=seed)
    for _ in train_saes({name: sae}, data.batch, config):
        pass
    x = data.sample(HELD_OUT, torch.Generator().manual_seed(90 + seed))
    with torch.no_grad():
        return fraction_unexplained(x, sae(x).x_hat).item()
