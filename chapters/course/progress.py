"""Remember which exercises are passed: chapters/progress.toml, a fingerprint an exercise.

A fingerprint covers what a pass depends on: the exercise's own answers, everything in the chapter
that is no answer; of answers.toml, its own table. Another exercise's answer, a comment or a
docstring leaves it as it is. It feeds the desk's display only; no grade depends on this file.
"""

import ast
import functools
import hashlib
import os
import tomllib
from collections import defaultdict
from pathlib import Path

from .answer_tables import FILE, answer_files, find_tables, read_table, text_of
from .exercise_marks import Function, find_answers, functions_of

CHAPTERS = Path(__file__).resolve().parents[1]
HEADER = "# Exercises that the graders have passed, with a fingerprint of each answer.\n"


def fingerprint(chapter_folder: Path, number: str) -> str:
    """The twelve letters that stand for one exercise's answers and all that is given to them."""
    stats = [(path, path.stat()) for path in answer_files(chapter_folder)]
    given, answers = _read(tuple((path, stat.st_mtime_ns, stat.st_size) for path, stat in stats))
    return hashlib.sha256(f"{given}{answers[number]}".encode()).hexdigest()[:12]


def read_progress() -> dict[str, str]:
    """What is recorded: exercise -> fingerprint at the time of its pass."""
    file = CHAPTERS / "progress.toml"
    return tomllib.loads(file.read_text("utf-8")) if file.is_file() else {}


def passed(number: str) -> bool:
    """Whether an exercise was passed with the answers that stand there now."""
    recorded, folder = read_progress().get(number), _folder(number)
    return recorded is not None and folder is not None and recorded == fingerprint(folder, number)


def record_pass(number: str) -> None:
    """Notes that all graders of an exercise passed just now."""
    folder = _folder(number)
    if folder is not None:
        _write({**read_progress(), number: fingerprint(folder, number)})


def forget_pass(number: str) -> None:
    """Takes a pass back, because a grader now refuses the same answer."""
    progress = read_progress()
    if progress.pop(number, None) is not None:
        _write(progress)


def _folder(number: str) -> Path | None:
    chapter = int(number.split(".")[0])
    return next(iter(CHAPTERS.glob(f"ch{chapter:02d}_*")), None)


def _write(progress: dict[str, str]) -> None:
    """Writes beside, then renames: an interruption leaves the old file or the new one."""
    numbers = sorted(progress, key=lambda number: [int(part) for part in number.split(".")])
    beside = CHAPTERS / "progress.toml.new"
    lines = [f'"{number}" = "{progress[number]}"\n' for number in numbers]
    beside.write_text(HEADER + "".join(lines), "utf-8")
    os.replace(beside, CHAPTERS / "progress.toml")


@functools.lru_cache(maxsize=64)
def _read(files: tuple) -> tuple[str, dict[str, str]]:
    """Reads a chapter's files once: what is given, as a hash, and each exercise's answers."""
    given, answers = hashlib.sha256(), defaultdict(str)
    for path, *_ in files:
        if path.name == FILE:
            _take_out_tables(path, answers)
            continue
        source = path.read_text("utf-8")
        given.update(path.name.encode())
        try:
            source = _take_out_answers(source, answers)
        except (SyntaxError, ValueError):  # broken for now: its text stands for it
            pass
        given.update(source.encode())
    return given.hexdigest(), answers


def _take_out_tables(path: Path, answers: dict[str, str]) -> None:
    """Puts what each table says into `answers`; one that is no TOML for now, letter by letter."""
    text = path.read_text("utf-8")
    for number in {table.number for table in find_tables(text)}:
        try:
            answers[number] += repr(read_table(text, number))
        except tomllib.TOMLDecodeError:
            answers[number] += text_of(path, number)


def _take_out_answers(source: str, answers: dict[str, str]) -> str:
    """Moves each answer of a file into `answers`; returns the rest, both as syntax trees."""
    tree = ast.parse(source)
    functions = functions_of(tree)
    for node in ast.walk(tree):
        if isinstance(node, Function | ast.ClassDef | ast.Module) and ast.get_docstring(node):
            node.body = node.body[1:]
    for answer in find_answers(source):
        node = functions[answer.qualname]
        below = [part for part in node.body if part.lineno > answer.mark_line]
        node.body = [part for part in node.body if part.lineno < answer.mark_line]
        answers[answer.number] += answer.qualname + "".join(map(ast.dump, below))
    return ast.dump(tree)
