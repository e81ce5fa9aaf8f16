"""Padding: prompts of different lengths in one batch.

A mask marks the tokens of each prompt, and False the padding before them (left) or after them
(right). With a mask every prompt gives what it gives alone: no token attends to padding, and
positions are counted from each prompt's first token. The activations at the padding itself are
finite and mean nothing.
Axes: batch, pos; new are the positions of one forward, key those of the cache and the new ones.
"""

from collections.abc import Sequence
from typing import Literal, NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

Mask = Bool[Tensor, "batch pos"]
Start = int | Int[Tensor, " batch"]
"""Position of the first of some tokens; one per prompt where prompts are padded."""


class PaddedPrompts(NamedTuple):
    """Prompts of different lengths as one batch."""

    tokens: Int[Tensor, "batch pos"]
    """Token ids, with any token as padding."""
    mask: Mask
    """True for the prompts' tokens, False for padding."""


def pad_prompts(
    prompts: Sequence[Sequence[int]], side: Literal["left", "right"] = "left"
) -> PaddedPrompts:
    """Pad lists of token ids to the longest.

    Raises: ValueError without prompts, for an empty one, or another side.
    """
    if side not in ("left", "right"):
        raise ValueError(f"expected side='left' or 'right', got {side!r:.40}")
    if not prompts or not all(map(len, prompts)):
        raise ValueError("expected prompts of at least one token each, got an empty one or none")
    longest = max(map(len, prompts))
    left = side == "left"
    rows, mask = [], []
    for prompt in prompts:
        pads = [0] * (longest - len(prompt))
        rows.append([*pads, *prompt] if left else [*prompt, *pads])
        real = [True] * len(prompt)
        mask.append([False] * len(pads) + real if left else real + [False] * len(pads))
    return PaddedPrompts(torch.tensor(rows), torch.tensor(mask))


def check_mask(mask: Mask, tokens: Int[Tensor, "batch pos"]) -> None:
    """Raise ValueError unless each row of a mask marks one unbroken run of tokens."""
    given = f"a {type(mask).__name__}"
    if isinstance(mask, Tensor):
        given = f"{mask.dtype} and {list(mask.shape)}"
    if given != f"{torch.bool} and {list(tokens.shape)}":
        raise ValueError(
            f"expected a mask of type bool and of the tokens' shape {list(tokens.shape)}, got "
            f"{given}"
        )
    starts = count_runs(mask)
    if (starts != 1).any():
        raise ValueError(
            "expected one run of tokens per prompt, with padding before or after it, got "
            f"{int(starts[starts != 1][0])} in prompt {int((starts != 1).nonzero()[0])}"
        )


def count_runs(mask: Bool[Tensor, "batch key"]) -> Int[Tensor, " batch"]:
    """Count the unbroken runs of tokens in each row of a mask."""
    return mask[:, :1].sum(dim=1) + (mask[:, 1:] & ~mask[:, :-1]).sum(dim=1)


def first_position(mask: Bool[Tensor, "batch key"], n_old: int) -> Int[Tensor, " batch"]:
    """Compute the position of each prompt's entry at index n_old, from the mask.

    It is the number of the prompt's tokens before that index.
    Where the text begins only later, it is minus the padding that is still to come, so that the
    first token gets position 0.
    """
    padding_ahead = (mask[:, n_old:].cumsum(dim=1) == 0).sum(dim=1)
    return mask[:, :n_old].sum(dim=1) - padding_ahead


def rows_from(
    W_pos: Float[Tensor, "n_ctx d_model"], start: Start, n: int
) -> Float[Tensor, "*batch n d_model"]:
    """Return the vectors of n positions from `start` on; those below 0 (padding) get the first."""
    if isinstance(start, int):
        return W_pos[start : start + n]
    return W_pos[(start[:, None] + torch.arange(n, device=start.device)).clamp(min=0)]


def last_index(mask: Mask) -> Int[Tensor, " batch"]:
    """Return the index of each prompt's last token."""
    return (mask * torch.arange(mask.shape[1], device=mask.device)).argmax(dim=1)


def last_token(
    x: Float[Tensor, "batch pos d"], mask: Mask | None = None
) -> Float[Tensor, "batch d"]:
    """Select what belongs to each prompt's last token: x[:, -1] without a mask."""
    if mask is None:
        return x[:, -1]
    return x[torch.arange(len(x), device=x.device), last_index(mask)]
