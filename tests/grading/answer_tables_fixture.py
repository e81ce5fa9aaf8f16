"""The answers to a question of understanding: one table of a chapter's answers.toml.

A question mark that is left makes a grader `todo`; a file, table or key that is not there, or a
slip in the TOML, fails with a sentence that says what to write where.
"""

import os
import tomllib
from pathlib import Path
from typing import Any

import pytest

from chapters.course.answers import TABLE_FILE, open_keys, read_table
from chapters.course.files import UnreadableFile, read_text

#: An answers.toml -> the text that is read instead of the file's (`mistakes.in_place`).
REPLACED: dict[Path, str] = {}


class Answers(dict[str, Any]):
    """The keys and values of one table; a missing key fails by its name."""

    def __init__(self, values: dict[str, Any], where: str):
        super().__init__(values)
        self.where = where

    def __missing__(self, key: str) -> Any:
        """Fail the answer, because it has no such key."""
        pytest.fail(f"{self.where} has no {key}; write `{key} = ...` there", pytrace=False)


def table(folder: Path, number: str) -> Answers:
    """Read the table of an exercise in a chapter's folder."""
    path = folder / TABLE_FILE
    shown = "/".join(path.parts[-3:])
    where, back = f'{shown}: the table ["{number}"]', f"`mi reset {number}` brings it back"
    if not os.path.lexists(path):
        pytest.fail(f"{shown} is gone; {back}", pytrace=False)
    try:
        text = REPLACED.get(path) or read_text(path)
        values = read_table(text, number)
    except UnreadableFile as error:
        pytest.fail(str(error), pytrace=False)
    except KeyError:
        pytest.fail(f"{where} is gone; {back}", pytrace=False)
    except tomllib.TOMLDecodeError as error:
        pytest.fail(
            f'{where} is not TOML: {error}. An answer reads key = "text", key = 3, key = true or '
            "key = [1, 4]",
            pytrace=False,
        )
    left = open_keys(values)
    if left:
        raise NotImplementedError(f"exercise {number}: still open: {', '.join(left)}")
    return Answers(values, where)
