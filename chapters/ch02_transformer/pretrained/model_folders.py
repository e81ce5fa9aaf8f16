"""Find the folder of a model: a local path, the course's cache, or the Hugging Face hub."""

import contextlib
import hashlib
import importlib.util
import json
import os
from pathlib import Path

from ..write_then_rename import write_then_rename
from .config_json import read_json

FETCH = "run `mi model` (or `python -m toy_models fetch`)"


def find_folder(name: str) -> Path:
    """Return the folder of a model; download it first if it is a name on the hub.

    Raises: ValueError when there is no such folder, or it cannot be downloaded.
    """
    if os.path.isdir(name):
        return Path(name)
    if os.path.lexists(name):
        raise ValueError(f"expected a folder at {name!r}, got a file; give the folder around it")
    if name == "smollm2-135m":
        return check_converted(cache_folder() / name)
    if name.count("/") != 1 or Path(name).is_absolute() or name.startswith("."):
        raise ValueError(
            f"no folder {name!r}; give a folder, smollm2-135m, or owner/name on the hub"
        )
    if importlib.util.find_spec("huggingface_hub") is None:
        raise ValueError(f"no folder {name!r}; to download it: pip install -e '.[hub]'")
    from huggingface_hub import snapshot_download

    try:
        return Path(snapshot_download(name, allow_patterns=["*.json", "*.safetensors"]))
    except OSError as error:
        raise ValueError(f"no folder {name!r} here, and the download failed: {error}") from error


def cache_folder() -> Path:
    """Return the folder for downloaded models: $MI_CACHE, or one in ~/.cache.

    Raises: ValueError when `~` names an unknown user.
    """
    given = os.environ.get("MI_CACHE") or "~/.cache/mechinterp-from-scratch"
    try:
        return Path(given).expanduser()
    except RuntimeError as error:
        raise ValueError(
            f"expected a folder in MI_CACHE, got {given!r}, the home of an unknown user; "
            f"set MI_CACHE to a full path"
        ) from error


def check_converted(folder: Path) -> Path:
    """Verify the checksums of the converted model, and return its folder.

    After a success the size, time and inode of each file are written to `verified.json`. While
    these are unchanged, the checksums are not computed again; `mi doctor --verify` always does.

    Raises: ValueError when a file is missing, or differs from what the conversion wrote.
    """
    if not (folder / "source.json").is_file():
        raise ValueError(f"smollm2-135m is not in the cache ({folder}); {FETCH}")
    recorded = recorded_checksums(folder / "source.json")
    for name in recorded:
        if not (folder / name).is_file():
            raise ValueError(f"{folder / name} is missing; {FETCH}")
    stamp, verified = make_stamp(folder, recorded), folder / "verified.json"
    with contextlib.suppress(ValueError):  # a damaged stamp counts as none
        if read_json(verified) == stamp:
            return folder
    for name, expected in recorded.items():
        with (folder / name).open("rb") as file:
            actual = hashlib.file_digest(file, "sha256").hexdigest()
        if actual != expected:
            raise ValueError(
                f"{folder / name} is damaged: expected sha256 {expected}, got {actual}; {FETCH}"
            )
    with contextlib.suppress(OSError), write_then_rename(verified) as temporary:
        temporary.write_text(json.dumps(stamp, indent=2) + "\n", encoding="utf-8")
    return folder


def recorded_checksums(record: Path) -> dict[str, str]:
    """Read from source.json the SHA-256 of each converted file.

    Raises: ValueError when it does not list those of plain file names.
    """
    found = read_json(record).get("sha256")
    if not isinstance(found, dict) or "model.safetensors" not in found:
        raise ValueError(f"{record} should list the files' checksums; {FETCH}")
    for name, checksum in found.items():
        if not isinstance(checksum, str) or Path(name).name != name or "\0" in name:
            raise ValueError(
                f"{record} should list the files' checksums, got {name!r:.80}; {FETCH}"
            )
    return found


def make_stamp(folder: Path, recorded: dict[str, str]) -> dict[str, list[str | int]]:
    """Collect what changes whenever a file does: checksum on record, size, time and inode."""
    stamp: dict[str, list[str | int]] = {}
    for name, checksum in recorded.items():
        state = (folder / name).stat()
        stamp[name] = [checksum, state.st_size, state.st_mtime_ns, state.st_ino]
    return stamp
