"""What an unknown wrong value has to do with the right one: a factor, an exchange, a place.

Where no known mistake does what an answer does, one fact about its values still helps: "-1 times
the expected value". A fact is stated only if it holds for every comparison that failed, and if
some of them have enough different numbers to rule out chance.
"""

import contextlib
import math
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

import torch
from torch import Tensor

from .evidence import Comparison

TELLING = 3
"""Different numbers of a value that make its relation to another one no accident."""
MOST = 0.5
"""Share of the entries elsewhere that are wrong, where only some places are called right."""
SMALL = 1e-3
"""Difference, next to the largest number, of a value that is nearly right."""
SHOWN = 4
"""Most factors that a sentence lists."""
NEAR = 1e-5
"""Relative difference of numbers that count as equal, which may be in float32."""
FUNCTIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "the absolute value of the expected one": torch.abs,
    "the square of the expected one": torch.square,
    "the square root of the expected one": torch.sqrt,
    "1 divided by the expected one": torch.reciprocal,
    "1 minus the expected one": lambda x: 1 - x,
    "the logarithm of the expected one": torch.log,
    "the exponential of the expected one": torch.exp,
    "the expected one with 0 for its negative numbers": torch.relu,
}


class Part(NamedTuple):
    """A tensor that is wrong, and the expected one, both in float64."""

    actual: Tensor
    expected: Tensor
    arguments: dict[str, Tensor]
    """Numbers among the answer's arguments, by name."""


Relation = Callable[[Part], Iterator[str]]


def relation(comparisons: Iterable[Comparison]) -> str:
    """What all the wrong values have to do with the expected ones, as a sentence; "" if nothing.

    If nothing holds for all, the values of one function alone are tried.
    """
    found = list(comparisons)
    if words := _relation(found):
        return f"In each comparison that failed, your value is {words}."
    for name in dict.fromkeys(one.function for one in found if one.function):
        if words := _relation([one for one in found if one.function == name]):
            return f"In each comparison of `{name}` that failed, your value is {words}."
    return ""


def _relation(comparisons: list[Comparison]) -> str:
    parts = [part for one in comparisons for part in _parts(*one[:3])]
    if None in parts:
        return ""
    wrong = [part for part in parts if part is not None]
    telling = next((part for part in wrong if _tells(part.expected)), None)
    if telling is None:
        return ""
    for find in RELATIONS:
        for words in find(telling):
            if all(words in find(part) for part in wrong):
                return words
        if find is _factors and (words := _multiple(wrong)):
            return words
    return ""


def _multiple(parts: list[Part]) -> str:
    """The factors by which the values differ from the expected ones, where each has one factor."""
    found = [_factor(part) for part in parts]
    if None in found:
        return ""
    shown = list(dict.fromkeys(f"{factor:.4g}" for factor in found))
    more = ", ..." if len(shown) > SHOWN else ""
    return f"a multiple of the expected one: {', '.join(shown[:SHOWN])}{more}"


def _parts(actual: Any, expected: Any, arguments: dict[str, Any]) -> Iterator[Part | None]:
    """The tensors of a value that are wrong; None for other kinds of values."""
    for kind in (dict, list | tuple):
        if isinstance(actual, kind) and isinstance(expected, kind):
            if not isinstance(actual, dict):
                actual, expected = dict(enumerate(actual)), dict(enumerate(expected))
            if list(actual) != list(expected):
                yield None
                return
            for key in actual:
                yield from _parts(actual[key], expected[key], {})
            return
    left, right = _wide(actual), _wide(expected)
    if left is None or right is None:
        is_array = isinstance(actual, Tensor) or isinstance(expected, Tensor)
        if is_array or actual != expected:
            yield None
    elif not _close(left, right):
        given = {name: _wide(value) for name, value in arguments.items()}
        yield Part(left, right, {name: x for name, x in given.items() if x is not None})


def _wide(value: Any) -> Tensor | None:
    """A number or tensor in float64; None for anything else, complex numbers too."""
    if not isinstance(value, Tensor | int | float):
        return None
    x = torch.as_tensor(value).detach()
    return None if x.is_complex() else x.to("cpu", torch.float64)


