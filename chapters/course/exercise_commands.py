"""The commands that show exercises: `mi`, `mi progress`, `mi next`, `mi hint`, `mi solution`.

They read text files only. The number of hints that were shown is kept in chapters/hints.toml.
"""

import contextlib
import sys
from collections.abc import Collection

from .answers import (
    TABLE_FILE,
    text_of,
)
from .exercise_pages import Exercise, numeric
from .exercises import exercises, find, next_exercise, places
from .files import (
    CHAPTERS,
    RecordFile,
    reference_of,
    shown,
)
from .labs import lab_line
from .progress import read_passes, read_place, remember_place
from .terminal import CourseError, bar, heading, paint, plural, say, say_code, say_markdown

COMMANDS = "mi next (read it) · mi check (grade it) · mi hint · mi watch · mi --help (all)"


def show_status() -> None:
    """Show the current chapter, the next exercise, and where its answer goes."""
    every, passes, following = exercises(), read_passes(), next_exercise()
    say(paint("Mechanistic Interpretability from Scratch", "1"))
    if following is None:
        say(f"Every exercise is passed: {len(every)} of {len(every)}. mi progress lists them.")
        return
    chapter = numeric(following.number)[0]
    here = [found for found in every.values() if numeric(found.number)[0] == chapter]
    say(_row(chapter, here, passes.current))
    star = ", on the core path" if following.core else ""
    say(f"Next: {following.number} {following.title} (about {following.minutes} minutes{star})")
    for place in places(following.number):
        state = place.problem or ("" if place.stub else "begun")
        say(f"      {place}" + (f"  ({state})" if state else ""))
    _say_outdated(passes.outdated)
    say(COMMANDS)


def show_progress() -> None:
    """Show every chapter with its bar and points, and which exercises are passed."""
    every, passes = exercises(), read_passes()
    done = passes.current
    for chapter in sorted({numeric(number)[0] for number in every}):
        here = [found for found in every.values() if numeric(found.number)[0] == chapter]
        heading(_row(chapter, here, done))
        for found in here:
            mark = paint("passed  ", "32") if found.number in done else "        "
            mark = paint("outdated", "33") if found.number in passes.outdated else mark
            star = "*" if found.core else " "
            say(f"  {mark}  {found.number:>5} {star} {found.title}")
        if line := lab_line(chapter):
            say(f"               lab  {line}")
    core = [found for found in every.values() if found.core]
    say(
        f"\n* the core path: {sum(found.number in done for found in core)} of {len(core)} passed. "
        f"In total: {sum(found.number in done for found in every.values())} of {len(every)}."
    )
    _say_skipped(passes.current)
    _say_outdated(passes.outdated)


def _say_skipped(done: Collection[str]) -> None:
    """Say how many exercises before the learner's place are open, of which `mi next` shows none."""
    place = numeric(read_place() or "0.0")
    skipped = [n for n in exercises() if n not in done and numeric(n) < place]
    if skipped:
        say(f"Skipped: {plural(len(skipped), 'exercise')}; mi next {skipped[0]} goes back there.")


def _say_outdated(outdated: Collection[str]) -> None:
    """Say how recorded passes count again after an update of the course."""
    if outdated:
        say(
            f"{plural(len(outdated), 'exercise')} passed before an answer or given code changed; "
            "mi check --recorded grades them again (after an update of the course, see mi doctor)."
        )


def _row(chapter: int, here: list[Exercise], done: Collection[str]) -> str:
    """Format one chapter as one line."""
    passed = [found for found in here if found.number in done]
    earned, total = (sum(found.points for found in some) for some in (passed, here))
    return (
        f"Chapter {chapter}  {bar(len(passed), len(here))}  "
        f"{len(passed)} of {len(here)} exercises, {earned} of {total} points"
    )


def show_next(number: str | None = None, core: bool = False) -> None:
    """Show the next open exercise, or another one: its statement, where to write, what to type."""
    exercise = next_exercise(core) if number is None else find(number)
    if number is not None:
        remember_place(number)
    if exercise is None:
        say("Every exercise " + ("of the core path " if core else "") + "is passed.")
        return
    heading(f"{exercise.number} {exercise.title}" + ("  (core path)" if exercise.core else ""))
    say(
        f"difficulty {exercise.difficulty} of 5, importance {exercise.importance} of 5, "
        f"about {exercise.minutes} minutes, {plural(exercise.points, 'point')}\n"
    )
    say_markdown(exercise.text)
    say()
    for place in places(exercise.number):
        say(f"write it in   {place}" + (f"  ({place.problem})" if place.problem else ""))
    say(f"then type     mi check {exercise.number}     (or mi hint {exercise.number})")
    say(f"the page      {shown(exercise.page)}     (mi book shows it in a browser)")


def hint(number: str | None, show_all: bool = False) -> None:
    """Show one hint more than last time, or all of them."""
    exercise = find(number)
    remember_place(exercise.number)
    shown_before = int(hints_file().read().get(exercise.number, ["0"])[-1])
    count = len(exercise.hints)
    last = count if show_all else min(shown_before + 1, count)
    for index in range(0 if show_all else max(last - 1, 0), last):
        heading(f"{exercise.number} {exercise.title}: hint {index + 1} of {count}")
        say_markdown(exercise.hints[index])
    with contextlib.suppress(OSError, ImportError):  # a read-only course still has its hints
        hints_file().change(lambda records: {**records, exercise.number: [str(last)]})
    if shown_before >= count and not show_all:
        say(f"That was the last hint. mi hint {exercise.number} --all shows all of them,")
        say(f"mi solution {exercise.number} shows one answer.")


def hints_file() -> RecordFile:
    """Return chapters/hints.toml."""
    header = "# How many hints of each exercise `mi hint` has shown.\n"
    return RecordFile(CHAPTERS / "hints.toml", header, "[0-9]{1,4}")


def solution(number: str | None) -> None:
    """Show the tested answer, after a question to a learner who has not tried yet."""
    exercise = find(number)
    where = places(exercise.number)
    if all(place.stub for place in where) and sys.stdin.isatty() and sys.stdout.isatty():
        question = f"You have not written {exercise.number} yet. Show the solution anyway? [y/N] "
        if input(question).strip().lower() not in ("y", "yes"):
            return
    for path in sorted({place.path for place in where}):
        reference = reference_of(path)
        if not reference.exists():
            raise CourseError("This copy of the course comes without its solutions.")
        heading(f"{exercise.number} {exercise.title}: {shown(reference)}")
        language = "toml" if reference.name == TABLE_FILE else "python"
        say_code(text_of(reference, exercise.number).rstrip(), language)
