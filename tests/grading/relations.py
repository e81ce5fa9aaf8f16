"""What an unknown wrong value has to do with the right one: a factor, an exchange, a place.

Where no known mistake does what an answer does, one fact about its values still helps: "-1 times
the expected value". A fact is stated only if it holds for every comparison that failed, and if
some of them have enough different numbers to rule out chance.
"""

import math
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import torch
from torch import Tensor

TELLING = 3
"""Different numbers of a value that make its relation to another one no accident."""
MOST = 0.5
"""Share of the entries elsewhere that are wrong, where only some places are called right."""
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

Relation = Callable[[Tensor, Tensor], Iterator[str]]


def relation(pairs: Iterable[tuple[Any, Any]]) -> str:
    """What all the wrong values have to do with the expected ones, as a sentence; "" if nothing.

    pairs: each wrong value with the expected one: tensors, numbers, or containers of them.
    """
    parts = [part for pair in pairs for part in _parts(*pair)]
    telling = next((part for part in parts if part is not None and _tells(part[1])), None)
    if telling is None or None in parts:
        return ""
    for find in RELATIONS:
        for words in find(*telling):
            if all(words in find(*part) for part in parts):
                return f"In each comparison that failed, your value is {words}."
    return _multiple(parts)


def _multiple(parts: list[tuple[Tensor, Tensor]]) -> str:
    """The factors by which the values differ from the expected ones, where each has one factor."""
    found = [_factor(*part) for part in parts]
    if None in found:
        return ""
    shown = list(dict.fromkeys(f"{factor:.4g}" for factor in found))
    more = ", ..." if len(shown) > SHOWN else ""
    listed = ", ".join(shown[:SHOWN]) + more
    return (
        f"In each comparison that failed, your value is a multiple of the expected one: {listed}."
    )


def _parts(actual: Any, expected: Any) -> Iterator[tuple[Tensor, Tensor] | None]:
    """The tensors of a value that are wrong, each with the expected one; None for other kinds."""
    for kind in (dict, list | tuple):
        if isinstance(actual, kind) and isinstance(expected, kind):
            if not isinstance(actual, dict):
                actual, expected = dict(enumerate(actual)), dict(enumerate(expected))
            if list(actual) != list(expected):
                yield None
                return
            for key in actual:
                yield from _parts(actual[key], expected[key])
            return
    numbers = Tensor | int | float
    if not (isinstance(actual, numbers) and isinstance(expected, numbers)):
        if actual != expected:
            yield None
        return
    left, right = (torch.as_tensor(x).detach() for x in (actual, expected))
    if left.is_complex() or right.is_complex():
        yield None
        return
    left, right = left.to("cpu", torch.float64), right.to("cpu", torch.float64)
    if not _close(left, right):
        yield left, right


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


def _factor(actual: Tensor, expected: Tensor) -> float | None:
    """The number by which every entry is multiplied, if one is."""
    if actual.shape != expected.shape or not expected.isfinite().any():
        return None
    place = expected.nan_to_num(0, 0, 0).abs().argmax()
    factor = (actual.flatten()[place] / expected.flatten()[place]).item()
    usable = factor and math.isfinite(factor)
    return factor if usable and _close(actual / factor, expected) else None


def _factors(actual: Tensor, expected: Tensor) -> Iterator[str]:
    """One factor for all entries, or one number that is added to all."""
    factor = _factor(actual, expected)
    if factor is not None:
        words = f"{factor:.4g} times the expected one"
        yield "the expected one with the other sign" if words.startswith("-1 ") else words
    if actual.shape == expected.shape and expected.isfinite().any():
        place = expected.nan_to_num(0, 0, 0).abs().argmax()
        added = actual.flatten()[place] - expected.flatten()[place]
        if expected.numel() > 1 and _close(actual - added, expected):
            yield f"the expected one plus {added.item():.4g}"


def _functions(actual: Tensor, expected: Tensor) -> Iterator[str]:
    for words, function in FUNCTIONS.items():
        if _close(actual, function(expected)):
            yield words


def _orders(actual: Tensor, expected: Tensor) -> Iterator[str]:
    """Two axes exchanged; an axis in reverse, or shifted by one place."""
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


def _copies(actual: Tensor, expected: Tensor) -> Iterator[str]:
    """One value for all places along an axis."""
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


def _places(actual: Tensor, expected: Tensor) -> Iterator[str]:
    """Right at some places only, or wrong at some only."""
    if actual.shape != expected.shape:
        return
    for where, inside in _regions(expected):
        if not inside.any() or inside.all():
            continue
        wrong = ~_equal(actual, expected)
        if not wrong[~inside].any():
            yield f"right except {where}"
        elif (
            not wrong[inside].any()
            and _tells(expected[inside])
            and wrong[~inside].float().mean() > MOST
        ):
            yield f"right only {where}"


def _regions(expected: Tensor) -> Iterator[tuple[str, Tensor]]:
    """Places of a tensor in words, with a mask of them."""
    yield "where the expected one is NaN", expected.isnan()
    yield "where the expected one is 0", expected == 0
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


RELATIONS: list[Relation] = [_factors, _functions, _orders, _copies, _places]
