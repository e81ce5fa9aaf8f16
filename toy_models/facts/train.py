"""Trains facts: a small model that knows 320 facts by heart, to trace and to edit.

1. Draw the world (`solutions.ch05_patching.fact_world`), the same for every seed. 2. Train on questions
about it. 3. Save in float16, and measure what was saved.

`python -m toy_models train facts` takes about half a minute of one core. `--seed` makes the other
models, which lie in seed_1 and seed_2.
"""

import argparse
from pathlib import Path

import torch
from tqdm import tqdm

from solutions.ch02_transformer import HookedTransformer, load_pretrained, save_model
from solutions.ch02_transformer.train import TrainConfig
from solutions.ch05_patching.fact_world import accuracy, draw, fact_model, learn, world
from toy_models.cache import cache_folder


def settings(seed: int) -> TrainConfig:
    """How every seed is trained; the window says only that prompts are not cut out of a text."""
    return TrainConfig(
        steps=1_000,
        batch_size=128,
        window=2,
        lr=3e-3,
        weight_decay=0.1,
        betas=(0.9, 0.98),
        seed=seed,
    )


def make(folder: Path, config: TrainConfig) -> HookedTransformer:
    """Train one model, save it rounded to float16, and return what was saved."""
    model = fact_model(config.seed)
    with tqdm(total=config.steps, unit="step", disable=None) as bar:
        for loss in learn(model, world(), config):
            bar.update()
            bar.set_postfix_str(f"loss {loss:.4f}", refresh=False)
    save_model(model.half(), folder)
    return load_pretrained(folder)[0]


def report(model: HookedTransformer) -> dict[str, float]:
    """Share of right answers on 2,000 random questions, by length of the prefix."""
    facts, generator = world(), torch.Generator().manual_seed(5)
    return {
        f"accuracy, prefix of {length}": accuracy(model, draw(facts, 500, generator, length))
        for length in (1, 2, 3, 4)
    }


def main(arguments: list[str] | None = None) -> None:
    """Make one model."""
    parser = argparse.ArgumentParser(prog="python -m toy_models train facts")
    add = parser.add_argument
    add("--seed", type=int, default=0, help="of the first weights and of the questions")
    add("--out", type=Path, default=cache_folder() / "trained/facts", help="folder to write to")
    chosen = parser.parse_args(arguments)
    torch.set_num_threads(1)  # so that the numbers are the same on every run of one machine
    print(report(make(chosen.out, settings(chosen.seed))))
    print(f"saved in {chosen.out}")


if __name__ == "__main__":
    main()
