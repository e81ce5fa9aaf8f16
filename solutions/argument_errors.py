"""Name the wrong argument where a call fails, by comparing the call with its signature.

torch reports a wrong shape where a product fails, several calls deeper and in its own words. What a
function expects is written in its signature, so a failed call is compared with it:

    score_of_answer: expected answer of shape [batch], got [3, 1]; batch is 3

1. The import hook (`install`) puts the decorator `explained` on every function of a chapter.
2. `explained` calls the function. A call that succeeds is not checked, and takes 0.1 us longer.
3. Of a call that fails, `explain` returns the first argument that does not fit its annotation. An
   error that was raised on purpose, or in the code of the caller's own hook, stays as it is.
"""

import ast
import dis
import functools
import inspect
import math
import re
import sys
import sysconfig
import typing
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from pathlib import Path
from types import (
    FrameType,
    FunctionType,
    ModuleType,
    NoneType,
    SimpleNamespace,
    TracebackType,
    UnionType,
)
from typing import Any, Literal, Union, get_args, get_origin

import torch
from jaxtyping import AbstractArray
from torch import Tensor, nn

Sizes = dict[str, Any]
"""Axis -> its size, or its sizes for an axis such as *batch."""
HERE = str(Path(__file__).parent)
LIBRARIES = tuple({*sysconfig.get_paths().values(), str(Path(torch.__file__).parents[1])})
LEFT_AS_THEY_ARE = (OSError, MemoryError, torch.OutOfMemoryError, StopIteration)
PLAIN = {
    int: "an integer",
    float: "a number",
    bool: "True or False",
    str: "a string",
    NoneType: "None",
}
_NOTHING = SimpleNamespace()
MOST = 20
"""Entries of a list that are compared with its annotation."""


class ArgumentError(ValueError, TypeError):
    """An argument that does not fit the signature, found after the call failed."""


def explained(function: Any) -> Any:
    """Decorate a function so that a call that fails names the argument that does not fit.

    Of a dataclass, the constructor is decorated.
    """
    if isinstance(function, type):
        made: Any = function
        made.__init__ = explained(made.__init__)
        return made

    def call(*args: Any, **kwargs: Any) -> Any:
        try:
            return function(*args, **kwargs)
        except Exception as error:
            if (reason := explain(function, args, kwargs, error)) is None:
                raise
            raise ArgumentError(reason) from error

    def generate(*args: Any, **kwargs: Any) -> Iterator[Any]:
        try:
            return (yield from function(*args, **kwargs))
        except Exception as error:
            if (reason := explain(function, args, kwargs, error)) is None:
                raise
            raise ArgumentError(reason) from error

    generates = inspect.isgeneratorfunction(function)
    return functools.wraps(function)(generate if generates else call)


def explain(
    function: FunctionType, args: Sequence[Any], kwargs: Mapping[str, Any], error: Exception
) -> str | None:
    """Say which argument of a failed call does not fit; None where that is not known."""
    found_before = isinstance(error, ArgumentError)
    if not found_before and is_meant(error):
        return None
    signature = inspect.signature(function)
    try:
        given = signature.bind(*args, **kwargs).arguments
    except TypeError as wrong:
        names = ", ".join(name for name in signature.parameters if name != "self")
        return f"{function.__qualname__}: expected arguments ({names}), got a call with {wrong}"
    variadic = {one.name for one in signature.parameters.values() if one.kind in (2, 4)}
    given = {name: value for name, value in given.items() if name not in variadic}
    reason = first_mismatch(given, hints_of(function))
    if reason is None and not found_before and is_outermost():
        reason = other_reason(given, error)
    name = function.__qualname__.removesuffix(".__init__").removesuffix(".__call__")
    return None if reason is None else f"{name}: {reason}"


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


