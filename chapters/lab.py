"""The learner's id and seeds; for labs, guesses that are noted before results.

A lab is a script of cells (`# %%`): run it in an editor, in a notebook, or whole with `mi lab 8`
(`course/lab_runner.py`). `Lab.guess` stops the script while a guess is still "?". The first guess
is noted with its time before anything is measured; a later one is added with a remark and never
replaces it. Notes are in chapters/lab_notes.toml, which a person can read and git ignores. They are
a diary: nothing in them is graded.
"""

import datetime
import hashlib
import json
import os
import secrets
import sys
import tomllib
from pathlib import Path
from types import TracebackType
from typing import Any

from .course.answers import is_open
from .course.files import CHAPTERS, replace_file, shown

NOTES, LEARNER = CHAPTERS / "lab_notes.toml", CHAPTERS / "learner.toml"
#: The id whose answers solutions/ holds.
REFERENCE = "reference"


class WaitingForGuess(Exception):
    """A cell that waits for the learner; shown as one sentence, without a traceback."""

    def _render_traceback_(self) -> list[str]:  # the hook of IPython and Jupyter
        return [f"Stopped here: {self}"]


def show_waiting(
    kind: type[BaseException], error: BaseException, trace: TracebackType | None
) -> None:
    """Show WaitingForGuess as a sentence in plain Python, and other exceptions as usual."""
    if issubclass(kind, WaitingForGuess):
        print(f"Stopped here: {error}", file=sys.stderr)
    else:
        sys.__excepthook__(kind, error, trace)


sys.excepthook = show_waiting


class Lab:
    """The lab of one chapter, for one learner."""

    def __init__(self, chapter: int, learner: str | None = None, notes: Path | None = None) -> None:
        self.chapter = chapter
        self.learner = learner or learner_id()
        self.notes = notes or NOTES

    def seed(self, name: str) -> int:
        """Derive this learner's seed for one question, below 2^48."""
        return seed_of(self.learner, f"{self.chapter}/{name}")

    def guess(self, key: str, value: Any) -> None:
        """Note a guess before its result is shown.

        Raises: WaitingForGuess while the guess is "?".
        """
        if is_open(value):
            raise WaitingForGuess(f'write your guess {key} in place of "?", and run again')
        guesses = self.read(key, "guess")
        if not guesses or guesses[-1]["value"] != as_json(value):
            late = bool(self.read(key, "measured"))
            self.note(key, "guess", value, late)
            print(f"guess {key} noted" + " (after the result was shown)" * late)

    def compare(self, key: str, measured: Any, as_guessed: bool | None = None) -> None:
        """Print the first guess next to the measured value, and note the measurement.

        as_guessed: whether the guess counts as right; None where that is for the learner to say.

        Raises: WaitingForGuess while a value that the learner measures is "?".
        """
        if is_open(measured):
            raise WaitingForGuess(
                f'write what you counted for {key} in place of "?", and run again'
            )
        guesses = self.read(key, "guess")
        if not guesses:
            raise WaitingForGuess(f"run the cell with guess {key} first")
        if not self.read(key, "measured"):
            self.note(key, "measured", measured, False)
        guessed, found = guesses[0]["value"], as_json(measured)
        verdict = {None: "", True: "As guessed.", False: "Not as guessed: why?"}[as_guessed]
        print(f"{key}: guessed {guessed}, measured {found}. {verdict}".strip())

    def read(self, key: str, kind: str) -> list[dict[str, Any]]:
        """Read the notes on one question, oldest first."""
        wanted = {"lab": self.chapter, "learner": self.learner, "key": key, "kind": kind}
        return [one for one in read_notes(self.notes) if wanted.items() <= one.items()]

    def note(self, key: str, kind: str, value: Any, after_result: bool) -> None:
        """Add a note at the end of the file."""
        fields = {
            "lab": self.chapter,
            "learner": self.learner,
            "key": key,
            "kind": kind,
            "value": as_json(value),
            "after_result": after_result,
            "when": datetime.datetime.now().isoformat(sep=" ", timespec="seconds"),
        }
        # A JSON string, number or boolean is also a TOML one.
        lines = [f"{name} = {json.dumps(field)}" for name, field in fields.items()]
        read_notes(self.notes)  # never write behind a part that cannot be read
        before = self.notes.read_text("utf-8") if self.notes.exists() else ""
        replace_file(self.notes, before + "\n".join(["[[note]]", *lines]) + "\n\n")


def learner_id() -> str:
    """Return the learner's id: from MI_LEARNER, or from chapters/learner.toml, drawn on first use.

    Raises: ValueError when the file has no id.
    """
    if given := os.environ.get("MI_LEARNER"):
        return given
    if not LEARNER.exists():
        text = "# Your models and questions are drawn from this id. Keep it with your answers.\n"
        replace_file(LEARNER, f'{text}id = "{secrets.token_hex(4)}"\n')
    found = read_toml(LEARNER).get("id")
    if not isinstance(found, str) or not found:
        raise ValueError(f'{shown(LEARNER)}: expected a line such as id = "3f1c", got {found!r}')
    return found


def own_seed(number: str) -> int:
    """Return your seed for an exercise, such as "8.20": it follows from your id alone."""
    return seed_of(learner_id(), number)


def seed_of(learner: str, question: str) -> int:
    """Derive a seed below 2^48 from a learner's id and the name of a question."""
    digest = hashlib.sha256(f"{learner}/{question}".encode()).digest()
    return int.from_bytes(digest[:6], "big")


def read_notes(path: Path) -> list[dict[str, Any]]:
    """Read all notes of a file, oldest first."""
    notes = read_toml(path).get("note", []) if path.exists() else []
    if not isinstance(notes, list) or not all(isinstance(one, dict) for one in notes):
        raise ValueError(f"{shown(path)}: expected [[note]] tables, got others; move the file away")
    return notes


def read_toml(path: Path) -> dict[str, Any]:
    """Read a TOML file.

    Raises: ValueError with the file's name when it is not TOML.
    """
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except ValueError as error:  # UnicodeDecodeError and TOMLDecodeError are ValueErrors
        raise ValueError(
            f"{shown(path)}: expected TOML, got {error}; correct it or move it away"
        ) from error


def as_json(value: Any) -> str:
    """Write a value as JSON: tensors and tuples as lists, sets sorted, floats to three digits."""

    def plain(value: Any) -> Any:
        if hasattr(value, "tolist"):
            value = value.tolist()
        if isinstance(value, dict):
            return {str(name): plain(one) for name, one in value.items()}
        if isinstance(value, (set, frozenset)):
            value = sorted(value)
        if isinstance(value, (list, tuple)):
            return [plain(one) for one in value]
        return float(f"{value:.3g}") if isinstance(value, float) else value

    return json.dumps(plain(value), ensure_ascii=False, default=str)
