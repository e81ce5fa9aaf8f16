"""Colour two reviews by four gradient methods, for a trained and a random model."""

import numpy as np
import torch
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

import toy_models
from docs._figures.lib.plotting import publish
from docs._figures.lib.theme import colour_scale, text_colour_on
from solutions.ch00_looking.saliency import (
    gradient_times_input,
    input_gradient,
    integrated_gradients,
    logit_score,
    per_token,
    smooth_grad,
)
from solutions.ch00_looking.sentiment_data import TOKEN, Reviews, draw_reviews, to_str_tokens
from solutions.ch00_looking.sentiment_model import SentimentModel
from solutions.ch00_looking.train import SHORTCUT, train_sentiment_model

SEEDS = (10, 11, 12, 13, 14)
METHODS = ("gradient norm", "gradient x input", "integrated gradients", "SmoothGrad x input")
N_REVIEWS, STEPS, NOISE, N_SAMPLES = 2000, 32, 0.3, 16
EXAMPLES = (
    "pizzeria superb plate fresh stale bill anyway [up]",
    "[down] thriller awful script dull witty ending /s",
)


def attributions(model: SentimentModel, tokens: Tensor) -> Float[Tensor, "method batch pos"]:
    """Attribute the logit score of the predicted class to tokens, by each of METHODS."""
    embedded = model.embed(tokens)
    score = logit_score(model, model.predict(tokens))
    # baseline: the mean token vector of many reviews
    many = draw_reviews(N_REVIEWS, torch.Generator().manual_seed(0)).tokens
    baseline = model.embed(many).mean(dim=(0, 1)).expand_as(embedded)
    smooth = smooth_grad(score, embedded, NOISE, N_SAMPLES, torch.Generator().manual_seed(0))
    by_entry = (
        gradient_times_input(score, embedded),
        integrated_gradients(score, embedded, baseline, STEPS),
        smooth * embedded,
    )
    norm = input_gradient(score, embedded).norm(dim=-1)
    return torch.stack([norm, *map(per_token, by_entry)])


def mark_is_largest(model: SentimentModel, reviews: Reviews) -> list[float]:
    """Measure, per method, how often the mark has the largest attribution by absolute value."""
    sizes = attributions(model, reviews.tokens).abs()
    is_mark = reviews.tokens >= TOKEN["[down]"]
    # the margin excludes ties: the norm is the same for all tokens
    others = sizes.masked_fill(is_mark, -1).amax(dim=-1) * (1 + 1e-4)
    own = sizes.masked_fill(~is_mark, -1).amax(dim=-1)
    return (own > others).double().mean(dim=-1).tolist()


def all_neurons_off(model: SentimentModel) -> float:
    """Measure the fraction of ironic reviews on which every ReLU neuron is zero."""
    reviews = draw_reviews(N_REVIEWS, torch.Generator().manual_seed(2), irony=1.0)
    hidden = model.hidden(model.pool(model.embed(reviews.tokens)))
    return (hidden.amax(dim=-1) == 0).double().mean().item()


def show(axes: Axes, values: np.ndarray, words: list[str], title: str) -> None:
    """Colour the words of a review, one row per method, scaled to the row's largest value."""
    largest = np.abs(values).max(axis=1, keepdims=True)
    values = values / np.where(largest == 0, 1, largest)  # a row of zeros stays uncoloured
    scale, colours = colour_scale(np.array([-1.0, 1.0]), diverging=True)
    axes.imshow(values, cmap=colours, norm=scale, aspect="auto")
    for (row, column), value in np.ndenumerate(values):
        colour = text_colour_on(colours(scale(value)))
        axes.text(column, row, words[column], color=colour, ha="center", va="center", fontsize=8)
    axes.set(yticks=range(len(METHODS)), yticklabels=METHODS, xticks=[])
    axes.set_title(title, loc="left", fontsize=9.5)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)


def draw(figure: Figure, tokens: Tensor, models: dict[str, SentimentModel]) -> None:
    """Draw each review once per model, with the predicted class in the title."""
    panels = iter(figure.subplots(len(tokens) * len(models), 1))
    for index, review in enumerate(tokens):
        for name, model in models.items():
            word = ("bad", "good")[int(model.predict(review[None]))]
            values = attributions(model, tokens)[:, index].detach().numpy()
            title = f"review {index + 1}, {name}: predicted {word}"
            show(next(panels), values, to_str_tokens(review), title)


def main() -> None:
    """Colour two reviews; measure many reviews with five trained and five random models."""
    toy = toy_models.load("shortcut")
    shipped, random = (
        SentimentModel.from_tensors(toy.config, toy.tensors),
        SentimentModel(SHORTCUT, seed=0),
    )
    models = {"trained": shipped, "random weights": random}
    tokens = torch.tensor([[TOKEN[word] for word in review.split()] for review in EXAMPLES])
    reviews = draw_reviews(N_REVIEWS, torch.Generator().manual_seed(1))
    first = {
        "trained": [mark_is_largest(train_sentiment_model(seed), reviews) for seed in SEEDS],
        "random weights": [
            mark_is_largest(SentimentModel(SHORTCUT, seed), reviews) for seed in SEEDS
        ],
    }
    means = {name: np.mean(values, axis=0) for name, values in first.items()}
    publish(
        "ch00_saliency",
        lambda figure: draw(figure, tokens, models),
        alt="The words of two reviews, coloured by four methods. In the plain review three of the "
        "four methods colour the mark most strongly; the gradient norm is the same for every word. "
        "In the ironic review the gradient is zero; integrated gradients colour the mark against "
        "the prediction and /s for it. With random weights the colours look as definite.",
        numbers={
            "methods": METHODS,
            "mark_is_largest": first,
            "means": means,
            "examples": EXAMPLES,
            "shown": {name: attributions(model, tokens) for name, model in models.items()},
            "neurons_on": shipped.hidden(shipped.pool(shipped.embed(tokens))).gt(0).sum(dim=-1),
            "ironic_with_no_neuron_on": {
                "shipped": all_neurons_off(shipped),
                "fresh": [all_neurons_off(train_sentiment_model(seed)) for seed in SEEDS],
            },
            "n_reviews": N_REVIEWS,
        },
        seeds=SEEDS,
        sources=[__file__],
        size=(7.0, 6.6),
    )


if __name__ == "__main__":
    main()
