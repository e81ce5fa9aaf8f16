"""The folders of the course, and how the tools replace a file."""

import os
from pathlib import Path

CHAPTERS = Path(__file__).resolve().parents[1]
ROOT = CHAPTERS.parent


def replace_file(path: Path, content: str | bytes) -> None:
    """Write a file under a temporary name next to it, then rename it.

    An interruption leaves the old file or the new one, never a part of one.
    """
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        part.write_bytes(content.encode() if isinstance(content, str) else content)
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


def shown(path: Path) -> str:
    """Shorten a path to what the learner would type in the course's folder."""
    return path.relative_to(ROOT).as_posix() if path.is_relative_to(ROOT) else str(path)


def reference_of(path: Path) -> Path:
    """Return the file of solutions/ from which a learner's file was made, if it is there or not."""
    return ROOT / "solutions" / path.relative_to(CHAPTERS)
