"""Remember which exercises are passed: chapters/progress.toml, one fingerprint per exercise.

A fingerprint covers what a pass depends on: the exercise's own answers and everything in the
chapter that is not an answer; of answers.toml, its own table. Another exercise's answer, a comment
or a docstring does not change it. When given code or an answer changes, the pass stays recorded and
is shown as outdated, until the exercise passes again. No grade depends on this file.
"""

import ast
import contextlib
import functools
import hashlib
import tomllib
from collections import defaultdict
from pathlib import Path
from typing import NamedTuple

from .answers import (
    TABLE_FILE,
    Function,
    answer_files,
    find_answers,
    find_tables,
    functions_of,
    parse,
    read_table,
    table_text,
    too_deep,
)
from .files import (
    CHAPTERS,
    RecordFile,
    Records,
    UnreadableFile,
    chapter_folder,
    read_leniently,
    read_text,
    reference_of,
)
from .terminal import CourseError


class Passes(NamedTuple):
    """The exercises that were passed."""

    current: set[str]
    """Passed with the answers and the given code that are in the files now."""
    outdated: set[str]
    """Passed before an answer or given code changed, and not graded since."""


def read_passes() -> Passes:
    """Compare every recorded pass with the files as they are now."""
    recorded = record_file().read()
    current = {number for number, prints in recorded.items() if _print_now(number) in prints}
    return Passes(current, set(recorded) - current)


def record_file() -> RecordFile:
    """Return chapters/progress.toml."""
    header = "# Exercises that the graders have passed, with a fingerprint of each answer.\n"
    return RecordFile(CHAPTERS / "progress.toml", header, "[0-9a-f]{12}", quote='"')


def record_pass(number: str) -> None:
    """Record that all graders of an exercise have just passed."""
    now = _print_now(number)
    if now is not None:
        record_file().change(lambda records: {**records, number: [now]})


def forget_pass(number: str) -> None:
    """Delete the pass of an answer that fails now; an outdated pass is of another answer."""
    now = _print_now(number)
    if now in record_file().read().get(number, []):
        record_file().change(lambda records: _without(records, number))


def delete_pass(number: str) -> None:
    """Delete a recorded pass, current or outdated, because the answer was reset."""
    if number in record_file().read():
        record_file().change(lambda records: _without(records, number))


def place_file() -> RecordFile:
    """Return chapters/place.toml."""
    header = "# The exercise that was checked, or whose hint was shown, last.\n"
    return RecordFile(CHAPTERS / "place.toml", header, "1")


def read_place() -> str | None:
    """Return the exercise that the learner worked on last, or None."""
    return next(iter(place_file().read()), None)


def remember_place(number: str) -> None:
    """Record that the learner works on an exercise; a read-only course does without."""
    with contextlib.suppress(OSError, ImportError):
        place_file().change(lambda _: {number: ["1"]})


def _without(records: Records, number: str) -> Records:
    return {other: prints for other, prints in records.items() if other != number}


def fingerprint(folder: Path, number: str) -> str:
    """Return twelve hex digits that depend on an exercise's answers and on the given code."""
    stats = [(path, _stamp(path)) for path in answer_files(folder)]
    given, answers = _read(tuple(stats))
    return hashlib.sha256(
        f"{given}{answers[number]}".encode("utf-8", "surrogateescape")
    ).hexdigest()[:12]


def _stamp(path: Path) -> tuple[int, int]:
    try:
        status = path.stat()
    except OSError:
        return 0, 0
    return status.st_mtime_ns, status.st_size


def _print_now(number: str) -> str | None:
    try:
        folder = chapter_folder(number)
    except CourseError:
        return None
    return fingerprint(folder, number)


@functools.lru_cache(maxsize=64)
def _read(files: tuple[tuple[Path, tuple[int, int]], ...]) -> tuple[str, dict[str, str]]:
    """Read a chapter's files once: a hash of the given code, and each exercise's answers.

    Of a file that is not Python at the moment, the given code is the reference's, which the graders
    of other exercises run, and all of its text counts as the answer to each of its exercises.
    """
    given, answers = hashlib.sha256(), defaultdict[str, str](str)
    for path, _ in files:
        source, problem = read_leniently(path)
        if path.name == TABLE_FILE:
            _cut_tables(source + problem, answers)
            continue
        given.update(path.name.encode())
        rest, reference = source + problem, reference_of(path)
        try:
            rest = _cut_answers(read_text(path), answers)
        except (UnreadableFile, SyntaxError):
            if reference.is_file():
                theirs = defaultdict[str, str](str)
                rest = _cut_answers(read_text(reference), theirs)
                for number in theirs:
                    answers[number] += source + problem
        except ValueError:  # a mark in a wrong place: hash the text
            pass
        given.update(rest.encode("utf-8", "surrogateescape"))
    return given.hexdigest(), answers


def _cut_tables(text: str, answers: dict[str, str]) -> None:
    """Add the values of each table to `answers`; of a table that is not TOML, its text."""
    for number in {table.number for table in find_tables(text)}:
        try:
            answers[number] += repr(read_table(text, number))
        except tomllib.TOMLDecodeError:
            answers[number] += table_text(text, number)


def _cut_answers(source: str, answers: dict[str, str]) -> str:
    """Move each answer of a file into `answers`, and return the rest, both as syntax trees.

    Raises: SyntaxError and ValueError as `find_answers` does; `answers` is then unchanged.
    """
    tree = parse(source)
    functions = functions_of(tree)
    for node in ast.walk(tree):
        if isinstance(node, Function | ast.ClassDef | ast.Module) and ast.get_docstring(node):
            node.body = node.body[1:]
    found = defaultdict[str, str](str)
    try:
        for answer in find_answers(source):
            function = functions[answer.qualname]
            below = [part for part in function.body if part.lineno > answer.mark_line]
            function.body = [part for part in function.body if part.lineno < answer.mark_line]
            found[answer.number] += answer.qualname + "".join(map(ast.dump, below))
        rest = ast.dump(tree)
    except RecursionError:
        raise too_deep("<unknown>") from None
    for number, text in found.items():
        answers[number] += text
    return rest
