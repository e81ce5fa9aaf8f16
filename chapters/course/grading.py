"""Run the graders of some exercises in a child process, and end it when an answer does not end.

1. `Grading` sends pytest's arguments to the child (`grading_process.py`) and collects its reports.
2. `Stopwatch` adds up the CPU time and the waiting time of a grader. Time in which a process is
   ready to run and another one has the CPU counts as neither, so a grader on a busy machine is slow
   and not stopped. The child interrupts Python code at its limit; this process ends a little later
   what cannot be interrupted.
3. When an answer has ended the child, its exercise failed, and another child grades the rest.
"""

import contextlib
import re
import sys
import time
from collections.abc import Sequence
from typing import NamedTuple

from .endings import DOCTOR, INSTALL, hiding_files
from .exercise_pages import numeric
from .exercises import Selection
from .files import ROOT, read_bytes
from .grading_child import CPU_SECONDS
from .grading_process import Event, GradingProcess
from .progress import forget_pass
from .stopwatch import Stopwatch
from .terminal import CourseError, heading

#: pytest's codes when an answer raises KeyboardInterrupt, or changes what pytest needs.
STOPPED = {
    2: "The answer interrupted pytest, as KeyboardInterrupt does.",
    3: "The answer broke pytest, which runs it: does it replace something of Python's or pytest's?",
}
BROKEN = (2, 3, 4)  # pytest's codes for an interrupt, an internal error, a wrong command line
MOST_LOST = 2
"""Child processes that answers may end before the other exercises are left ungraded."""
WAITING_SECONDS = 15.0
"""How long one grader may wait for something."""
GRACE = 3.0
"""Seconds that the parent waits longer than the plugin."""
BUSY = 3.0
"""How many times as long as its CPU time a run takes on a machine that is called busy."""


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
    missing: list[str]
    """Other exercises whose stubs were reached, where there is no reference to run instead."""


