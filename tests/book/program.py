"""Runs a Python program from the repository's root, and shows its words when it fails."""

import os
import subprocess
import sys
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
