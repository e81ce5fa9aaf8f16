"""Refuse inputs from which a wrong result would look right: NaN, infinity, and wrong tokens.

A comparison with NaN is false, so a NaN that is counted, ranked or chosen by disappears. What fits,
chooses, or compares runs therefore refuses it by name. A function that only computes passes it on.
"""

import torch
from torch import Tensor


def check_finite(values: Tensor, what: str, *, allow_minus_inf: bool = False) -> None:
    """Raise ValueError where values are NaN or infinite.

    what: their name, in the plural. allow_minus_inf: for logits, where it forbids a token.
    """
    if values.isfinite().all():
        return
    wrong = ~values.isfinite() & ~(allow_minus_inf & values.isneginf())
    if wrong.any():
        raise ValueError(
            f"expected finite {what}, got {int(wrong.sum())} NaN or infinite of "
            f"{values.numel()}; find the first activation that is not finite"
        )


def check_tokens(tokens: Tensor, d_vocab: int) -> None:
    """Raise ValueError unless tokens is a batch of sequences of tokens of the vocabulary."""
    check_token_ids(tokens, d_vocab)
    if tokens.ndim != 2:
        raise ValueError(
            f"expected tokens of shape [batch, pos], got {list(tokens.shape)}; "
            f"for one sequence, write tokens[None]"
        )


def check_tensor(values: object, what: str) -> None:
    """Raise ValueError unless values are a tensor."""
    if not isinstance(values, Tensor):
        raise ValueError(
            f"expected {what} as a tensor, got a {type(values).__name__}; "
            f"convert them with torch.tensor({what})"
        )


def check_token_ids(ids: Tensor, d_vocab: int, what: str = "tokens") -> None:
    """Raise ValueError unless ids is a tensor of tokens of the vocabulary, of any shape.

    As an index, uint8 and bool would be a mask, and -1 the last token.
    """
    check_tensor(ids, what)
    if ids.dtype not in (torch.int64, torch.int32):
        raise ValueError(
            f"expected whole numbers of type int64 as {what}, got {ids.dtype}; "
            f"convert them with {what}.long()"
        )
    if ids.numel() and not 0 <= ids.min() <= ids.max() < d_vocab:
        raise ValueError(
            f"expected {what} in 0..{d_vocab - 1}, the vocabulary, "
            f"got {ids.min().item()} to {ids.max().item()}"
        )
