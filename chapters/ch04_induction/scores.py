"""Scores of heads: where they attend on repeated text, and whether they copy.

On a text that repeats every `period` tokens, for a query at position p and k = 1, 2, ...

    p - k * period        holds the same token as p                (duplicate-token head)
    p - k * period + 1    holds the token that followed it         (induction head)

and p - 1 holds the previous token. The score of a head is its attention to such positions, summed
over the earlier repeats and averaged over the queries from the second repeat on. Start tokens
(`n_bos` of them) shift all positions and are never counted.
Axes: layer, head, batch, query, key.
Source: Olsson et al. 2022, "In-context Learning and Induction Heads".
"""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from ..ch00_looking.checks import check_token_ids
from ..ch02_transformer import HookedTransformer
from ..ch02_transformer.norms import at_least_float32

Pattern = Float[Tensor, "batch head query key"]


def check_square(pattern: Tensor) -> None:
    """Raise ValueError unless a pattern has as many queries as keys."""
    if pattern.ndim != 4 or pattern.shape[-2] != pattern.shape[-1]:
        raise ValueError(
            "expected a pattern [batch, head, query, key] with as many queries as keys, got "
            f"{list(pattern.shape)}; run the model on the whole text, without a KV cache"
        )


def check_repeats(pattern: Tensor, period: int, n_bos: int) -> None:
    """Raise ValueError unless a pattern covers at least two periods, each of two or more tokens."""
    check_square(pattern)
    if n_bos < 0 or period < 2 or pattern.shape[-1] - n_bos < 2 * period:
        raise ValueError(
            "expected period >= 2 and at least two repeats after the start tokens, got "
            f"{pattern.shape[-1]} tokens, period {period} and n_bos {n_bos}"
        )


def previous_token_score(pattern: Pattern, n_bos: int = 0) -> Float[Tensor, " head"]:
    """Average each head's attention to the token just before the query.

    The first token of the text has no token before it and is left out.

    n_bos: number of start tokens, which count neither as queries nor as keys.

    Units: share of attention, 0 to 1.
    Raises: ValueError unless at least two tokens remain, or for a pattern that is not square.
    """
    check_square(pattern)
    if n_bos < 0 or pattern.shape[-1] - n_bos < 2:
        raise ValueError(
            "expected at least two tokens after the start tokens, got "
            f"{pattern.shape[-1]} tokens and n_bos {n_bos}"
        )
    pattern = at_least_float32(pattern)
    # exercise 4.1
    raise NotImplementedError("exercise 4.1")


def duplicate_token_score(pattern: Pattern, period: int, n_bos: int = 0) -> Float[Tensor, " head"]:
    """Average the attention to all earlier copies of the query's own token together.

    Units: share of attention, 0 to 1.
    Raises: ValueError for a text shorter than two periods.
    """
    check_repeats(pattern, period, n_bos)
    pattern = at_least_float32(pattern)
    # exercise 4.2
    raise NotImplementedError("exercise 4.2")


def prefix_matching_score(pattern: Pattern, period: int, n_bos: int = 0) -> Float[Tensor, " head"]:
    """Average the attention to the tokens that followed earlier copies of the query's own token.

    An induction head attends there: on repeated text it is the token that comes next.

    Units: share of attention, 0 to 1.
    Differs: TransformerLens's detection pattern never counts the text's first token as a key; here
    it is one for queries at the last token of a repeat, which it follows.
    Raises: ValueError for a text shorter than two periods.
    """
    check_repeats(pattern, period, n_bos)
    pattern = at_least_float32(pattern)
    # exercise 4.3
    raise NotImplementedError("exercise 4.3")


def attention_to_offset(
    pattern: Pattern, period: int, n_bos: int, shift: int
) -> Float[Tensor, " head"]:
    """Average over queries p the attention to p - k * period + shift, summed over k = 1, 2, ...

    Queries are those from the second repeat on. Every such position counts as a key, including the
    first token of the text, which follows the last token of each repeat.
    """
    # exercise 4.3
    raise NotImplementedError("exercise 4.3")


