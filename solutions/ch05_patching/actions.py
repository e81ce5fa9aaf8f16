"""What may become of a part of an activation: the verbs of an intervention.

Each takes the part as it is, [batch, place, ...], and an operand that spreads over it.
"""

from collections.abc import Callable

import torch
from torch import Tensor


def fitted(part: Tensor, operand: Tensor) -> Tensor:
    """The operand, spread over the part.

    Raises: ValueError when it does not fit.
    """
    try:
        return operand.expand_as(part)
    except RuntimeError as error:
        raise ValueError(
            f"an operand of shape {list(operand.shape)} does not fit a part of shape "
            f"{list(part.shape)}, [batch, place, ...]"
        ) from error


ACTIONS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "zero": lambda part, _: torch.zeros_like(part),
    "replace": fitted,
    "add": lambda part, operand: part + fitted(part, operand),
    "scale": lambda part, operand: part * fitted(part, operand),
}
"""What becomes of a part, given the operand. Zero ignores its operand."""
