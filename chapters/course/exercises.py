"""Choose exercises by their number, find their places in the learner's files, and the next one.

None of the learner's Python is parsed, so a file that is broken in the middle of an edit can still
be found.
"""

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from .answers import (
    TABLE_FILE,
    answer_files,
    marked_lines,
    open_keys,
    read_table,
    stub_line,
    tables_of,
)
from .exercise_pages import Exercise, numeric, read_exercises
from .files import chapter_folder, read_leniently, read_text, reference_of, shown
from .progress import read_passes, read_place
from .terminal import CourseError


class Place(NamedTuple):
    """One mark of an exercise in the learner's files, or the head of its table."""

    path: Path
    """The file."""
    line: int
    """The line of the mark, counted from 1; the answer goes below it."""
    stub: bool
    """Whether nothing is written there yet."""
    open: tuple[str, ...] = ()
    """The keys of a table whose value is a question mark."""

    problem: str = ""
    """Why the file cannot be read at the moment."""

    def __str__(self) -> str:
        return f"{shown(self.path)}:{self.line}"


class Selection(NamedTuple):
    """What `mi check` grades."""

    title: str
    """What the output calls it."""
    exercises: list[Exercise]
    """The exercises, in order."""
    places: dict[str, list[Place]]
    """Exercise -> where its answers go."""
    folders: list[str]
    """The folders of their chapters, which have the same name in chapters/ and in tests/."""
    is_chapter: bool
    """Whether these are the exercises of a chapter."""
    is_list: bool
    """Whether these are several exercises, or may be."""


def select(what: str | None, *, outdated: bool = False) -> Selection:
    """Resolve an exercise (2.4), a chapter (2), or None for the next exercise.

    outdated: select instead what passed before an answer or given code changed.

    Raises: CourseError when there is no such exercise or chapter.
    """
    is_chapter = what is not None and re.fullmatch("[0-9]{1,4}", what) is not None
    if outdated:
        title, old = "passed before your files changed", read_passes().outdated
        chosen = [found for found in exercises().values() if found.number in old]
    elif what is not None and is_chapter:
        title = chapter_folder(what).name
        chosen = [one for one in exercises().values() if numeric(one.number)[0] == int(what)]
    else:
        exercise = find(what)
        title, chosen = f"{exercise.number} {exercise.title}", [exercise]
    return Selection(
        title,
        chosen,
        places={exercise.number: places(exercise.number) for exercise in chosen},
        folders=sorted({chapter_folder(exercise.number).name for exercise in chosen}),
        is_chapter=is_chapter and not outdated,
        is_list=is_chapter or outdated,
    )


def find(number: str | None) -> Exercise:
    """Find an exercise by its number; without a number, the next one.

    Raises: CourseError that lists the nearest numbers when there is no such exercise.
    """
    found = exercises()
    if number is None:
        following = next_exercise()
        if following is None:
            raise CourseError("Every exercise is passed. Give a number, as in 2.4.")
        return following
    if number not in found:
        if not re.fullmatch(r"[0-9]{1,4}(\.[0-9]{1,4})?", number):
            raise CourseError(f"Expected an exercise such as 2.4, got {number!r:.40}.")
        close = ", ".join(nearest(number, list(found)))
        raise CourseError(f"There is no exercise {number}. The nearest ones are {close}.")
    return found[number]


def nearest(wanted: str, numbers: list[str], count: int = 3) -> list[str]:
    """Sort numbers by likeness to a wrong one: same digits first, then the same chapter."""
    chapter, _, place = wanted.partition(".")

    def distance(number: str) -> tuple[bool, int, int]:
        of_chapter, of_place = numeric(number)
        same_digits = number.replace(".", "") == wanted.replace(".", "")
        return not same_digits, abs(of_chapter - int(chapter)), abs(of_place - int(place or 0))

    return sorted(numbers, key=distance)[:count]


def next_exercise(core: bool = False, besides: str = "") -> Exercise | None:
    """Return the exercise to do next, of the core path or of all; None if all are passed.

    It is the first open one from the learner's place on; if there is none, the first of all.
    besides: an exercise that counts as passed.
    """
    done = read_passes().current | {besides}
    every = exercises().values()
    open_ones = [one for one in every if one.number not in done and (one.core or not core)]
    place = numeric(read_place() or "0.0")
    later = (one for one in open_ones if numeric(one.number) >= place)
    return next(later, next(iter(open_ones), None))


def exercises() -> dict[str, Exercise]:
    """Read every exercise of the book, in order.

    Raises: CourseError when a heading cannot be read, or when there is no book.
    """
    try:
        found = read_exercises()
    except (OSError, ValueError) as error:
        raise CourseError(f"A heading in the book cannot be read. {error}") from None
    if not found:
        raise CourseError("There is no exercise in docs/; is this a whole clone of the course?")
    return found


def places(number: str) -> list[Place]:
    """Find every mark of an exercise in the learner's files, in the order of the files' names.

    Where a file cannot be read as text, as a folder, the reference's marks are searched.
    """
    found = []
    for path in answer_files(chapter_folder(number)):
        text, problem = read_leniently(path)
        reference = reference_of(path)
        if problem and not text and reference.is_file():
            text = read_text(reference)
        find_in = _tables if path.name == TABLE_FILE else _marks
        found += [place._replace(problem=problem) for place in find_in(path, text, number)]
    return found


def _marks(path: Path, text: str, number: str) -> Iterator[Place]:
    lines = text.split("\n")
    for index in marked_lines(lines, number):
        below = next((rest.strip() for rest in lines[index + 1 :] if rest.strip()), "")
        yield Place(path, index + 1, below == stub_line(number))


def _tables(path: Path, text: str, number: str) -> Iterator[Place]:
    """Find an exercise's table; one that is not TOML at the moment has no open keys."""
    for table in tables_of(text, number):
        try:
            answers = read_table(text, number)
        except tomllib.TOMLDecodeError:
            answers = {}
        left = open_keys(answers)
        yield Place(path, table.first_line, bool(left) and len(left) == len(answers), left)
