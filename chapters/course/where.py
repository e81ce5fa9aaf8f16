"""Where the learner is: the exercises, which of them are passed, and where each one stands.

Reads text files only, and no Python of the learner's is parsed for it, so a page that is broken in
the middle of an edit can still be found.
"""

import re
import tomllib
from pathlib import Path
from typing import NamedTuple

from .answer_tables import FILE, find_tables, open_keys, read_table
from .exercise_marks import MARK, stub_line
from .exercise_pages import Exercise, numeric, read_exercises
from .progress import passed, read_progress
from .steps import DeskError

CHAPTERS = Path(__file__).resolve().parents[1]
ROOT = CHAPTERS.parent


class Place(NamedTuple):
    """One mark of an exercise in the learner's files, or the head of its table."""

    path: Path
    """The file."""
    line: int
    """The line of the mark, counted from 1; the answer goes below it."""
    stub: bool
    """Whether nothing has been written there yet."""
    open: tuple[str, ...] = ()
    """The keys of a table whose value is a question mark."""

    def __str__(self) -> str:
        return f"{shown(self.path)}:{self.line}"


def shown(path: Path) -> str:
    """A path as the learner would type it in the course's folder."""
    return path.relative_to(ROOT).as_posix() if path.is_relative_to(ROOT) else str(path)


def exercises() -> dict[str, Exercise]:
    """Every exercise of the book in order.

    Raises: DeskError when a page's heading cannot be read, or when there is no book.
    """
    try:
        found = read_exercises()
    except ValueError as error:
        raise DeskError(f"A heading in the book cannot be read. {error}") from None
    if not found:
        raise DeskError("No exercise stands in docs/; is this a whole clone of the course?")
    return found


def find(number: str | None) -> Exercise:
    """The exercise of that number, or the next one where none is given.

    Raises: DeskError naming the nearest numbers when there is no such exercise.
    """
    found = exercises()
    if number is None:
        following = next_exercise()
        if following is None:
            raise DeskError("Every exercise is passed. Name the one you mean, as in 2.4.")
        return following
    if number not in found:
        if not re.fullmatch(r"\d+(\.\d*)?", number):
            raise DeskError(f"An exercise is named by its number, as in 2.4; {number} is none.")
        close = ", ".join(nearest(number, list(found)))
        raise DeskError(f"There is no exercise {number}. The nearest ones are {close}.")
    return found[number]


def nearest(wanted: str, numbers: list[str], count: int = 3) -> list[str]:
    """The numbers most like one that is none: the same digits first, then the same chapter."""
    chapter, _, place = wanted.partition(".")

    def distance(number: str) -> tuple[bool, int, int]:
        of_chapter, of_place = numeric(number)
        same_digits = number.replace(".", "") == wanted.replace(".", "")
        return not same_digits, abs(of_chapter - int(chapter)), abs(of_place - int(place or 0))

    return sorted(numbers, key=distance)[:count]


def passes() -> set[str]:
    """The exercises whose answer, as it stands, has passed its graders."""
    return {number for number in read_progress() if passed(number)}


def next_exercise(core: bool = False) -> Exercise | None:
    """The first exercise that is not passed, of the core path or of all; None at the very end."""
    done = passes()
    open_ones = (found for found in exercises().values() if found.number not in done)
    return next((found for found in open_ones if found.core or not core), None)


def chapter_folder(number: str | int) -> Path:
    """The learner's folder of a chapter, named by its number or by one of its exercises.

    Raises: DeskError when the clone has no such chapter.
    """
    chapter = int(str(number).partition(".")[0])
    folders = sorted(CHAPTERS.glob(f"ch{chapter:02d}_*/"))
    if not folders:
        there = ", ".join(sorted(folder.name for folder in CHAPTERS.glob("ch[0-9]*/")))
        raise DeskError(f"There is no chapter {chapter} yet. There is: {there or 'none'}.")
    return folders[0]


def places(number: str) -> list[Place]:
    """Every mark of an exercise in the learner's files, in the order of the files' names."""
    found = []
    for path in sorted(chapter_folder(number).rglob("*.py")):
        lines = path.read_text("utf-8", errors="replace").splitlines()
        for index, line in enumerate(lines):
            mark = MARK.match(line.strip())
            if mark and mark[1] == number:
                below = next((rest.strip() for rest in lines[index + 1 :] if rest.strip()), "")
                found.append(Place(path, index + 1, below == stub_line(number)))
    return found + _tables(chapter_folder(number) / FILE, number)


def _tables(path: Path, number: str) -> list[Place]:
    """The place of an exercise's table; one that is no TOML for now has no open keys."""
    text = path.read_text("utf-8", errors="replace") if path.is_file() else ""
    places = []
    for table in (table for table in find_tables(text) if table.number == number):
        try:
            answers = read_table(text, number)
        except tomllib.TOMLDecodeError:
            answers = {}
        left = open_keys(answers)
        places.append(Place(path, table.first_line, bool(left) and len(left) == len(answers), left))
    return places


def attempted(number: str) -> bool:
    """Say whether anything stands where an exercise's answer goes, right or wrong."""
    return not all(place.stub for place in places(number))
