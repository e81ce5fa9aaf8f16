"""Finds in a sentence of the user's the two names that the stop on names is about.

A sentence fits when one name stands in it twice, another one once and before the second of the two,
and when the text breaks off where the other name would come. Names are words with a capital; at the
start of a sentence, where every word has one, only known names count.
"""

import re
from collections import Counter

import torch
from tokenizers import Tokenizer

from solutions.ch07_ioi import IOIPrompts, RolePositions, find_positions, single_tokens
from solutions.ch07_ioi.sentences import NAMES

SENTENCE = "When Mary and John walked to the store, John handed a book to"
"""What the stop reads when the user's prompt does not fit."""
WORD = re.compile(r"[^\W\d_]{2,}")
OPENS = re.compile(r"(^|[.!?:\u201c\"])\s*$")


def read_sentence(text: str, tokenizer: Tokenizer) -> IOIPrompts:
    """The sentence as a batch of one, with its names and where they stand.

    Raises: ValueError in words for the user, when the sentence does not fit.
    """
    text = text.rstrip()
    io, s = two_names(text)
    known = single_tokens(tokenizer, [io, s])
    for name in (io, s):
        if name not in known:
            n = len(tokenizer.encode(" " + name, add_special_tokens=False).ids)
            raise ValueError(
                f"the name {name!r} is {n} tokens here, and logits compare single ones"
            )
    tokens = torch.tensor([tokenizer.encode(text).ids])
    answer, subject = torch.tensor([known[io]]), torch.tensor([known[s]])
    try:
        where = find_positions(tokens, answer, subject)
    except ValueError as error:
        raise ValueError(
            f"{io!r} and {s!r} must each follow a space, or they are other tokens: write "
            f"'When {io} ...' rather than to begin with a name"
        ) from error
    check_order(where, io, s)
    group = torch.zeros(1, dtype=torch.long)
    return IOIPrompts(tokens, where, answer, subject, group, where.io < where.s1)


def two_names(text: str) -> tuple[str, str]:
    """The name that stands once and the one that stands twice.

    Raises: ValueError saying which names were seen.
    """
    found: Counter[str] = Counter()
    openings: Counter[str] = Counter()
    for match in WORD.finditer(text):
        word = match[0]
        if word[0].isupper():
            opens = OPENS.search(text[: match.start()]) and word not in NAMES
            (openings if opens else found)[word] += 1
    for word in found:
        found[word] += openings[word]
    if not found:
        raise ValueError("no name stands in it (names begin with a capital)")
    twice = one_of([word for word, n in found.items() if n == 2])
    if twice is None:
        raise ValueError(f"exactly one name must stand there twice, and it has {listed(found)}")
    once = one_of([word for word, n in found.items() if n == 1])
    if once is None:
        raise ValueError(
            f"besides {twice}, exactly one name must stand there once, and it has {listed(found)} "
            "(an unusual name is not seen at the start of a sentence)"
        )
    return once, twice


def one_of(words: list[str]) -> str | None:
    """The only word, or the only one that is a known name; None when that leaves a choice."""
    choice = words if len(words) == 1 else [word for word in words if word in NAMES]
    return choice[0] if len(choice) == 1 else None


def listed(found: Counter[str]) -> str:
    """Names with how often they stand there."""
    return ", ".join(f"{word} {n} times" if n > 1 else f"{word} once" for word, n in found.items())


def check_order(where: RolePositions, io: str, s: str) -> None:
    """Refuse a sentence that has nothing left to predict.

    Raises: ValueError saying what has to come when.
    """
    if not where.io < where.s2:
        raise ValueError(f"{io} must come before {s} stands there again, or nobody can expect it")
    if not where.s2 < where.end:
        raise ValueError(f"it must go on after the second {s}, up to where {io} would come")


def to_tokens(names: tuple[str, ...], tokenizer: Tokenizer) -> torch.Tensor:
    """Those of the names that are one token here, as tokens."""
    return torch.tensor(list(single_tokens(tokenizer, list(names)).values()))
