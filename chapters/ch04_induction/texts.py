"""Random texts on which in-context learning can be measured, because nothing else helps.

1. Repeats: a random segment, repeated. What followed this token last time follows it now.
2. Markov chains: each text follows a chain of its own. The best prediction is what followed this
   token *on average* so far: counting, not copying.

Both are drawn separately for each text, so only the text itself predicts its tokens.
Axes: batch, pos.
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
    bos: int | None = None,
) -> Int[Tensor, "batch pos"]:
    """Draw segments of `period` distinct tokens, repeated, with the token `bos` before them.

    No token occurs twice in a segment, so the position that an ideal head attends to is unique.

    Raises: ValueError for fewer than two repeats, or a period longer than the vocabulary.
    """
    allowed = torch.tensor([token for token in range(d_vocab) if token != bos])
    if repeats < 2 or not 1 <= period <= len(allowed):
        raise ValueError(
            f"expected repeats >= 2 and a period in 1..{len(allowed)}, got {repeats} repeats of "
            f"{period} tokens"
        )
    order = torch.rand(batch, len(allowed), generator=generator).argsort(dim=1)
    tokens = allowed[order[:, :period]].repeat(1, repeats)
    if bos is None:
        return tokens
    return torch.cat([torch.full((batch, 1), bos), tokens], dim=1)


def shifted_repeats(
    d_vocab: int, batch: int, pos: int, shortest: int, longest: int, generator: torch.Generator
) -> Int[Tensor, "batch pos"]:
    """Draw texts to train on: each repeats a segment of a random length, from a random start.

    With one fixed length a model could learn to attend 24 positions back, which is not induction.

    Raises: ValueError unless 1 <= shortest <= longest.
    """
    if not 1 <= shortest <= longest:
        raise ValueError(f"expected 1 <= shortest <= longest, got {shortest} and {longest}")
    segments = torch.randint(d_vocab, (batch, longest), generator=generator)
    period = torch.randint(shortest, longest + 1, (batch, 1), generator=generator)
    start = torch.randint(longest, (batch, 1), generator=generator)
    return segments.gather(1, (start + torch.arange(pos)) % period)


def markov_texts(
    d_vocab: int, batch: int, pos: int, concentration: float, generator: torch.Generator
) -> Int[Tensor, "batch pos"]:
    """Draw texts of Markov chains, one random chain per text.

    The rows of a chain are Dirichlet distributed: with a `concentration` below 1 a few successors
    are likely.

    Raises: ValueError unless the concentration is positive.
    """
    if not concentration > 0:
        raise ValueError(f"expected a positive concentration, got {concentration}")
    alpha = torch.full((batch, d_vocab, d_vocab), concentration)
    # the only gamma sampler of torch that takes a generator
    rows = torch._standard_gamma(alpha, generator=generator).clamp(min=1e-30)
    cumulative = (rows / rows.sum(dim=-1, keepdim=True)).cumsum(dim=-1)  # [batch, token, next]
    draws = torch.rand(pos, batch, 1, generator=generator)
    token = torch.randint(d_vocab, (batch,), generator=generator)
    tokens = [token]
    for draw in draws[1:]:
        row = cumulative[torch.arange(batch), token]  # [batch, next]
        token = torch.searchsorted(row, draw).squeeze(1).clamp(max=d_vocab - 1)
        tokens.append(token)
    return torch.stack(tokens, dim=1)
