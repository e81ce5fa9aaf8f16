"""Save and load interventions as validated JSON.

    {"format": "interventions", "version": 1, "interventions": [
      {"site": {"hook": "attn.hook_z", "layer": 2, "head": 1, "position": [-1], ...},
       "action": "replace", "value": null, "source": {"run": "corrupted", ...}, "during": "all"}]}

A file may come from a stranger: nothing in it is executed, and every field is checked against the
annotation of the dataclass or function that takes it. Lists are read as tuples.
"""

import json
import math
import os
from collections.abc import Callable, Sequence
from dataclasses import is_dataclass
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, TypedDict, TypeVar, get_args, get_origin, get_type_hints

import torch
from torch import Tensor

from ..ch02_transformer.write_then_rename import write_then_rename
from .interventions import Intervention

MAX_BYTES, MAX_AXES = 64_000_000, 4
LIMITS: dict[type, tuple[str, Callable[[Any], bool]]] = {
    NoneType: ("null", lambda _: True),
    bool: ("true or false", lambda _: True),
    int: ("an integer below 2^31", lambda value: abs(value) < 2**31),
    float: ("a finite float", math.isfinite),
    str: ("a string of at most 200 letters", lambda value: len(value) <= 200),
}
"""Type of a field -> name in errors, and whether a value of this type is accepted."""
T = TypeVar("T")


class File(TypedDict):
    """The content of a file."""

    format: Literal["interventions"]
    version: Literal[1]
    interventions: tuple[Intervention, ...]


def build(make: Callable[..., T], value: Any, where: str) -> T:
    """Call a dataclass or function with a JSON object that has exactly its fields.

    Raises: ValueError with the place of the first wrong field in the file.
    """
    hints = get_type_hints(make)
    hints.pop("return", None)
    if type(value) is not dict or value.keys() != hints.keys():
        given = ", ".join(map(repr, value)) if type(value) is dict else repr(value)
        raise ValueError(f"{where}: expected fields {', '.join(hints)}, got {given:.200}")
    fields = {name: convert(value[name], hint, f"{where}.{name}") for name, hint in hints.items()}
    try:
        return make(**fields)
    except ValueError as error:
        raise ValueError(f"{where}: {error!s:.200}") from error


def convert(value: Any, hint: Any, where: str) -> Any:
    """Convert a JSON value to the annotated type; true is not an integer, and 1 not a float."""
    if hint is Tensor:
        return build(build_tensor, value, where)
    if isinstance(hint, type) and is_dataclass(hint):
        return build(hint, value, where)
    kind, options = get_origin(hint), get_args(hint)
    if kind is UnionType:  # the first option that fits, or else the error deepest in the value
        errors = []
        for option in options:
            try:
                return convert(value, option, where)
            except ValueError as error:
                errors.append(error)
        raise max(errors, key=lambda error: len(str(error).partition(": ")[0]))
    if kind is tuple and type(value) is list:
        return tuple(convert(one, options[0], f"{where}[{i}]") for i, one in enumerate(value))
    if kind is Literal:
        expected = " or ".join(map(str, options))
        accepted = any(type(value) is type(one) and value == one for one in options)
    else:
        expected, accept = LIMITS.get(hint, ("a list", bool))
        accepted = type(value) is hint and accept(value)
    if not accepted:
        raise ValueError(f"{where}: expected {expected}, got {value!r:.40}")
    return value


def build_tensor(
    dtype: Literal["float32", "float64"], shape: tuple[int, ...], numbers: tuple[float, ...]
) -> Tensor:
    """Build a tensor, if the numbers fill the shape and fit the dtype."""
    if len(shape) > MAX_AXES or min(shape, default=1) < 1 or math.prod(shape) != len(numbers):
        raise ValueError(
            f"expected a shape of {len(numbers)} entries on at most {MAX_AXES} axes, "
            f"got {list(shape)!r:.60}"
        )
    tensor = torch.tensor(numbers, dtype=getattr(torch, dtype)).reshape(shape)
    if not tensor.isfinite().all():
        raise ValueError(f"expected numbers within {dtype}, got one that is too large")
    return tensor


def build_object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return a JSON object, unless a field is repeated."""
    if len(dict(pairs)) < len(pairs):
        raise ValueError(f"expected each field once, got {[name for name, _ in pairs]!r:.80}")
    return dict(pairs)


def parse(content: bytes, path: str | os.PathLike[str]) -> list[Intervention]:
    """Build the interventions in a file's content."""
    try:
        if len(content) > MAX_BYTES:
            raise ValueError(f"expected at most {MAX_BYTES} bytes, got more")
        found = json.loads(content.decode("utf-8"), object_pairs_hook=build_object)
        return list(build(File, found, "file")["interventions"])
    except RecursionError as error:
        raise ValueError(f"{path}: expected interventions, got JSON nested too deep") from error
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


def load_interventions(path: str | os.PathLike[str]) -> list[Intervention]:
    """Load interventions; `apply_interventions` checks whether a model has their sites.

    Raises: ValueError with the place in the file, or for a pipe or device, which may have no end.
    """
    if os.path.exists(path) and not os.path.isfile(path):
        raise ValueError(f"{path}: expected a file, got a folder, a pipe or a device")
    with open(path, "rb") as file:
        return parse(file.read(MAX_BYTES + 1), path)


def save_interventions(interventions: Sequence[Intervention], path: str | os.PathLike[str]) -> None:
    """Save interventions: write a temporary file, then rename it to the path.

    Numbers are written so that they are loaded bit for bit.

    Raises: ValueError for what could not be loaded again, such as values that are not finite.
    """
    entries = [to_json(one) for one in interventions]
    content = {"format": "interventions", "version": 1, "interventions": entries}
    text = json.dumps(content, indent=1) + "\n"
    parse(text.encode(), path)
    with write_then_rename(Path(path)) as temporary:
        temporary.write_text(text, encoding="utf-8")


def to_json(one: Intervention) -> dict[str, Any]:
    """Return an intervention as nested dictionaries."""
    entry = vars(one) | {"site": vars(one.site), "source": one.source and vars(one.source)}
    if one.value is not None:
        dtype, shape = str(one.value.dtype).removeprefix("torch."), list(one.value.shape)
        numbers = one.value.detach().cpu().reshape(-1).tolist()
        entry["value"] = {"dtype": dtype, "shape": shape, "numbers": numbers}
    return entry
