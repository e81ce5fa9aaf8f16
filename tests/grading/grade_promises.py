"""Stricter promises while `mi grade` runs: an answer leaves what the graders compare with alone.

A grader may compute the right value after the answer, from the same tensors and the same model. An
answer that changes them without a trace (`x.data`, a part of a model that is replaced, a hook that
stays) would be compared with a value of its own making. `be_strict` compares contents and parts
before and after each call. Where the reference itself breaks this, an exercise is not judged by it.
"""

import functools
import random
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from . import promises
from .values import all_parts, modules, tensors

MOST = 4096
"""Entries of a tensor that are compared; of a larger one, so many in even steps."""
PARTS = ("_parameters", "_buffers", "_modules", "_forward_hooks", "_forward_pre_hooks")
PARTS += ("_backward_hooks", "hooks", "observers")
ALWAYS, RARELY = 50, 0.125
"""How many calls are compared, and what share of those that follow, drawn at random."""
WORDS = "{} changes its arguments, or the parts of a model: work on a copy."

chance = random.SystemRandom()
calls = 0
"""How often the answer was called so far."""
broken_by_reference = False
"""Whether the answer broke what only this file promises; of interest for the reference's."""


class StrictState(promises.State):
    """Also the contents of the arguments, and the parts of their models."""

    is_judged = True
    """Whether a change fails the answer, and is not only noted."""

    def __init__(self, arguments: Any):
        global calls
        super().__init__(arguments)
        calls += 1
        self.is_compared = calls <= ALWAYS or chance.random() < RARELY
        self.arguments = arguments
        self.seen = list(_seen(arguments)) if self.is_compared else []

    def changes(self, spared: list[str]) -> Iterator[str]:
        """What is different now, in words."""
        global broken_by_reference
        found = list(super().changes(spared))
        yield from found
        if self.is_compared and not found and not {"weights", "arguments"} & {*spared}:
            if not _same(self.seen, list(_seen(self.arguments))):
                broken_by_reference = True
                if self.is_judged:
                    yield WORDS


def be_strict(judged: bool) -> None:
    """Use the stricter promises in this process."""
    StrictState.is_judged = judged
    promises.State = StrictState  # type: ignore[misc]


def _seen(arguments: Any) -> Iterator[tuple[int, Any]]:
    """Yield (identity, content) of what the arguments consist of."""
    for x in tensors(arguments):
        yield id(x), _content(x)
    for module in modules(arguments):
        for part in all_parts(module):
            own = vars(part)
            for name in PARTS:
                value = own.get(name)
                if value and isinstance(value, dict):
                    yield id(part), (name, [(key, id(one)) for key, one in value.items()])
                elif value and isinstance(value, list):
                    yield id(part), (name, [id(one) for one in value])
            for x in [*own["_parameters"].values(), *own["_buffers"].values()]:
                if x is not None:
                    yield id(x), _content(x)


def _content(x: Tensor) -> Tensor | None:
    """A copy of some entries, without a gradient and without a trace in the tensor."""
    if x.is_sparse or x.device.type == "meta" or x.numel() == 0:
        return None
    with torch.no_grad():
        if x.numel() <= MOST:
            return x.detach().clone()
        return x.detach()[_some(x.shape)]


@functools.lru_cache(maxsize=512)
def _some(shape: torch.Size) -> tuple[Tensor, ...]:
    """Indices of entries in even steps."""
    index = torch.arange(0, shape.numel(), shape.numel() // MOST)
    return torch.unravel_index(index, shape)


def _same(before: list[tuple[int, Any]], after: list[tuple[int, Any]]) -> bool:
    if [one[0] for one in before] != [one[0] for one in after]:
        return False
    return all(_equal(left, right) for (_, left), (_, right) in zip(before, after, strict=True))


def _equal(left: Any, right: Any) -> bool:
    if isinstance(left, Tensor) and isinstance(right, Tensor):
        if left.shape != right.shape or left.dtype != right.dtype:
            return False
        if torch.equal(left, right):
            return True
        both_nan = (left != left) & (right != right)
        return bool(((left == right) | both_nan).all())
    return bool(left == right)
