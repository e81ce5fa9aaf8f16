"""Train facts: a small model that memorises 320 facts, to trace and to edit.

1. Draw the world (`solutions.ch05_patching.fact_world`), the same for every seed.
2. Train on questions about it.
3. Save in float16, and measure what was saved.

`python -m toy_models train facts` takes about half a minute of one core. `--seed` trains the models
in seed_1 and seed_2.
"""

from pathlib import Path

import torch
from tqdm import tqdm

from solutions.ch02_transformer import HookedTransformer, load_pretrained, save_model
from solutions.ch02_transformer.train import TrainConfig
from solutions.ch05_patching.fact_world import (
    accuracy,
    fact_model,
    make_world,
    sample_prompts,
    train_on_facts,
)
from toy_models.recipes.files import recipe_parser, start_run, use_one_thread


def settings(seed: int) -> TrainConfig:
    """Make the hyperparameters of every seed; `window` has no effect, as prompts are not cut."""
    return TrainConfig(
        steps=1_000,
        batch_size=128,
        window=2,
        lr=3e-3,
        weight_decay=0.1,
        betas=(0.9, 0.98),
        seed=seed,
    )


def train_toy(folder: Path, config: TrainConfig) -> HookedTransformer:
    """Train one model, save it rounded to float16, and return what was saved."""
    model = fact_model(config.seed)
    with tqdm(total=config.steps, unit="step", disable=None) as bar:
        for loss in train_on_facts(model, make_world(), config):
            bar.update()
            bar.set_postfix_str(f"loss {loss:.4f}", refresh=False)
    save_model(model.half(), folder)
    return load_pretrained(folder)[0]


def report(model: HookedTransformer) -> dict[str, float]:
    """Measure the accuracy on 2,000 random questions, by length of the prefix."""
    facts, generator = make_world(), torch.Generator().manual_seed(5)
    return {
        f"accuracy, prefix of {length}": accuracy(
            model, sample_prompts(facts, 500, generator, length)
        )
        for length in (1, 2, 3, 4)
    }


def main(arguments: list[str] | None = None) -> None:
    """Train one model."""
    chosen = recipe_parser("facts").parse_args(arguments)
    use_one_thread()
    model = load_pretrained(chosen.out)[0] if start_run(chosen) else None
    print(report(model or train_toy(chosen.out, settings(chosen.seed))))
    print(f"saved in {chosen.out}")


if __name__ == "__main__":
    main()
