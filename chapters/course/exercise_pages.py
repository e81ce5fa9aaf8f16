"""Read the exercises from the pages of the book, the only place where they are written.

A page says `### 2.4 LayerNorm { .exercise .core difficulty=3 importance=5 minutes=25 points=4 }`,
then the statement, then hints (`??? hint "..."`, indented by four). `.core` stars an exercise for
the core path. The desk, the graders and the book's Markdown extension all read through this file.
"""

import re
import textwrap
from pathlib import Path
from typing import NamedTuple

DOCS = Path(__file__).resolve().parents[2] / "docs"

HEADING = re.compile(r"^###\s+(\d+\.\d+)\s+(.+?)\s*\{(.*)\}\s*$")
HINT = re.compile(r"^\?\?\?\+?\s+hint\b")
FENCE = re.compile(r"^\s*(```+|~~~+)")
FIELDS = ("difficulty", "importance", "minutes", "points")
FORM = "### 2.4 Title { .exercise difficulty=3 importance=5 minutes=25 points=4 }"


class Exercise(NamedTuple):
    """One exercise as its page states it."""

    number: str
    """The key that everything else uses, as in "2.4"."""
    title: str
    """The heading without its number."""
    core: bool
    """Whether it is starred for the core path."""
    difficulty: int
    """From 1 (a line or two) to 5 (think for a while)."""
    importance: int
    """From 1 (a detail) to 5 (everything later rests on it)."""
    minutes: int
    """How long a reader who is new to the field should expect to take."""
    points: int
    """What it is worth in a class."""
    page: Path
    """The page that it stands on."""
    text: str
    """The statement, in Markdown, without the hints."""
    hints: tuple[str, ...]
    """The hints in the order in which they are given away."""


def read_exercises(docs: Path | None = None) -> dict[str, Exercise]:
    """Reads every exercise of the book, in the order of the numbers (2.9 before 2.10).

    Raises: ValueError naming file and line when a heading is misspelt or a number comes twice.
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
    """The order of exercise numbers: "2.10" comes after "2.9"."""
    return tuple(int(part) for part in number.split("."))


def read_page(page: Path) -> list[tuple[int, Exercise]]:
    """The exercises of one page, each with the line of its heading (counted from 1)."""
    lines = page.read_text(encoding="utf-8").splitlines()
    headings = [index for index in _outside_fences(lines) if lines[index].startswith("#")]
    exercises = []
    for here, after in zip(headings, [*headings[1:], len(lines)], strict=True):
        if re.match(r"#+\s+\d+\.\d+\b", lines[here]) or ".exercise" in lines[here]:
            try:
                exercises.append((here + 1, _read(lines[here], lines[here + 1 : after], page)))
            except ValueError as error:
                raise ValueError(f"{page}:{here + 1}: {error}") from None
    return exercises


def _outside_fences(lines: list[str]):
    """The indices of the lines that are no code."""
    fence = None
    for index, line in enumerate(lines):
        match = FENCE.match(line)
        if match and fence is None:
            fence = match[1]
        elif match and match[1].startswith(fence or " "):
            fence = None
        elif fence is None:
            yield index


def _read(heading: str, body: list[str], page: Path) -> Exercise:
    match = HEADING.match(heading)
    if not match:
        raise ValueError(f"a numbered heading is an exercise and reads `{FORM}`; came: {heading}")
    number, title, attributes = match.groups()
    chapter = re.match(r"ch(\d+)", page.name)
    if chapter and int(chapter[1]) != numeric(number)[0]:
        raise ValueError(f"exercise {number} stands on a page of chapter {int(chapter[1])}")
    core, fields = _attributes(attributes.split())
    text, hints = _split_hints(body)
    return Exercise(number, title, core, **fields, page=page, text=text, hints=hints)


def _attributes(words: list[str]) -> tuple[bool, dict[str, int]]:
    """Whether `.core` is there, and the four numbers; nothing else may stand in the braces."""
    flags = [word for word in words if word.startswith(".")]
    pairs = dict(word.split("=", 1) for word in words if "=" in word)
    wrong = [flag for flag in flags if flag not in (".exercise", ".core")]
    wrong += [word for word in words if word not in flags and word.split("=")[0] not in FIELDS]
    missing = [name for name in FIELDS if name not in pairs]
    if wrong or missing or ".exercise" not in flags or len(set(words)) != len(flags) + len(pairs):
        raise ValueError(
            f"expected `{FORM}` (`.core` may follow `.exercise`); came {{ {' '.join(words)} }}"
        )
    for name, value in pairs.items():
        scale = name in ("difficulty", "importance")
        if not value.isdigit() or int(value) < 1 or (scale and int(value) > 5):
            raise ValueError(f"{name} is a whole number from 1{' to 5' * scale}; came {value}")
    return ".core" in flags, {name: int(value) for name, value in pairs.items()}


def _split_hints(body: list[str]) -> tuple[str, tuple[str, ...]]:
    """The statement above the first hint, and the indented text under each hint."""
    starts = [index for index in _outside_fences(body) if HINT.match(body[index])]
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
