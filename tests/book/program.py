"""Runs a Python program from the repository's root, and shows its words when it fails."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def run(module: str, *words: str, root: Path = ROOT) -> str:
    """Runs `python -m module words` in `root`, which is importable; returns what it printed."""
    settings = {"PYTHONPATH": str(root), "NO_MKDOCS_2_WARNING": "1", "PYTHONUTF8": "1"}
    done = subprocess.run(
        [sys.executable, "-m", module, *words],
        cwd=root,
        env={**os.environ, **settings},
        capture_output=True,
        encoding="utf-8",
        timeout=540,
    )
    said = done.stdout + done.stderr
    assert done.returncode == 0, f"python -m {module} failed:\n{said[-4000:]}"
    return said


def made_once(path: Path, make: Callable[[], object]) -> Path:
    """Let the first process that asks make a file or folder; the others wait until it is there.

    Raises: RuntimeError when the first process failed.
    """
    claimed, end = (path.with_name(path.name + ending) for ending in (".claimed", ".end"))
    try:
        claimed.touch(exist_ok=False)
    except FileExistsError:
        while not end.exists():
            time.sleep(0.1)
        if end.read_text("utf-8") != "made":
            raise RuntimeError(f"{path.name} could not be made; another test tells why") from None
        return path
    words = "failed"
    try:
        make()
        words = "made"
    finally:
        written = end.with_name(end.name + ".new")
        written.write_text(words, "utf-8")
        written.rename(end)
    return path
