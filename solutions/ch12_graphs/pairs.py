"""Pairs of prompts that differ in one word, for gender and number.

A behaviour is a list of word pairs and of sentence frames, each continued by one of two tokens. The
frames in `new_frames` are for testing alone: no group of neurons is chosen on them.
The sentences are ours.
"""

from typing import NamedTuple

import torch
from tokenizers import Tokenizer

from .contrast import Pair


class Behaviour(NamedTuple):
    """A choice between two next tokens that depends on one earlier word."""

    answers: tuple[str, str]
    """The next token after the first word of a pair, and after the second."""
    words: tuple[tuple[str, str], ...]
    """Pairs of words or phrases with equally many tokens."""
    frames: tuple[str, ...]
    """Sentences with a gap."""
    new_frames: tuple[str, ...]
    """Sentences with a gap, for testing alone."""


GENDER = Behaviour(
    (" she", " he"),
    (
        ("Sarah", "David"),
        ("Anna", "Peter"),
        ("Julia", "Robert"),
        ("Susan", "Henry"),
        ("Helen", "Frank"),
        ("Nancy", "George"),
        ("Karen", "Simon"),
        ("Lucy", "Daniel"),
        ("Ruth", "Steve"),
        ("Claire", "Kevin"),
        ("Grace", "Andrew"),
        ("Emily", "Michael"),
        ("the queen", "the king"),
        ("my aunt", "my uncle"),
        ("the girl", "the boy"),
        ("the actress", "the actor"),
        ("our daughter", "our son"),
        ("my sister", "my brother"),
        ("that woman", "that man"),
        ("her grandmother", "her grandfather"),
        ("the princess", "the prince"),
        ("the bride", "the groom"),
    ),
    (
        "Last night {} called to say that",
        "This morning {} stayed in bed because",
        "The doctor smiled at {} because",
        "When I asked {} about it, I learned that",
        "People admire {} because",
        "The letter made {} cry because",
        "The police questioned {} when",
    ),
    (
        "According to the report, {} left the country before",
        "After the long trip {} admitted that",
        "It is well known that {} won the prize because",
        "All of us waited for {} because",
        "The neighbors thanked {} after",
        "At the end of the film {} runs away because",
        "The judge did not trust {} because",
        "In her second letter {} wrote that",
    ),
)
NUMBER = Behaviour(
    (" are", " is"),
    tuple(
        (word + ending, word)
        for word, ending in (
            ("door", "s"),
            ("picture", "s"),
            ("teacher", "s"),
            ("river", "s"),
            ("letter", "s"),
            ("boat", "s"),
            ("tree", "s"),
            ("dog", "s"),
            ("doctor", "s"),
            ("plane", "s"),
            ("wall", "s"),
            ("book", "s"),
            ("car", "s"),
            ("mountain", "s"),
            ("engine", "s"),
            ("painting", "s"),
            ("phone", "s"),
            ("lamp", "s"),
            ("wheel", "s"),
            ("garden", "s"),
        )
    ),
    (
        "The {} in the corner",
        "The {} near the small window",
        "The {} behind the house",
        "The {} on the old map",
        "The {} with the red roof",
        "The {} of the young artist",
        "The {} that I saw yesterday",
        "The {} next to the hotel",
    ),
    (
        "I think that the {} at the end of the street",
        "She told us that the {} from the city",
        "In this story, the {} under the bridge",
        "The old {}, as everyone can see,",
        "It seems that the {} my uncle bought",
        "The news says that the {} outside",
    ),
)
BEHAVIOURS = {"gender": GENDER, "number": NUMBER}


def all_pairs(
    behaviour: Behaviour, tokenizer: Tokenizer, *, new_frames: bool = False
) -> list[Pair]:
    """Make every pair of a behaviour, frame by frame; words whose lengths differ are left out."""
    answers = torch.tensor([tokenizer.encode(word).ids[0] for word in behaviour.answers])
    pairs = []
    for frame in behaviour.new_frames if new_frames else behaviour.frames:
        for words in behaviour.words:
            first, second = (tokenizer.encode(frame.format(word)).ids for word in words)
            if len(first) == len(second):
                pairs.append(Pair(torch.tensor([first, second]), answers))
    return pairs


def draw_pairs(pairs: list[Pair], n: int, generator: torch.Generator) -> list[Pair]:
    """Draw n different pairs."""
    order = torch.randperm(len(pairs), generator=generator)[:n]
    return [pairs[index] for index in order.tolist()]
