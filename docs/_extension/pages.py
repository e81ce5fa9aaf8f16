"""Reads a page's lines: what stands inside a code fence, and where in docs/ a line came from."""

import re
from collections.abc import Iterator
from pathlib import Path

FENCE = re.compile(r"\s*(`{3,}|~{3,})")


def outside_fences(lines: list[str]) -> Iterator[tuple[int, str]]:
    """Yield the index and text of each line that is not inside a code fence."""
    fence = ""
    for index, line in enumerate(lines):
        match = FENCE.match(line)
        if match and not fence:
            fence = match[1]
        elif match and line.strip().startswith(fence) and not line.strip().strip(fence[0]):
            fence = ""
        elif not fence:
            yield index, line


def place_of(root: Path, text: str) -> str:
    """Return `file:line` of the first line in docs/ that contains `text`.

    Python-Markdown does not say which page it is reading, hence the search.
    """
    for page in sorted((root / "docs").glob("**/*.md")):
        for number, line in enumerate(page.read_text(encoding="utf-8").splitlines(), start=1):
            if text in line:
                return f"{page.relative_to(root).as_posix()}:{number}"
    return "a page"
