"""Texts on which learning in context can be seen: random, so that nothing else helps.

1. Repeats: a random segment again and again. What came after this token last time comes now.
2. Markov chains: each text follows a chain of its own. What came after this token *on average* so
   far is the best guess: counting, not copying.

Both are fresh in each text, so only the text itself can tell. Axes: batch, pos.
"""

import torch
from jaxtyping import Int
from torch import Tensor


def repeated_segments(
    d_vocab: int,
    batch: int,
    period: int,
    repeats: int,
    generator: torch.Generator,
    first: int | None = None,
) -> Int[Tensor, "batch pos"]:
    """Random segments of `period` different tokens, each repeated; `first` is put before them.

    No token is twice in a segment, so the place that an ideal head looks at is unique.

    Raises: ValueError for fewer than two repeats, or a period longer than the vocabulary.
    """
    allowed = torch.tensor([token for token in range(d_vocab) if token != first])
    if repeats < 2 or not 1 <= period <= len(allowed):
        raise ValueError(
            f"expected at least 2 repeats of 1 to {len(allowed)} different tokens; "
            f"{repeats} of {period} came"
        )
    order = torch.rand(batch, len(allowed), generator=generator).argsort(dim=1)
    tokens = allowed[order[:, :period]].repeat(1, repeats)
    if first is None:
        return tokens
    return torch.cat([torch.full((batch, 1), first), tokens], dim=1)


def shifted_repeats(
    d_vocab: int, batch: int, pos: int, shortest: int, longest: int, generator: torch.Generator
) -> Int[Tensor, "batch pos"]:
    """Texts to train on: each repeats a segment of its own length, and starts anywhere in it.

    With one fixed length a model could learn "look 24 back", which is no induction.

    Raises: ValueError unless 1 <= shortest <= longest.
    """
    if not 1 <= shortest <= longest:
        raise ValueError(f"expected 1 <= shortest <= longest; {shortest} and {longest} came")
    segments = torch.randint(d_vocab, (batch, longest), generator=generator)
    period = torch.randint(shortest, longest + 1, (batch, 1), generator=generator)
    start = torch.randint(longest, (batch, 1), generator=generator)
    return segments.gather(1, (start + torch.arange(pos)) % period)


def markov_texts(
    d_vocab: int, batch: int, pos: int, concentration: float, generator: torch.Generator
) -> Int[Tensor, "batch pos"]:
    """Texts of Markov chains, a fresh chain for each text.

    The rows of a chain are Dirichlet distributed: below 1, `concentration` makes a few successors
    likely.

    Raises: ValueError unless the concentration is positive.
    """
    if not concentration > 0:
        raise ValueError(f"expected a positive concentration; {concentration} came")
    alpha = torch.full((batch, d_vocab, d_vocab), concentration)
    # of torch's samplers of gamma numbers the one that takes a generator
    rows = torch._standard_gamma(alpha, generator=generator).clamp(min=1e-30)
    reach = (rows / rows.sum(dim=-1, keepdim=True)).cumsum(dim=-1)
    draws = torch.rand(pos, batch, 1, generator=generator)
    token = torch.randint(d_vocab, (batch,), generator=generator)
    tokens = [token]
    for draw in draws[1:]:  # a chain has to be walked
        row = reach[torch.arange(batch), token]
        token = torch.searchsorted(row, draw).squeeze(1).clamp(max=d_vocab - 1)
        tokens.append(token)
    return torch.stack(tokens, dim=1)
