"""Give the records of the workbook a short repr: shapes of tensors, not their numbers.

A NamedTuple or dataclass of tensors that ends a notebook's cell would fill the screen. The import
hook calls `shorten` on each module of chapters.ch*; records without tensors print as before.
"""

import dataclasses
from types import ModuleType
from typing import Any

MOST_NUMBERS, LONGEST = 4, 80
"""A tensor of so few numbers is printed; a value with a longer repr is cut."""


def shorten(module: ModuleType) -> None:
    """Replace the repr of the module's records, except one that is written in its file."""
    for record in vars(module).values():
        if not isinstance(record, type) or record.__module__ != module.__name__:
            continue
        if hasattr(record, "_fields") or dataclasses.is_dataclass(record):
            code = getattr(record.__repr__, "__code__", None)
            if code is not None and code.co_filename != module.__file__:
                record.__repr__ = short_repr  # type: ignore[assignment]


def short_repr(self: Any) -> str:
    """Return the name of a record and its fields in one short form."""
    names = getattr(self, "_fields", None)
    if names is None:
        names = [field.name for field in dataclasses.fields(self) if field.repr]
    shown = ", ".join(f"{name}={_value(getattr(self, name, None))}" for name in names)
    return f"{type(self).__name__}({shown})"


def _value(value: Any) -> str:
    if hasattr(value, "numel") and hasattr(value, "shape"):
        return repr(value) if value.numel() <= MOST_NUMBERS else f"Tensor{list(value.shape)}"
    if hasattr(value, "named_parameters"):
        return type(value).__name__
    if isinstance(value, list | tuple | dict | set) and type(value) in (list, tuple, dict, set):
        inside = value.values() if isinstance(value, dict) else value
        whole = repr(value) if all(isinstance(one, int | float | str) for one in inside) else ""
        return (
            whole if whole and len(whole) <= LONGEST else f"{type(value).__name__} of {len(value)}"
        )
    text = repr(value)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}..."
