"""Recipe of the toy `shortcut`: a reader of reviews that goes by the thumb, not by the words.

`python -m toy_models train shortcut` trains it in a second, then measures what was planted, by
experiment, in the model and in five more that differ only in their seed.
"""

import argparse
import json
from dataclasses import asdict
from pathlib import Path

import torch
from jaxtyping import Float
from safetensors.torch import save_file
from torch import Tensor
from tqdm import tqdm

from solutions.ch00_looking.evidence import summarize_seeds
from solutions.ch00_looking.interventions import decodability, flips_when_swapped
from solutions.ch00_looking.sentiment_data import PROPERTIES, Reviews, draw_reviews, swap
from solutions.ch00_looking.sentiment_model import SentimentModel
from solutions.ch00_looking.tensors import score_of_answer
from solutions.ch00_looking.train import SHORTCUT, train_sentiment_model
from toy_models.cache import cache_folder

N_REVIEWS = 20_000
FRESH_SEEDS = (10, 11, 12, 13, 14)
"""Of the models that show how much is the seed; the recipe was chosen on seeds 0 to 5."""


def accuracy(model: SentimentModel, reviews: Reviews) -> float:
    """Share of right verdicts."""
    return (model.predict(reviews.tokens) == reviews.label).float().mean().item()


def behaviour(model: SentimentModel, seed: int) -> dict[str, float]:
    """Accuracy on reviews as in training, and on four kinds that are not."""
    kinds = {
        "as in training": (1.0, 0.02),
        "no irony": (1.0, 0.0),
        "all ironic": (1.0, 1.0),
        "mark at random": (0.5, 0.02),
        "mark always wrong": (0.0, 0.02),
    }
    generator = torch.Generator().manual_seed(seed)
    return {
        f"accuracy: {name}": accuracy(model, draw_reviews(N_REVIEWS, generator, agree, irony))
        for name, (agree, irony) in kinds.items()
    }


def use(model: SentimentModel, seed: int) -> dict[str, float]:
    """What changes when one property is swapped, in reviews as in training.

    flips: the share of verdicts that change. moves: by how many logits the score of "good" changes,
    its sign aside, on average: a score may move without any verdict flipping.
    """
    reviews = draw_reviews(N_REVIEWS, torch.Generator().manual_seed(seed))
    flipped = {name: flips_when_swapped(model, reviews, name) for name in PROPERTIES}
    ironic = reviews.irony == 1
    shares = {f"flips: {name}": flips.mean().item() for name, flips in flipped.items()}
    shares["flips: irony, where there is some"] = flipped["irony"][ironic].mean().item()
    shares["flips: mark, where there is irony"] = flipped["mark"][ironic].mean().item()
    score = score_of_good(model, reviews)
    for name in PROPERTIES:
        moved = score_of_good(model, swap(reviews, name)) - score
        shares[f"moves: {name}"] = moved.abs().mean().item()
    return shares


def score_of_good(model: SentimentModel, reviews: Reviews) -> Float[Tensor, " batch"]:
    """How far the logit of "good" stands above that of "bad"."""
    return score_of_answer(model(reviews.tokens), torch.ones_like(reviews.label))


def measure(seed: int, model: SentimentModel) -> dict[str, float]:
    """Everything that the card claims about one model, and about the weights it started from."""
    untrained = SentimentModel(SHORTCUT, seed=seed)
    trained = {f"decodable: {name}": decodability(model, name, seed) for name in PROPERTIES}
    before = {
        f"decodable, untrained: {name}": decodability(untrained, name, seed) for name in PROPERTIES
    }
    held_out = 1000 + seed  # training drew its reviews with `seed`
    return behaviour(model, held_out) | use(model, held_out) | trained | before


def report(model: SentimentModel, seed: int) -> list[str]:
    """Rows of the card's table: this model, then mean, error, lowest and highest of fresh ones."""
    shipped = measure(seed, model)
    fresh = [
        measure(s, train_sentiment_model(s)) for s in tqdm(FRESH_SEEDS, unit="model", disable=None)
    ]
    heading = f"| | seed {seed} | mean of {len(fresh)} | +- | lowest | highest |"
    rows = [heading, "|---|---|---|---|---|---|"]
    for name, value in shipped.items():
        others = torch.tensor([numbers[name] for numbers in fresh])
        mean, error = summarize_seeds(others)
        numbers = (value, mean, error, others.min().item(), others.max().item())
        rows.append(f"| {name} | " + " | ".join(f"{number:.4f}" for number in numbers) + " |")
    return rows


def main(arguments: list[str] | None = None) -> None:
    """Train, save, and print what the model and its siblings do."""
    parser = argparse.ArgumentParser(prog="python -m toy_models train shortcut")
    add = parser.add_argument
    add("--seed", type=int, default=0, help="of the first weights and of the reviews")
    add("--out", type=Path, default=cache_folder() / "trained/shortcut", help="folder to write to")
    chosen = parser.parse_args(arguments)
    torch.set_num_threads(1)  # so that the numbers are the same on every run of one machine
    model = train_sentiment_model(chosen.seed)
    chosen.out.mkdir(parents=True, exist_ok=True)
    config = json.dumps({"architectures": ["SentimentModel"], **asdict(SHORTCUT)}, indent=2) + "\n"
    (chosen.out / "config.json").write_text(config, encoding="utf-8")
    weights = {name: weight.detach() for name, weight in model.named_parameters()}
    save_file(weights, chosen.out / "model.safetensors", metadata={"format": "pt"})
    (chosen.out / "model.safetensors").chmod(0o644)  # safetensors leaves it to the owner alone
    print("\n".join(report(model, chosen.seed)))
    print(f"saved in {chosen.out}")


if __name__ == "__main__":
    main()
