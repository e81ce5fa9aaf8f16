"""Puts figure files in place: written beside, then renamed, so that none is ever half there."""

import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

FIGURES = Path(__file__).resolve().parents[1] / "figures"
ROOT = Path(__file__).resolve().parents[2]


def replace_file(path: Path, text: str) -> None:
    """Write `text` to `path` in one step, with the same bytes on every system."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.part")
    beside.write_text(text, encoding="utf-8", newline="\n")
    os.replace(beside, path)


def write_facts(
    path: Path,
    alt: str,
    sources: Iterable[Path | str],
    numbers: Mapping[str, Any] | None = None,
    seeds: Iterable[int] = (),
) -> None:
    """Write the JSON beside a figure: its alt text, its numbers, its seeds, what made it.

    `sources` are files of this repository; the hash of each tells whether the figure is still up
    to date. Line ends are left out of the hash, since a checkout may change them.
    """
    facts = {
        "alt": alt,
        "seeds": list(seeds),
        "sources": {place(source): digest(source) for source in sources},
        "numbers": rounded(dict(numbers or {})),
    }
    replace_file(path, json.dumps(facts, indent=1, ensure_ascii=False) + "\n")


def place(source: Path | str) -> str:
    """Return a file's path below the repository's root."""
    return Path(source).resolve().relative_to(ROOT).as_posix()


def digest(source: Path | str) -> str:
    """Return the first 16 hex digits of the SHA-256 of a text file."""
    text = Path(source).read_bytes().replace(b"\r\n", b"\n")
    return hashlib.sha256(text).hexdigest()[:16]


def rounded(value: Any) -> Any:
    """Return `value` with every float cut to six significant digits, and tensors as lists.

    Raises: TypeError when something in it has no place in JSON.
    """
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, dict):
        return {str(key): rounded(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [rounded(item) for item in value]
    if isinstance(value, float):
        return float(f"{value:.6g}")
    if value is None or isinstance(value, bool | int | str):
        return value
    raise TypeError(f"numbers of a figure must be plain; {type(value).__name__} came")
