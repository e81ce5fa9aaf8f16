"""Pairs of prompts of your own, drawn from your seed, for questions with open answers.

`own_pairs` draws six pairs of a behaviour. `own_behaviour` draws one of four behaviours whose
neurons no page of the course shows. Graders have sentence frames of their own.
"""

import torch
from tokenizers import Tokenizer

from .contrast import Pair
from .pairs import GENDER, Behaviour, all_pairs, draw_pairs

N_PAIRS = 6
TENSE = Behaviour(
    (" was", " will"),
    (
        ("Yesterday", "Tomorrow"),
        ("last week", "next week"),
        ("last year", "next year"),
        ("last Monday", "next Monday"),
        ("last summer", "next summer"),
        ("last Friday", "next Friday"),
    ),
    (
        "As we know, {} the train",
        "Everyone in the town thinks that {} the weather",
        "My friends told me that {} the party",
        "The papers wrote that {} the president",
        "I am sure that {} the old man",
    ),
    (),
)
THING = Behaviour(
    (" he", " it"),
    (
        ("king", "castle"),
        ("boy", "box"),
        ("prince", "table"),
        ("father", "window"),
        ("uncle", "bridge"),
        ("soldier", "machine"),
        ("farmer", "house"),
        ("man", "car"),
        ("priest", "garden"),
        ("actor", "movie"),
    ),
    (
        "We all liked the {} because",
        "I saw the {} yesterday and",
        "The {} was famous because",
        "Few people looked at the {} until",
        "They talked about the {} because",
        "The story tells that the {} was so old that",
    ),
    (),
)
OBJECT = Behaviour(
    (" him", " them"),
    (
        ("man", "men"),
        ("boy", "boys"),
        ("king", "kings"),
        ("soldier", "soldiers"),
        ("brother", "brothers"),
        ("actor", "actors"),
        ("doctor", "doctors"),
        ("farmer", "farmers"),
        ("thief", "thieves"),
        ("prisoner", "prisoners"),
    ),
    (
        "When the {} arrived, the dog ran to",
        "The police looked for the {} but could not find",
        "As the {} sat there, a child walked up and talked to",
        "The {} had no food, so we helped",
        "We know the {} well, and we like",
    ),
    (),
)
OWNER = Behaviour(
    (" their", " its"),
    (
        ("dogs", "dog"),
        ("cats", "cat"),
        ("birds", "bird"),
        ("companies", "company"),
        ("towns", "town"),
        ("trees", "tree"),
        ("teams", "team"),
        ("cities", "city"),
        ("machines", "machine"),
        ("countries", "country"),
    ),
    (
        "Last year the {} near the river lost",
        "As we all know, the {} can change",
        "Without any help the {} kept",
        "In the end, the {} found",
    ),
    (),
)
OPEN = {"tense": TENSE, "thing": THING, "object": OBJECT, "owner": OWNER}
"""Behaviours that no page shows."""


def own_pairs(seed: int, tokenizer: Tokenizer, behaviour: Behaviour = GENDER) -> list[Pair]:
    """Draw six pairs of a behaviour; the same for the same seed."""
    generator = torch.Generator().manual_seed(seed)
    return draw_pairs(all_pairs(behaviour, tokenizer), N_PAIRS, generator)


def own_behaviour(seed: int) -> str:
    """Draw the name of one of the behaviours in OPEN; the same for the same seed."""
    generator = torch.Generator().manual_seed(seed)
    return list(OPEN)[int(torch.randint(len(OPEN), (1,), generator=generator))]
