"""Read the exercises on the pages of the book.

A page has a heading `### 2.4 LayerNorm { .exercise .core difficulty=3 importance=5 minutes=25
points=4 }` on one line, then the statement, then hints (`??? hint "..."`, indented by four).
`.core` puts an exercise on the core path. The commands, the graders and the book's Markdown
extension all use this parser.
"""

import re
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from .files import ROOT

DOCS = ROOT / "docs"

HEADING = re.compile(r"^###\s+(\d+\.\d+)\s+(.+?)\s*\{(.*)\}\s*$")
HINT = re.compile(r"^\?\?\?\+?\s+hint\b")
FENCE = re.compile(r"\s*(`{3,}|~{3,})")
FIELDS = ("difficulty", "importance", "minutes", "points")
FORM = "### 2.4 Title { .exercise difficulty=3 importance=5 minutes=25 points=4 }"


class Exercise(NamedTuple):
    """One exercise of the book."""

    number: str
    """The key used everywhere, as in "2.4"."""
    title: str
    """The heading without its number."""
    core: bool
    """Whether it is on the core path."""
    difficulty: int
    """From 1 (a line or two) to 5 (a long thought)."""
    importance: int
    """From 1 (a detail) to 5 (everything later uses it)."""
    minutes: int
    """How long a reader who is new to the field should expect to take."""
    points: int
    """Its points in a class."""
    page: Path
    """The page of its heading."""
    text: str
    """The statement, in Markdown, without the hints."""
    hints: tuple[str, ...]
    """The hints in the order in which they are shown."""


def read_exercises(docs: Path | None = None) -> dict[str, Exercise]:
    """Read every exercise of the book, in the order of the numbers (2.9 before 2.10).

    Raises: ValueError with file and line for a heading of another form, or a repeated number.
    """
    found: dict[str, Exercise] = {}
    for page in sorted((docs or DOCS).glob("ch*.md")):
        for line, exercise in read_page(page):
            if exercise.number in found:
                other = found[exercise.number].page.name
                raise ValueError(f"{page}:{line}: exercise {exercise.number} is on {other} already")
            found[exercise.number] = exercise
    return {number: found[number] for number in sorted(found, key=numeric)}


def numeric(number: str) -> tuple[int, ...]:
    """Convert an exercise number to a sort key: "2.10" comes after "2.9"."""
    return tuple(int(part) for part in number.split("."))


def read_page(page: Path) -> list[tuple[int, Exercise]]:
    """Read the exercises of one page, each with the line of its heading (counted from 1)."""
    lines = page.read_text(encoding="utf-8").splitlines()
    headings = [index for index, line in outside_fences(lines) if line.startswith("#")]
    exercises = []
    for here, after in zip(headings, [*headings[1:], len(lines)], strict=True):
        if re.match(r"#+\s+\d+\.\d+\b", lines[here]) or ".exercise" in lines[here]:
            try:
                exercises.append((here + 1, _read(lines[here], lines[here + 1 : after], page)))
            except ValueError as error:
                raise ValueError(f"{page}:{here + 1}: {error}") from None
    return exercises


def outside_fences(lines: list[str]) -> Iterator[tuple[int, str]]:
    """Yield the index and the text of each line that is not inside a code fence.

    As in Python-Markdown, a fence ends at a line of its own characters only: a line "```python"
    inside a fence does not end it.
    """
    fence = ""
    for index, line in enumerate(lines):
        match = FENCE.match(line)
        if match and not fence:
            fence = match[1]
        elif match and line.strip().startswith(fence) and not line.strip().strip(fence[0]):
            fence = ""
        elif not fence:
            yield index, line


def _read(heading: str, body: list[str], page: Path) -> Exercise:
    match = HEADING.match(heading)
    if not match:
        raise ValueError(f"expected a numbered heading of the form `{FORM}`, got `{heading}`")
    number, title, attributes = match.groups()
    chapter = re.match(r"ch(\d+)", page.name)
    if chapter and int(chapter[1]) != numeric(number)[0]:
        raise ValueError(
            f"expected exercises of chapter {int(chapter[1])} on this page, got {number}"
        )
    core, fields = _attributes(attributes.split())
    text, hints = _split_hints(body)
    return Exercise(number, title, core, **fields, page=page, text=text, hints=hints)


def _attributes(words: list[str]) -> tuple[bool, dict[str, int]]:
    """Parse the words in the braces: `.exercise`, perhaps `.core`, and the four numbers."""
    flags = [word for word in words if word.startswith(".")]
    pairs = dict(word.split("=", 1) for word in words if "=" in word)
    wrong = [flag for flag in flags if flag not in (".exercise", ".core")]
    wrong += [word for word in words if word not in flags and word.split("=")[0] not in FIELDS]
    missing = [name for name in FIELDS if name not in pairs]
    if wrong or missing or ".exercise" not in flags or len(set(words)) != len(flags) + len(pairs):
        raise ValueError(
            f"expected `{FORM}` (`.core` may follow `.exercise`), got {{ {' '.join(words)} }}"
        )
    for name, value in pairs.items():
        scale = name in ("difficulty", "importance")
        if not value.isdigit() or int(value) < 1 or (scale and int(value) > 5):
            least = "an integer from 1 to 5" if scale else "an integer from 1"
            raise ValueError(f"expected {name} to be {least}, got {value}")
    return ".core" in flags, {name: int(value) for name, value in pairs.items()}


def _split_hints(body: list[str]) -> tuple[str, tuple[str, ...]]:
    """Split the statement above the first hint from the indented text under each hint."""
    starts = [index for index, line in outside_fences(body) if HINT.match(line)]
    hints = []
    for start in starts:
        block = []
        for line in body[start + 1 :]:
            if line.strip() and not line.startswith("    "):
                break
            block.append(line)
        hints.append(textwrap.dedent("\n".join(block)).strip())
    statement = body[: starts[0]] if starts else body
    return "\n".join(statement).strip(), tuple(hints)
