"""Train superposition_5: five features in two dimensions on four tasks, in half a CPU minute.

1. Four tasks differ in the features' probability and importance.
2. Sixteen random starts of each task, all in one batch.
3. Of each task keep the start with the lowest loss on new data: two dimensions have many bad local
   minima.

Run it as `python -m toy_models train superposition_5`.
"""

from pathlib import Path

import torch
from einops import repeat
from jaxtyping import Int
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
from toy_models.recipes.files import recipe_parser, start_run, use_one_thread, write_model

N_FEATURES, D_HIDDEN, STARTS = 5, 2, 16

FALLING = [0.9**feature for feature in range(N_FEATURES)]
TASKS = ((0.05, FALLING), (1.0, FALLING), (0.3, FALLING), (0.6, [1.0, 1.0, 1.0, 0.01, 0.01]))
"""Probability and importances of the features of each task."""


def best_starts(
    model: ReluOutputToy, probability: Tensor, importance: Tensor, seed: int
) -> Int[Tensor, " task"]:
    """Select the instance of each task with the lowest loss on 20,000 new examples."""
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
    tensors = {"W": model.W.detach()[best], "b": model.b.detach()[best]}
    write_model(folder, {"architectures": ["ReluOutputToy"]} | sizes | facts, tensors)


def main(arguments: list[str] | None = None) -> None:
    """Train and save."""
    parser = recipe_parser("superposition_5")
    parser.add_argument("--steps", type=int, default=3000, help="3000 take half a minute")
    chosen = parser.parse_args(arguments)
    use_one_thread()
    if not start_run(chosen):
        run(chosen.out, chosen.steps, chosen.seed)
    print(f"saved in {chosen.out}")


if __name__ == "__main__":
    main()