def is_outermost() -> bool:
    """Whether the call that failed was made by the caller, not by another function of this package.

    What one function of the package gives to another may be empty or 0 for good reasons.
    """
    frame: FrameType | None = sys._getframe()
    while frame is not None and frame.f_code.co_filename.startswith((__file__, *LIBRARIES)):
        frame = frame.f_back
    return frame is None or is_callers(frame)


def hints_of(function: FunctionType) -> dict[str, Any]:
    """Return the annotations of a function, with names in quotes looked up where that works."""
    try:
        return typing.get_type_hints(function)
    except Exception:  # a name that only type checkers know
        return dict(function.__annotations__)


def first_mismatch(given: Mapping[str, Any], hints: Mapping[str, Any]) -> str | None:
    """Say how the first argument differs from its annotation; None if all of them fit."""
    sizes: Sizes = {}
    for value in given.values():
        if isinstance(value, nn.Module):
            sizes |= sizes_of(value)
    for name, value in given.items():
        if name in hints and (wrong := mismatch(name, value, hints[name], sizes)):
            return wrong
    return None


def sizes_of(module: nn.Module) -> Sizes:
    """Return the sizes of a module's axes, from its config and the shapes of its own weights."""
    sizes = {
        name: size
        for name, size in vars(module.__dict__.get("config", _NOTHING)).items()
        if name.startswith("d_") and isinstance(size, int)
    }
    for owner in type(module).__mro__:
        for name, hint in vars(owner).get("__annotations__", {}).items():
            weight = getattr(module, name, None)
            if is_array(hint) and isinstance(weight, Tensor):
                fit_axes(hint.dim_str.split(), list(weight.shape), sizes)
    return sizes


def mismatch(name: str, value: Any, hint: Any, sizes: Sizes) -> str | None:
    """Say how a value differs from an annotation; None if it fits, or the annotation is unusual."""
    kind, options = get_origin(hint), get_args(hint)
    if kind in (Union, UnionType):
        found = [mismatch(name, value, option, sizes) for option in options]
        alike = [one for one, option in zip(found, options, strict=True) if is_near(value, option)]
        other = f"expected {name} as {words(hint)}, got {described(value)}"
        return None if None in found else alike[0] if alike else other
    if is_array(hint):
        return array_mismatch(name, value, hint, sizes)
    if not is_instance(value, hint):
        return f"expected {name} as {words(hint)}, got {described(value)}"
    if kind in (list, tuple, Sequence, Iterable) and options and isinstance(value, list | tuple):
        several = len(options) == 1 or options[-1] is Ellipsis
        inside = [options[0]] * len(value) if several else options
        if len(inside) != len(value):
            return f"expected {name} of {len(inside)} entries, got {len(value)}"
        parts = zip(value[:MOST], inside, strict=False)
        wrong = (mismatch(f"{name}[{i}]", *part, dict(sizes)) for i, part in enumerate(parts))
        return next(filter(None, wrong), None)
    if kind in (dict, Mapping) and options and isinstance(value, Mapping):
        pairs = list(value.items())[:MOST]
        keys = (mismatch(f"a key of {name}", key, options[0], {}) for key, _ in pairs)
        entries = (mismatch(f"{name}[{key!r}]", one, options[1], {}) for key, one in pairs)
        return next(filter(None, [*keys, *entries]), None)
    return None


def is_near(value: Any, hint: Any) -> bool:
    """Whether an option of a union is the one that was meant: a tensor, a list, a dict."""
    return is_instance(value, Tensor if is_array(hint) else hint)


def is_array(hint: Any) -> bool:
    """Whether an annotation is one of jaxtyping's, of a torch tensor."""
    return isinstance(hint, type) and issubclass(hint, AbstractArray)


