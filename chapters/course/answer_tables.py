"""Read the questions of understanding: a chapter's answers.toml, one table per exercise.

A line `["0.15"]` opens the table of exercise 0.15, which ends before the next one (comments above
a table belong to it). In the workbook every value is "?", which counts as not answered. This is the
only parser of tables, as `exercise_marks.py` is of marks. It finds a table by its lines, so that a
syntax error in one leaves the others readable.
"""

import re
import tomllib
from pathlib import Path
from typing import Any

from .exercise_marks import Answer, answer_text, find_answers
from .files import read_text

FILE = "answers.toml"
HEAD = re.compile(r'\[\s*"([0-9]+\.[0-9]+)"\s*(\.[^\[\]]+)?\]\s*(#.*)?')
OPEN = "?"


def find_tables(text: str) -> list[Answer]:
    """List the tables of an answers.toml, from top to bottom.

    A table is an `Answer` whose mark is its head and whose qualname is its number.
    """
    lines = text.split("\n")
    heads = [(i, match[1]) for i, line in enumerate(lines) if (match := HEAD.fullmatch(line))]
    found: list[Answer] = []
    for place, (start, number) in enumerate(heads):
        following = heads[place + 1][0] if place + 1 < len(heads) else len(lines)
        end = following
        while not lines[end - 1].strip() or lines[end - 1].lstrip().startswith("#"):
            end -= 1
        if found and found[-1].number == number:  # a table inside the table
            found[-1] = found[-1]._replace(last_line=end)
        else:
            found.append(Answer(number, number, start + 1, start + 1, end, ""))
    return found


def read_table(text: str, number: str) -> dict[str, Any]:
    """Return the keys and values of one exercise.

    Raises: KeyError when there is no such table; ValueError, with the line in the whole file, when
    it is not TOML.
    """
    own = [table for table in find_tables(text) if table.number == number]
    if not own:
        raise KeyError(f'there is no table ["{number}"]')
    lines = [
        line if any(table.first_line <= place <= table.last_line for table in own) else ""
        for place, line in enumerate(text.split("\n"), start=1)
    ]
    table: dict[str, Any] = tomllib.loads("\n".join(lines))[number]
    return table


def open_keys(table: dict[str, Any]) -> tuple[str, ...]:
    """Return the keys that still have a question mark in their value."""
    return tuple(key for key, value in table.items() if _is_open(value))


def _is_open(value: object) -> bool:
    if isinstance(value, dict):
        return any(map(_is_open, value.values()))
    if isinstance(value, list):
        return any(map(_is_open, value))
    return isinstance(value, str) and value.strip() == OPEN


def blank_answers(text: str) -> str:
    """Replace every value by "?", and keep comments and tables.

    Raises: ValueError when the text is not TOML.
    """
    lines, pending = [], ""
    for line in text.splitlines():
        pending += line + "\n"
        try:
            values = tomllib.loads(pending)
        except tomllib.TOMLDecodeError:  # an array or a string that continues on the next line
            continue
        key = pending.partition("=")[0].strip()
        if values and not pending.lstrip().startswith(("[", "#")):
            lines.append(f'{key} = "{OPEN}"')
        else:
            lines.append(line)
        pending = ""
    if pending:
        raise ValueError(f"expected TOML, got from here on: {pending.splitlines()[0]}")
    return "\n".join(lines) + "\n"


def answer_files(folder: Path) -> list[Path]:
    """List the files of a chapter that hold answers: its code, and its answers.toml if any.

    Names that start with a dot belong to editors and systems.
    """
    found = [path.relative_to(folder) for path in [*folder.rglob("*.py"), *folder.glob(FILE)]]
    return sorted(folder / p for p in found if not any(part[0] == "." for part in p.parts))


def answers_in(path: Path, text: str | None = None) -> list[Answer]:
    """List the answers of a file, marked functions or tables.

    Raises: SyntaxError and ValueError as `find_answers` does.
    """
    text = read_text(path) if text is None else text
    return find_tables(text) if path.name == FILE else find_answers(text)


def text_of(path: Path, number: str) -> str:
    """Return the answer to one exercise as a page shows it: whole functions, or the table.

    Raises: KeyError when the file has no answer of that number.
    """
    text = read_text(path)
    return table_text(text, number) if path.name == FILE else answer_text(text, number)


def table_text(text: str, number: str) -> str:
    """Return the lines of one exercise's table.

    Raises: KeyError when there is none.
    """
    own = [table for table in find_tables(text) if table.number == number]
    if not own:
        raise KeyError(f'there is no table ["{number}"] here')
    lines = text.split("\n")
    return "\n".join("\n".join(lines[t.first_line - 1 : t.last_line]) for t in own) + "\n"
