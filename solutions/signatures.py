"""Compare values with the annotations of a signature, and say in words what does not fit.

Tensors are compared with jaxtyping's annotations: their axes, whose names bind sizes across the
arguments, and their types. Numbers, strings, lists, dicts and unions are compared too, and other
classes where `strict` asks for it.
"""

import functools
import typing
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from types import FunctionType, NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin

import torch
from jaxtyping import AbstractArray
from torch import Tensor, nn

Sizes = dict[str, Any]
"""Axis -> its size, or its sizes for an axis such as *batch."""
PLAIN = {
    int: "an integer",
    float: "a number",
    bool: "True or False",
    str: "a string",
    NoneType: "None",
}
MOST = 20
"""Entries of a list that are compared with its annotation."""


@functools.cache
def hints_of(function: FunctionType) -> dict[str, Any]:
    """Return the annotations of a function, with names in quotes looked up where that works."""
    try:
        return typing.get_type_hints(function)
    except Exception:  # a name that only type checkers know
        return dict(function.__annotations__)


def first_mismatch(
    given: Mapping[str, Any], hints: Mapping[str, Any], *, strict: bool = True
) -> str | None:
    """Say how the first argument differs from its annotation; None if all of them fit.

    strict: compare all classes, types of floats, and the sizes of modules too.
    """
    sizes: Sizes = {}
    for value in given.values() if strict else ():
        if isinstance(value, nn.Module):
            sizes |= sizes_of(value)
    for name, value in given.items():
        if name in hints and (wrong := mismatch(name, value, hints[name], sizes, strict)):
            return wrong
    return None


def sizes_of(module: nn.Module) -> Sizes:
    """Return the sizes of a module's axes, from its config and the shapes of its own weights."""
    sizes = {
        name: size
        for name, size in getattr(module.__dict__.get("config"), "__dict__", {}).items()
        if name.startswith("d_") and isinstance(size, int)
    }
    for owner in type(module).__mro__:
        for name, hint in vars(owner).get("__annotations__", {}).items():
            weight = getattr(module, name, None)
            if is_array(hint) and isinstance(weight, Tensor):
                fit_axes(axes_of(hint), list(weight.shape), sizes)
    return sizes


def mismatch(name: str, value: Any, hint: Any, sizes: Sizes, strict: bool) -> str | None:
    """Say how a value differs from an annotation; None if it fits, or the annotation is unusual."""
    if is_array(hint):
        return array_mismatch(name, value, hint, sizes, strict)
    kind, options = get_origin(hint), get_args(hint)
    if kind in (Union, UnionType):
        found = [mismatch(name, value, option, sizes, strict) for option in options]
        alike = [one for one, option in zip(found, options, strict=True) if is_near(value, option)]
        other = f"expected {name} as {words(hint)}, got {described(value)}"
        return None if None in found else alike[0] if alike else other
    if not is_instance(value, hint, strict):
        return f"expected {name} as {words(hint)}, got {described(value)}"
    if kind in (list, tuple, Sequence, Iterable) and options and isinstance(value, list | tuple):
        several = len(options) == 1 or options[-1] is Ellipsis
        inside = [options[0]] * len(value) if several else options
        if len(inside) != len(value):
            return f"expected {name} of {len(inside)} entries, got {len(value)}"
        parts = enumerate(zip(value[:MOST], inside, strict=False))
        wrong = (mismatch(f"{name}[{i}]", *part, dict(sizes), strict) for i, part in parts)
        return next(filter(None, wrong), None)
    if kind in (dict, Mapping) and options and isinstance(value, Mapping):
        pairs = list(value.items())[:MOST]
        keys = [mismatch(f"a key of {name}", key, options[0], {}, strict) for key, _ in pairs]
        ends = [mismatch(f"{name}[{key!r}]", one, options[1], {}, strict) for key, one in pairs]
        return next(filter(None, [*keys, *ends]), None)
    return None


def is_near(value: Any, hint: Any) -> bool:
    """Whether an option of a union is the one that was meant: a tensor, a list, a dict."""
    return is_instance(value, Tensor if is_array(hint) else hint, True)


def is_array(hint: Any) -> bool:
    """Whether an annotation is one of jaxtyping's, of a torch tensor."""
    return isinstance(hint, type) and issubclass(hint, AbstractArray)


def is_instance(value: Any, hint: Any, strict: bool) -> bool:
    """Whether a value is of the annotated type, its entries not regarded."""
    kind = get_origin(hint) or hint
    number = isinstance(value, Tensor) and value.ndim == 0 and not strict
    if kind is Literal:
        return any(type(value) is type(one) and value == one for one in get_args(hint))
    if kind is int:
        whole = hasattr(value, "__index__") and not isinstance(value, bool | Tensor)
        return whole or (number and not value.is_floating_point())
    if kind is float:
        real = isinstance(value, float) and (value == value or not strict)  # NaN is not
        return real or number or is_instance(value, int, strict)
    if kind in (str, NoneType):
        return isinstance(value, kind)
    if kind is Callable:
        return callable(value)
    if kind in (tuple, list, Sequence) and isinstance(value, list | tuple):
        return kind is not tuple or isinstance(value, tuple) or not strict
    if kind is bool and not strict:
        return not isinstance(value, str | list | tuple | dict | NoneType)
    if kind in (Sequence, Iterable) and isinstance(value, str):
        return False
    if kind is Any or not isinstance(kind, type) or isinstance(value, kind):
        return True
    return not strict and kind not in (Sequence, Iterable, Mapping) and may_stand_for(value, kind)


