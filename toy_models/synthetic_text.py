"""Text whose truth is known: a Markov chain, planted skip-trigrams, repeated segments.

1. Most tokens are drawn from a chain: the next token depends on this one (`bigrams`).
2. With skips, a rule such as `keep ... in -> mind` overrules the chain: where a source stands among
   the last REACH tokens before `in`, its word follows with probability RULE_PROBABILITY; the nearest source
   that has a rule there counts.
3. With repeats, what was drawn so far is now and then read again from an earlier place.

Each adds what one more layer of attention can use. `Text` says of every token who chose it.
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
"""Source, here, out: `keep ... in -> mind`."""

REACH, RULE_PROBABILITY = 16, 0.6
FRESH, COPY, BACK = (4, 12), (12, 32), 40
"""Lengths of what is new and of what is read again, least and most; and how far back at most."""

COMMON_WORDS = """
the a my his her our old new red long dark small man woman child horse house garden river
sea road night morning ship king letter bread wine fire stone bird song walks sleeps sings runs
waits stays comes goes sees finds loves , . and then but
""".split()

WORDS = [*dict.fromkeys(word for rule in RULES for word in rule), *COMMON_WORDS]
"""All 64 tokens; a token's number is its place here."""

TOKEN = {word: number for number, word in enumerate(WORDS)}
FREQUENT = {**dict.fromkeys(("in", "at", "by"), 1.2), **dict.fromkeys([r[0] for r in RULES], 0.6)}
"""Added to the logits of these words, so that rules have something to do."""


class Text(NamedTuple):
    """A text, and for each token what chose it where the chain did not."""

    tokens: Int[Tensor, " n"]
    """Numbers of the words."""
    skip: Bool[Tensor, " n"]
    """Written by a rule."""
    copied: Bool[Tensor, " n"]
    """Read again from earlier, and not the first such token of its segment."""


def bigrams(seed: int = 0, spread: float = 1.25) -> Float[Tensor, "here next"]:
    """The chain: for each word the probabilities of the next one, all above zero.

    Their logarithms are normal with this spread, up to a constant; no word follows itself often.
    """
    logits = spread * torch.randn(len(WORDS), len(WORDS), generator=_generator(seed)).double()
    for word, more in FREQUENT.items():
        logits[:, TOKEN[word]] += more
    return logits.softmax(dim=-1)


def stationary(P: Float[Tensor, "here next"]) -> Float[Tensor, " word"]:
    """How often each word occurs in a long text of this chain."""
    return torch.linalg.matrix_power(P, 256).mean(dim=0)


def rule_table() -> Int[Tensor, "source here"]:
    """The word that a rule writes, -1 where there is none."""
    table = torch.full((len(WORDS), len(WORDS)), -1)
    for source, here, out in RULES:
        table[TOKEN[source], TOKEN[here]] = TOKEN[out]
    return table


def bugs() -> list[tuple[str, str, str]]:
    """What a head does wrong that carries out two rules of one source: `keep ... in -> bay`."""
    return [
        (source, here, out)
        for source, here, _ in RULES
        for other, elsewhere, out in RULES
        if other == source and elsewhere != here
    ]


def draw_text(n: int, seed: int, *, skips: bool = False, repeats: bool = False) -> Text:
    """Draw n tokens or a few more, in streams of 2,048 laid end to end; the seed decides all."""
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
    """The word that a rule writes after the window's last token, -1 where no rule applies."""
    found = torch.full((len(window),), -1)
    for source in window[:, :-1].unbind(dim=1):  # the nearest comes last, and stays
        word = table[source, window[:, -1]]
        found = torch.where(word >= 0, word, found)
    return found


def plan_repeats(
    streams: int, length: int, generator: torch.Generator
) -> tuple[Int[Tensor, "stream pos"], Bool[Tensor, "stream pos"]]:
    """Where each position is read from (-1: drawn), and whether it continues such a segment."""
    source = torch.full((streams, length), -1)
    continues = torch.zeros(streams, length, dtype=torch.bool)

    def whole(low: int, high: int) -> int:
        return int(torch.randint(low, high + 1, (), generator=generator))

    for stream in range(streams):
        at = 0
        while at < length:
            start, copy = min(at + whole(*FRESH), length), whole(*COPY)
            at = min(start + copy, length)
            back = whole(copy, BACK)
            source[stream, start:at] = torch.arange(start, at) - back
            continues[stream, start + 1 : at] = True
    return source.clamp(min=-1), continues & (source >= 0)


def _generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)
