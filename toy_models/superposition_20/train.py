"""Train superposition_20: twenty features in five dimensions, in ten CPU seconds.

1. Every feature is on with probability .02; feature i has importance .7^i.
2. Sixteen random starts in one batch.
3. Keep the one with the lowest loss over the last thousand steps.

Run it as `python -m toy_models train superposition_20`.
"""

from collections import deque
from pathlib import Path

import torch
from torch import Tensor
from tqdm import tqdm

from solutions.ch01_superposition import (
    ReluOutputToy,
    ToyConfig,
    ToyTrainConfig,
    sparse_features,
    train,
)
from solutions.ch01_superposition.data import importance_schedule
from toy_models.recipes.files import recipe_parser, start_run, use_one_thread, write_model

N_FEATURES, D_HIDDEN, STARTS = 20, 5, 16
PROBABILITY, DECAY = 0.02, 0.7
SEED = 9
"""The one of ten seeds whose best start shows most clearly with which features 7 shares."""


def run(folder: Path, steps: int, seed: int) -> None:
    """Train all starts, and save the best one."""
    probability = torch.full((STARTS, N_FEATURES), PROBABILITY)
    importance = importance_schedule(N_FEATURES, DECAY)
    model = ReluOutputToy(ToyConfig(STARTS, N_FEATURES, D_HIDDEN), seed)
    config = ToyTrainConfig(steps, batch_size=512, lr=0.01, linear_decay=True, seed=seed)

    def draw(batch: int, generator: torch.Generator) -> Tensor:
        return sparse_features(probability, batch, generator)

    records = train(model, draw, importance.expand(STARTS, N_FEATURES), config)
    last = deque(tqdm(records, total=steps, unit="step", disable=None), maxlen=1000)
    best = torch.stack([record.losses for record in last]).mean(dim=0).argmin()
    facts = {
        "architectures": ["ReluOutputToy"],
        "n_inst": 1,
        "n_features": N_FEATURES,
        "d_hidden": D_HIDDEN,
        "probability": [PROBABILITY],
        "importance": [importance.tolist()],
    }
    tensors = {"W": model.W.detach()[best][None], "b": model.b.detach()[best][None]}
    write_model(folder, facts, tensors)


def main(arguments: list[str] | None = None) -> None:
    """Train and save."""
    parser = recipe_parser("superposition_20", SEED)
    parser.add_argument("--steps", type=int, default=3000, help="3000 take ten seconds")
    chosen = parser.parse_args(arguments)
    use_one_thread()
    if not start_run(chosen):
        run(chosen.out, chosen.steps, chosen.seed)
    print(f"saved in {chosen.out}")


if __name__ == "__main__":
    main()
