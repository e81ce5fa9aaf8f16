"""Say what a head does, in numbers: scores of attention patterns, and of what they move.

On a text that repeats every `period` tokens, let a query stand at p. Looking k repeats back,

    p - k * period        is the same token as at p              (duplicate-token head)
    p - k * period + 1    is what came after it                  (induction head)

and p - 1 is the previous token. A head's score is the attention that it spends there, summed over
the repeats that have been and averaged over queries in the second repeat and later ones. A token
that only marks the start of the text (`first`) shifts everything by one and is never counted.
Axes: layer, head, batch, query, key.
Source: Olsson et al. 2022, "In-context Learning and Induction Heads".
"""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from ..ch02_transformer import HookedTransformer

Pattern = Float[Tensor, "batch head query key"]


def check_repeats(pattern: Tensor, period: int, first: int) -> None:
    """Refuse a pattern in which nothing is repeated.

    Raises: ValueError for a text shorter than two periods.
    """
    if first < 0 or period < 2 or pattern.shape[-1] - first < 2 * period:
        raise ValueError(
            f"a score of repeats needs a period of 2 or more, twice; {pattern.shape[-1]} tokens, "
            f"{first} before the first segment, and a period of {period} came"
        )


def previous_token_score(pattern: Pattern, first: int = 0) -> Float[Tensor, " head"]:
    """Mean attention to the token just before; the first token has none and is left out.

    first: tokens that mark the start; they are no queries and no keys here.

    Units: share of attention, 0 to 1.
    Raises: ValueError unless two tokens or more are left.
    """
    if first < 0 or pattern.shape[-1] - first < 2:
        raise ValueError(
            f"a previous token needs two tokens; {pattern.shape[-1]} came, {first} before the text"
        )
    # exercise 4.1
    return pattern[:, :, first:, first:].diagonal(-1, dim1=2, dim2=3).mean(dim=(0, 2))


def duplicate_token_score(pattern: Pattern, period: int, first: int = 0) -> Float[Tensor, " head"]:
    """Mean attention to earlier copies of the query's own token, all of them together.

    Units: share of attention, 0 to 1.
    Raises: ValueError for a text shorter than two periods.
    """
    check_repeats(pattern, period, first)
    # exercise 4.2
    return attention_back(pattern, period, first, shift=0)


def prefix_matching_score(pattern: Pattern, period: int, first: int = 0) -> Float[Tensor, " head"]:
    """Mean attention to the tokens that came after earlier copies of the query's own token.

    This is what an induction head looks at: on a text that repeats, the token that comes next.

    Units: share of attention, 0 to 1.
    Raises: ValueError for a text shorter than two periods.
    """
    check_repeats(pattern, period, first)
    # exercise 4.3
    return attention_back(pattern, period, first, shift=1)


def attention_back(pattern: Pattern, period: int, first: int, shift: int) -> Float[Tensor, " head"]:
    """Mean attention to the positions p - k * period + shift, k = 1, 2, ..., over queries p.

    Queries are those of the second repeat and later ones. Every such position in the text counts,
    its very first token too: at the end of a repeat that token is the one to come.
    """
    # exercise 4.3
    text = pattern[:, :, first:, first:]
    pos = text.shape[-1]
    back = torch.arange(pos)[:, None] - torch.arange(pos) + shift
    target = (back > 0) & (back % period == 0)
    spent = (text * target.to(text)).sum(dim=-1)
    return spent[:, :, period:].mean(dim=(0, 2))


def token_losses(
    logits: Float[Tensor, "batch pos d_vocab"], tokens: Int[Tensor, "batch pos"]
) -> Float[Tensor, "batch predicted"]:
    """Surprise at each next token; number i is that of the token at position i + 1.

    Units: nats.
    """
    return F.cross_entropy(logits[:, :-1].transpose(1, 2), tokens[:, 1:], reduction="none")


