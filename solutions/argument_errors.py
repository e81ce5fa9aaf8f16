"""Name the argument with which a call went wrong, by comparing the call with its signature.

torch reports a wrong shape where a product fails, several calls deeper and in its own words, or
broadcasts it without an error. What a function expects is written in its signature:

    score_of_answer: expected answer of shape [batch], got [3, 1]; batch is 3

1. The import hook puts the decorator `explained` on every function of a chapter.
2. Of a call that fails, `explain` returns the first argument that does not fit its annotation. An
   error that was raised on purpose, or in the code of the caller's own hook, stays as it is.
3. Of a call that succeeds, the arguments that the caller gave are compared too (`wrong_silently`):
   tensors, numbers and strings. Calls between functions of this package are not compared; they
   take 0.1 us longer.
"""

import dis
import functools
import inspect
import math
import re
import sysconfig
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import FrameType, FunctionType, TracebackType
from typing import Any

import torch
from torch import Tensor, nn

from .signatures import described, first_mismatch, hints_of

HERE = str(Path(__file__).parent)
LIBRARIES = tuple({*sysconfig.get_paths().values(), str(Path(torch.__file__).parents[1])})
LEFT_AS_THEY_ARE = (OSError, MemoryError, torch.OutOfMemoryError, StopIteration)


class ArgumentError(ValueError, TypeError):
    """An argument that does not fit the signature of the called function."""


_running = False
"""Whether a function of this package runs, so that the next call is not the caller's own."""


def explained(function: Any) -> Any:
    """Decorate a function so that a call that goes wrong names the argument that does not fit.

    Of a dataclass, the constructor is decorated.
    """
    if isinstance(function, type):
        made: Any = function
        made.__init__ = explained(made.__init__)
        return made

    def call(*args: Any, **kwargs: Any) -> Any:
        global _running
        outermost = not _running
        if outermost:
            reason = wrong_silently(function, args, kwargs)
            _running = True
        try:
            result = function(*args, **kwargs)
        except Exception as error:
            if (reason := explain(function, args, kwargs, error, outermost)) is None:
                raise
            raise ArgumentError(reason) from error
        finally:
            if outermost:
                _running = False
        if outermost and reason is not None:
            raise ArgumentError(reason)
        return result

    def generate(*args: Any, **kwargs: Any) -> Iterator[Any]:
        try:
            return (yield from function(*args, **kwargs))
        except Exception as error:
            if (reason := explain(function, args, kwargs, error, not _running)) is None:
                raise
            raise ArgumentError(reason) from error

    generates = inspect.isgeneratorfunction(function)
    return functools.wraps(function)(generate if generates else call)


def wrong_silently(
    function: FunctionType, args: Sequence[Any], kwargs: Mapping[str, Any]
) -> str | None:
    """Say which tensor, number or string does not fit; other classes are not compared."""
    given = {**dict(zip(positional_names(function), args, strict=False)), **kwargs}
    try:
        reason = first_mismatch(given, hints_of(function), strict=False)
    except TypeError:  # an annotation that isinstance does not take
        return None
    return None if reason is None else f"{shown_name(function)}: {reason}"


@functools.cache
def positional_names(function: FunctionType) -> list[str]:
    """List the parameters that may be given by position."""
    return [one.name for one in inspect.signature(function).parameters.values() if one.kind <= 1]


def shown_name(function: FunctionType) -> str:
    """Return the name of a function in errors, which of a constructor is its class."""
    return function.__qualname__.removesuffix(".__init__").removesuffix(".__call__")