def is_instance(value: Any, hint: Any) -> bool:
    """Whether a value is of the annotated type, its entries not regarded."""
    kind = get_origin(hint) or hint
    if kind is Literal:
        return any(type(value) is type(one) and value == one for one in get_args(hint))
    if kind is int:
        return hasattr(value, "__index__") and not isinstance(value, bool | Tensor)
    if kind is float:
        return isinstance(value, float) or is_instance(value, int)
    if kind is Callable:
        return callable(value)
    if kind in (Sequence, Iterable) and isinstance(value, str):
        return False
    return not isinstance(kind, type) or isinstance(value, kind)


def array_mismatch(name: str, value: Any, hint: Any, sizes: Sizes) -> str | None:
    """Compare a tensor with jaxtyping's annotation, and keep the sizes of its axes."""
    axes = hint.dim_str.split()
    shape = f"[{', '.join(axes)}]"
    if not isinstance(value, Tensor):
        return f"expected {name} as a tensor of shape {shape}, got {described(value)}"
    if not has_kind(value, hint):
        return f"expected {name} of {hint.__name__.partition('[')[0].lower()}s, got {value.dtype}"
    known = dict(sizes)
    if fit_axes(axes, list(value.shape), known):
        sizes.update(known)
        return None
    told = [f"{axis} is {sizes[axis]}" for axis in axes if axis in sizes]
    ending = f"; {', '.join(told)}" if told else ""
    return f"expected {name} of shape {shape}, got {list(value.shape)}{ending}"


def has_kind(value: Tensor, hint: Any) -> bool:
    """Whether a tensor has one of the types that an annotation allows: floats, integers, bools."""
    allowed = hint.dtypes
    if not isinstance(allowed, list | tuple):
        return True
    name = str(value.dtype).removeprefix("torch.")
    return any(name == one if isinstance(one, str) else one.match(name) for one in allowed)


def fit_axes(axes: Sequence[str], shape: list[int], sizes: Sizes) -> bool:
    """Match the axes of an annotation with a shape, and add what they say to the sizes."""
    for place, axis in enumerate(axes):
        if axis == "..." or axis.startswith(("*", "#*")):
            rest = len(axes) - place - 1
            middle, shape = shape[place : len(shape) - rest], shape[len(shape) - rest :]
            if len(shape) < rest or len(middle) < 0:
                return False
            if axis.startswith("*") and sizes.setdefault(axis, middle) != middle:
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


def other_reason(given: Mapping[str, Any], error: Exception) -> str | None:
    """Name what is unusual about arguments that fit: no entries, several precisions, an index."""
    tensors = {name: one for name, one in given.items() if isinstance(one, Tensor)}
    for name, one in given.items():
        if isinstance(one, Tensor | list | tuple | dict) and not (
            one.numel() if isinstance(one, Tensor) else one
        ):
            return f"expected {name} with at least one entry, got none"
    modules = {name: one for name, one in given.items() if isinstance(one, nn.Module)}
    tensors |= {name: one for name, module in modules.items() for one in first_weight(module)}
    precisions = {name: one.dtype for name, one in tensors.items() if one.is_floating_point()}
    if len(set(precisions.values())) > 1:
        told = ", ".join(f"{name} of {dtype}" for name, dtype in precisions.items())
        return f"expected tensors of one precision, got {told}; convert them with .to(dtype)"
    if suspects := [name for name, one in given.items() if is_suspect(one, error)]:
        told = ", ".join(f"{name}={described(given[name])}" for name in suspects)
        return f"expected {' and '.join(suspects)} in range, got {told} ({error!s:.200})"
    return None


def is_suspect(value: Any, error: Exception) -> bool:
    """Whether an error is about this value: the index or key it names, or a number at most 0."""
    if isinstance(error, KeyError) and isinstance(value, str):
        return error.args[:1] == (value,)
    if named := re.search(r"index (-?\d+)", str(error)):
        entries = value.tolist() if isinstance(value, Tensor) else value
        entries = entries if isinstance(entries, list | tuple) else [entries]
        return int(named[1]) in entries
    return isinstance(value, int | float) and type(value) is not bool and not 0 < value < math.inf


