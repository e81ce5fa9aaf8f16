"""The cache folder, checksums, and files that are written whole or not at all.

Files that are too large for the repository (the real model, the full training text) lie in one
folder per user. A file is written under a temporary name next to its target and renamed when it is
complete, so an interrupted run leaves either the whole file or none.
"""

import hashlib
import json
import os
import platform
import re
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from tqdm import tqdm

ABANDONED_AFTER = 86_400
"""Seconds after which another machine's temporary files may be deleted."""
PART = re.compile(
    r"\..+\.part-(?P<machine>[0-9a-f]{8})-(?P<pid>\d+)-\w+"
    r"|\..+\.(?P<pid_of_file>\d+)\.part|\..+\.part-\w+"
)
"""Names of temporary folders (here) and files (`solutions`): target, machine, process; the last
form is that of older versions."""


def cache_folder() -> Path:
    """Return the folder for fetched files: `$MI_CACHE` with `~` expanded, else one in the home.

    Raises: ValueError when `~` names an unknown user.
    """
    return expand(os.environ.get("MI_CACHE") or "~/.cache/mechinterp-from-scratch", "MI_CACHE")


def expand(path: str, variable: str) -> Path:
    """Expand `~` in a path from an environment variable.

    Raises: ValueError, naming the variable, when there is no such home.
    """
    try:
        return Path(path).expanduser()
    except RuntimeError as error:
        raise ValueError(
            f"expected a path in {variable}, got {path!r}, the home of an unknown user; "
            f"set {variable} to a full path"
        ) from error


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON object from a file.

    Raises: ValueError, naming the file, when it is missing, no file, or not a JSON object.
    """
    if not path.is_file():
        raise ValueError(f"expected a file at {path}, got none")
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"expected JSON in {path}, got an error: {error}") from error
    if not isinstance(content, dict):
        raise ValueError(f"expected a JSON object in {path}, got {content!r:.80}")
    return content


def sha256_of(path: Path) -> str:
    """Compute a file's SHA-256, with a progress bar for a large file on a terminal."""
    size, digest = path.stat().st_size, hashlib.sha256()
    quiet = size < 50_000_000 or not sys.stderr.isatty()
    with (
        path.open("rb") as file,
        tqdm(total=size, unit="B", unit_scale=True, desc="checking", disable=quiet) as bar,
    ):
        while chunk := file.read(1 << 20):
            digest.update(chunk)
            bar.update(len(chunk))
    return digest.hexdigest()


def check_sha256(path: Path, expected: str, advice: str) -> None:
    """Compare a file's SHA-256 with the expected one.

    Raises: ValueError, naming the file and the advice, when it differs.
    """
    actual = sha256_of(path)
    if actual != expected:
        raise ValueError(
            f"expected {path} with sha256 {expected}, got {actual} "
            f"({path.stat().st_size:,} bytes); {advice}"
        )


@contextmanager
def write_then_rename(target: Path) -> Iterator[Path]:
    """Yield a temporary path for a file or a folder, which is renamed to `target` on success.

    An exception, Ctrl-C included, removes the temporary files and leaves `target` as it was. What a
    killed process left in the folder is removed first.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    sweep(target.parent)
    prefix = f".{target.name}.part-{_machine()}-{os.getpid()}-"
    scratch = Path(tempfile.mkdtemp(prefix=prefix, dir=target.parent))
    try:
        temporary = scratch / target.name
        yield temporary
        if target.is_dir():  # a full folder cannot be replaced in one step on any system
            os.replace(target, scratch / "old")
        os.replace(temporary, target)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def sweep(folder: Path) -> None:
    """Remove the temporary files that killed processes left in a folder, whatever their target."""
    for left in folder.glob(".*.part*"):
        if PART.fullmatch(left.name) and _is_abandoned(left):
            shutil.rmtree(left, ignore_errors=True)
            if left.is_file():
                left.unlink(missing_ok=True)


def _is_abandoned(left: Path) -> bool:
    """Check whether the process that wrote has ended; by age where that cannot be known."""
    found = PART.fullmatch(left.name)
    pid = found and (found["pid"] or found["pid_of_file"])
    if found and pid and found["machine"] in (None, _machine()) and os.name == "posix":
        with suppress(PermissionError):  # a process of another user
            return not _is_running(int(pid))
    with suppress(OSError):
        return time.time() - left.stat().st_mtime > ABANDONED_AFTER
    return False


def _is_running(pid: int) -> bool:
    """Check whether this machine has a process of that number."""
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    return True


def _machine() -> str:
    """Return a short name for this machine, because several may share one cache."""
    return hashlib.sha256(platform.node().encode()).hexdigest()[:8]