def _tells(expected: Tensor) -> bool:
    numbers = expected[expected.isfinite() & (expected != 0)]
    return len(numbers.unique()) >= TELLING


def _equal(left: Tensor, right: Tensor) -> Tensor:
    """Which entries agree, next to the largest finite number of the second tensor."""
    finite = right[right.isfinite()].abs()
    near = NEAR * (finite.max().item() if len(finite) else 1.0)
    return torch.isclose(left, right, rtol=NEAR, atol=near, equal_nan=True)


def _close(left: Tensor, right: Tensor) -> bool:
    return left.shape == right.shape and bool(_equal(left, right).all())


def _of_arguments(part: Part) -> Iterator[str]:
    """An argument as it is, or the expected value with an argument added, or as a factor."""
    actual, expected, arguments = part
    for name, x in arguments.items():
        if actual.shape == x.shape and _tells(x) and _close(actual, x):
            yield f"the argument `{name}` as it was given"
        if actual.shape != expected.shape or x.dim() > expected.dim() or not x.any():
            continue
        with contextlib.suppress(RuntimeError):  # the shapes cannot be broadcast
            changed = {
                "plus": expected + x,
                "minus": expected - x,
                "times": expected * x,
                "divided by": expected / x,
            }
            for word, value in changed.items():
                if _close(actual, value):
                    yield f"the expected one {word} the argument `{name}`"


def _factor(part: Part) -> float | None:
    """The number by which every entry is multiplied, if one is."""
    actual, expected, _ = part
    if actual.shape != expected.shape or not expected.isfinite().any():
        return None
    place = expected.nan_to_num(0, 0, 0).abs().argmax()
    factor = (actual.flatten()[place] / expected.flatten()[place]).item()
    usable = factor and math.isfinite(factor)
    return factor if usable and _close(actual / factor, expected) else None


def _factors(part: Part) -> Iterator[str]:
    """One factor for all entries, or one number that is added to all."""
    actual, expected, _ = part
    factor = _factor(part)
    if factor is not None:
        words = f"{factor:.4g} times the expected one"
        yield "the expected one with the other sign" if words.startswith("-1 ") else words
    if actual.shape == expected.shape and expected.isfinite().any():
        place = expected.nan_to_num(0, 0, 0).abs().argmax()
        added = actual.flatten()[place] - expected.flatten()[place]
        if expected.numel() > 1 and _close(actual - added, expected):
            yield f"the expected one plus {added.item():.4g}"


def _functions(part: Part) -> Iterator[str]:
    for words, function in FUNCTIONS.items():
        if _close(part.actual, function(part.expected)):
            yield words


def _orders(part: Part) -> Iterator[str]:
    """Two axes exchanged; an axis in reverse, or shifted by one place; numbers in other places."""
    actual, expected, _ = part
    axes = range(expected.dim())
    for one in axes:
        for other in range(one):
            if _close(actual, expected.transpose(one, other)):
                yield f"the expected one with axes {other} and {one} exchanged"
    if actual.shape != expected.shape:
        return
    for axis in axes:
        length = expected.shape[axis]
        if length < 2:
            continue
        if _close(actual, expected.flip(axis)):
            yield f"the expected one in reverse along axis {axis}"
        late = actual.narrow(axis, 1, length - 1), expected.narrow(axis, 0, length - 1)
        early = actual.narrow(axis, 0, length - 1), expected.narrow(axis, 1, length - 1)
        for word, (left, right) in {"late": late, "early": early}.items():
            if _tells(right) and _close(left, right):
                yield f"the expected one, one place too {word} along axis {axis}"
    for axis in axes:
        if _close(actual.sort(axis).values, expected.sort(axis).values):
            yield f"the expected numbers in another order along axis {axis}"
    if _close(actual.flatten().sort().values, expected.flatten().sort().values):
        yield "the expected numbers, but in other places"


