"""What a grader saw of an answer: the values that it judged, and how it ended.

Two answers behave alike under a grader when all values and the end are the same. This is how a
failure is traced to a known mistake (`naming.py`). Needs no torch, as long as no tensor was judged.
"""

import contextlib
import math
import re
import sys
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest

SHOWN_NUMBERS = re.compile(r"-?\b\d+\.?\d*(?:e[+-]?\d+)?|\bnan\b|-?\binf\b")
LARGE = 10_000
SEEN: list[Any] = []
"""The values judged so far by the grader that is running."""


class Run(NamedTuple):
    """One run of one grader."""

    outcome: str
    """passed, failed, todo or skipped."""
    text: str
    """The report of the failure."""
    seen: list[Any]
    """The values that were judged, in order."""
    end: str | None
    """The words of its error, "" if it was a value in `seen`; None if the end proves nothing."""
    seconds: float
    """How long it took."""
    wrong: "Comparison | None" = None
    """The comparison that ended it, if one did."""


class Comparison(NamedTuple):
    """A wrong value, and what it was compared with."""

    actual: Any
    """The value that was judged."""
    expected: Any
    """The right one."""
    arguments: dict[str, Any] = {}
    """Arguments of the answer, where the grader called it through `check`."""
    function: str = ""
    """Its name, likewise."""


class Mismatch(AssertionError):
    """A judged value is not the expected one; its words say no more than `seen` does."""

    def __init__(self, words: str, actual: Any = None, expected: Any = None):
        super().__init__(words)
        self.comparison = Comparison(actual, expected)


class Differs(BaseException):
    """A value is not the one that another run judged: the rest of the grader need not run."""


def judge(value: Any) -> None:
    """Note a value that a grader is about to judge.

    Raises: Differs where `compared_with` waits for another value.
    """
    SEEN.append(_digest(value))
    if _expected is not None:
        place = len(SEEN) - 1
        if place >= len(_expected) or not same(SEEN[place], _expected[place]):
            raise Differs


_expected: list[Any] | None = None


@contextlib.contextmanager
def compared_with(seen: list[Any]) -> Iterator[None]:
    """End a grader at the first value that another run did not judge."""
    global _expected
    _expected = seen
    try:
        yield
    finally:
        _expected = None


def end_of(error: BaseException, words: str) -> str | None:
    """How an error ended a grader, to be compared; None for a time limit or an exit."""
    if isinstance(error, Mismatch):
        return ""
    limits = ("Timeout", "Stopped after", "Not run")
    timed_out = isinstance(error, pytest.fail.Exception) and str(error).startswith(limits)
    if timed_out or not isinstance(error, Exception | pytest.fail.Exception):
        return None
    return f"{type(error).__name__}: {words}"


def alike(one: Run, other: Run) -> bool:
    """Whether two answers did the same under one grader."""
    if one.outcome != other.outcome or len(one.seen) != len(other.seen):
        return False
    if one.end is None or other.end is None or not _same_words(one.end, other.end):
        return False
    return all(same(left, right) for left, right in zip(one.seen, other.seen, strict=True))


def _same_words(left: str, right: str) -> bool:
    """Whether two messages differ by no more than the last digits of their numbers."""
    if left == right:
        return True
    if SHOWN_NUMBERS.sub("#", left) != SHOWN_NUMBERS.sub("#", right):
        return False
    pairs = zip(SHOWN_NUMBERS.findall(left), SHOWN_NUMBERS.findall(right), strict=True)
    return all(math.isclose(float(a), float(b), rel_tol=1e-4) or a == b for a, b in pairs)


def same(left: Any, right: Any) -> bool:
    """Whether two judged values are equal up to rounding: root of the dtype's eps."""
    if type(left) is not type(right):
        return False
    if isinstance(left, dict):
        return list(left) == list(right) and all(same(left[key], right[key]) for key in left)
    if isinstance(left, list | tuple):
        return len(left) == len(right) and all(map(same, left, right))
    if isinstance(left, float):
        return math.isclose(left, right, rel_tol=1e-8, abs_tol=1e-8) or (
            left != left and right != right
        )
    torch = sys.modules.get("torch")
    if torch is None or not isinstance(left, torch.Tensor):
        return bool(left == right)
    if left.dtype != right.dtype or left.shape != right.shape:
        return False
    if not (left.dtype.is_floating_point or left.dtype.is_complex):
        return torch.equal(left, right)
    near = torch.finfo(left.dtype).eps ** 0.5
    return torch.allclose(left, right, rtol=near, atol=near, equal_nan=True)


def _digest(value: Any) -> Any:
    """A copy of a value; of a large tensor only some entries, their sum, and the shape."""
    if isinstance(value, dict):
        return {key: _digest(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_digest(part) for part in value]
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(value, torch.Tensor):
        value = value.detach()
        if value.numel() <= LARGE:
            return value.clone()
        return [list(value.shape), value.flatten()[:: value.numel() // LARGE].clone(), value.sum()]
    if isinstance(value, bool | int | float | complex | str) or value is None:
        return value
    return type(value).__name__