def in_context_score(
    losses: Float[Tensor, "batch predicted"], early: int, late: int
) -> Float[Tensor, ""]:
    """Loss at a late token minus loss at an early one: NEGATIVE when context helps.

    The paper takes the 500th token and the 50th, of texts of 512. Some of its plots show the
    opposite difference; this is the one that it defines.

    Units: nats; lower is better, 0 means that nothing was learned from the text.
    Raises: ValueError unless 0 <= early < late < the number of losses.
    """
    if not 0 <= early < late < losses.shape[1]:
        raise ValueError(f"expected 0 <= early < late < {losses.shape[1]}; {early} and {late} came")
    # exercise 4.4
    return losses[:, late].mean() - losses[:, early].mean()


class HeadScores(NamedTuple):
    """What every head of a model does on repeated text."""

    prefix: Float[Tensor, "layer head"]
    """Prefix matching: an induction head's score."""
    previous: Float[Tensor, "layer head"]
    """Attention to the previous token."""
    duplicate: Float[Tensor, "layer head"]
    """Attention to earlier copies of the same token."""


@torch.no_grad()
def head_scores(
    model: HookedTransformer, tokens: Int[Tensor, "batch pos"], period: int, first: int = 0
) -> HeadScores:
    """Score all heads in one forward pass; each pattern is scored where it arises, and forgotten.

    Raises: ValueError for a text shorter than two periods or a model without layers; KeyError for a
        model without patterns.
    """
    if not len(model.blocks):
        raise ValueError("a model without layers has no heads to score")
    found: list[tuple[Tensor, Tensor, Tensor]] = []

    def listen(pattern: Tensor, _: object) -> None:
        prefix = prefix_matching_score(pattern, period, first)
        previous = previous_token_score(pattern, first)
        found.append((prefix, previous, duplicate_token_score(pattern, period, first)))

    last = len(model.blocks) - 1
    names = [f"blocks.{layer}.attn.hook_pattern" for layer in range(last + 1)]
    with model.listening(names, listen):
        model(tokens, stop_after=last)
    return HeadScores(*(torch.stack(scores) for scores in zip(*found, strict=True)))


def copying_on_text(
    raised: Float[Tensor, "batch key head d_vocab"], tokens: Int[Tensor, "batch key"]
) -> Float[Tensor, " head"]:
    """How much a head raises the very token that it looks at, against the other tokens of the text.

    raised: the logits that a head adds directly when all its attention is on one key. With `own`
    for the key's own token and `others` for the text's other tokens, the score of a key is
    (own - mean(others)) / (|own| + mean(|others|)); a head's is the mean over keys. The mean over
    the vocabulary is taken away first, since it changes no probability. The tokens of a text must
    all be different.

    Units: -1 to 1; 1 raises nothing but what it looks at, -1 lowers it, 0 does not tell it apart.
    Source: Olsson et al. 2022, the copying evaluator.
    Differs: theirs drops what is lowered; this keeps the sign.
    Raises: ValueError when a text holds a token twice.
    """
    check_different(tokens)
    # exercise 4.5
    centred = raised - raised.mean(dim=-1, keepdim=True)
    index = tokens[:, None, None, :].expand(-1, tokens.shape[1], raised.shape[2], -1)
    of_text = centred.gather(-1, index)
    same = torch.eye(tokens.shape[1], dtype=torch.bool, device=tokens.device)[:, None, :]
    own = of_text.masked_fill(~same, 0.0).sum(dim=-1)
    others = of_text.masked_fill(same, 0.0) / (tokens.shape[1] - 1)
    score = (own - others.sum(dim=-1)) / (own.abs() + others.abs().sum(dim=-1)).clamp(min=1e-12)
    return score.mean(dim=(0, 1))


def check_different(tokens: Int[Tensor, "batch key"]) -> None:
    """Refuse texts of one token, or in which a token comes twice."""
    ordered = tokens.sort(dim=1).values
    if tokens.shape[1] < 2 or (ordered.diff(dim=1) == 0).any():
        raise ValueError("every text must hold two or more tokens, all different from each other")