def token_losses(
    logits: Float[Tensor, "batch pos d_vocab"], tokens: Int[Tensor, "batch pos"]
) -> Float[Tensor, "batch predicted"]:
    """Compute the cross-entropy of each next token; entry i belongs to the token at i + 1.

    Units: nats.
    Raises: ValueError for ids outside the vocabulary.
    """
    check_token_ids(tokens, logits.shape[-1])
    logits, tokens = at_least_float32(logits), tokens.long()
    return F.cross_entropy(logits[:, :-1].transpose(1, 2), tokens[:, 1:], reduction="none")


def in_context_score(
    losses: Float[Tensor, "batch predicted"], early: int, late: int
) -> Float[Tensor, ""]:
    """Subtract the loss at an early token from the loss at a late one: NEGATIVE if context helps.

    The paper uses the 500th token and the 50th, of texts of 512. Some of its plots show the
    opposite difference; this is the one that it defines.

    Units: nats; lower is better, 0 means that nothing was learned from the text.
    Raises: ValueError unless 0 <= early < late < the number of losses.
    """
    if not 0 <= early < late < losses.shape[1]:
        raise ValueError(f"expected 0 <= early < late < {losses.shape[1]}, got {early} and {late}")
    # exercise 4.4
    raise NotImplementedError("exercise 4.4")


class HeadScores(NamedTuple):
    """Attention scores of every head of a model on repeated text."""

    prefix: Float[Tensor, "layer head"]
    """Prefix-matching score, which is high for induction heads."""
    previous: Float[Tensor, "layer head"]
    """Attention to the previous token."""
    duplicate: Float[Tensor, "layer head"]
    """Attention to earlier copies of the same token."""


@torch.no_grad()
def head_scores(
    model: HookedTransformer, tokens: Int[Tensor, "batch pos"], period: int, n_bos: int = 0
) -> HeadScores:
    """Score all heads in one forward pass, without keeping the patterns.

    Raises: ValueError for a text shorter than two periods or a model without layers; KeyError for a
        model without patterns.
    """
    if not len(model.blocks):
        raise ValueError("expected a model with layers, got one without")
    found: list[tuple[Tensor, Tensor, Tensor]] = []

    def score(pattern: Tensor, _: object) -> None:
        prefix = prefix_matching_score(pattern, period, n_bos)
        previous = previous_token_score(pattern, n_bos)
        found.append((prefix, previous, duplicate_token_score(pattern, period, n_bos)))

    names = [f"blocks.{layer}.attn.hook_pattern" for layer in range(len(model.blocks))]
    model.run_until_observed(tokens, names=names, observer=score)
    prefix, previous, duplicate = (torch.stack(scores) for scores in zip(*found, strict=True))
    return HeadScores(prefix, previous, duplicate)


def copying_score_on_text(
    raised: Float[Tensor, "batch key head d_vocab"], tokens: Int[Tensor, "batch key"]
) -> Float[Tensor, " head"]:
    """Compare the logit of the attended token with those of the text's other tokens.

    raised: the logits that a head adds directly when all its attention is on one key. The score of
    a key is (own - mean(others)) / (|own| + mean(|others|)), where `own` is the logit of the key's
    token and `others` are those of the text's other tokens; a head's score is the mean over keys.
    The mean over the vocabulary is subtracted first, since it changes no probability. The tokens
    of a text must be distinct.

    Units: -1 to 1; 1 raises only the attended token, -1 lowers it, 0 treats it like the others.
    Source: Olsson et al. 2022, the copying evaluator.
    Differs: theirs drops negative contributions; this keeps the sign.
    Raises: ValueError when a text contains a token twice.
    """
    check_distinct(tokens)
    # exercise 4.5
    raise NotImplementedError("exercise 4.5")


def check_distinct(tokens: Int[Tensor, "batch key"]) -> None:
    """Raise ValueError unless each text has two or more tokens, all distinct."""
    ordered = tokens.sort(dim=1).values
    if tokens.shape[1] < 2 or (ordered.diff(dim=1) == 0).any():
        raise ValueError("expected texts of two or more distinct tokens, got a repeated one")
