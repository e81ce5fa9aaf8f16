"""Verdicts, and the records of them, by what they depend on.

A record is a file named after a hash: of the exercise, of the exact text that counts for it, of the
learner's id for a question, and of the course. It is written under another name and then renamed.
So a command that was ended at any moment goes on where it was, equal answers are graded once, and a
record is never used for another answer or another version of the graders.
"""

import contextlib
import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

from ..files import replace_file

PASSED, FAILED, REFUSED, TODO = "passed", "failed", "refused", "todo"
MISSING, STOPPED, NOT_GRADED = "missing", "stopped", "not graded"


class Verdict(NamedTuple):
    """What became of one exercise of one submission."""

    outcome: str
    """passed, failed, refused, todo, missing, stopped or not graded."""
    words: str
    """Why, for its author."""
    share: float = 0.0
    """The share of its graders that passed; 0 where nothing counts."""
    cpu: float = 0.0
    """Seconds of CPU time that grading took."""
    notes: tuple[str, ...] = ()
    """What its author should know besides: a renamed file, for instance."""


class Expected(NamedTuple):
    """What the reference's answer does under the graders of an exercise."""

    graders: list[str]
    """The graders that pass."""
    cpu: float
    """Seconds of CPU time."""
    memory: int
    """Bytes that the graders need."""
    strict: bool = True
    """Whether the reference leaves its arguments and models exactly as they were."""
    modules: tuple[str, ...] = ()
    """What the graders import only while they run; workers import it once."""


class Records:
    """The folder of records."""

    def __init__(self, folder: Path):
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        for path in folder.glob("*/.*"):
            path.unlink(missing_ok=True)  # what an interrupted write has left

    def read(self, key: str) -> dict[str, Any] | None:
        """Return a record, or None; one that cannot be read is as none."""
        with contextlib.suppress(OSError, ValueError):
            found = json.loads((self._path(key)).read_text("utf-8"))
            if isinstance(found, dict) and found.get("key") == key:
                return found
        return None

    def write(self, key: str, values: dict[str, Any]) -> None:
        """Write a record completely or not at all."""
        text = json.dumps({"key": key, **values}, ensure_ascii=False)
        replace_file(self._path(key), text)

    def _path(self, key: str) -> Path:
        return self.folder / key[:2] / f"{key}.json"

    def clear(self, keys: Iterable[str]) -> None:
        """Delete records, so that their answers are graded again."""
        for key in keys:
            with contextlib.suppress(OSError):
                os.unlink(self._path(key))


def judge(answer: dict[str, Any], expected: Expected, name: str) -> Verdict:
    """Turn what a worker saw into a verdict: a pass needs every expected grader, seen to pass."""
    if "broken" in answer:
        return Verdict(NOT_GRADED, f"the graders could not run: {answer['broken']}")
    outcomes, cpu = answer["outcomes"], answer["cpu"]
    if answer.get("tried"):
        return Verdict(REFUSED, f"refused, {name}: while it ran, {answer['tried']}", cpu=cpu)
    if answer["ended"]:
        outcome = NOT_GRADED if answer.get("waited") else STOPPED
        return Verdict(outcome, answer["ended"], cpu=cpu)
    passed = [grader for grader in expected.graders if outcomes.get(grader) == PASSED]
    share = len(passed) / len(expected.graders)
    if len(passed) == len(expected.graders):
        return Verdict(PASSED, f"{len(passed)} graders passed", 1.0, cpu)
    texts = [f"{title}\n{text}".strip() for title, text in answer["texts"]]
    if TODO in outcomes.values():
        return Verdict(TODO, "not written yet, or it reaches a stub", share, cpu)
    words = f"{len(passed)} of {len(expected.graders)} graders passed"
    return Verdict(FAILED, "\n\n".join([words, *texts]), share, cpu)