def explain(
    function: FunctionType,
    args: Sequence[Any],
    kwargs: Mapping[str, Any],
    error: Exception,
    outermost: bool,
) -> str | None:
    """Say which argument of a failed call does not fit; None where that is not known.

    outermost: whether the caller made the call. What one function of this package gives to another
    may be empty or 0 for good reasons.
    """
    found_before = isinstance(error, ArgumentError)
    if not found_before and is_meant(error):
        return None
    signature = inspect.signature(function)
    try:
        given = signature.bind(*args, **kwargs).arguments
    except TypeError as wrong:
        names = ", ".join(name for name in signature.parameters if name != "self")
        return f"{shown_name(function)}: expected arguments ({names}), got a call with {wrong}"
    variadic = {one.name for one in signature.parameters.values() if one.kind in (2, 4)}
    given = {name: value for name, value in given.items() if name not in variadic}
    reason = first_mismatch(given, hints_of(function))
    if reason is None and not found_before and outermost:
        reason = other_reason(given, error)
    return None if reason is None else f"{shown_name(function)}: {reason}"


def is_meant(error: Exception) -> bool:
    """Whether this package raised the error on purpose, or the caller's own code failed."""
    if isinstance(error, LEFT_AS_THEY_ARE):
        return True
    frame: TracebackType | None = error.__traceback__
    last = frame
    while frame is not None:
        if is_callers(frame.tb_frame):
            return True
        last, frame = frame, frame.tb_next
    if last is None or not last.tb_frame.f_code.co_filename.startswith(HERE):
        return False
    instructions = dis.get_instructions(last.tb_frame.f_code)
    return any(i.opname == "RAISE_VARARGS" and i.offset == last.tb_lasti for i in instructions)


def is_callers(frame: FrameType) -> bool:
    """Whether a frame runs code that is neither of this package nor of a library."""
    code = frame.f_code
    generated = code.co_filename == "<string>" and code.co_name.startswith("__")  # by dataclasses
    return not generated and not code.co_filename.startswith((HERE, "<frozen", *LIBRARIES))


def other_reason(given: Mapping[str, Any], error: Exception) -> str | None:
    """Name what is unusual about arguments that fit: no entries, several precisions, an index."""
    for name, one in given.items():
        if isinstance(one, Tensor | list | tuple | dict) and not (
            one.numel() if isinstance(one, Tensor) else one
        ):
            return f"expected {name} with at least one entry, got none"
    tensors = {name: one for name, one in given.items() if isinstance(one, Tensor)}
    modules = {name: one for name, one in given.items() if isinstance(one, nn.Module)}
    weights = {name: one for name, module in modules.items() for one in first_weight(module)}
    precisions = {n: one.dtype for n, one in (tensors | weights).items() if one.is_floating_point()}
    if len(set(precisions.values())) > 1:
        told = ", ".join(f"{name} of {dtype}" for name, dtype in precisions.items())
        return f"expected tensors of one precision, got {told}; convert them with .to(dtype)"
    ending = f"({str(error).strip().partition(chr(10))[0]:.200})"
    if suspects := [name for name, one in given.items() if is_suspect(one, error)]:
        told = ", ".join(f"{name}={described(given[name])}" for name in suspects)
        return f"expected {' and '.join(suspects)} in range, got {told} {ending}"
    told = ", ".join(f"{name}={described(one)}" for name, one in given.items() if name != "self")
    return f"expected arguments that fit together, got {told} {ending}" if told else None


def is_suspect(value: Any, error: Exception) -> bool:
    """Whether an error is about this value: the index or key it names, or a number at most 0."""
    if isinstance(error, KeyError) and isinstance(value, str):
        return error.args[:1] == (value,)
    if named := re.search(r"index (-?\d+)", str(error)):
        entries = value.reshape(-1).tolist() if isinstance(value, Tensor) else value
        entries = entries if isinstance(entries, list | tuple) else [entries]
        return any(type(one) is int and one == int(named[1]) for one in entries)
    return isinstance(value, int | float) and type(value) is not bool and not 0 < value < math.inf


def first_weight(module: nn.Module) -> Iterator[Tensor]:
    """Yield a module's first parameter, if it has one."""
    yield from list(module.parameters())[:1]
