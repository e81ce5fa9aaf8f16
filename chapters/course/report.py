"""Print what graders found: verdicts, each reason for a failure once, what to do next."""

import re
import sys
from collections import Counter
from typing import NamedTuple

from .migration import changes_needed
from .state import Selection, next_exercise
from .terminal import CourseError, paint, plural, say

SHOWN = 2
"""Reasons printed for one exercise; the tests that failed for further ones are counted."""
COLOURS = {"passed": "32", "failed": "31", "todo": "36", "skipped": "2"}


class Failure(NamedTuple):
    """One failed grader."""

    number: str
    """Its exercise; empty for a file of graders that could not be imported."""
    claim: str
    """The grader's name in words."""
    text: str
    """What the grader says."""
    printed: str = ""
    """What the learner's code printed."""
    mistake: str = ""
    """The words of a known mistake that explains it."""

    @property
    def reason(self) -> str:
        """What failures for the same reason share: a mistake, or the last line up to numbers."""
        last = "".join(self.text.splitlines()[-1:])
        return self.mistake or re.sub(r"\[[\d, ]*\]|-?\d[\d.e+-]*", "#", last)


class Results(NamedTuple):
    """What the graders of a selection found."""

    verdicts: dict[str, str]
    """Exercise -> failed, todo, passed; or skipped where no grader could run."""
    failures: list[Failure]
    """Every grader that failed."""
    skips: list[str]
    """Why graders were skipped."""
    notes: list[str]
    """What else there is to say: a pass that could not be recorded, a busy machine."""


def report(selection: Selection, results: Results, own: bool) -> None:
    """Print the verdicts and the failures."""
    if sys.stdout.isatty():
        print("\r" + " " * 40 + "\r", end="", flush=True)
    if selection.is_list:
        for exercise in selection.exercises:
            verdict = results.verdicts[exercise.number]
            word = paint(f"{verdict:<7}", COLOURS[verdict])
            say(f"  {word}  {exercise.number:>5} {exercise.title}")
        _say_failures(results.failures)
    elif results.failures:
        _say_failures(results.failures)
        number = selection.exercises[0].number
        sentence = paint(f"{number} is not right yet.", COLOURS["failed"])
        say(f"{sentence} mi hint {number} helps; mi watch {number} grades on every save.")
    else:
        _say_verdict(selection, results, own)
    for note in results.notes:
        say(note)


def _say_failures(failures: list[Failure]) -> None:
    """Print each reason once, and no more than a few for one exercise; count the tests."""
    reasons: dict[str, list[Failure]] = {}
    for failure in failures:
        reasons.setdefault(failure.reason, []).append(failure)
    shown, others = Counter[str](), Counter[str]()
    for first, *alike in reasons.values():
        shown[first.number] += 1
        if shown[first.number] > SHOWN:
            others[first.number] += 1 + len(alike)
            continue
        say(f"\n{first.number}  {paint(first.claim, '1')}")
        printed = f"\nYour code printed:\n{first.printed}" if first.printed else ""
        say("\n".join("  " + line for line in (first.text + printed).splitlines()))
        if alike:
            say(f"  and {plural(len(alike), 'more test')} for the same reason")
    for number, count in others.items():
        say(f"\n{number}  {plural(count, 'more test')} failed for other reasons")
    if failures:
        say()


def _say_verdict(selection: Selection, results: Results, own: bool) -> None:
    """Say that one exercise passed and what is next, or why it did not.

    Raises: CourseError when no grader could run here.
    """
    exercise = selection.exercises[0]
    number, verdict = exercise.number, results.verdicts[exercise.number]
    if verdict == "todo":
        _say_todo(selection, number, own)
        return
    reason = results.skips[0] if results.skips else "none of its graders ran"
    if verdict == "skipped":
        raise CourseError(f"{number} cannot be graded here: {reason}")
    following = next_exercise(besides=number)
    how = " on your own code only" if own else f": {plural(exercise.points, 'point')}"
    then = f"Next: {following.number} {following.title} (mi next)." if following else "That is all!"
    say(paint(f"{number} is right{how}.", COLOURS["passed"]) + f" {then}")
    if results.skips:
        say(f"Some graders could not run here: {reason}")


def _say_todo(selection: Selection, number: str, own: bool) -> None:
    """Say where an answer is missing: in this exercise, or in one that it depends on."""
    places = selection.places[number]
    stubs = [place for place in places if place.stub or place.open]
    if own and not stubs:
        say(f"{number} depends on exercises that are not written yet.")
        say(f"mi check {number} grades it with the reference solutions in their place.")
        return
    table = any(place.open for place in stubs)
    where = 'Its answers replace each "?" in' if table else "Its answer goes below the mark in"
    say(f"{number} is not written yet. {where}")
    for place in stubs or places:
        say(f"  {place}" + (f"  (still open: {', '.join(place.open)})" if place.open else ""))


def say_changes(selection: Selection) -> None:
    """Print what an update of the course changed in the learner's answers, after a failure."""
    changes = changes_needed({exercise.number for exercise in selection.exercises})
    if changes:
        say("\nChanged by an update of the course:")
        say("\n".join(f"  {change}" for change in changes))
