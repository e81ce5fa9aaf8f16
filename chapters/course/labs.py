"""How far the learner's labs are, for `mi progress`: guesses measured, own cells written.

Labs note guesses and measurements in chapters/lab_notes.toml (`chapters/lab.py`). A lab ends with
cells of the learner's own, of which the last one is its mini-project.
"""

import re
import tomllib
from pathlib import Path

from .answers import CELL, LAB_FILE, OWN_CELL
from .files import CHAPTERS, read_leniently

NOTES = CHAPTERS / "lab_notes.toml"


def lab_line(chapter: int) -> str:
    """Say how far the lab of a chapter is; empty for a chapter without one."""
    path = next(CHAPTERS.glob(f"ch{chapter:02d}_*/{LAB_FILE}"), None)
    if path is None:
        return ""
    text = read_leniently(path)[0]
    keys = set(re.findall(r'(?m)^lab\.guess\("(\w+)"', text))
    measured = keys & measured_keys(chapter)
    words = f"mi lab {chapter}: {len(measured)} of {len(keys)} guesses measured"
    return words + (", mini-project begun" if has_code(text.rpartition(OWN_CELL)[2]) else "")


def measured_keys(chapter: int, notes: Path | None = None) -> set[str]:
    """Collect the guesses of a lab that were compared; none where the notes cannot be read."""
    try:
        found = tomllib.loads(read_leniently(notes or NOTES)[0]).get("note", [])
        return {one["key"] for one in found if (one["lab"], one["kind"]) == (chapter, "measured")}
    except (tomllib.TOMLDecodeError, KeyError, TypeError):
        return set()


def has_code(cell: str) -> bool:
    """Whether the lines of a cell up to the next one hold more than comments."""
    own = cell.split(f"\n{CELL}")[0].split("\n")[1:]
    return any(line.strip() and not line.lstrip().startswith("#") for line in own)
