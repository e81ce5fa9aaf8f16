"""The cache folder, checksums, and files that are written whole or not at all.

Files that are too large for the repository (the real model, the full training text) lie in one
folder per user. A file is written under a temporary name next to its target and renamed when it is
complete, so an interrupted run leaves either the whole file or none.
"""

import hashlib
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tqdm import tqdm

ABANDONED_AFTER = 3600
"""Seconds after which the scratch folder of a killed run may be deleted."""


def cache_folder() -> Path:
    """Return the folder for fetched files: `$MI_CACHE` with `~` expanded, else one in the home."""
    given = os.environ.get("MI_CACHE")
    return Path(given).expanduser() if given else Path.home() / ".cache/mechinterp-from-scratch"


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

    An exception, Ctrl-C included, removes the temporary files and leaves `target` as it was.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    _sweep(target)
    scratch = Path(tempfile.mkdtemp(prefix=_scratch_prefix(target), dir=target.parent))
    try:
        temporary = scratch / target.name
        yield temporary
        if target.is_dir():  # a full folder cannot be replaced in one step on any system
            os.replace(target, scratch / "old")
        os.replace(temporary, target)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _scratch_prefix(target: Path) -> str:
    return f".{target.name}.part-"


def _sweep(target: Path) -> None:
    """Remove scratch folders of this target that a killed process left behind."""
    for left in target.parent.glob(f"{_scratch_prefix(target)}*"):
        if time.time() - left.stat().st_mtime > ABANDONED_AFTER:
            shutil.rmtree(left, ignore_errors=True)
