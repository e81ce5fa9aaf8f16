"""Graders of answers.toml: which properties the toy `shortcut` encodes, and which it uses.

Each answer is compared with an experiment on the model: a hyperplane is fitted to its averages, or
a property is swapped in its input and the predictions are compared.
"""

import functools
from types import SimpleNamespace

import pytest
import torch

import toy_models
from tests.grading import exercise

PROPERTIES = ("mark", "topic", "irony", "order", "tone")
DECODABLE, USED = ("yes", "no"), ("always", "rarely", "never")
each_property = pytest.mark.parametrize("name", PROPERTIES)

#: (question, property, answer) -> what the answer misses
HINTS = {
    (
        "decodable",
        "topic",
        "no",
    ): "A property can be decodable although the model does not need it.",
    ("decodable", "irony", "no"): (
        "It is rare in training, but the probe is trained on balanced reviews, half of them ironic."
    ),
    ("decodable", "order", "yes"): "An average of vectors is the same in any order.",
    ("decodable", "tone", "yes"): (
        "Tone is mark XOR irony. Both are decodable, but an average adds them, and no hyperplane "
        "separates an XOR of two parts of a sum."
    ),
    ("used", "topic", "always"): (
        "A decodable property need not be used: a probe says nothing about causes."
    ),
    ("used", "irony", "never"): "Look at the ironic reviews, not at the average.",
    ("used", "irony", "always"): "Look at all reviews, most of which have no irony to remove.",
    ("used", "tone", "never"): (
        "A property that no linear probe decodes can still be used: the neurons after the average "
        "can compute it."
    ),
}


@functools.cache
def weights():
    """The toy's tensors in float64."""
    tensors = toy_models.load("shortcut").tensors
    return SimpleNamespace(**{name: tensor.double() for name, tensor in tensors.items()})


def averages(tokens):
    return weights().W_E[tokens].mean(1)


def predictions(tokens):
    hidden = (averages(tokens) @ weights().W_in + weights().b_in).relu()
    return (hidden @ weights().W_out + weights().b_out).argmax(1)


def accuracy_of_a_hyperplane(sentiment_data, name):
    """Accuracy on one half of balanced reviews of the best hyperplane for the other half."""
    generator = torch.Generator().manual_seed(5)
    drawn = sentiment_data.draw_reviews(4000, generator, agree=0.5, irony=0.5)
    acts, truth = averages(drawn.tokens), getattr(drawn, name).double()
    acts = torch.cat([acts, torch.ones(len(acts), 1, dtype=acts.dtype)], 1)
    plane = torch.linalg.lstsq(acts[:2000], 2 * truth[:2000, None] - 1).solution
    return ((acts[2000:] @ plane)[:, 0].gt(0) == truth[2000:].bool()).double().mean().item()


def flips(sentiment_data, name):
    """Fractions of predictions that flip by a swap: of all, and of those that the swap changes."""
    drawn = sentiment_data.draw_reviews(8000, torch.Generator().manual_seed(6))
    other = sentiment_data.swap(drawn, name)
    flipped = (predictions(drawn.tokens) != predictions(other.tokens)).double()
    changed = (drawn.tokens != other.tokens).any(1)
    return flipped.mean().item(), flipped[changed].mean().item()


def read(answers, key, allowed):
    """The answer to a question, one of the allowed words."""
    value = answers("ch00_looking", "0.15")[key]
    word = value.strip().lower() if isinstance(value, str) else value
    choice = " or ".join(f'"{text}"' for text in allowed)
    assert word in allowed, f"{key}: expected {choice}, got {value!r}."
    return word


@exercise("0.15")
@each_property
def test_decodable_is_what_a_hyperplane_separates(answers, sentiment_data, name):
    word = read(answers, f"{name}_decodable", DECODABLE)
    accuracy = accuracy_of_a_hyperplane(sentiment_data, name)
    assert accuracy > 0.9 or 0.45 < accuracy < 0.55, "this toy is another one than in the questions"
    assert word == ("yes" if accuracy > 0.9 else "no"), (
        f'{name}_decodable = "{word}", yet a hyperplane fitted to the averages of 2000 balanced '
        f"reviews has accuracy {100 * accuracy:.1f} % on 2000 others; guessing has 50 %. "
        + HINTS.get(("decodable", name, word), "")
    )


@exercise("0.15")
@each_property
def test_used_is_what_flips_the_prediction_when_swapped(answers, sentiment_data, name):
    word, (share, where) = read(answers, f"{name}_used", USED), flips(sentiment_data, name)
    assert share == 0 or where > 0.9, "this toy is another one than in the questions"
    truth = "never" if share == 0 else "always" if share > 0.9 else "rarely"
    assert word == truth, (
        f'{name}_used = "{word}", yet when it is swapped in 8000 reviews, {100 * share:.1f} % of '
        f"all predictions flip, and {100 * where:.1f} % of those where the swap changes anything. "
        + HINTS.get(("used", name, word), "")
    )
