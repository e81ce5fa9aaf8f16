"""Interventions as a readable JSON file, which is checked before anything is believed.

    {"format": "interventions", "version": 1, "interventions": [
      {"site": {"hook": "attn.hook_z", "layer": 2, "head": 1, "position": [-1], ...},
       "action": "replace", "value": null, "source": {"run": "corrupted", ...}, "during": "all"}]}

A file from somebody else is input, not code: nothing in it is executed, every field is known by
name and type, tensors say dtype and shape and hold that many finite numbers, and a file that is
too long is not even read. Numbers are written so that they come back bit for bit.
"""

import json
import math
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..ch02_transformer.sites import Site
from .interventions import FromRun, Intervention

FORMAT, VERSION = "interventions", 1
MAX_BYTES = 64_000_000
MAX_NUMBER, MAX_LETTERS, MAX_AXES = 2**31, 200, 4
DTYPES = {str(dtype).removeprefix("torch."): dtype for dtype in (torch.float32, torch.float64)}
DEPTHS = ("a number", "a row of numbers", "rows of numbers")
SITE = ("hook", "layer", "head", "position", "neuron", "direction")
SOURCE = ("run", "position", "average")
INTERVENTION = ("site", "action", "value", "source", "during")


def save_interventions(interventions: Sequence[Intervention], path: str | os.PathLike) -> None:
    """Write interventions beside the path, then move them there.

    Raises: ValueError for a value that is not float32 or float64, or not finite, and for more than
        would be read again.
    """
    entries = [describe(one) for one in interventions]
    content = {"format": FORMAT, "version": VERSION, "interventions": entries}
    whole = json.dumps(content, indent=1, allow_nan=False) + "\n"
    if len(whole) > MAX_BYTES:
        raise ValueError(
            f"{len(whole)} bytes are more than the {MAX_BYTES} that would be read again"
        )
    target = Path(path)
    beside = target.with_name(f"{target.name}.{os.getpid()}.part")
    try:
        beside.write_text(whole, encoding="utf-8")
        beside.replace(target)
    finally:
        beside.unlink(missing_ok=True)


def describe(one: Intervention) -> dict[str, Any]:
    """An intervention as JSON has it."""
    return {
        "site": {name: getattr(one.site, name) for name in SITE},
        "action": one.action,
        "value": None if one.value is None else describe_tensor(one.value),
        "source": one.source and {name: getattr(one.source, name) for name in SOURCE},
        "during": one.during,
    }


def describe_tensor(value: Tensor) -> dict[str, Any]:
    """A tensor as its dtype, its shape and its numbers in a row."""
    dtype = str(value.dtype).removeprefix("torch.")
    if dtype not in DTYPES:
        raise ValueError(f"values are written as {' or '.join(DTYPES)}, but {dtype} came")
    if value.ndim > MAX_AXES or not value.numel() or not value.isfinite().all():
        raise ValueError(
            f"values are finite numbers on at most {MAX_AXES} axes; {value!s:.80} of shape "
            f"{list(value.shape)} came"
        )
    row = value.detach().cpu().reshape(-1).tolist()
    return {"dtype": dtype, "shape": list(value.shape), "numbers": row}


def load_interventions(path: str | os.PathLike) -> list[Intervention]:
    """Read interventions; whether a model has their sites is checked when they are put on.

    Raises: ValueError saying where in the file what was expected and what came.
    """
    size = Path(path).stat().st_size
    if size > MAX_BYTES:
        raise ValueError(f"{path} has {size} bytes; more than {MAX_BYTES} are not read")
    try:
        content = json.loads(
            Path(path).read_text(encoding="utf-8"),
            object_pairs_hook=unrepeated,
            parse_constant=refuse_constant,
            parse_int=bounded,
        )
    except RecursionError as error:
        raise ValueError(f"{path} is no file of interventions: it is nested too deep") from error
    except ValueError as error:
        raise ValueError(f"{path} is no file of interventions: {error}") from error
    fields(content, ("format", "version", "interventions"), "the file")
    came = text(content["format"], "format"), expect(content["version"], (int,), "version")
    if came != (FORMAT, VERSION):
        raise ValueError(f"expected format {FORMAT!r}, version {VERSION}; came {came}")
    entries = expect(content["interventions"], (list,), "interventions")
    return [rebuild(entry, f"interventions[{i}]") for i, entry in enumerate(entries)]


