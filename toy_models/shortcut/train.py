"""Train shortcut: a sentiment model that relies on the mark (a thumb), not on the words.

`python -m toy_models train shortcut` trains it in a second, then measures what was planted in this
model and in five more that differ only in their seed.
"""

from dataclasses import asdict

import torch
from jaxtyping import Float
from torch import Tensor
from tqdm import tqdm

from solutions.ch00_looking.evidence import summarize_seeds
from solutions.ch00_looking.interventions import decodability, flips_when_swapped
from solutions.ch00_looking.sentiment_data import PROPERTIES, Reviews, draw_reviews, swap
from solutions.ch00_looking.sentiment_model import SentimentModel
from solutions.ch00_looking.tensors import score_of_answer
from solutions.ch00_looking.train import SHORTCUT, train_sentiment_model
from toy_models.recipes.files import recipe_parser, start_run, use_one_thread, write_model

N_REVIEWS = 20_000
FRESH_SEEDS = (10, 11, 12, 13, 14)
"""Seeds of the models that show the variation over seeds; the recipe was chosen on seeds 0 to 5."""


def accuracy(model: SentimentModel, reviews: Reviews) -> float:
    """Compute the share of correct labels."""
    return (model.predict(reviews.tokens) == reviews.label).float().mean().item()


def behaviour(model: SentimentModel, seed: int) -> dict[str, float]:
    """Measure the accuracy on reviews as in training, and on four shifted distributions."""
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
    """Measure the effect of swapping one property, in reviews as in training.

    flips: share of labels that change. moves: mean absolute change of the logit difference for
    "good", which may be large without a label flipping.
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
    """Compute the logit difference of "good" and "bad"."""
    return score_of_answer(model(reviews.tokens), torch.ones_like(reviews.label))


def measure(seed: int, model: SentimentModel) -> dict[str, float]:
    """Measure what the card claims of one model, and of its initial weights."""
    untrained = SentimentModel(SHORTCUT, seed=seed)
    trained = {f"decodable: {name}": decodability(model, name, seed) for name in PROPERTIES}
    before = {
        f"decodable, untrained: {name}": decodability(untrained, name, seed) for name in PROPERTIES
    }
    held_out = 1000 + seed  # training drew its reviews with `seed`
    return behaviour(model, held_out) | use(model, held_out) | trained | before


def report(model: SentimentModel, seed: int) -> list[str]:
    """Format the card's table: this model, then mean, error, lowest and highest of new seeds."""
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
    """Train, save, and print the measurements of this model and of new seeds."""
    chosen = recipe_parser("shortcut").parse_args(arguments)
    use_one_thread()
    start_run(chosen)  # training takes a second, so a finished run is trained again too
    model = train_sentiment_model(chosen.seed)
    weights = {name: weight.detach() for name, weight in model.named_parameters()}
    write_model(chosen.out, {"architectures": ["SentimentModel"], **asdict(SHORTCUT)}, weights)
    print("\n".join(report(model, chosen.seed)))
    print(f"saved in {chosen.out}")


if __name__ == "__main__":
    main()
