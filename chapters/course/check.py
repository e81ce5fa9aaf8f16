"""`mi check` and `mi watch`: grade exercises, and report which failed and why.

The grading plugin records passes; nothing here does.

While `mi watch` waits, a child process has already imported torch and pytest. A save lets it grade,
and the next child starts. The imports take about 2.7 s (measured on two cores), most graders a
fraction of a second, so a grade is shown in well under a second instead of three, and no module is
ever reloaded. A save during a grade ends that grade and starts another.
"""

import sys
from collections import Counter
from typing import TYPE_CHECKING

from .exercises import Selection, find, next_exercise, select
from .files import CHAPTERS, chapter_folder
from .grading import Failure, Grading, Results
from .grading_process import GradingProcess
from .old_names import changes_needed, conflicts
from .progress import remember_place
from .terminal import CourseError, paint, plural, say

if TYPE_CHECKING:
    from watchfiles import PythonFilter

TICK = 0.2
"""Seconds between two looks at the graders, or at the learner's files."""
#: What lies in chapters/ and is not an answer; the tools write these themselves.
RECORDS = ("course", "backups", "progress.toml", "hints.toml", "place.toml")
NOT_ANSWERS = [CHAPTERS / name for name in RECORDS]
SLOW_IMPORTS = ("torch", "pytest", "jaxtyping", "beartype")
SHOWN = 2
"""Reasons printed for one exercise; the tests that failed for further ones are counted."""
COLOURS = {"passed": "32", "failed": "31", "todo": "36", "skipped": "2"}


def check(what: str | None = None, own: bool = False, recorded: bool = False) -> int:
    """Grade an exercise, a chapter, or the recorded passes that are outdated; 0 if none failed.

    What passes in a chapter is graded once more on the learner's own code only.
    """
    if recorded and (unresolved := conflicts()):
        raise CourseError("\n".join(["Resolve the merge conflicts first:", *unresolved]))
    selection = select(what, outdated=recorded)
    if not selection.exercises:
        say("Every recorded pass is up to date.")
        return 0
    if not selection.is_list:
        remember_place(selection.exercises[0].number)
    grading = Grading(selection, own)
    try:
        return grade(grading)
    finally:
        grading.end()


def grade(grading: Grading) -> int:
    """Report what the graders find, of a chapter on own code too; return the exit status."""
    selection, own = grading.selection, grading.own
    results = _finish(grading)
    passed = [one for one in selection.exercises if results.verdicts[one.number] == "passed"]
    if selection.is_chapter and passed and not own and not results.failures:
        grading.begin(selection._replace(exercises=passed), own=True)
        results = _finish(grading)
    if results.failures:
        _say_changes(selection)
    not_written = not selection.is_list and not passed
    return 1 if results.failures or not_written else 0


def _finish(grading: Grading) -> Results:
    """Wait for the graders, and report what they found."""
    while not grading.step(TICK):
        pass
    results = grading.results()
    report(grading.selection, results, grading.own)
    return results


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
        _say_todo(selection, number, own, results.missing)
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


def _say_todo(selection: Selection, number: str, own: bool, missing: list[str]) -> None:
    """Say where an answer is missing: in this exercise, or in those that it depends on."""
    places = selection.places[number]
    stubs = [place for place in places if place.stub or place.open]
    if not stubs and (own or missing):
        names = f": {', '.join(missing)}" if missing else ""
        say(f"{number} depends on exercises that are not written yet{names}.")
        if own:
            say(f"mi check {number} grades it with the reference solutions in their place.")
        else:
            say("This copy of the course has no solutions of them; write them first.")
        return
    if not places:
        say(f"{number} is not written yet, and its comment `# exercise {number}` is missing.")
        say(f"mi reset {number} restores both.")
        return
    table = any(place.open for place in stubs)
    where = 'Its answers replace each "?" in' if table else "Its answer goes below the mark in"
    say(f"{number} is not written yet. {where}")
    for place in stubs or places:
        say(f"  {place}" + (f"  (still open: {', '.join(place.open)})" if place.open else ""))


def _say_changes(selection: Selection) -> None:
    """Print what an update of the course changed in the learner's answers, after a failure."""
    changes = changes_needed({exercise.number for exercise in selection.exercises})
    if changes:
        say("\nChanged by an update of the course:")
        say("\n".join(f"  {change}" for change in changes))


def watch(number: str | None = None) -> int:
    """Grade now and at every save, until Ctrl-C; without a number, go on when one passes."""
    from watchfiles import watch as saves

    current = find(number).number
    remember_place(current)
    say(f"Grading {current} whenever you save in {chapter_folder(current).name}; Ctrl-C ends it.")
    grader = Grader()
    try:
        grader.grade(current)
        for changes in saves(
            CHAPTERS,
            watch_filter=only_answers(),
            rust_timeout=round(1000 * TICK),
            yield_on_timeout=True,
        ):
            if changes:
                grader.grade(current)
            elif grader.finished() == 0 and number is None:
                following = next_exercise()
                if following is None:
                    return 0
                if following.number != current:
                    current = following.number
                    remember_place(current)
                    grader.grade(current)
    except KeyboardInterrupt:
        say()
    finally:
        grader.stop()
    return 0


def only_answers() -> "PythonFilter":
    """Return a filter for code and tables, without the files that the tools write."""
    from watchfiles import PythonFilter

    return PythonFilter(ignore_paths=NOT_ANSWERS, extra_extensions=(".toml",))


class Grader:
    """The child process that waits, and the grading that runs."""

    def __init__(self) -> None:
        self.waiting = GradingProcess(SLOW_IMPORTS)
        self.grading: Grading | None = None

    def grade(self, number: str) -> None:
        """Let the waiting child grade an exercise; a grade that still runs is ended."""
        self._end_grading()
        try:
            self.grading = Grading(select(number), own=False, child=self.waiting)
        except CourseError as error:
            say(str(error))
            return
        self.waiting = GradingProcess(SLOW_IMPORTS)

    def finished(self) -> int | None:
        """Report a grade that has ended and return its status, once; else None."""
        try:
            if self.grading is None or not self.grading.step(0):
                return None
            status = grade(self.grading)
        except CourseError as error:
            say(str(error))
            status = 1
        self._end_grading()
        return status

    def stop(self) -> None:
        """End both processes."""
        self._end_grading()
        self.waiting.end()

    def _end_grading(self) -> None:
        if self.grading is not None:
            self.grading.end()
        self.grading = None
