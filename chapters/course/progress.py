"""Remember which exercises are passed: chapters/progress.toml, one fingerprint per exercise.

A fingerprint covers what a pass depends on: the exercise's own answers and everything in the
chapter that is not an answer; of answers.toml, its own table. Another exercise's answer, a comment
or a docstring does not change it. When given code or an answer changes, the pass stays recorded and
is shown as outdated, until the exercise passes again. No grade depends on this file.
"""

import ast
import functools
import hashlib
import tomllib
from collections import defaultdict
from pathlib import Path
from typing import NamedTuple

from .answer_tables import FILE, answer_files, find_tables, read_table, text_of
from .exercise_marks import Function, find_answers, functions_of
from .files import CHAPTERS, replace_file

HEADER = "# Exercises that the graders have passed, with a fingerprint of each answer.\n"


class Passes(NamedTuple):
    """The exercises that were passed."""

    current: set[str]
    """Passed with the answers and the given code that are in the files now."""
    outdated: set[str]
    """Passed before an answer or given code changed, and not graded since."""


def read_passes() -> Passes:
    """Compare every recorded pass with the files as they are now."""
    recorded = read_progress()
    current = {number for number, print_ in recorded.items() if print_ == _print_now(number)}
    return Passes(current, set(recorded) - current)


def read_progress() -> dict[str, str]:
    """Read what is recorded: exercise -> fingerprint at the time of its pass."""
    file = CHAPTERS / "progress.toml"
    return tomllib.loads(file.read_text("utf-8")) if file.is_file() else {}


def record_pass(number: str) -> None:
    """Record that all graders of an exercise have just passed."""
    fingerprint_now = _print_now(number)
    if fingerprint_now is not None:
        _write({**read_progress(), number: fingerprint_now})


def forget_pass(number: str) -> None:
    """Delete the pass of an answer that fails now; an outdated pass is of another answer."""
    progress = read_progress()
    if number in progress and progress[number] == _print_now(number):
        _write({other: print_ for other, print_ in progress.items() if other != number})


def delete_pass(number: str) -> None:
    """Delete a recorded pass, current or outdated, because the answer was reset."""
    progress = read_progress()
    if progress.pop(number, None) is not None:
        _write(progress)


def fingerprint(chapter_folder: Path, number: str) -> str:
    """Return twelve hex digits that depend on an exercise's answers and on the given code."""
    stats = [(path, path.stat()) for path in answer_files(chapter_folder)]
    given, answers = _read(tuple((path, stat.st_mtime_ns, stat.st_size) for path, stat in stats))
    return hashlib.sha256(f"{given}{answers[number]}".encode()).hexdigest()[:12]


def _print_now(number: str) -> str | None:
    chapter = int(number.split(".")[0])
    folder = next(iter(CHAPTERS.glob(f"ch{chapter:02d}_*")), None)
    return None if folder is None else fingerprint(folder, number)


def _write(progress: dict[str, str]) -> None:
    numbers = sorted(progress, key=lambda number: [int(part) for part in number.split(".")])
    lines = [f'"{number}" = "{progress[number]}"\n' for number in numbers]
    replace_file(CHAPTERS / "progress.toml", HEADER + "".join(lines))


@functools.lru_cache(maxsize=64)
def _read(files: tuple[tuple[Path, int, int], ...]) -> tuple[str, dict[str, str]]:
    """Read a chapter's files once: a hash of the given code, and each exercise's answers."""
    given, answers = hashlib.sha256(), defaultdict[str, str](str)
    for path, *_ in files:
        if path.name == FILE:
            _cut_tables(path, answers)
            continue
        source = path.read_text("utf-8")
        given.update(path.name.encode())
        try:
            source = _cut_answers(source, answers)
        except (SyntaxError, ValueError):  # not Python at the moment: hash its text
            pass
        given.update(source.encode())
    return given.hexdigest(), answers


def _cut_tables(path: Path, answers: dict[str, str]) -> None:
    """Add the values of each table to `answers`; of a table that is not TOML, its text."""
    text = path.read_text("utf-8")
    for number in {table.number for table in find_tables(text)}:
        try:
            answers[number] += repr(read_table(text, number))
        except tomllib.TOMLDecodeError:
            answers[number] += text_of(path, number)


def _cut_answers(source: str, answers: dict[str, str]) -> str:
    """Move each answer of a file into `answers`, and return the rest, both as syntax trees."""
    tree = ast.parse(source)
    functions = functions_of(tree)
    for node in ast.walk(tree):
        if isinstance(node, Function | ast.ClassDef | ast.Module) and ast.get_docstring(node):
            node.body = node.body[1:]
    for answer in find_answers(source):
        function = functions[answer.qualname]
        below = [part for part in function.body if part.lineno > answer.mark_line]
        function.body = [part for part in function.body if part.lineno < answer.mark_line]
        answers[answer.number] += answer.qualname + "".join(map(ast.dump, below))
    return ast.dump(tree)
