"""Check shapes and types at every call as jaxtyping does, in a tenth of its time.

`jaxtyping.jaxtyped` binds the arguments to the signature at each call, and checks them a second
time with the result. `check` reads the hints once:

1. A hint of a tensor becomes a `Shape`, which compares sizes and the dtype without jaxtyping.
2. Other hints are checked by beartype.
3. What these two do not accept is checked again by `jaxtyped`, which decides, and words the error.

A function with an unusual hint is left to `jaxtyped`: one with computed axes, for instance.
"""

import contextlib
import dataclasses
import functools
import inspect
import re
from collections.abc import Callable
from types import FunctionType, UnionType
from typing import Any, Literal, Union, get_args, get_origin

import jaxtyping
import torch
from beartype import beartype
from jaxtyping import AbstractArray

AXIS = re.compile(r"[A-Za-z]\w*|\d+|_|\.\.\.|\*[A-Za-z]\w*")
Sizes = dict[str, Any]
"""Axis -> its size, or its sizes for an axis such as *batch."""


class Unusual(Exception):
    """A hint that is left to jaxtyping."""


class Shape:
    """A hint such as Float[Tensor, "batch pos"], or a union of it with None or other classes."""

    def __init__(self, hint: Any):
        kinds = set(get_args(hint)) if get_origin(hint) in (Union, UnionType) else {hint}
        arrays = [one for one in kinds if _is_array(one)]
        self.others = tuple(kinds - {*arrays})
        if len(arrays) != 1 or not all(type(one) is type for one in self.others):
            raise Unusual
        hint = arrays[0]
        names = hint.dim_str.split()
        if hint.array_type is not torch.Tensor or not all(map(AXIS.fullmatch, names)):
            raise Unusual
        several = [name for name in names if name == "..." or name[0] == "*"]
        self.several = several[0] if several else ""
        place = names.index(self.several) if several else len(names)
        self.first, self.last = names[:place], names[place + 1 :]
        self.dtypes = _dtypes(tuple(hint.dtypes) if isinstance(hint.dtypes, list | tuple) else None)

    def accepts(self, value: Any, sizes: Sizes) -> bool:
        """Whether a value fits the hint and the sizes so far, to which it adds its own."""
        if not isinstance(value, torch.Tensor):
            return isinstance(value, self.others)
        shape, count = value.shape, len(self.first) + len(self.last)
        if value.dtype not in self.dtypes or len(shape) < count:
            return False
        end = len(shape) - len(self.last)
        for name, size in zip(self.first, shape):
            if not _is_size(name, size, sizes):
                return False
        if self.several:
            for name, size in zip(self.last, shape[end:]):
                if not _is_size(name, size, sizes):
                    return False
            middle = shape[len(self.first) : end]
            return self.several == "..." or sizes.setdefault(self.several, middle) == middle
        return len(shape) == count


def _is_size(name: str, size: int, sizes: Sizes) -> bool:
    if name in sizes:
        return bool(sizes[name] == size)
    if name[0].isdigit():
        return int(name) == size
    if name != "_":
        sizes[name] = size
    return True


@functools.cache
def _dtypes(listed: tuple[Any, ...] | None) -> frozenset[torch.dtype]:
    """Collect torch's dtypes that a hint allows, by names and patterns; None allows all."""
    every = {one for one in vars(torch).values() if isinstance(one, torch.dtype)}
    if listed is None:
        return frozenset(every)
    names = {one: str(one).rpartition(".")[2] for one in every}
    return frozenset(
        one
        for one, name in names.items()
        if any(name == word if isinstance(word, str) else word.match(name) for word in listed)
    )


def check(function: Any) -> Any:
    """Decorate a function so that each call checks its arguments and its result.

    Of a class that is a dataclass its constructor is decorated; other classes are left as they are.
    """
    if isinstance(function, type) and dataclasses.is_dataclass(function):
        made: Any = function
        if not hasattr(made.__init__, "__wrapped__"):
            made.__init__ = check(made.__init__)
        return made
    with contextlib.suppress(Unusual):
        if isinstance(function, FunctionType):
            return _quick(function)
    return _complete(function)


@functools.cache
def _complete(function: Any) -> Any:
    """Leave a function to jaxtyping."""
    return jaxtyping.jaxtyped(function, typechecker=beartype)


def _quick(function: FunctionType) -> Callable[..., Any]:
    """Check by shapes and beartype; leave to jaxtyping a call with a value they do not accept.

    Raises: Unusual for hints that only jaxtyping can check.
    """
    if inspect.isgeneratorfunction(function) or inspect.iscoroutinefunction(function):
        raise Unusual
    signature = inspect.signature(function)
    hints = dict(function.__annotations__)
    shapes = {name: Shape(hint) for name, hint in hints.items() if _mentions_array(hint)}
    others = {name: hint for name, hint in hints.items() if name not in shapes}
    returned = {"value": others.pop("return")} if "return" in others else {}
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    places = [shapes.get(one.name) for one in signature.parameters.values() if one.kind in kinds]
    arguments = _empty(function, signature, others) if others else None
    one_value = inspect.signature(lambda value: value)
    result = _empty(function, one_value, returned) if returned else None
    shape_of_result = shapes.get("return")

    @functools.wraps(function)
    def checked(*args: Any, **kwargs: Any) -> Any:
        __tracebackhide__ = True
        sizes: Sizes = {}
        for shape, value in zip(places, args):
            if shape is not None and not shape.accepts(value, sizes):
                return _complete(function)(*args, **kwargs)
        for name, value in kwargs.items():
            if name in shapes and not shapes[name].accepts(value, sizes):
                return _complete(function)(*args, **kwargs)
        if arguments is not None and not _accepts(arguments, *args, **kwargs):
            return _complete(function)(*args, **kwargs)
        value = function(*args, **kwargs)
        if shape_of_result is not None:
            fits = shape_of_result.accepts(value, sizes)
        else:
            fits = result is None or _accepts(result, value)
        return value if fits else _complete.__wrapped__(_known(function, value))(*args, **kwargs)

    return checked


def _accepts(empty: Callable[..., Any], *args: Any, **kwargs: Any) -> bool:
    try:
        empty(*args, **kwargs)
    except Exception:
        return False
    return True


def _is_array(hint: Any) -> bool:
    return isinstance(hint, type) and issubclass(hint, AbstractArray)


def _mentions_array(hint: Any) -> bool:
    """Whether jaxtyping has to check a part of a hint, or the text of one.

    Raises: Unusual for a hint that is a text.
    """
    if isinstance(hint, str):
        raise Unusual
    if get_origin(hint) is Literal:
        return False
    inside = hint if isinstance(hint, list) else get_args(hint)
    return _is_array(hint) or any([_mentions_array(one) for one in inside])


def _empty(like: FunctionType, signature: inspect.Signature, hints: dict[str, Any]) -> Any:
    """Make a function that does nothing but check its arguments by beartype."""
    none = [
        one.replace(annotation=one.empty, default=one.default if one.default is one.empty else None)
        for one in signature.parameters.values()
    ]
    scope: dict[str, Any] = {"__name__": like.__module__}
    exec(f"def empty{inspect.Signature(none)}: pass", scope)
    scope["empty"].__annotations__ = hints
    return beartype(scope["empty"])


def _known(function: FunctionType, value: Any) -> Callable[..., Any]:
    """Make a function that returns a value which is known, to word what is wrong with it."""

    @functools.wraps(function)
    def known(*_: Any, **__: Any) -> Any:
        return value

    return known
