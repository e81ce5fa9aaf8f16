"""Train addition: a small model that adds two numbers below 50, pairs left out of training too.

1. A text is [a, b], two tokens. At b the model predicts the ones digit and the tens digit of the
   sum, each among ten tokens of its own.
2. Train on four of five pairs; the others are held out.
3. Save in float16, and measure what was saved.

`python -m toy_models train addition` takes about half a minute of one core. `--seed` trains the
models in seed_1 and seed_2.
"""

from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor
from tqdm import tqdm

from solutions.ch02_transformer import (
    GPT2,
    HookedTransformer,
    TransformerConfig,
    load_pretrained,
    save_model,
)
from solutions.ch02_transformer.fit import fit
from solutions.ch02_transformer.layers import Unembed
from solutions.ch02_transformer.train import TrainConfig
from toy_models.recipes.files import recipe_parser, start_run, use_one_thread

N_NUMBERS = 50
FIRST_ONES, FIRST_TENS = N_NUMBERS, N_NUMBERS + 10
HELD_OUT = 5
"""One pair in so many is held out."""
CONFIG = TransformerConfig(
    n_layers=2,
    d_model=64,
    n_heads=2,
    d_head=16,
    d_mlp=128,
    d_vocab=FIRST_TENS + 10,
    n_ctx=2,
    activation="relu",
)
PARTS = replace(GPT2, unembed=Unembed)


class Pairs(NamedTuple):
    """All pairs of numbers, and which are held out."""

    tokens: Int[Tensor, "pair 2"]
    """The numbers, which are their own tokens."""
    digits: Int[Tensor, "pair 2"]
    """Ones and tens digit of the sum."""
    held_out: Bool[Tensor, " pair"]
    """Whether training leaves the pair out."""


def all_pairs() -> Pairs:
    """List all pairs; the same ones are held out for every seed."""
    numbers = torch.arange(N_NUMBERS)
    tokens = torch.cartesian_prod(numbers, numbers)
    total = tokens.sum(dim=1)
    order = torch.randperm(len(tokens), generator=torch.Generator().manual_seed(0))
    digits = torch.stack([total % 10, total // 10], dim=1)
    return Pairs(tokens, digits, order < len(tokens) // HELD_OUT)


def settings(seed: int) -> TrainConfig:
    """Make the hyperparameters of every seed; `window` has no effect."""
    return TrainConfig(
        steps=1_000,
        batch_size=1_024,
        window=2,
        lr=3e-3,
        warmup=50,
        weight_decay=0.3,
        betas=(0.9, 0.98),
        seed=seed,
    )


def digit_logits(
    logits: Float[Tensor, "pair 2 d_vocab"],
) -> tuple[Float[Tensor, "pair 10"], Float[Tensor, "pair 10"]]:
    """Return the logits of the ones digit and of the tens digit."""
    last = logits[:, -1]
    return last[:, FIRST_ONES:FIRST_TENS], last[:, FIRST_TENS:]


@torch.no_grad()
def accuracy(
    model: HookedTransformer, pairs: Pairs, chosen: Bool[Tensor, " pair"]
) -> tuple[float, float]:
    """Compute the accuracy of the ones digit and of the tens digit on some pairs."""
    found = digit_logits(model(pairs.tokens[chosen]))
    right = [part.argmax(dim=1) == pairs.digits[chosen, place] for place, part in enumerate(found)]
    ones, tens = (one.double().mean().item() for one in right)
    return ones, tens


def train_toy(folder: Path, config: TrainConfig) -> HookedTransformer:
    """Train one model, save it rounded to float16, and return what was saved."""
    model, pairs = HookedTransformer(CONFIG, PARTS, config.seed), all_pairs()
    tokens, digits = pairs.tokens[~pairs.held_out], pairs.digits[~pairs.held_out]

    def loss_fn(step: int, generator: torch.Generator) -> Float[Tensor, ""]:
        del step
        picked = torch.randint(len(tokens), (config.batch_size,), generator=generator)
        ones, tens = digit_logits(model(tokens[picked]))
        wanted = digits[picked]
        return F.cross_entropy(ones, wanted[:, 0]) + F.cross_entropy(tens, wanted[:, 1])

    with tqdm(total=config.steps, unit="step", disable=None) as bar:
        for record in fit(model, loss_fn, config):
            bar.update()
            bar.set_postfix_str(f"loss {record.loss:.4f}", refresh=False)
    save_model(model.half(), folder)
    return load_pretrained(folder)[0]


def report(model: HookedTransformer) -> dict[str, float]:
    """Measure the accuracy of both digits on training and on held-out pairs."""
    pairs = all_pairs()
    scores: dict[str, float] = {}
    for name, chosen in (("training", ~pairs.held_out), ("held-out", pairs.held_out)):
        ones, tens = accuracy(model, pairs, chosen)
        scores |= {f"{name} accuracy, ones": ones, f"{name} accuracy, tens": tens}
    return scores


def main(arguments: list[str] | None = None) -> None:
    """Train one model."""
    chosen = recipe_parser("addition").parse_args(arguments)
    use_one_thread()
    finished = start_run(chosen)
    config = settings(chosen.seed)
    model = load_pretrained(chosen.out)[0] if finished else train_toy(chosen.out, config)
    for name, value in report(model).items():
        print(f"{name:30} {value:.4f}")
    print(f"saved in {chosen.out}")


if __name__ == "__main__":
    main()
