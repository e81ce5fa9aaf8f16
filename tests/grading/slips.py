"""Slips: small mistakes that any answer can hold, and when each of them shows.

A slip changes what a function returns (`squeeze`, `abs`), what it is given (`given: clamp at 50`),
its arguments in place (`in-place`) or its code (`no raise`; see `code_changes.py`). `mutants.py`
puts each one into the reference's own answers.
"""

import dataclasses
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

SMALL = 1e-6
MANY = 3


def _of_floats(change: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Limit a change to floating point tensors and numbers."""

    def one(x: Any) -> Any:
        if isinstance(x, Tensor) and x.is_floating_point():
            return change(x)
        return change(torch.tensor(x, dtype=torch.float64)).item() if type(x) is float else x

    return one


def _of_tensors(change: Callable[[Tensor], Any]) -> Callable[[Any], Any]:
    return lambda x: change(x) if isinstance(x, Tensor) else x


def _abs(x: Any) -> Any:
    if isinstance(x, Tensor):
        return x if x.dtype == torch.bool else x.abs()
    return abs(x) if type(x) in (int, float) else x


def _first(x: Any) -> Any:
    """The first item of an axis, a list or a dict, alone."""
    if isinstance(x, Tensor) and x.dim():
        return x[:1]
    if type(x) in (list, tuple, range):
        return x[:1]
    return dict(list(x.items())[:1]) if type(x) is dict else x


def _shifted(x: Any) -> Any:
    """Every item of the first axis is the next one's; an index is one too high."""
    if isinstance(x, Tensor) and x.dim():
        return torch.cat([x[1:], x[-1:]]) if len(x) else x
    if type(x) is int:
        return x + 1
    if type(x) is range:
        return range(x.start + x.step, x.stop + x.step, x.step)
    return [*x[1:], *x[-1:]] if type(x) is list else x


def _hanging(x: Tensor) -> Tensor:
    asks = x.is_floating_point() and not x.requires_grad and x.grad_fn is None
    return x.clone().requires_grad_() if asks else x


def _last_of_many_dropped(x: Any) -> Any:
    """Drop the last item where there are more than three."""
    if isinstance(x, Tensor):
        return x[:-1] if x.dim() and len(x) > MANY else x
    return x[:-1] if type(x) in (list, tuple) and len(x) > MANY else x


def _duplicates_dropped(x: Any) -> Any:
    """Keep each item once, in order."""
    if isinstance(x, Tensor) and x.dim() == 1 and not x.is_floating_point():
        return torch.tensor(list(dict.fromkeys(x.tolist())), dtype=x.dtype)
    try:
        return type(x)(dict.fromkeys(x)) if type(x) in (list, tuple) else x
    except TypeError:  # items without a hash
        return x


VALUES: dict[str, Callable[[Any], Any]] = {
    "squeeze": _of_tensors(Tensor.squeeze),
    "nan_to_num": _of_floats(torch.nan_to_num),
    "detach": _of_tensors(Tensor.detach),
    "float": _of_tensors(lambda x: x.float() if x.is_floating_point() else x),
    "abs": _abs,
    "first only": _first,
    "first for all": _of_tensors(lambda x: x[:1].expand_as(x).clone() if x.dim() else x),
    "clamp": _of_floats(lambda x: x.clamp(min=SMALL)),
    "small to zero": _of_floats(lambda x: torch.where(x.abs() < SMALL, 0.0, x)),
    "clamp at 50": _of_floats(lambda x: x.clamp(-50, 50)),
    "clamp at 1e4": _of_floats(lambda x: x.clamp(-1e4, 1e4)),
    "rounded": _of_floats(lambda x: x.float().to(x.dtype)),
    "last of many dropped": _last_of_many_dropped,
    "clone": _of_tensors(Tensor.clone),
    "off by one": _shifted,
    "hanging": _of_tensors(_hanging),
    "number to tensor": lambda x: torch.tensor(x) if type(x) in (int, float, bool) else x,
    "tensor to number": lambda x: x.item() if isinstance(x, Tensor) and not x.dim() else x,
}
"""Name of a slip -> the change of one tensor, number or list that an answer returns."""
GIVEN: dict[str, Callable[[Any], Any]] = {
    "given: clamp at 50": VALUES["clamp at 50"],
    "given: clamp at 1e4": VALUES["clamp at 1e4"],
    "given: rounded": VALUES["rounded"],
    "given: abs": VALUES["abs"],
    "given: first for all": VALUES["first for all"],
    "given: last of many dropped": _last_of_many_dropped,
    "given: duplicates dropped": _duplicates_dropped,
}
"""Name of a slip -> the change of one argument before the answer uses it."""
ARGUMENTS = ("in-place", "global seed", "remembered", "no gradients afterwards")
"""Slips that leave the first value alone: they change an argument, or state."""
CODE = (
    "0 is None",
    "seed for None",
    "no raise",
    "no list",
    "default for all",
    "more below the line",
    "no clone",
    "no cast",
    "equality elsewhere",
    "number raised",
)
"""Slips in the code: a falsy argument counts as absent, a default generator, no error, no copy, an
argument that is ignored, 1e-9 added to a denominator, no clone, no cast, > for >=, 2 for 1."""
SLIPS = (*VALUES, *GIVEN, *ARGUMENTS, *CODE)
OPEN = (
    "clamp at 50",
    "clamp at 1e4",
    "rounded",
    "last of many dropped",
    *GIVEN,
    *CODE[CODE.index("default for all") :],
)
"""Slips that the graders of some exercises do not refuse yet: only the map tries them."""


def _is_float(x: Any) -> bool:
    return type(x) is float or isinstance(x, Tensor) and x.is_floating_point()


def _is_array(x: Any) -> bool:
    return isinstance(x, Tensor) and x.dim() > 0


def _is_items(x: Any) -> bool:
    return _is_array(x) or type(x) in (list, dict, range)


APPLIES: dict[str, Callable[[Any], bool]] = {
    "squeeze": _is_array,
    "nan_to_num": _is_float,
    "detach": lambda x: isinstance(x, Tensor) and x.is_floating_point(),
    "float": lambda x: isinstance(x, Tensor) and x.is_floating_point(),
    "abs": lambda x: type(x) in (int, float) or isinstance(x, Tensor) and x.dtype != torch.bool,
    "first only": _is_items,
    "first for all": _is_array,
    "clamp": _is_float,
    "small to zero": _is_float,
    "clamp at 50": _is_float,
    "clamp at 1e4": _is_float,
    "rounded": _is_float,
    "last of many dropped": lambda x: _is_array(x) or type(x) in (list, tuple),
    "clone": lambda x: isinstance(x, Tensor),
    "off by one": lambda x: _is_array(x) or type(x) in (list, range, int),
    "hanging": lambda x: isinstance(x, Tensor) and x.is_floating_point(),
    "number to tensor": lambda x: type(x) in (int, float, bool),
    "tensor to number": lambda x: isinstance(x, Tensor) and not x.dim(),
}
"""Name of a slip -> whether it could ever do something to such a part of a value."""


def change_value(value: Any, change: Callable[[Any], Any], top: bool = True) -> Any:
    """Change every part of a returned value; what a list holds first, then the list."""
    if isinstance(value, nn.Module):
        return value
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return type(value)(*(change_value(part, change, False) for part in value))
    if type(value) in (list, tuple):
        parts = type(value)(change_value(part, change, False) for part in value)
        return change(parts) if top else parts
    if type(value) is dict:
        parts = {key: change_value(part, change, False) for key, part in value.items()}
        return change(parts) if top else parts
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {f.name: getattr(value, f.name) for f in dataclasses.fields(value) if f.init}
        changed = {name: change_value(part, change, False) for name, part in fields.items()}
        if any(changed[name] is not part for name, part in fields.items()):
            return dataclasses.replace(value, **changed)
        return value
    return change(value)


def differs(left: Any, right: Any) -> bool:
    """Whether a caller could tell two values apart; a clone, by its memory alone."""
    if left is right:
        return False
    if isinstance(left, Tensor) and isinstance(right, Tensor):
        return (
            (left.shape, left.dtype, left.requires_grad)
            != (right.shape, right.dtype, right.requires_grad)
            or not torch.equal(left.detach().isnan(), right.detach().isnan())
            or not torch.equal(left.detach().nan_to_num(), right.detach().nan_to_num())
        )
    if type(left) is not type(right):
        return True
    if type(left) is dict:
        return list(left) != list(right) or any(differs(left[k], right[k]) for k in left)
    if isinstance(left, list | tuple):
        return len(left) != len(right) or any(map(differs, left, right))
    if dataclasses.is_dataclass(left):
        return any(differs(a, b) for a, b in zip(vars(left).values(), vars(right).values()))
    return bool(left != right) and not (left != left and right != right)


def change_argument(arguments: dict[str, Any]) -> bool:
    """Edit the first argument that can be edited, in place; the object itself comes last."""
    order = [*(v for k, v in arguments.items() if k != "self"), arguments.get("self")]
    return any(_edit(value) for value in order)


def _edit(value: Any) -> bool:
    if isinstance(value, nn.Module):
        return any(_edit(parameter) for parameter in value.parameters())
    if isinstance(value, Tensor) and value.numel():
        with torch.no_grad():
            if value.dtype == torch.bool:
                value.logical_not_()
            else:
                value.add_(1)
        return True
    if type(value) is list and value:
        value.append(value[0])
        return True
    if type(value) is dict and value:
        value.pop(next(iter(value)))
        return True
    if isinstance(value, tuple):
        return any(_edit(part) for part in value)
    if dataclasses.is_dataclass(value):
        return any(_edit(part) for part in vars(value).values())
    return False


def gist(arguments: dict[str, Any]) -> str:
    """Shapes and plain values of arguments: what a careless cache would take for its key."""

    def one(x: Any) -> Any:
        if isinstance(x, Tensor):
            return list(x.shape), x.dtype
        if isinstance(x, list | tuple):
            return [one(part) for part in x]
        return x if isinstance(x, int | float | str | None) else type(x).__name__

    return repr({name: one(value) for name, value in arguments.items() if name != "self"})


def is_told_by_gist(x: Any) -> bool:
    """Whether an argument is plain, so that its gist holds all of it."""
    if isinstance(x, list | tuple):
        return all(map(is_told_by_gist, x))
    return isinstance(x, int | float | str | None)
