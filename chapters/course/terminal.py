"""Write to the terminal: text, steps with their times, and the output of other programs.

Output is coloured and Markdown is rendered only in a terminal, with rich installed and NO_COLOR
not set. Everything else here is standard library, because set-up runs before any package is there.
"""

import functools
import os
import subprocess
import sys
import time
import unicodedata
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

HIDDEN = ("Cc", "Cf", "Cs")
"""Unicode's categories of control characters, invisible marks, and bytes without a meaning."""
MOST_PRINTED, MOST_LINES = 2000, 20
END_SECONDS = 3.0
"""How long an interrupted program may take to end."""


class CourseError(Exception):
    """A sentence for the person at the terminal, shown without a traceback."""


class StepSkipped(CourseError):
    """The reason why a step was not needed or not possible here."""


def in_colour() -> bool:
    """Tell whether the output is a terminal that shows colours."""
    return sys.stdout.isatty() and "NO_COLOR" not in os.environ


def say(text: str = "") -> None:
    """Write a line."""
    print(text, flush=True)


@functools.cache
def warn(text: str) -> None:
    """Write a line about something that the command does not depend on, once."""
    print(text, file=sys.stderr, flush=True)


def printable(text: str) -> str:
    """Write control characters as escapes, so that they cannot change the terminal."""
    return "".join(
        char
        if char in "\n\t" or unicodedata.category(char) not in HIDDEN
        else char.encode("unicode_escape").decode()
        for char in text
    )


def shortened(text: str) -> str:
    """Cut a text that an answer printed to a screenful."""
    if len(text) <= MOST_PRINTED and text.count("\n") <= MOST_LINES:
        return printable(text)
    lines = text[:MOST_PRINTED].splitlines()[:MOST_LINES]
    return "\n".join([*map(printable, lines), f"... ({len(text):,} characters in all)"])


def heading(text: str) -> None:
    """Write a line that starts a new part of the output."""
    say("\n" + paint(text, "1"))


def paint(text: str, code: str) -> str:
    """Colour a text by its ANSI code: 1 bold, 2 faint, 31 red, 32 green, 33 yellow."""
    return f"\x1b[{code}m{text}\x1b[0m" if in_colour() else text


def bar(done: int, total: int, width: int = 24) -> str:
    """Draw a progress bar."""
    full = width * done // total if total else 0
    return "█" * full + "░" * (width - full)


def plural(count: int, noun: str) -> str:
    """Write a count and its noun: 1 point, 2 points."""
    return f"{count} {noun}" + "s" * (count != 1)


def say_code(text: str, language: str = "python") -> None:
    """Write code, coloured in a terminal."""
    if in_colour():
        say_markdown(f"```{language}\n{text}\n```")
    else:
        say(text)


def say_markdown(text: str) -> None:
    """Write Markdown, rendered in a terminal and unchanged elsewhere."""
    if in_colour():
        try:
            from rich.console import Console
            from rich.markdown import Markdown
        except ImportError:
            pass
        else:
            Console().print(Markdown(text, code_theme="ansi_dark"))
            return
    say(text)


class Step(NamedTuple):
    """One step that was run."""

    outcome: str
    """ok, skipped or failed."""
    title: str
    """What the step does."""
    seconds: float
    """How long it took."""
    reason: str
    """Why it was skipped or failed."""


class Steps:
    """Runs named steps one after the other and remembers their outcomes and times."""

    def __init__(self) -> None:
        self.done: list[Step] = []

    def run(self, title: str, action: Callable[[], object]) -> bool:
        """Run one step and print its outcome; return False when it failed."""
        say(f"\n== {title}")
        start, outcome, reason = time.perf_counter(), "ok", ""
        try:
            action()
        except StepSkipped as skipped:
            outcome, reason = "skipped", str(skipped)
        except CourseError as error:
            outcome, reason = "failed", str(error)
        step = Step(outcome, title, time.perf_counter() - start, reason)
        self.done.append(step)
        say(f"   {outcome}, {step.seconds:.1f} s" + (f": {reason}" if reason else ""))
        return outcome != "failed"

    def failed(self) -> bool:
        """Tell whether any step failed."""
        return any(step.outcome == "failed" for step in self.done)

    def table(self) -> str:
        """Format a table of all steps, their outcomes and times."""
        rows = [
            f"   {step.outcome:<8}{step.seconds:7.1f} s  {step.title}"
            + (f": {step.reason}" if step.reason else "")
            for step in self.done
        ]
        total = sum(step.seconds for step in self.done)
        return "\n".join([*rows, f"   {'total':<8}{total:7.1f} s"])


def run_visibly(command: Sequence[str], error: str, **options: Any) -> None:
    """Run a command and let it print.

    Raises: CourseError with the sentence `error` when the command fails.
    """
    sys.stdout.flush()
    with subprocess.Popen(list(command), **options) as process:
        try:
            code = process.wait()
        except BaseException as reason:
            end(process, told=isinstance(reason, KeyboardInterrupt))
            raise
    if code != 0:
        raise CourseError(f"{error} (exit status {code})")


def end(process: "subprocess.Popen[Any]", *, told: bool) -> None:
    """Let a process end by itself, and kill it when it does not.

    told: whether the terminal has sent it Ctrl-C already.
    """
    for _ in range(2):
        if not told:
            process.terminate()
        try:
            process.wait(END_SECONDS)
            return
        except subprocess.TimeoutExpired:
            told = False
    process.kill()
