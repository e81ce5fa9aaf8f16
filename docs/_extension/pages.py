"""Find the line of a text in the pages."""

from pathlib import Path


def place_of(root: Path, text: str) -> str:
    """Return `file:line` of the first line in docs/ that contains `text`.

    Python-Markdown does not say which page it is reading, hence the search.
    """
    for page in sorted((root / "docs").glob("**/*.md")):
        for number, line in enumerate(page.read_text(encoding="utf-8").splitlines(), start=1):
            if text in line:
                return f"{page.relative_to(root).as_posix()}:{number}"
    return "a page"
