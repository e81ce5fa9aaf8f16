"""Where fetched files live, and how a file appears there whole or not at all.

Everything that is too large for the repository (the real model, the full training text) lies in one
folder of the user's. A file is made beside its place under a temporary name and renamed when it is
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
"""Seconds after which the scratch folder of a killed run may be swept away."""


def cache_folder() -> Path:
    """Name the folder for fetched files: `$MI_CACHE`, else one in the user's home."""
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
    """Raise ValueError, naming the file and what to do, unless its SHA-256 is the expected one."""
    came = sha256_of(path)
    if came != expected:
        raise ValueError(
            f"{path} is not the file it should be.\n"
            f"  expected sha256 {expected}\n"
            f"  came            {came} ({path.stat().st_size:,} bytes)\n"
            f"  what to do: {advice}"
        )


@contextmanager
def write_then_rename(target: Path) -> Iterator[Path]:
    """Yield a temporary path to make a file or a folder at; move it to `target` at a clean end.

    An exception, Ctrl-C included, removes what was made and leaves `target` as it was.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    _sweep(target)
    scratch = Path(tempfile.mkdtemp(prefix=_scratch_prefix(target), dir=target.parent))
    try:
        made = scratch / target.name
        yield made
        if target.is_dir():  # a full folder cannot be replaced in one step on any system
            os.replace(target, scratch / "old")
        os.replace(made, target)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _scratch_prefix(target: Path) -> str:
    return f".{target.name}.part-"


def _sweep(target: Path) -> None:
    """Remove scratch folders of this target that a killed process left behind."""
    for left in target.parent.glob(f"{_scratch_prefix(target)}*"):
        if time.time() - left.stat().st_mtime > ABANDONED_AFTER:
            shutil.rmtree(left, ignore_errors=True)
