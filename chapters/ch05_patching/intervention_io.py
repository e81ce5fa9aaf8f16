"""Save and load interventions as validated JSON.

    {"format": "interventions", "version": 1, "interventions": [
      {"site": {"hook": "attn.hook_z", "layer": 2, "head": 1, "position": [-1], ...},
       "action": "replace", "value": null, "source": {"run": "corrupted", ...}, "during": "all"}]}

A file may come from a stranger: nothing in it is executed, and every field is checked before it is
used. A check takes a value and its place in the file, and returns the value or raises ValueError.
"""

import json
import math
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, get_args

import torch
from torch import Tensor

from ..ch02_transformer.sites import Site
from ..ch02_transformer.write_then_rename import write_then_rename
from .interventions import Action, During, FromRun, Intervention

MAX_BYTES, MAX_INTEGER, MAX_LETTERS, MAX_AXES = 64_000_000, 2**31, 200, 4
DTYPES = {"float32": torch.float32, "float64": torch.float64}
DEPTHS = ("a number", "a list of numbers", "a list of lists of numbers")
Check = Callable[[Any, str], Any]


def of_type(kind: Any) -> Check:
    """Check for exactly this type (true is not an integer), finite and of bounded size."""

    def check(value: Any, where: str) -> Any:
        if type(value) is not kind:
            raise ValueError(f"{where}: expected {kind.__name__}, got {value!r:.40}")
        if kind is str and len(value) > MAX_LETTERS:
            raise ValueError(f"{where}: expected at most {MAX_LETTERS} letters, got {len(value)}")
        if kind is float and not math.isfinite(value) or kind is int and abs(value) >= MAX_INTEGER:
            raise ValueError(f"{where}: expected a finite number below 2^31, got {value!r:.40}")
        return value

    return check


def one_of(*allowed: str | int) -> Check:
    """Check for one of these values."""

    def check(value: Any, where: str) -> Any:
        if of_type(type(allowed[0]))(value, where) not in allowed:
            raise ValueError(f"{where}: expected {' or '.join(map(str, allowed))}, got {value!r}")
        return value

    return check


def nested(kind: type, *depths: int) -> Check:
    """Check for a value (depth 0), a list (1) or a list of lists (2), and make lists tuples."""

    def check(value: Any, where: str) -> Any:
        depth, inner = 0, value
        while type(inner) is list:
            depth, inner = depth + 1, inner[0] if inner else None
        if depth not in depths:
            expected = " or ".join(DEPTHS[one] for one in depths)
            raise ValueError(f"{where}: expected {expected}, got {value!r:.40}")
        return check_depth(value, depth, where)

    def check_depth(value: Any, depth: int, where: str) -> Any:
        if not depth:
            return of_type(kind)(value, where)
        rows = enumerate(of_type(list)(value, where))
        return tuple(check_depth(row, depth - 1, f"{where}[{i}]") for i, row in rows)

    return check


def optional(inner: Check) -> Check:
    """Check for null, or else for something."""
    return lambda value, where: None if value is None else inner(value, where)


def fields(build: Callable[..., Any], **checks: Check) -> Check:
    """Check for an object with exactly these fields, and call `build` with them."""

    def check(value: Any, where: str) -> Any:
        names = value.keys() if type(value) is dict else None
        if names != checks.keys():
            given = repr(value) if names is None else ", ".join(map(repr, names))
            raise ValueError(f"{where}: expected fields {', '.join(checks)}, got {given:.200}")
        found = {name: inner(value[name], f"{where}.{name}") for name, inner in checks.items()}
        try:
            return build(**found)
        except ValueError as error:
            raise ValueError(f"{where}: {error!s:.{MAX_LETTERS}}") from error

    return check


