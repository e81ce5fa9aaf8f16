"""Repeat a call with large numbers: a limit on them shows, because the result stops changing.

The numbers of one argument are multiplied by 2 ** 30, then its positive or its negative ones by up
to 128 more. Behind `clamp(-50, 50)`, `min(x, 1e4)` or `50 * tanh(x / 50)` the result is the same.
Results that overflow are not judged.
"""

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor

from .values import floats, numbers, parts

LARGE = 2.0**30
"""What an argument is multiplied by: above any limit, and its cube is finite in float32."""
GROWN = 10.0
"""A result below this may stay as it is: a probability, a cosine, a normalized vector."""
NEAR = 1e-9

Change = Callable[[Tensor], Tensor]
Run = Callable[[Change], Any]


def limits_of(run: Run, argument: Any, words: str, value: Any) -> Iterator[str]:
    """Yield what is wrong with a call, which `run(change)` repeats with one argument changed.

    words: what the argument is called. value: the result of the call itself.
    """
    signs = {"positive": 1, "negative": -1}
    given = [x for x in floats(argument) if not x.is_complex()]
    present = [s for s in signs if any(bool((signs[s] * x > 0).any()) for x in given)]
    results = _results(run, [signs[sign] for sign in present])
    if not results:
        return
    large, *grown = results
    still = [sign for sign, result in zip(present, grown) if _equal(large, result)]
    if still and _depends(run, [signs[sign] for sign in still], value):
        which = f"{still[0]} " if len(present) > len(still) else ""
        yield (
            f"The {which}numbers in {words} are of the order of 1e9, and {{}} returns the same "
            "where they are larger. Is something clamped?"
        )
    elif _has_stopped(value, large, grown):
        yield f"The result of {{}} grows with {words} up to a limit. Is something clamped?"


def _results(run: Run, signs: list[int]) -> list[Any]:
    """The result for large numbers, and for larger ones of each sign; none if one overflows."""
    changes = [lambda x: x * LARGE]
    changes += [lambda x, sign=sign: larger(x * LARGE, sign) for sign in signs]
    found = []
    for change in changes:
        try:
            found.append(run(change))
        except Exception:
            return []
        if not all(bool(x.isfinite().all()) for x in numbers(found[-1])):
            return []
    return found


def _depends(run: Run, signs: list[int], value: Any) -> bool:
    """Whether a result depends on the size of the numbers themselves: not that of a ReLU."""
    with contextlib.suppress(Exception):
        results = (run(lambda x, sign=sign: larger(x, sign)) for sign in signs)
        return any(not _equal(result, value) for result in results)
    return False


def larger(x: Tensor, sign: int) -> Tensor:
    """Multiply the numbers of a sign by 2 to 128, each by a factor of its own."""
    place = torch.arange(x.numel(), dtype=x.dtype).view(x.shape)
    return torch.where(sign * x > 0, x * 2 * 64 ** (place * 0.6180339887498949).frac(), x)


def _equal(left: Any, right: Any) -> bool:
    """Whether two results are the same to the last digit."""
    if type(left) is not type(right):
        return False
    if isinstance(left, Tensor):
        return torch.equal(left, right)
    if parts(left) or parts(right):
        pairs = zip(parts(left), parts(right))
        return len(parts(left)) == len(parts(right)) and all(_equal(*pair) for pair in pairs)
    return not isinstance(left, int | float | str) or left == right


def _has_stopped(value: Any, large: Any, grown: list[Any]) -> bool:
    """Whether some number of a result has grown from its value, and then stays as it is."""
    for before, now, *later in zip(*map(numbers, [value, large, *grown])):
        if any(x.shape != now.shape for x in (before, *later)) or now.is_complex():
            continue
        stopped = (now.abs() > GROWN) & (now.abs() > before.abs() * (1 + NEAR))
        for x in later:
            stopped &= (x - now).abs() <= NEAR * now.abs()
        if bool(stopped.any()):
            return True
    return False
