"""Trains superposition_5: five features in two dimensions, four ways, in half a CPU minute.

1. Four tasks, which differ in how dense the features are and how much each one matters. 2. Sixteen
random starts of each, all in one batch. 3. Of each task keep the start with the lowest loss on
fresh data: a plane has many bad valleys.

Run it as `python -m toy_models train superposition_5`.
"""

import argparse
import json
from pathlib import Path

import torch
from einops import repeat
from jaxtyping import Int
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
from solutions.ch01_superposition.toy_model import reconstruction_loss
from toy_models.cache import cache_folder

N_FEATURES, D_HIDDEN, STARTS = 5, 2, 16

FALLING = [0.9**feature for feature in range(N_FEATURES)]
TASKS = ((0.05, FALLING), (1.0, FALLING), (0.3, FALLING), (0.6, [1.0, 1.0, 1.0, 0.01, 0.01]))
"""Of each instance: the probability of every feature, and the importance of each."""


def best_starts(
    model: ReluOutputToy, probability: Tensor, importance: Tensor, seed: int
) -> Int[Tensor, " task"]:
    """The instance of each task that makes the least of 20,000 fresh errors."""
    x = sparse_features(probability, 20_000, torch.Generator().manual_seed(seed))
    with torch.no_grad():
        losses = reconstruction_loss(model(x), x, importance)
    tasks = len(TASKS)
    return losses.view(STARTS, tasks).argmin(dim=0) * tasks + torch.arange(tasks)


def run(folder: Path, steps: int, seed: int) -> None:
    """Train all starts of all tasks, and save the best of each task."""
    probabilities = torch.tensor([[chance] * N_FEATURES for chance, _ in TASKS])
    importances = torch.tensor([costs for _, costs in TASKS])
    tile = "task n_features -> (start task) n_features"
    probability = repeat(probabilities, tile, start=STARTS)
    importance = repeat(importances, tile, start=STARTS)
    model = ReluOutputToy(ToyConfig(len(probability), N_FEATURES, D_HIDDEN), seed)
    config = ToyTrainConfig(steps, batch_size=512, lr=0.01, linear_decay=True, seed=seed)

    def draw(batch: int, generator: torch.Generator) -> Tensor:
        return sparse_features(probability, batch, generator)

    records = train(model, draw, importance, config)
    for _ in tqdm(records, total=steps, unit="step", disable=None):
        pass
    best = best_starts(model, probability, importance, seed + 1)
    sizes = {"n_inst": len(TASKS), "n_features": N_FEATURES, "d_hidden": D_HIDDEN}
    facts = {"probability": [chance for chance, _ in TASKS], "importance": importances.tolist()}
    write(folder, sizes | facts, {"W": model.W.detach()[best], "b": model.b.detach()[best]})


def write(folder: Path, config: dict, tensors: dict[str, Tensor]) -> None:
    """Save a toy's two files."""
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps({"architectures": ["ReluOutputToy"]} | config, indent=2)
    (folder / "config.json").write_text(text + "\n", encoding="utf-8")
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})


def main(arguments: list[str] | None = None) -> None:
    """Train and save."""
    parser = argparse.ArgumentParser(prog="python -m toy_models train superposition_5")
    parser.add_argument("--steps", type=int, default=3000, help="3000 take half a minute")
    parser.add_argument("--seed", type=int, default=0, help="of the first weights and the data")
    place = cache_folder() / "trained/superposition_5"
    parser.add_argument("--out", type=Path, default=place, help="folder to write to")
    chosen = parser.parse_args(arguments)
    torch.set_num_threads(1)  # so that the numbers are the same on every run of one machine
    run(chosen.out, chosen.steps, chosen.seed)
    print(f"saved in {chosen.out}")


if __name__ == "__main__":
    main()