class Grading:
    """The graders of some exercises, in a child process that is replaced when an answer ends it."""

    def __init__(self, selection: Selection, own: bool, child: "GradingProcess | None" = None):
        self.child = child or GradingProcess()
        self.screen = sys.stdout if sys.stdout.isatty() else None
        self.begin(selection, own)

    def begin(self, selection: Selection, own: bool) -> None:
        """Let the child grade a selection; `step` is called until it is finished."""
        heading(selection.title + (", on your own code only" if own else ""))
        self.selection, self.own, self.finished = selection, own, False
        self.reports: dict[str, Event] = {}
        self.lost: list[Failure] = []
        self.notes: list[str] = []
        self.start = time.monotonic()
        self.whole = Stopwatch(self.child.pid)
        self._send([exercise.number for exercise in selection.exercises])

    def end(self) -> None:
        """End the child process."""
        self.child.end()

    def step(self, seconds: float) -> bool:
        """Receive what happened, waiting so long for something; return whether all is graded.

        Raises: CourseError with pytest's own message when pytest could not run the graders.
        """
        event = None if self.finished else self.child.receive(seconds)
        while event and event["kind"] and not self.finished:
            self.finished = self._take(event)
            event = self.child.receive(0)
        self._show()
        if self.finished:
            return True
        sentence = "" if event is None else self._limit_reached()
        if sentence:
            self.child.locate()
        if sentence or event is None:
            end = self.child.end()
            error = "" if sentence else self.child.last_error()
            self.finished = self._lose(sentence or f"The answer {end}. {error}".strip())
        return self.finished

    def results(self) -> Results:
        """Return what was found, one failed or missing answer outweighing the rest."""
        events = self.reports.values()
        failed = [event for event in events if event["outcome"] == "failed"]
        failures = [Failure(*(event[name] for name in Failure._fields)) for event in failed]
        failures += self.lost
        outcomes: dict[str, set[str]] = {}
        for event in events:
            outcomes.setdefault(event["number"], set()).add(event["outcome"])
        for failure in self.lost:
            outcomes.setdefault(failure.number, set()).add("failed")
        verdicts = {
            exercise.number: next(
                (o for o in ("failed", "todo", "passed") if o in outcomes.get(exercise.number, ())),
                "skipped",
            )
            for exercise in self.selection.exercises
        }
        passed, computed = time.monotonic() - self.start, self.whole.computed
        if passed > CPU_SECONDS and passed > BUSY * computed > 0 and not self.lost:
            self.notes.append(
                f"This machine is busy: the graders took {passed:.0f} s, and computed for "
                f"{computed:.0f} s of them."
            )
        skips = [event["reason"] for event in events if event["reason"]]
        missing = {event["missing"] for event in events} - {"", *verdicts}
        return Results(verdicts, failures, skips, self.notes, sorted(missing, key=numeric))

    def _send(self, numbers: list[str]) -> None:
        self.numbers, self.running = numbers, ""
        self.left: dict[str, int] = {}
        self.watch: Stopwatch | None = None
        self.limit = CPU_SECONDS
        folders = self.selection.folders
        self.child.send([*["--own"] * self.own, *arguments(numbers, folders)])

    def _take(self, event: Event) -> bool:
        """Note one event; return whether it was the last one."""
        kind = event["kind"]
        if kind == "collected":
            self.left = event["counts"]
        elif kind == "start":
            self.running, self.watch = event["number"], Stopwatch(self.child.pid)
            self.limit = event["limit"]
        elif kind == "report":
            self.reports[event["id"]] = event
        elif kind == "finished":
            self.left[event["number"]] -= 1
            self.running, self.watch = "", Stopwatch(self.child.pid)
        elif kind == "note":
            self.notes.append(event["text"])
        elif kind == "done" and self.running and event["code"] in STOPPED:
            self.child.end()
            return self._lose(STOPPED[event["code"]])
        elif kind == "done":
            if event["code"] in BROKEN and not self.results().failures:
                output = could_not(event["output"])
                raise CourseError(f"The graders could not run. pytest says:\n{output}")
        return bool(kind == "done")

    def _limit_reached(self) -> str:
        """Say that a grader, or the search for its mistake, took too long."""
        self.whole.look()
        if self.watch is None:
            return ""
        self.watch.look()
        if self.watch.computed > self.limit + GRACE:
            return f"Stopped after {self.limit:.0f} s of CPU time: does a loop never end?"
        if self.watch.waited > max(WAITING_SECONDS, self.limit / 2):
            return (
                f"Stopped after {self.watch.waited:.0f} s in which it computed for "
                f"{self.watch.computed:.1f} s: does it wait for something?"
            )
        return ""

    def _lose(self, sentence: str) -> bool:
        """Fail the exercise that ended the child, and grade the others in another one.

        Raises: CourseError when no answer was running.
        """
        number = self.running
        done = bool(self.left) and not any(self.left.values())
        if done:  # only the search for the mistake was lost
            return True
        if not number:
            raise CourseError(f"The graders could not run.\n{could_not(self.child.errors())}")
        text = "\n".join(filter(None, [sentence, self.child.learners_line()]))
        self.lost.append(Failure(number, "the answer was stopped or ended Python", text))
        if not self.own:
            with contextlib.suppress(OSError):
                forget_pass(number)
        unfinished = [n for n in self.numbers if n != number and self.left.get(n)]
        if not unfinished:
            return True
        if len(self.lost) >= MOST_LOST:
            self.notes.append(f"Not graded, because of these: {', '.join(unfinished)}.")
            self.reports = {k: e for k, e in self.reports.items() if e["number"] not in unfinished}
            return True
        self.child = GradingProcess()
        self.whole = Stopwatch(self.child.pid)
        self._send(unfinished)
        return False

    def _show(self) -> None:
        """Show the count from the start, because importing PyTorch takes the first seconds."""
        if self.screen:
            seconds = time.monotonic() - self.start
            line = f"\r  {len(self.reports)} graders, {seconds:.0f} s"
            print(line, end="", file=self.screen, flush=True)


def could_not(output: str) -> str:
    """Return the error at the end of a traceback or a crash, and other output as it is."""
    errors = re.findall(
        r"(?m)^(?:INTERNALERROR> )?((?:Fatal Python error: |[\w.]+Error\b).*)", output
    )
    if not errors:
        return output
    if hiding := hiding_files():
        return f"{errors[-1].rstrip('.')}. {'; '.join(hiding)}."
    missing = re.match("ModuleNotFoundError|ImportError|OSError", errors[-1])
    return f"{errors[-1].rstrip('.')}. {INSTALL if missing else DOCTOR}"


def arguments(numbers: Sequence[str], folders: Sequence[str]) -> list[str]:
    """Return pytest's arguments; files that name no selected exercise are not imported.

    Paths are relative to the course's folder, whose own name may contain what pytest parses.

    Raises: CourseError when the selected exercises have no grader.
    """
    tests = [f"tests/{name}" for name in folders]
    files = sorted(path for name in tests for path in (ROOT / name).rglob("test_*.py"))
    used = {path for path in files if any(f'"{n}"'.encode() in read_bytes(path) for n in numbers)}
    if not used:
        raise CourseError(f"There is no grader of {', '.join(numbers)} in tests/.")
    ignored = [f"--ignore={p.relative_to(ROOT).as_posix()}" for p in files if p not in used]
    return ["-m", " or ".join(numbers), *ignored, *tests]
