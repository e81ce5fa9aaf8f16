"""Phrases that may label a unit: each names a set of token positions.

A partition puts every position into one cell, such as its token, or the class of the token before.
A cell is a phrase: "the token is `of`". The list was fixed before any unit was looked at, and it is
the same for neurons, features and controls.
Positions 1 to 126 of a window are used: each has a token before and one after.
"""

import re
from collections.abc import Callable
from typing import NamedTuple

import torch
from jaxtyping import Int
from tokenizers import Tokenizer
from torch import Tensor

from docs._figures.monosemanticity.text_models import KINDS, Windows

MIN_COUNT = 20
"""Positions that a phrase must hold at to be considered, where labels are found."""
CLASSES = (
    ("a line break", r".*\n.*"),
    ("spaces only", r"\s+"),
    ("a digit", r"\d"),
    ("an opening bracket", r"\s?[(\[{]+"),
    ("a closing bracket", r"\s?[)\]}]+[:,.]?"),
    ("a quotation mark", r"\s?['\"\u2018\u2019\u201c\u201d]+"),
    ("other punctuation", r"\s?[^\w\s]+"),
    ("a word in small letters", r" [a-z]+"),
    ("a word with a capital", r" [A-Z][a-z]*"),
    ("a word in capitals", r" [A-Z]{2,}"),
    ("a piece in small letters", r"[a-z]+"),
    ("a piece with a capital", r"[A-Z][A-Za-z]*"),
    ("something with an underscore", r".*_.*"),
    ("anything else", r".*"),
)
"""Classes of tokens with their patterns; the first that matches the whole token counts."""


class Partition(NamedTuple):
    """A division of all positions into cells."""

    name: str
    """What it looks at."""
    cell: Int[Tensor, " row"]
    """Cell of each position."""
    n_cells: int
    """Number of cells."""
    phrase: Callable[[int], str]
    """Describe a cell."""


def class_of(token: str) -> int:
    """Find the class of a token."""
    for number, (_, pattern) in enumerate(CLASSES):
        if re.fullmatch(pattern, token, re.DOTALL):
            return number
    raise AssertionError("the last class matches everything")


def vocabulary(tokenizer: Tokenizer) -> list[str]:
    """Decode every token of the vocabulary."""
    return [tokenizer.decode([i]) for i in range(tokenizer.get_vocab_size())]


def shown(token: str) -> str:
    """Write a token so that its spaces can be seen."""
    return "`" + (token.replace(" ", "\u00b7").replace("\n", "\u23ce") or "\u2205") + "`"


def frequent_pairs(windows: Windows, d_vocab: int) -> Int[Tensor, " pair"]:
    """Find pairs of tokens that occur MIN_COUNT times; sorted, as first * d_vocab + second."""
    pairs = windows.tokens[:, :-1] * d_vocab + windows.tokens[:, 1:]
    found, counts = pairs[:, :-1].flatten().unique(return_counts=True)
    return found[counts >= MIN_COUNT]


def partitions(windows: Windows, words: list[str], pairs: Int[Tensor, " pair"]) -> list[Partition]:
    """Divide the positions of windows in ten ways.

    words: the vocabulary. pairs: from `frequent_pairs` of the windows on which labels are found.
    """
    size, n_classes, n_kinds = len(words), len(CLASSES), len(KINDS)
    class_ids = torch.tensor([class_of(word) for word in words])
    before, here, after = (windows.tokens[:, start : start + 126].flatten() for start in (0, 1, 2))
    kind = windows.kind[:, None].expand(-1, 126).flatten()
    pair, known = before * size + here, torch.cat([pairs, torch.tensor([size * size])])
    place = torch.searchsorted(pairs, pair)
    found = torch.where(known[place] == pair, place, len(pairs))
    a, b = class_ids[before], class_ids[here]

    def token(i: int) -> str:
        return shown(words[i])

    def the_class(i: int) -> str:
        return CLASSES[i][0]

    def the_pair(i: int) -> str:
        if i == len(pairs):
            return "a rare pair"
        return f"{token(int(pairs[i]) // size)} then {token(int(pairs[i]) % size)}"

    return [
        Partition("token", here, size, lambda i: f"the token is {token(i)}"),
        Partition("token before", before, size, lambda i: f"the token before is {token(i)}"),
        Partition("token after", after, size, lambda i: f"the next token is {token(i)}"),
        Partition("pair", found, len(pairs) + 1, the_pair),
        Partition("class", b, n_classes, lambda i: f"the token is {the_class(i)}"),
        Partition("class before", a, n_classes, lambda i: f"the token before is {the_class(i)}"),
        Partition("kind", kind, n_kinds, lambda i: KINDS[i]),
        Partition(
            "token in a kind",
            kind * size + here,
            n_kinds * size,
            lambda i: f"the token is {token(i % size)}, in {KINDS[i // size]}",
        ),
        Partition(
            "class in a kind",
            kind * n_classes + b,
            n_kinds * n_classes,
            lambda i: f"the token is {the_class(i % n_classes)}, in {KINDS[i // n_classes]}",
        ),
        Partition(
            "two classes",
            a * n_classes + b,
            n_classes**2,
            lambda i: f"{the_class(i // n_classes)}, then {the_class(i % n_classes)}",
        ),
    ]
