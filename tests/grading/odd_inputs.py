"""Odd inputs that every numeric answer is tried on, against an oracle that is slow and plain.

An ordinary input comes first, so that an answer that is wrong everywhere is not told of an axis of
length 1.

    check_odd(metrics.kl_divergence, oracle, make, batch=4, d_vocab=7)

`make(batch=4, d_vocab=7)` gives ordinary arguments as a tuple, with tensors in float64, and
`oracle(*arguments)` the right value. Each kind of input below changes the sizes or the numbers.
"""

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor
from torch.utils._pytree import tree_leaves, tree_map

from .assertions import check
from .values import strided

LONG = 300
"""Longer than a customary default such as k=100."""


def _first_row_nan(x: Tensor) -> Tensor:
    x = x.clone()
    if x.dim():
        x[0] = torch.nan
    return x


KINDS: dict[str, tuple[str, Callable[[Tensor], Tensor]]] = {
    "zeros": ("all numbers are 0", torch.zeros_like),
    "nan": ("the first row is NaN", _first_row_nan),
    "sparse": ("half of the numbers are 0", lambda x: x * (x.flatten().argsort() % 2).view_as(x)),
    "large": ("the numbers are 1000 times larger", lambda x: x * 1000),
    "huge": ("the numbers are a million times larger", lambda x: x * 1e6),
    "small": ("the numbers are 1000 times smaller", lambda x: x / 1000),
    "tiny": ("the numbers are ten million times smaller", lambda x: x * 1e-7),
    "close": ("the numbers agree in eight digits", lambda x: 1 + 1e-8 * x),
    "strided": ("the memory is not contiguous", strided),
}
"""Name of a kind -> its words, and the change of a tensor of floating point numbers."""
RELATIVE = ("tiny", "huge")
"""Kinds whose results are judged next to their largest number."""
PRECISIONS = {
    "float32": (torch.float32, "the numbers are in float32", 1e-4),
    "bfloat16": (torch.bfloat16, "the numbers are in bfloat16", 5e-2),
    "float16": (torch.float16, "the numbers are in float16", 1e-2),
}


def check_odd(
    function: Callable[..., Any],
    oracle: Callable[..., Any],
    make: Callable[..., tuple],
    skip: str = "",
    half: bool = False,
    tolerance: float = 1e-8,
    **sizes: int,
) -> None:
    """Check an answer on every kind of odd input.

    skip: kinds that the exercise promises nothing about, as in "nan zeros"; an axis of length 1 or
    300 is called "batch=1" or "batch=300". half: 16-bit numbers are tried too.
    """
    left_out = skip.split()
    arguments = make(**sizes)
    claim = f"`{function.__name__}` is wrong."
    check(function, *arguments, expected=oracle(*arguments), claim=claim, tolerance=tolerance)
    for name, words, arguments in _odd(make, sizes):
        if name in left_out or (name == "huge" and "large" in left_out):
            continue
        claim = f"`{function.__name__}` is wrong where {words}."
        allowed = (ValueError,) if name == "nan" else ()  # given lines may refuse NaN
        with contextlib.suppress(*allowed):
            expected = oracle(*arguments)
            near = {"tolerance": tolerance, "scale": _size(expected) if name in RELATIVE else 1.0}
            check(function, *arguments, expected=expected, claim=claim, **near)
    for name in ["float32", *["bfloat16", "float16"] * half]:
        if name not in left_out:
            dtype, words, near = PRECISIONS[name]
            arguments = _changed(make(**sizes), lambda x, to=dtype: x.to(to))
            expected = oracle(*_changed(arguments, Tensor.double))
            claim = f"`{function.__name__}` is wrong where {words}."
            check(function, *arguments, expected=expected, claim=claim, tolerance=near)


def _size(expected: Any) -> float:
    """The largest number of a value, next to which the others are judged."""
    numbers = [torch.as_tensor(x).abs().max().item() for x in tree_leaves(expected) if _any(x)]
    return max(numbers, default=0.0) or 1.0


def _any(x: Any) -> bool:
    return not isinstance(x, Tensor) or x.numel() > 0


def _odd(make: Callable[..., tuple], sizes: dict[str, int]) -> Iterator[tuple[str, str, tuple]]:
    """(name, words, arguments) of every kind but the lower precisions."""
    for axis in sizes:
        for length in (1, LONG):
            words = f"the axis {axis} has length {length}"
            yield f"{axis}={length}", words, make(**sizes | {axis: length})
    if len(sizes) > 1:
        yield "ones", "every axis has length 1", make(**dict.fromkeys(sizes, 1))
    for name, (words, change) in KINDS.items():
        yield name, words, _changed(make(**sizes), change)
    yield "again", "the first call is repeated", make(**sizes)


def _changed(arguments: tuple, change: Callable[[Tensor], Tensor]) -> tuple:
    """The arguments with their floating point tensors changed, in containers too."""

    def one(x: Any) -> Any:
        return change(x) if isinstance(x, Tensor) and x.is_floating_point() else x

    return tree_map(one, arguments)