def unrepeated(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object, unless a field comes twice."""
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError(f"a field comes twice among {[name for name, _ in pairs]!r:.80}")
    return found


def refuse_constant(word: str) -> None:
    """NaN and infinity are not JSON, and no value for a model."""
    raise ValueError(f"numbers must be finite, but {word} came")


def bounded(digits: str) -> int:
    """A whole number that is not absurdly long."""
    if len(digits) > 20:
        raise ValueError(f"a whole number of {len(digits)} digits came")
    return int(digits)


def expect(value: Any, kinds: tuple[type, ...], where: str) -> Any:
    """The value, if it is of one of these types exactly: true is no whole number."""
    if type(value) not in kinds:
        names = " or ".join("null" if kind is type(None) else kind.__name__ for kind in kinds)
        raise ValueError(
            f"{where}: expected {names}, but {type(value).__name__} {value!r:.40} came"
        )
    return value


def fields(value: Any, names: Sequence[str], where: str) -> None:
    """Refuse an object that has other fields than these, or not all of them."""
    expect(value, (dict,), where)
    extra, missing = sorted(value.keys() - set(names)), sorted(set(names) - value.keys())
    if extra or missing:
        raise ValueError(f"{where}: unknown fields {extra!r:.80}, missing fields {missing!r:.80}")


def text(value: Any, where: str) -> str:
    """A string that is not absurdly long."""
    if len(expect(value, (str,), where)) > MAX_LETTERS:
        raise ValueError(f"{where}: at most {MAX_LETTERS} letters, but {len(value)} came")
    return value


def numbers(value: Any, where: str, depths: Sequence[int], kind: type) -> Any:
    """A number (depth 0), a row of them (1) or rows (2), as tuples.

    Raises: ValueError for another depth, mixed depths, another type, or numbers out of bounds.
    """
    inner, depth = value, 0
    while type(inner) is list and depth <= max(depths):
        inner, depth = (inner[0] if inner else None), depth + 1
    if depth not in depths:
        words = " or ".join(DEPTHS[allowed] for allowed in depths)
        raise ValueError(f"{where}: expected {words}, but {value!r:.40} came")
    return rows(value, where, depth, kind)


def rows(value: Any, where: str, depth: int, kind: type) -> Any:
    """Numbers nested exactly this deep."""
    if depth:
        return tuple(rows(one, where, depth - 1, kind) for one in expect(value, (list,), where))
    expect(value, (kind,), where)
    if not (math.isfinite(value) if kind is float else abs(value) < MAX_NUMBER):
        raise ValueError(f"{where}: {value!r:.40} is out of bounds")
    return value


def rebuild(entry: Any, where: str) -> Intervention:
    """An intervention from JSON, field by field."""
    fields(entry, INTERVENTION, where)
    value, source = entry["value"], entry["source"]
    site = rebuild_site(entry["site"], f"{where}.site")
    action, during = (text(entry[name], f"{where}.{name}") for name in ("action", "during"))
    tensor = None if value is None else rebuild_tensor(value, f"{where}.value")
    run = None if source is None else rebuild_source(source, f"{where}.source")
    try:
        return Intervention(site, action, tensor, run, during)
    except ValueError as error:
        raise ValueError(f"{where}: {error}") from error


def rebuild_site(entry: Any, where: str) -> Site:
    """A site from JSON."""
    fields(entry, SITE, where)
    read: dict[str, Any] = {"hook": text(entry["hook"], f"{where}.hook")}
    for name, depths, kind in (
        ("layer", (0,), int),
        ("head", (0, 1), int),
        ("position", (0, 1, 2), int),
        ("neuron", (0, 1), int),
        ("direction", (2,), float),
    ):
        value = entry[name]
        read[name] = None if value is None else numbers(value, f"{where}.{name}", depths, kind)
    try:
        return Site(**read)
    except ValueError as error:
        raise ValueError(f"{where}: {error!s:.{MAX_LETTERS}}") from error


def rebuild_source(entry: Any, where: str) -> FromRun:
    """The name of another run, and where in it."""
    fields(entry, SOURCE, where)
    run = text(entry["run"], f"{where}.run")
    average = expect(entry["average"], (bool,), f"{where}.average")
    position = entry["position"]
    if position is not None:
        position = numbers(position, f"{where}.position", (0, 1, 2), int)
    return FromRun(run, position, average)


def rebuild_tensor(entry: Any, where: str) -> Tensor:
    """A tensor from its dtype, its shape and its numbers."""
    fields(entry, ("dtype", "shape", "numbers"), where)
    if text(entry["dtype"], f"{where}.dtype") not in DTYPES:
        raise ValueError(f"{where}.dtype: {' or '.join(DTYPES)}, but {entry['dtype']!r:.40} came")
    shape = numbers(entry["shape"], f"{where}.shape", (1,), int)
    row = numbers(entry["numbers"], f"{where}.numbers", (1,), float)
    fits = len(shape) <= MAX_AXES and min(shape, default=1) > 0 and math.prod(shape) == len(row)
    if not fits:
        raise ValueError(f"{where}: shape {list(shape)!r:.60} does not fit {len(row)} numbers")
    found = torch.tensor(row, dtype=DTYPES[entry["dtype"]]).reshape(shape)
    if not found.isfinite().all():
        raise ValueError(f"{where}.numbers: one is too large for {entry['dtype']}")
    return found