def may_stand_for(value: Any, kind: type) -> bool:
    """Whether a value of another class can be meant: any object, but no number, string or list."""
    if issubclass(kind, tuple | list):
        return isinstance(value, Sequence) and not isinstance(value, str)
    plain = isinstance(value, str | int | float | NoneType | list | tuple | dict)
    return not plain or (kind is Path and isinstance(value, str))


def array_mismatch(name: str, value: Any, hint: Any, sizes: Sizes, strict: bool) -> str | None:
    """Compare a tensor with jaxtyping's annotation, and keep the sizes of its axes."""
    axes = axes_of(hint)
    if isinstance(value, Tensor) and has_kind(value, hint, strict):
        known = dict(sizes)
        if fit_axes(axes, list(value.shape), known):
            sizes.update(known)
            return None
    shape = f"[{', '.join(axes)}]"
    if not isinstance(value, Tensor):
        return f"expected {name} as a tensor of shape {shape}, got {described(value)}"
    if not has_kind(value, hint, strict):
        return f"expected {name} of {hint.__name__.partition('[')[0].lower()}s, got {value.dtype}"
    told = [f"{axis} is {sizes[axis]}" for axis in axes if axis in sizes]
    ending = f"; {', '.join(told)}" if told else ""
    return f"expected {name} of shape {shape}, got {list(value.shape)}{ending}"


@functools.cache
def axes_of(hint: Any) -> list[str]:
    """Split the axes of an annotation."""
    axes: list[str] = hint.dim_str.split()
    return axes


def has_kind(value: Tensor, hint: Any, strict: bool) -> bool:
    """Whether a tensor has one of the types that an annotation allows: floats, integers, bools.

    Unless strict, integers and bools are taken as floats.
    """
    return value.dtype in dtypes_of(hint) or (not strict and torch.float32 in dtypes_of(hint))


@functools.cache
def dtypes_of(hint: Any) -> frozenset[torch.dtype]:
    """Collect torch's dtypes that an annotation allows."""
    every = {one for one in vars(torch).values() if isinstance(one, torch.dtype)}
    allowed = hint.dtypes
    if not isinstance(allowed, list | tuple):
        return frozenset(every)
    names = {one: str(one).removeprefix("torch.") for one in every}
    return frozenset(
        one
        for one, name in names.items()
        if any(name == word if isinstance(word, str) else word.match(name) for word in allowed)
    )


def fit_axes(axes: Sequence[str], shape: list[int], sizes: Sizes) -> bool:
    """Match the axes of an annotation with a shape, and add what they say to the sizes."""
    for place, axis in enumerate(axes):
        if axis == "..." or axis.startswith(("*", "#*")):
            rest = len(axes) - place - 1
            middle, shape = shape[place : len(shape) - rest], shape[len(shape) - rest :]
            if len(shape) < rest or len(middle) < 0:
                return False
            if (
                axis.startswith("*")
                and "#" not in axis
                and sizes.setdefault(axis, middle) != middle
            ):
                return False
            return fit_axes(axes[place + 1 :], shape, sizes)
        if place >= len(shape):
            return False
        if axis.isdigit() and int(axis) != shape[place]:
            return False
        named = axis.isidentifier() and axis != "_"
        if named and sizes.setdefault(axis, shape[place]) != shape[place]:
            return False
    return len(shape) == len(axes)


def words(hint: Any) -> str:
    """Describe an annotation."""
    kind, options = get_origin(hint), get_args(hint)
    if hint in PLAIN:
        return PLAIN[hint]
    if kind in (Union, UnionType):
        return " or ".join(words(option) for option in options)
    if kind is Literal:
        return " or ".join(map(repr, options))
    if kind is Callable or hint is Callable:
        return "a function"
    if is_array(hint):
        return f"a tensor of shape [{', '.join(axes_of(hint))}]"
    if kind in (dict, Mapping):
        return "a dict"
    if kind in (list, Sequence, Iterable, tuple):
        return f"a {'tuple' if kind is tuple else 'list'}"
    return f"a {getattr(hint, '__name__', hint)}"


def described(value: Any) -> str:
    """Describe a value in a few words."""
    if isinstance(value, Tensor):
        return f"a tensor {list(value.shape)} of {value.dtype}"
    if isinstance(value, int | float | str | NoneType) or type(value) in (list, tuple):
        return f"{value!r:.60}"
    return f"a {type(value).__name__}"
