"""Parse the user's sentence into an IOI prompt.

In a valid sentence one name occurs twice, another name once and before the repetition, and the text
ends where the other name is the next word. Names are capitalised words; at the start of a sentence,
where every word is capitalised, only known names count.
"""

import re
from collections import Counter

import torch
from tokenizers import Tokenizer

from solutions.ch07_ioi import IOIPrompts, RolePositions, find_positions, single_tokens
from solutions.ch07_ioi.sentences import NAMES

SENTENCE = "When Mary and John walked to the store, John handed a book to"
"""Default sentence, used when the user's prompt is not valid."""
WORD = re.compile(r"[^\W\d_]{2,}")
OPENS = re.compile(r"(^|[.!?:\u201c\"])\s*$")


def read_sentence(text: str, tokenizer: Tokenizer) -> IOIPrompts:
    """Parse a sentence into a batch of one IOI prompt.

    Raises: ValueError with a message for the user when the sentence is not valid.
    """
    text = text.rstrip()
    io, s = two_names(text)
    known = single_tokens(tokenizer, [io, s])
    for name in (io, s):
        if name not in known:
            n = len(tokenizer.encode(" " + name, add_special_tokens=False).ids)
            raise ValueError(
                f"expected names of one token, got {name!r} with {n} tokens in this tokenizer"
            )
    tokens = torch.tensor([tokenizer.encode(text).ids])
    answer, subject = torch.tensor([known[io]]), torch.tensor([known[s]])
    try:
        where = find_positions(tokens, answer, subject)
    except ValueError as error:
        raise ValueError(
            f"expected {io!r} and {s!r} after a space, got one at the start of the text, where it "
            f"is another token; write 'When {io} ...'"
        ) from error
    check_order(where, io, s)
    group = torch.zeros(1, dtype=torch.long)
    return IOIPrompts(tokens, where, answer, subject, group, where.io < where.s1)


def two_names(text: str) -> tuple[str, str]:
    """Find the name that occurs once and the name that occurs twice.

    Raises: ValueError with the names that were found.
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
        raise ValueError("expected two names, got none; names are capitalised words")
    twice = one_of([word for word, n in found.items() if n == 2])
    if twice is None:
        raise ValueError(f"expected exactly one name that occurs twice, got {counted(found)}")
    once = one_of([word for word, n in found.items() if n == 1])
    if once is None:
        raise ValueError(
            f"expected exactly one other name than {twice}, once, got {counted(found)}; an unusual "
            "name does not count at the start of a sentence"
        )
    return once, twice


def one_of(words: list[str]) -> str | None:
    """Return the only word, or the only known name among them; None if that is ambiguous."""
    choice = words if len(words) == 1 else [word for word in words if word in NAMES]
    return choice[0] if len(choice) == 1 else None


def counted(found: Counter[str]) -> str:
    """Format names with their counts."""
    return ", ".join(f"{word} {n} times" if n > 1 else f"{word} once" for word, n in found.items())


def check_order(where: RolePositions, io: str, s: str) -> None:
    """Check that the other name is still to be predicted at the end.

    Raises: ValueError with the required order of the names.
    """
    if not where.io < where.s2:
        raise ValueError(f"expected {io} before the second {s}, got the reverse order")
    if not where.s2 < where.end:
        raise ValueError(
            f"expected text after the second {s}, up to where {io} is the next word, got none"
        )


def to_tokens(names: tuple[str, ...], tokenizer: Tokenizer) -> torch.Tensor:
    """Return the tokens of those names that are a single token."""
    return torch.tensor(list(single_tokens(tokenizer, list(names)).values()))
