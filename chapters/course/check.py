"""`mi check`: runs the graders of an exercise or a chapter by pytest, and says what they found.

pytest runs in this very process, quietly, with none but the course's own plugin; a tally of its
reports is all the desk looks at. Passes are recorded by the grading plugin, not here.
"""

import contextlib
import io
import os
import re
import sys
import time
from typing import TextIO

from .exercise_pages import Exercise, numeric
from .paper import heading, paint, points, say
from .steps import DeskError
from .where import ROOT, chapter_folder, exercises, find, next_exercise, places

# The last two end every session in a search for garbage that takes longer than most grades.
PLUGINS = ("timeout", "no:cacheprovider", "no:unraisableexception", "no:threadexception")
PYTEST = ("--quiet", "--capture=sys", *(word for name in PLUGINS for word in ("-p", name)))
BROKEN = (2, 3, 4)  # pytest's codes for an interrupt, an internal error, a wrong command line
SHOWN = 3  # refusals printed in full; the rest by name


def check(what: str | None = None, own: bool = False) -> int:
    """Grade one exercise, or a whole chapter and then all of it on the learner's own code."""
    if what is None or "." in what:
        return check_exercise(find(what), own)
    if not what.isdigit():
        raise DeskError(f"An exercise is written as in 2.4 and a chapter as in 2; came {what}.")
    return check_chapter(int(what), own)


def check_exercise(exercise: Exercise, own: bool = False) -> int:
    """Grade one exercise; 0 only when it passes."""
    heading(f"{exercise.number} {exercise.title}")
    tally = run(exercise.number, own)
    if tally.refusals:
        _say_refusals(tally)
        say(paint(f"{exercise.number} is not right yet.", "31") + _help(exercise.number))
        return 1
    if tally.skips and set(tally.outcomes[exercise.number]) == {"skipped"}:
        raise DeskError(f"{exercise.number} cannot be graded here: {tally.skips[0]}")
    if not tally.passed(exercise.number):
        _say_unwritten(exercise.number, own)
        return 1
    _congratulate(exercise, own)
    if tally.skips:
        say(f"Not everything could be tried here: {tally.skips[0]}")
    return 0


def check_chapter(chapter: int, own: bool = False) -> int:
    """Grade every exercise of a chapter; what is right, once more on the learner's own code only.

    Own from the start, it is graded that way alone.
    """
    here = [found for found in exercises().values() if numeric(found.number)[0] == chapter]
    tally = _grade_chapter(chapter, here, own)
    right = [found for found in here if tally.passed(found.number)]
    if not own and not tally.refusals and right:
        tally = _grade_chapter(chapter, right, own=True)
    return 1 if tally.refusals else 0


def _grade_chapter(chapter: int, rows: list[Exercise], own: bool) -> "Tally":
    heading(chapter_folder(chapter).name + (", on nothing but your own code" if own else ""))
    tally = run(str(chapter), own)
    for found in rows:
        say(f"  {tally.verdict(found.number)}  {found.number:>5} {found.title}")
    _say_refusals(tally)
    return tally


def run(number: str, own: bool = False) -> "Tally":
    """Run the graders of an exercise, or of a chapter, and count what they say.

    Raises: DeskError with pytest's own words when it could not run them.
    """
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    import pytest

    tally, said = Tally(sys.stdout), io.StringIO()
    words = [*PYTEST, f"--rootdir={ROOT}", *["--own"] * own, *graders(number)]
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said), _at_home():
        code = pytest.main(words, plugins=[tally])
    tally.clear_line()
    if code in BROKEN and not tally.refusals:
        raise DeskError(f"The graders could not run. pytest says:\n{said.getvalue().strip()}")
    return tally


def graders(number: str) -> list[str]:
    """What pytest is told to run: of one exercise, files that do not name it are not even read.

    Raises: DeskError when there is none.
    """
    folder = ROOT / "tests" / chapter_folder(number).name
    if "." not in number and folder.is_dir():
        return [str(folder)]
    files = set(folder.rglob("test_*.py"))
    others = {path for path in files if f'"{number}"' not in path.read_text("utf-8")}
    if files == others:
        raise DeskError(f"There is no grader of {number} in tests/{folder.name}.")
    return ["-m", number, *(f"--ignore={path}" for path in sorted(others)), str(folder)]


