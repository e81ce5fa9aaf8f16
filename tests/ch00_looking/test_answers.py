"""Graders of answers.toml: what the toy `shortcut` carries, and what it uses.

Each claim is put to the model itself: a plane is fitted to its averages, or a property is swapped
in what it reads and the verdicts are compared.
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

#: what an answer of this sort overlooks
HINTS = {
    ("decodable", "topic", "no"): (
        "That the model has no use for it does not mean that it cannot be read."
    ),
    ("decodable", "irony", "no"): (
        "It is rare in training, but the probe is asked about balanced reviews, where half have it."
    ),
    ("decodable", "order", "yes"): "An average of vectors is the same in any order.",
    ("decodable", "tone", "yes"): (
        "Tone is mark XOR irony. Both can be read, but an average adds them up, and no plane cuts "
        "an XOR out of a sum of two."
    ),
    ("used", "topic", "always"): (
        "That a probe reads it does not mean that the model uses it: a probe says nothing about "
        "causes."
    ),
    ("used", "irony", "never"): "Look at the reviews that have irony, not at the average.",
    ("used", "irony", "always"): "Look at all reviews, most of which have no irony to take away.",
    ("used", "tone", "never"): (
        "That no linear probe reads it does not mean that it is not used: the neurons behind the "
        "average can work it out."
    ),
}


@functools.cache
def weights():
    """The toy's tensors in float64."""
    tensors = toy_models.load("shortcut").tensors
    return SimpleNamespace(**{name: tensor.double() for name, tensor in tensors.items()})


def averages(tokens):
    return weights().W_E[tokens].mean(1)


def verdicts(tokens):
    hidden = (averages(tokens) @ weights().W_in + weights().b_in).relu()
    return (hidden @ weights().W_out + weights().b_out).argmax(1)


def accuracy_of_a_plane(sentiment_data, name):
    """How often the best plane in one half of balanced reviews is right in the other half."""
    drawn = sentiment_data.draw_reviews(
        4000, torch.Generator().manual_seed(5), agree=0.5, irony=0.5
    )
    acts, truth = averages(drawn.tokens), getattr(drawn, name).double()
    acts = torch.cat([acts, torch.ones(len(acts), 1, dtype=acts.dtype)], 1)
    plane = torch.linalg.lstsq(acts[:2000], 2 * truth[:2000, None] - 1).solution
    return ((acts[2000:] @ plane)[:, 0].gt(0) == truth[2000:].bool()).double().mean().item()


def flips(sentiment_data, name):
    """(share of all verdicts that flip with a property, share where there is some of it)."""
    drawn = sentiment_data.draw_reviews(8000, torch.Generator().manual_seed(6))
    other = sentiment_data.swap(drawn, name)
    flipped = (verdicts(drawn.tokens) != verdicts(other.tokens)).double()
    there = (drawn.tokens != other.tokens).any(1)
    return flipped.mean().item(), flipped[there].mean().item()


def read(answers, key, allowed):
    """An answer, which must be one of the words that are asked for."""
    value = answers("ch00_looking", "0.15")[key]
    word = value.strip().lower() if isinstance(value, str) else value
    choice = " or ".join(f'"{text}"' for text in allowed)
    assert word in allowed, f"{key} = {value!r} is no answer: write {choice}."
    return word


@exercise("0.15")
@each_property
def test_decodable_is_what_a_plane_reads_off_the_averages(answers, sentiment_data, name):
    word, right = (
        read(answers, f"{name}_decodable", DECODABLE),
        accuracy_of_a_plane(sentiment_data, name),
    )
    assert right > 0.9 or 0.45 < right < 0.55, (
        "this toy is not the one that the questions are about"
    )
    agrees = word == ("yes" if right > 0.9 else "no")
    assert agrees, (
        f'{name}_decodable = "{word}", yet a plane fitted to the averages of 2000 balanced reviews '
        f"is right about {100 * right:.1f} % of 2000 others; guessing gives 50 %. "
        + HINTS.get(("decodable", name, word), "")
    )


@exercise("0.15")
@each_property
def test_used_is_what_turns_the_verdict_when_it_is_swapped(answers, sentiment_data, name):
    word, (share, where) = read(answers, f"{name}_used", USED), flips(sentiment_data, name)
    assert share == 0 or where > 0.9, "this toy is not the one that the questions are about"
    truth = "never" if share == 0 else "always" if share > 0.9 else "rarely"
    assert word == truth, (
        f'{name}_used = "{word}", yet when it is swapped in 8000 reviews, {100 * share:.1f} % of '
        f"all verdicts flip, and {100 * where:.1f} % of those where the swap changes anything. "
        + HINTS.get(("used", name, word), "")
    )
