"""Trains superposition_20: twenty features in five dimensions, in ten CPU seconds.

1. Every feature is on with probability .02; feature i matters .7^i as much as feature 0.
2. Sixteen random starts in one batch. 3. Keep the one with the lowest loss over the last thousand
steps.

Run it as `python -m toy_models train superposition_20`.
"""

import argparse
import json
from collections import deque
from pathlib import Path

import torch
from safetensors.torch import save_file
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
from toy_models.cache import cache_folder

N_FEATURES, D_HIDDEN, STARTS = 20, 5, 16
PROBABILITY, DECAY = 0.02, 0.7
SEED = 9
"""Of ten seeds the one whose best start answers most clearly with whom feature 7 shares."""


def run(folder: Path, steps: int, seed: int) -> None:
    """Train all starts, and save the best."""
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
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps(facts, indent=2)
    (folder / "config.json").write_text(text + "\n", encoding="utf-8")
    tensors = {"W": model.W.detach()[best][None], "b": model.b.detach()[best][None]}
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})


def main(arguments: list[str] | None = None) -> None:
    """Train and save."""
    parser = argparse.ArgumentParser(prog="python -m toy_models train superposition_20")
    parser.add_argument("--steps", type=int, default=3000, help="3000 take ten seconds")
    parser.add_argument("--seed", type=int, default=SEED, help="of the first weights and the data")
    place = cache_folder() / "trained/superposition_20"
    parser.add_argument("--out", type=Path, default=place, help="folder to write to")
    chosen = parser.parse_args(arguments)
    torch.set_num_threads(1)  # so that the numbers are the same on every run of one machine
    run(chosen.out, chosen.steps, chosen.seed)
    print(f"saved in {chosen.out}")


if __name__ == "__main__":
    main()