@contextlib.contextmanager
def _at_home():
    """Stand in the course's folder, where pytest finds its settings, wherever `mi` was typed."""
    before = os.getcwd()
    os.chdir(ROOT)
    try:
        yield
    finally:
        os.chdir(before)


class Tally:
    """A pytest plugin that counts outcomes by exercise and keeps what each refusal said."""

    def __init__(self, screen: TextIO | None = None):
        self.screen = screen if screen is not None and screen.isatty() else None
        self.outcomes: dict[str, list[str]] = {}
        self.skips: list[str] = []
        self.refusals: list[tuple[str, str, str]] = []
        self.start = time.perf_counter()
        self._count()

    def pytest_runtest_logreport(self, report) -> None:
        """Note one report: of the test itself, or of a fixture that failed."""
        number = next((word for word in report.keywords if re.fullmatch(r"\d+\.\d+", word)), "")
        if report.when == "call" or not report.passed:
            todo = bool(getattr(report, "todo", None))
            self.outcomes.setdefault(number, []).append("todo" if todo else report.outcome)
            if report.skipped and not todo:
                self.skips.append(str(report.longrepr[2]).removeprefix("Skipped: "))
            if report.failed:
                printed = f"\nYour code printed:\n{report.capstdout}" if report.capstdout else ""
                self.refusals.append((number, report.nodeid, report.longreprtext + printed))
        self._count()

    def _count(self) -> None:
        """Show how far it is, from before PyTorch is read, which takes the first seconds."""
        if self.screen:
            seconds = time.perf_counter() - self.start
            done = sum(map(len, self.outcomes.values()))
            print(f"\r  {done} graders, {seconds:.0f} s", end="", file=self.screen, flush=True)

    def pytest_collectreport(self, report) -> None:
        """Note a file of graders that could not even be read."""
        if report.failed:
            self.refusals.append(("", report.nodeid, report.longreprtext))

    def clear_line(self) -> None:
        """Wipe the counter."""
        if self.screen:
            print("\r" + " " * 40 + "\r", end="", file=self.screen, flush=True)

    def passed(self, number: str) -> bool:
        """Say whether some grader of an exercise ran and none was against it."""
        outcomes = self.outcomes.get(number, [])
        return "passed" in outcomes and not {"failed", "todo"} & set(outcomes)

    def verdict(self, number: str) -> str:
        """One word on an exercise."""
        if self.passed(number):
            return paint("passed ", "32")
        outcomes = self.outcomes.get(number, [])
        if "failed" in outcomes:
            return paint("refused", "31")
        return paint("todo   ", "36") if "todo" in outcomes else "-      "


def _say_refusals(tally: Tally) -> None:
    """Print the first few refusals in full; what is said again, or comes later, by name only."""
    said: list[str] = []
    for number, test, text in tally.refusals:
        claim = test.rpartition("::")[2].removeprefix("test_").replace("_", " ")
        if text in said or len(said) == SHOWN:
            why = "for the same reason" if text in said else "too"
            say(f"\n{number}  {claim}: refused {why}")
            continue
        said.append(text)
        say(f"\n{number}  {paint(claim, '1')}")
        say("\n".join("  " + line for line in text.strip().splitlines()))
    if tally.refusals:
        say()


def _help(number: str) -> str:
    return f" mi hint {number} helps; mi watch {number} grades on every save."


def _say_unwritten(number: str, own: bool) -> None:
    """Say where an answer is still missing: in this exercise, or in one that it leans on."""
    stubs = [place for place in places(number) if place.stub or place.open]
    if own and not stubs:
        say(f"{number} leans on exercises that are not written yet.")
        say(f"mi check {number} grades it with the tested answers in their place.")
        return
    goes = 'Its answers go in place of each "?" in' if any(place.open for place in stubs) else ""
    say(f"{number} is not written yet. {goes or 'Its answer goes below the mark in'}")
    for place in stubs or places(number):
        say(f"  {place}" + (f"  (still open: {', '.join(place.open)})" if place.open else ""))


def _congratulate(exercise: Exercise, own: bool) -> None:
    following = next_exercise()
    then = f"Next: {following.number} {following.title} (mi next)." if following else "That is all!"
    way = " on nothing but your own code" if own else f": {points(exercise.points)}"
    say(paint(f"{exercise.number} is right{way}.", "32") + f" {then}")
