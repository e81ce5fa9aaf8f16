"""`mi check`: select exercises, run their graders with pytest, report which failed and why.

pytest runs in this process, quietly, with the course's own plugin only. The grading plugin records
passes; nothing here does.
"""

import contextlib
import io
import os
import re
import sys
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple, TextIO

from .files import ROOT
from .migration import changes_needed, conflicts
from .state import Selection, next_exercise, select
from .terminal import CourseError, heading, paint, plural, say

if TYPE_CHECKING:
    import pytest

# The last two end every session in a garbage collection that takes longer than most graders.
PLUGINS = ("timeout", "no:cacheprovider", "no:unraisableexception", "no:threadexception")
PYTEST = ("--quiet", "--capture=sys", *(word for name in PLUGINS for word in ("-p", name)))
BROKEN = (2, 3, 4)  # pytest's codes for an interrupt, an internal error, a wrong command line
SHOWN = 3
"""Reasons printed in full; for further ones, the names of the tests."""
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
    results = run_graders(selection, own)
    report(selection, results, own)
    passed = [one for one in selection.exercises if results.verdicts[one.number] == "passed"]
    if selection.is_chapter and passed and not own and not results.failures:
        selection = selection._replace(exercises=passed)
        results = run_graders(selection, own=True)
        report(selection, results, own=True)
    if results.failures:
        say_changes(selection)
    not_written = not selection.is_list and not passed
    return 1 if results.failures or not_written else 0


def run_graders(selection: Selection, own: bool) -> Results:
    """Run the graders of the selected exercises.

    Raises: CourseError with pytest's own message when pytest could not run them.
    """
    heading(selection.title + (", on your own code only" if own else ""))
    collector, output = _Collector(sys.stdout), io.StringIO()
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    import pytest

    words = [*PYTEST, f"--rootdir={ROOT}", *["--own"] * own, *arguments(selection)]
    with contextlib.redirect_stdout(output), contextlib.redirect_stderr(output), _in_root():
        code = pytest.main(words, plugins=[collector])
    collector.clear_line()
    if code in BROKEN and not collector.failures:
        raise CourseError(f"The graders could not run. pytest says:\n{output.getvalue().strip()}")
    numbers = [exercise.number for exercise in selection.exercises]
    return Results(collector.verdicts(numbers), collector.failures, collector.skips)


def arguments(selection: Selection) -> list[str]:
    """Return pytest's arguments; files that name no selected exercise are not imported.

    Raises: CourseError when the selected exercises have no grader.
    """
    numbers = [exercise.number for exercise in selection.exercises]
    folders = [ROOT / "tests" / name for name in selection.folders]
    files = sorted(path for folder in folders for path in folder.rglob("test_*.py"))
    texts = {path: path.read_text("utf-8") for path in files}
    used = {path for path in files if any(f'"{number}"' in texts[path] for number in numbers)}
    if not used:
        raise CourseError(f"There is no grader of {', '.join(numbers)} in tests/.")
    ignored = [f"--ignore={path}" for path in files if path not in used]
    return ["-m", " or ".join(numbers), *ignored, *map(str, folders)]


@contextlib.contextmanager
def _in_root() -> Iterator[None]:
    """Change to the course's folder, where pytest finds its settings."""
    before = os.getcwd()
    os.chdir(ROOT)
    try:
        yield
    finally:
        os.chdir(before)


class _Collector:
    """A pytest plugin that collects the outcomes of graders and shows how many have run."""

    def __init__(self, screen: TextIO):
        self.screen = screen if screen.isatty() else None
        self.outcomes: dict[str, set[str]] = {}
        self.skips: list[str] = []
        self.failed: list[tuple[str, pytest.CollectReport | pytest.TestReport]] = []
        self.count, self.start = 0, time.perf_counter()
        self._show()

    def pytest_runtest_logreport(self, report: "pytest.TestReport") -> None:
        """Collect one report: of the test itself, or of a fixture that failed."""
        number = next((word for word in report.keywords if re.fullmatch(r"\d+\.\d+", word)), "")
        if report.when == "call" or not report.passed:
            self.count += 1
            todo = bool(getattr(report, "todo", None))
            self.outcomes.setdefault(number, set()).add("todo" if todo else report.outcome)
            if report.skipped and not todo and isinstance(report.longrepr, tuple):
                self.skips.append(str(report.longrepr[2]).removeprefix("Skipped: "))
            if report.failed:
                self._add_failure(number, report)
        self._show()

    def pytest_collectreport(self, report: "pytest.CollectReport") -> None:
        """Collect the error of a file of graders that could not be imported."""
        if report.failed:
            self._add_failure("", report)

    def _add_failure(self, number: str, report: "pytest.CollectReport | pytest.TestReport") -> None:
        self.failed.append((number, report))

    @property
    def failures(self) -> list[Failure]:
        """Every grader that failed. After the session the reports name mistakes too."""
        found = []
        for number, report in self.failed:
            test = report.nodeid.partition("[")[0].rpartition("::")[2]
            claim = test.removeprefix("test_").replace("_", " ")
            mistake = "\n".join(getattr(report, "mistakes", ()))
            text, printed = report.longreprtext.strip(), report.capstdout
            found.append(Failure(number, claim, text, printed, mistake))
        return found

    def _show(self) -> None:
        """Show the count from the start, because importing PyTorch takes the first seconds."""
        if self.screen:
            seconds = time.perf_counter() - self.start
            line = f"\r  {self.count} graders, {seconds:.0f} s"
            print(line, end="", file=self.screen, flush=True)

    def clear_line(self) -> None:
        """Erase the count."""
        if self.screen:
            print("\r" + " " * 40 + "\r", end="", file=self.screen, flush=True)

    def verdicts(self, numbers: list[str]) -> dict[str, str]:
        """Return the verdict on each exercise: one failed or missing answer outweighs the rest."""
        worst_first = ("failed", "todo", "passed")
        return {
            number: next((o for o in worst_first if o in self.outcomes.get(number, ())), "skipped")
            for number in numbers
        }


def report(selection: Selection, results: Results, own: bool) -> None:
    """Print the verdicts and the failures."""
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


def _say_failures(failures: list[Failure]) -> None:
    """Print each reason once, with the number of tests that gave it."""
    reasons: dict[str, list[Failure]] = {}
    for failure in failures:
        reasons.setdefault(failure.reason, []).append(failure)
    for place, alike in enumerate(reasons.values()):
        first = alike[0]
        say(f"\n{first.number}  {paint(first.claim, '1')}" + ": failed too" * (place >= SHOWN))
        if place < SHOWN:
            printed = f"\nYour code printed:\n{first.printed}" if first.printed else ""
            say("\n".join("  " + line for line in (first.text + printed).splitlines()))
        if len(alike) > 1:
            say(f"  and {plural(len(alike) - 1, 'more test')} for the same reason")
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
    following = next_exercise()
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
