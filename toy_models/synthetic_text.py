"""Synthetic text with known statistics: a Markov chain, skip-trigrams, repeated segments.

1. Most tokens are drawn from a Markov chain: the next token depends on the current one (`bigrams`).
2. With skips, a rule such as `keep ... in -> mind` overrides the chain: where its source occurs
   among the last REACH tokens before `in`, its word follows with probability RULE_PROBABILITY. The
   nearest source with a rule for this token counts.
3. With repeats, segments of the text so far are copied from time to time.

Each adds structure that one more layer of attention can use. `Text` marks what chose each token.
"""

from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

RULES = (
    ("keep", "in", "mind"),
    ("keep", "at", "bay"),
    ("stand", "in", "line"),
    ("stand", "at", "ease"),
    ("take", "by", "storm"),
    ("take", "at", "word"),
    ("learn", "by", "heart"),
    ("lie", "in", "wait"),
)
"""(source, here, out): `keep ... in -> mind`."""

REACH, RULE_PROBABILITY = 16, 0.6
NEW_LENGTHS, COPY_LENGTHS, MAX_BACK = (4, 12), (12, 32), 40
"""Shortest and longest new and copied segments, and the largest distance of a copy."""

COMMON_WORDS = """
the a my his her our old new red long dark small man woman child horse house garden river
sea road night morning ship king letter bread wine fire stone bird song walks sleeps sings runs
waits stays comes goes sees finds loves , . and then but
""".split()

WORDS = [*dict.fromkeys(word for rule in RULES for word in rule), *COMMON_WORDS]
"""All 64 words; a token is a word's index here."""

TOKEN = {word: number for number, word in enumerate(WORDS)}
FREQUENT = {**dict.fromkeys(("in", "at", "by"), 1.2), **dict.fromkeys([r[0] for r in RULES], 0.6)}
"""Added to the logits of these words, so that rules apply often enough."""


class Text(NamedTuple):
    """A text, with marks on the tokens that the chain did not choose."""

    tokens: Int[Tensor, " n"]
    """Indices of the words."""
    skip: Bool[Tensor, " n"]
    """Whether a rule chose the token."""
    copied: Bool[Tensor, " n"]
    """Whether the token was copied, and is not the first of its segment."""


def bigrams(seed: int = 0, spread: float = 1.25) -> Float[Tensor, "here next"]:
    """Compute the Markov chain: each word's probabilities of the next word, all above zero.

    Their logarithms are normal with standard deviation `spread`, up to a constant per row.
    """
    logits = spread * torch.randn(len(WORDS), len(WORDS), generator=_generator(seed)).double()
    for word, more in FREQUENT.items():
        logits[:, TOKEN[word]] += more
    return logits.softmax(dim=-1)


def stationary(P: Float[Tensor, "here next"]) -> Float[Tensor, " word"]:
    """Compute the chain's stationary distribution: word frequencies in a long text."""
    return torch.linalg.matrix_power(P, 256).mean(dim=0)


def rule_table() -> Int[Tensor, "source here"]:
    """Tabulate the rules: the token that each (source, here) chooses, or -1."""
    table = torch.full((len(WORDS), len(WORDS)), -1)
    for source, here, out in RULES:
        table[TOKEN[source], TOKEN[here]] = TOKEN[out]
    return table


def bugs() -> list[tuple[str, str, str]]:
    """List the skip-trigram bugs of a head with two rules of one source: `keep ... in -> bay`."""
    return [
        (source, here, out)
        for source, here, _ in RULES
        for other, elsewhere, out in RULES
        if other == source and elsewhere != here
    ]


def draw_text(n: int, seed: int, *, skips: bool = False, repeats: bool = False) -> Text:
    """Draw at least n tokens, in concatenated streams of 2,048; the seed determines the text."""
    streams, length = -(-n // 2048), 2048
    generator, table = _generator(seed), rule_table()
    chain = bigrams().cumsum(dim=-1)
    tokens = torch.randint(len(WORDS), (streams, length), generator=generator)
    skip = torch.zeros(streams, length, dtype=torch.bool)
    source, copied = plan_repeats(streams, length, generator) if repeats else (None, skip.clone())
    for t in range(1, length):
        chance = torch.rand(streams, 2, generator=generator, dtype=torch.double)
        after = torch.searchsorted(chain[tokens[:, t - 1]], chance[:, :1].contiguous())
        new = after[:, 0].clamp(max=len(WORDS) - 1)
        if skips:
            word = nearest_rule(tokens[:, max(0, t - 1 - REACH) : t], table)
            skip[:, t] = (word >= 0) & (chance[:, 1] < RULE_PROBABILITY)
            new = torch.where(skip[:, t], word, new)
        if source is not None:
            again = source[:, t] >= 0
            skip[:, t] &= ~again
            new = torch.where(again, tokens.gather(1, source[:, t : t + 1].clamp(min=0))[:, 0], new)
        tokens[:, t] = new
    return Text(tokens.flatten(), skip.flatten(), copied.flatten())


def nearest_rule(
    window: Int[Tensor, "stream back"], table: Int[Tensor, "source here"]
) -> Int[Tensor, " stream"]:
    """Look up the token that a rule chooses after the window's last token, or -1."""
    found = torch.full((len(window),), -1)
    for source in window[:, :-1].unbind(
        dim=1
    ):  # the nearest source is last, and overrides the others
        word = table[source, window[:, -1]]
        found = torch.where(word >= 0, word, found)
    return found


def plan_repeats(
    streams: int, length: int, generator: torch.Generator
) -> tuple[Int[Tensor, "stream pos"], Bool[Tensor, "stream pos"]]:
    """Plan the copies: the source of each position (-1: drawn), and whether it continues a copy."""
    source = torch.full((streams, length), -1)
    continues = torch.zeros(streams, length, dtype=torch.bool)

    def draw_length(low: int, high: int) -> int:
        return int(torch.randint(low, high + 1, (), generator=generator))

    for stream in range(streams):
        at = 0
        while at < length:
            start, copy = min(at + draw_length(*NEW_LENGTHS), length), draw_length(*COPY_LENGTHS)
            at = min(start + copy, length)
            back = draw_length(copy, MAX_BACK)
            source[stream, start:at] = torch.arange(start, at) - back
            continues[stream, start + 1 : at] = True
    return source.clamp(min=-1), continues & (source >= 0)


def _generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)