def first_weight(module: nn.Module) -> Iterator[Tensor]:
    """Yield a module's first parameter, if it has one."""
    yield from list(module.parameters())[:1]


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
        return f"a tensor of shape [{', '.join(hint.dim_str.split())}]"
    if kind in (dict, Mapping):
        return "a dict"
    if kind in (list, Sequence, Iterable, tuple):
        return f"a {'tuple' if kind is tuple else 'list'}"
    return f"a {getattr(hint, '__name__', hint)}"


def described(value: Any) -> str:
    """Describe a value in a few words."""
    if isinstance(value, Tensor):
        return f"a tensor of shape {list(value.shape)}"
    if isinstance(value, int | float | str | NoneType | list | tuple):
        return f"{value!r:.60}"
    return f"a {type(value).__name__}"


def install(package: str) -> None:
    """Decorate every function of the package's chapters that are imported from now on."""
    sys.meta_path.insert(0, Finder(f"{package}.ch"))


class Finder:
    """Finds the modules of chapters, and gives them `Loader`."""

    def __init__(self, beginning: str) -> None:
        self.beginning = beginning

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Find a module of a chapter; return None for every other module."""
        if not name.startswith(self.beginning):
            return None
        spec = PathFinder.find_spec(name, path, target)
        if spec is not None and type(spec.loader) is SourceFileLoader:
            spec.loader = Loader(name, spec.loader.path)
        return spec


class Loader(SourceFileLoader):
    """Compiles a module whose functions are decorated."""

    def source_to_code(self, data: Any, path: Any, *, _optimization: int = -1) -> Any:  # type: ignore[override]
        """Insert the decorators, and compile."""
        tree = ast.parse(data, path)
        decorate(tree)
        return compile(tree, path, "exec", dont_inherit=True, optimize=_optimization)

    def path_stats(self, path: str) -> Any:
        """Return time and size of a file; another size than without decorators.

        Bytecode is cached with the size of its source, and that without decorators is not taken.
        """
        return {**super().path_stats(path), "size": super().path_stats(path)["size"] + 1}


def decorate(tree: ast.Module) -> None:
    """Insert `explained` as the first decorator that acts on each function, and on dataclasses."""
    name = "__explained__"
    classes = [node for node in tree.body if isinstance(node, ast.ClassDef)]
    for body in [tree.body, *(node.body for node in classes)]:
        for node in body:
            if isinstance(node, ast.FunctionDef) and is_called_by_users(node):
                node.decorator_list.append(ast.Name(name, ast.Load()))
            elif isinstance(node, ast.ClassDef) and "dataclass" in map(
                decorator, node.decorator_list
            ):
                node.decorator_list.insert(0, ast.Name(name, ast.Load()))
    after_docstring = 1 if ast.get_docstring(tree) is not None else 0
    alias = ast.alias("explained", name)
    tree.body.insert(after_docstring, ast.ImportFrom(__name__, [alias], 0))
    for inserted in ast.walk(tree):
        if isinstance(inserted, ast.Name | ast.ImportFrom | ast.alias) and not hasattr(
            inserted, "lineno"
        ):
            inserted.lineno = inserted.end_lineno = 1
            inserted.col_offset = inserted.end_col_offset = 0


def is_called_by_users(function: ast.FunctionDef) -> bool:
    """Whether a function has arguments that may not fit, and is not abstract or called by Python.

    What takes a tensor of any shape, such as a hook point, has nothing to compare.
    """
    called = {"__init__", "__call__", "__matmul__", "__rmatmul__"}
    decorators = set(map(decorator, function.decorator_list))
    hidden = function.name.startswith("__") and function.name not in called
    any_shape = "'*shape'" in ast.unparse(function.args)
    return not (hidden or any_shape or decorators & {"abstractmethod", "property", "overload"})


def decorator(node: ast.expr) -> str:
    """Return the last part of a decorator's name."""
    node = node.func if isinstance(node, ast.Call) else node
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")
