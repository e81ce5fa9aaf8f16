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
from .sites import FromRun, Intervention

FORMAT, VERSION = "interventions", 1
MAX_BYTES = 64_000_000
MAX_NUMBER = 2**31
DTYPES = {str(dtype).removeprefix("torch."): dtype for dtype in (torch.float32, torch.float64)}
SITE = ("hook", "layer", "head", "position", "neuron", "direction")
SOURCE = ("run", "position", "average")
INTERVENTION = ("site", "action", "value", "source", "during")


def save_interventions(interventions: Sequence[Intervention], path: str | os.PathLike) -> None:
    """Write interventions beside the path, then move them there.

    Raises: ValueError for a value that is not float32 or float64.
    """
    content = {
        "format": FORMAT,
        "version": VERSION,
        "interventions": [describe(one) for one in interventions],
    }
    target = Path(path)
    beside = target.with_name(f"{target.name}.{os.getpid()}.part")
    try:
        beside.write_text(json.dumps(content, indent=1, allow_nan=False) + "\n", encoding="utf-8")
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
    numbers = value.detach().cpu().reshape(-1).tolist()
    return {"dtype": dtype, "shape": list(value.shape), "numbers": numbers}


def load_interventions(path: str | os.PathLike) -> list[Intervention]:
    """Read interventions; whether a model has their sites is checked when they are put on.

    Raises: ValueError saying where in the file what was expected and what came.
    """
    size = Path(path).stat().st_size
    if size > MAX_BYTES:
        raise ValueError(f"{path} has {size} bytes; more than {MAX_BYTES} are not read")
    try:
        text = Path(path).read_text(encoding="utf-8")
        content = json.loads(text, object_pairs_hook=unrepeated, parse_constant=refuse_constant)
    except (RecursionError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise ValueError(f"{path} is not a file of interventions: {error}") from error
    fields(content, ("format", "version", "interventions"), "the file")
    if (content["format"], content["version"]) != (FORMAT, VERSION):
        raise ValueError(
            f"expected format {FORMAT!r}, version {VERSION}; "
            f"came {content['format']!r:.40}, {content['version']!r:.40}"
        )
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


def numbers(value: Any, where: str, depth: int, kinds: tuple[type, ...]) -> Any:
    """A number, or rows of numbers at most `depth` deep, as tuples."""
    if type(value) is list:
        if not depth:
            raise ValueError(f"{where}: lists are nested too deep")
        return tuple(numbers(one, where, depth - 1, kinds) for one in value)
    expect(value, kinds, where)
    if not (math.isfinite(value) if type(value) is float else abs(value) < MAX_NUMBER):
        raise ValueError(f"{where}: {value!r:.40} is out of bounds")
    return value


def rebuild(entry: Any, where: str) -> Intervention:
    """An intervention from JSON, field by field."""
    fields(entry, INTERVENTION, where)
    for name in ("action", "during"):
        expect(entry[name], (str,), f"{where}.{name}")
    value = entry["value"]
    return Intervention(
        rebuild_site(entry["site"], f"{where}.site"),
        entry["action"],
        None if value is None else rebuild_tensor(value, f"{where}.value"),
        None if entry["source"] is None else rebuild_source(entry["source"], f"{where}.source"),
        entry["during"],
    )


def rebuild_site(entry: Any, where: str) -> Site:
    """A site from JSON."""
    fields(entry, SITE, where)
    expect(entry["hook"], (str,), f"{where}.hook")
    expect(entry["layer"], (int, type(None)), f"{where}.layer")
    read: dict[str, Any] = {"hook": entry["hook"]}
    for name, depth, kinds in (
        ("layer", 0, (int,)),
        ("head", 1, (int,)),
        ("position", 2, (int,)),
        ("neuron", 1, (int,)),
        ("direction", 2, (float,)),
    ):
        value = entry[name]
        read[name] = None if value is None else numbers(value, f"{where}.{name}", depth, kinds)
    return Site(**read)


def rebuild_source(entry: Any, where: str) -> FromRun:
    """The name of another run, and where in it."""
    fields(entry, SOURCE, where)
    expect(entry["run"], (str,), f"{where}.run")
    expect(entry["average"], (bool,), f"{where}.average")
    position = entry["position"]
    if position is not None:
        position = numbers(position, f"{where}.position", 2, (int,))
    return FromRun(entry["run"], position, entry["average"])


def rebuild_tensor(entry: Any, where: str) -> Tensor:
    """A tensor from its dtype, its shape and its numbers."""
    fields(entry, ("dtype", "shape", "numbers"), where)
    if expect(entry["dtype"], (str,), f"{where}.dtype") not in DTYPES:
        raise ValueError(f"{where}.dtype: {' or '.join(DTYPES)}, but {entry['dtype']!r:.40} came")
    shape = numbers(expect(entry["shape"], (list,), f"{where}.shape"), f"{where}.shape", 1, (int,))
    flat = numbers(
        expect(entry["numbers"], (list,), f"{where}.numbers"), f"{where}.numbers", 1, (float,)
    )
    if min(shape, default=1) < 1 or math.prod(shape) != len(flat):
        raise ValueError(f"{where}: shape {list(shape)!r:.60} does not fit {len(flat)} numbers")
    return torch.tensor(flat, dtype=DTYPES[entry["dtype"]]).reshape(shape)