def build_tensor(dtype: str, shape: tuple[int, ...], numbers: tuple[float, ...]) -> Tensor:
    """Build a tensor, if the numbers fill the shape and fit the dtype."""
    if len(shape) > MAX_AXES or min(shape, default=1) < 1 or math.prod(shape) != len(numbers):
        raise ValueError(f"expected a shape of {len(numbers)} entries, got {list(shape)!r:.60}")
    tensor = torch.tensor(numbers, dtype=DTYPES[dtype]).reshape(shape)
    if not tensor.isfinite().all():
        raise ValueError(f"expected numbers within {dtype}, got one that is too large")
    return tensor


POSITION, INDEX = optional(nested(int, 0, 1, 2)), optional(nested(int, 0, 1))
SITE = fields(
    Site,
    hook=of_type(str),
    layer=optional(of_type(int)),
    head=INDEX,
    position=POSITION,
    neuron=INDEX,
    direction=optional(nested(float, 2)),
)
TENSOR = fields(build_tensor, dtype=one_of(*DTYPES), shape=nested(int, 1), numbers=nested(float, 1))
SOURCE = fields(FromRun, run=of_type(str), position=POSITION, average=of_type(bool))
INTERVENTION = fields(
    Intervention,
    site=SITE,
    action=one_of(*get_args(Action)),
    value=optional(TENSOR),
    source=optional(SOURCE),
    during=one_of(*get_args(During)),
)
FILE = fields(
    dict,
    format=one_of("interventions"),
    version=one_of(1),
    interventions=lambda value, where: [
        INTERVENTION(one, f"{where}[{i}]") for i, one in enumerate(of_type(list)(value, where))
    ],
)


def load_interventions(path: str | os.PathLike[str]) -> list[Intervention]:
    """Load interventions; `apply_interventions` checks whether a model has their sites.

    Raises: ValueError with the place in the file.
    """
    size = Path(path).stat().st_size
    if size > MAX_BYTES:
        raise ValueError(f"{path}: expected at most {MAX_BYTES} bytes, got {size}")

    def without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        if len(dict(pairs)) < len(pairs):
            raise ValueError(f"expected each field once, got {[name for name, _ in pairs]!r:.80}")
        return dict(pairs)

    try:
        text = Path(path).read_text(encoding="utf-8")
        content = FILE(json.loads(text, object_pairs_hook=without_repeats), "file")
        return list(content["interventions"])
    except RecursionError as error:
        raise ValueError(f"{path}: expected interventions, got JSON nested too deep") from error
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


def save_interventions(interventions: Sequence[Intervention], path: str | os.PathLike[str]) -> None:
    """Save interventions: write a temporary file, then rename it to the path.

    Numbers are written so that they are loaded bit for bit.

    Raises: ValueError for what could not be loaded again: values that are not finite float32 or
        float64 numbers, and files that are too long.
    """
    entries = [to_json(one) for one in interventions]
    content = {"format": "interventions", "version": 1, "interventions": entries}
    text = json.dumps(content, indent=1, allow_nan=False) + "\n"
    if len(text) > MAX_BYTES:
        raise ValueError(f"{path}: expected at most {MAX_BYTES} bytes, got {len(text)}")
    with write_then_rename(Path(path)) as temporary:
        temporary.write_text(text, encoding="utf-8")


def to_json(one: Intervention) -> dict[str, Any]:
    """Return an intervention as nested dictionaries."""
    entry: dict[str, Any] = {"site": vars(one.site), "action": one.action, "value": None}
    entry |= {"source": one.source and vars(one.source), "during": one.during}
    if one.value is not None:
        dtype, shape = str(one.value.dtype).removeprefix("torch."), list(one.value.shape)
        good = len(shape) <= MAX_AXES and one.value.numel() and one.value.isfinite().all()
        if dtype not in DTYPES or not good:
            raise ValueError(
                f"expected {' or '.join(DTYPES)}, finite numbers on at most {MAX_AXES} axes, got "
                f"{dtype} of shape {shape}, {one.value!s:.80}"
            )
        numbers = one.value.detach().cpu().reshape(-1).tolist()
        entry["value"] = {"dtype": dtype, "shape": shape, "numbers": numbers}
    return entry