def _copies(part: Part) -> Iterator[str]:
    """One value for all places along an axis."""
    actual, expected, _ = part
    if actual.shape != expected.shape:
        return
    for axis in range(expected.dim()):
        if expected.shape[axis] < 2:
            continue
        ways = {
            "the expected first one": expected.narrow(axis, 0, 1),
            "the expected last one": expected.narrow(axis, -1, 1),
            "the mean of the expected ones": expected.mean(axis, keepdim=True),
            "the sum of the expected ones": expected.sum(axis, keepdim=True),
        }
        for words, value in ways.items():
            if value.isfinite().any() and _close(actual, value.expand_as(expected)):
                yield f"the same everywhere along axis {axis}, {words}"
        if actual.isfinite().any() and _close(actual, actual.narrow(axis, 0, 1).expand_as(actual)):
            yield f"the same everywhere along axis {axis}, where the expected ones differ"


def _places(part: Part) -> Iterator[str]:
    """Right at some places only, or wrong at some only."""
    actual, expected, _ = part
    if actual.shape != expected.shape:
        return
    wrong = ~_equal(actual, expected)
    for where, inside in _regions(actual, expected):
        if not inside.any() or inside.all():
            continue
        if not wrong[~inside].any():
            yield f"wrong only {where}"
        elif not wrong[inside].any() and _tells(expected[inside]):
            if wrong[~inside].float().mean() > MOST:
                yield f"right only {where}"


def _regions(actual: Tensor, expected: Tensor) -> Iterator[tuple[str, Tensor]]:
    """Places of a tensor in words, with a mask of them."""
    yield "where the expected one is NaN", expected.isnan()
    yield "where the expected one is 0", expected == 0
    yield "where the expected one is infinite", expected.isinf()
    for axis in range(expected.dim()):
        for word, index in {"first": 0, "last": expected.shape[axis] - 1}.items():
            mask = torch.zeros_like(expected, dtype=torch.bool)
            mask.select(axis, index)[...] = True
            yield f"at the {word} place along axis {axis}", mask
    if expected.dim() >= 2 and expected.shape[-1] == expected.shape[-2]:
        ones = torch.ones_like(expected, dtype=torch.bool)
        yield "on the diagonal of the last two axes", ones.tril() & ones.triu()
        yield "above the diagonal of the last two axes", ones.triu(1)
        yield "below the diagonal of the last two axes", ones.tril(-1)
    yield "where it is 0", actual == 0
    yield "where it is NaN", actual.isnan()
    yield "where it is infinite", actual.isinf()
    yield "where the expected one is negative", expected < 0
    yield "where the expected one is positive", expected > 0


def _along_axes(part: Part) -> Iterator[str]:
    """A factor or a number to add that depends on the place along one axis only."""
    actual, expected, _ = part
    if actual.shape != expected.shape or expected.dim() < 2 or not expected.isfinite().all():
        return
    narrow, wide = [], []
    for axis in range(expected.dim()):
        left, right = (x.movedim(axis, 0).flatten(1) for x in (actual, expected))
        narrow.append((left, right, f"each place along axis {axis}"))
        wide.append((left.T, right.T, f"each place along the axes other than {axis}"))
    for left, right, words in [*narrow, *wide]:
        if right.shape[1] < TELLING or len(right) < 2:
            continue
        place = right.abs().argmax(dim=1, keepdim=True)
        factor = left.gather(1, place) / right.gather(1, place)
        if _close(left, right * factor.nan_to_num()):
            yield f"the expected one, multiplied by another number at {words}"
        if _close(left, right + (left - right)[:, :1]):
            yield f"the expected one plus another number at {words}"


def _sizes(part: Part) -> Iterator[str]:
    """Right but for signs; or nearly right."""
    actual, expected, _ = part
    if _close(actual.abs(), expected.abs()):
        yield "right except for some signs"
    if actual.shape == expected.shape and expected.isfinite().all():
        if (actual - expected).abs().max() < SMALL * expected.abs().max():
            yield "nearly right, so something small is added, cut off or rounded"


RELATIONS: list[Relation] = [
    _of_arguments,
    _factors,
    _functions,
    _orders,
    _copies,
    _places,
    _along_axes,
    _sizes,
]
