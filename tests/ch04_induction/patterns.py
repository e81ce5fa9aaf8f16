"""Attention patterns whose scores are known, and scores of any pattern by a slow loop."""

import torch
from torch import Tensor

from tests.grading.assertions import normal


def causal(batch: int, head: int, pos: int, seed: int) -> Tensor:
    """Random patterns: rows sum to one, nothing looks ahead."""
    scores = 2 * normal(batch, head, pos, pos, seed=seed)
    return scores.masked_fill(~torch.ones(pos, pos, dtype=torch.bool).tril(), -torch.inf).softmax(
        -1
    )


def uniform(pos: int) -> Tensor:
    """One head that looks at all that has been, alike."""
    seen = torch.ones(pos, pos, dtype=torch.float64).tril()
    return (seen / seen.sum(-1, keepdim=True))[None, None]


def looks_at(pos: int, back: int, start: bool = False) -> Tensor:
    """One head that looks `back` positions back; where there is none, at itself or at the start."""
    pattern = torch.zeros(1, 1, pos, pos, dtype=torch.float64)
    for query in range(pos):
        instead = 0 if start else query
        pattern[0, 0, query, query - back if query >= back else instead] = 1.0
    return pattern


def keys_back(query: int, period: int, n_bos: int, shift: int) -> list[int]:
    """The positions query - k * period + shift, k = 1, 2, ..., that are in the text."""
    keys, k = [], 1
    while query - k * period + shift >= n_bos:
        keys.append(query - k * period + shift)
        k += 1
    return keys


def by_loop(pattern: Tensor, period: int, n_bos: int, shift: int) -> Tensor:
    """Each head's mean attention to those keys, query by query."""
    batch, heads, pos, _ = pattern.shape
    out = []
    for head in range(heads):
        spent = [
            sum(pattern[text, head, query, keys_back(query, period, n_bos, shift)].tolist())
            for text in range(batch)
            for query in range(n_bos + period, pos)
        ]
        out.append(sum(spent) / len(spent))
    return torch.tensor(out, dtype=torch.float64)


def share(pattern: Tensor, target: Tensor, queries: slice) -> Tensor:
    """Mean over texts and some queries of what is spent where `target` is not zero."""
    return (pattern * target.to(pattern)).sum(-1)[:, :, queries].mean((0, 2))


def mistakes(pattern: Tensor, period: int, n_bos: int, shift: int) -> dict[str, Tensor]:
    """Words -> what the usual mistakes give."""
    text, pos = pattern[:, :, n_bos:, n_bos:], pattern.shape[-1] - n_bos
    query, key = torch.arange(pos)[:, None], torch.arange(pos)
    back = query - key + shift
    repeats, late = back // period, slice(period, None)
    on = (back > 0) & (back % period == 0)
    found = {
        "Only the nearest repeat is counted: all repeats that have been count together.": (
            share(text, back == period, late)
        ),
        "Only the farthest repeat is counted: all repeats that have been count together.": (
            share(text, on & (repeats == (query + shift) // period), late)
        ),
        "The mean over keys is taken: a query's attention on all its keys is SUMMED.": (
            share(text, on / on.sum(-1, keepdim=True).clamp(min=1), late)
        ),
        "The largest share of a query's keys is taken: they are summed.": (
            (text * on).amax(-1)[:, :, late].mean((0, 2))
        ),
        "The queries of the first repeat are averaged too: nothing came before them.": (
            share(text, on, slice(None))
        ),
        "Only the queries of the last repeat are averaged: those from the second on count.": (
            share(text, on, slice(pos - period, None))
        ),
        "The query's own position is counted: k starts at 1.": (
            share(text, (back >= 0) & (back % period == 0), late)
        ),
        "Query and key are exchanged: the pattern is [batch, head, query, key].": (
            share(text.mT, on, late)
        ),
        "The first token of the text is left out as a key: it counts as any other.": (
            share(text, on & (key > 0), late)
        ),
    }
    found |= averages(text, on, period)
    return (
        found | offsets(text, back - shift, period, shift) | starts(pattern, period, n_bos, shift)
    )


def averages(text: Tensor, on: Tensor, period: int) -> dict[str, Tensor]:
    """Mistakes about what is averaged."""
    right = share(text, on, slice(period, None))
    found = {
        f"The queries begin one too {words}: the first is the first of the second repeat.": (
            share(text, on, slice(period + other, None))
        )
        for words, other in (("early", -1), ("late", 1))
    }
    return found | {
        "This is the sum over queries: the mean is asked for.": right * (text.shape[-1] - period),
        "This is the sum over texts: the mean is asked for.": right * len(text),
        "The mean is over heads too: each has a score of its own.": right.mean().expand_as(right),
    }


def offsets(text: Tensor, back: Tensor, period: int, shift: int) -> dict[str, Tensor]:
    """Mistakes about which key: one too early or late, one of another kind."""
    late = slice(period, None)

    def at(shift: int, period: int = period) -> Tensor:
        moved = back + shift
        return share(text, (moved > 0) & (moved % period == 0), late)

    kinds = {-1: "the token BEFORE an earlier copy", 0: "an earlier copy of the query's own token"}
    kinds |= {
        1: "the token AFTER an earlier copy (prefix matching)",
        2: "the token two after a copy",
    }
    found = {
        f"The keys are off by {other - shift:+d}: this is attention to {kinds[other]}.": at(other)
        for other in kinds
        if other != shift
    }
    found["It looks one period back and more, but of a period that is one too long."] = at(
        shift, period + 1
    )
    found["This is attention to the previous token."] = share(text, back == 1, late)
    return found


def starts(pattern: Tensor, period: int, n_bos: int, shift: int) -> dict[str, Tensor]:
    """Mistakes about the tokens before the text."""
    pos = pattern.shape[-1]
    back = torch.arange(pos)[:, None] - torch.arange(pos) + shift
    on = (back > 0) & (back % period == 0)
    counted = on & (torch.arange(pos) >= n_bos)
    sink = counted | (torch.arange(pos) < n_bos)
    kept = pattern.masked_fill(torch.arange(pos) < n_bos, 0.0)
    kept = kept / kept.sum(-1, keepdim=True)
    return {
        "What is spent on the start token is shared out to the others: it is simply lost.": (
            share(kept, counted, slice(n_bos + period, None))
        ),
        "`n_bos` is ignored: the start token shifts the text, and is no query and no key.": (
            share(pattern, on, slice(period, None))
        ),
        "The start token counts as a key: attention that rests there is spent on nothing.": (
            share(pattern, on, slice(n_bos + period, None))
        ),
        "What is spent on the start token is counted: it is no key.": (
            share(pattern, sink, slice(n_bos + period, None))
        ),
        "The queries begin too early: they are counted without the start token.": (
            share(pattern, counted, slice(period, None))
        ),
    }
