"""`mi watch`: grade again whenever a file of the learner's is saved.

A worker process imports torch and pytest and then waits for an exercise number; a save sends it
one, it grades once and ends, and the next worker starts. The imports take about 2.7 s (measured on
two cores), most graders a fraction of a second, so a grade is shown in well under a second instead
of three, and no module is ever reloaded. A save during a grade ends that grade and starts another.

`python -m chapters.course.watch` runs the worker.
"""

import os
import subprocess
import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any

from .files import CHAPTERS, ROOT
from .state import chapter_folder, find, next_exercise
from .terminal import say

if TYPE_CHECKING:
    from watchfiles import PythonFilter

TICK_MS = 200
#: What lies in chapters/ and is not an answer; the tools write these themselves.
NOT_ANSWERS = [CHAPTERS / name for name in ("course", "backups", "progress.toml", "hints.toml")]
SLOW_IMPORTS = ("torch", "pytest", "jaxtyping", "beartype")
WORKER = (sys.executable, "-m", "chapters.course.watch")


def watch(number: str | None = None) -> int:
    """Grade now and at every save, until Ctrl-C; without a number, go on when one passes."""
    from watchfiles import watch as saves

    current = find(number).number
    say(f"Grading {current} whenever you save in {chapter_folder(current).name}; Ctrl-C ends it.")
    grader = Grader()
    try:
        grader.grade(current)
        for changes in saves(
            CHAPTERS, watch_filter=only_answers(), rust_timeout=TICK_MS, yield_on_timeout=True
        ):
            if changes:
                grader.grade(current)
            elif grader.finished() == 0 and number is None:
                following = next_exercise()
                if following is None:
                    return 0
                if following.number != current:
                    current = following.number
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
    """The worker that waits, and the one that grades."""

    def __init__(self, command: tuple[str, ...] = WORKER):
        self.command = command
        self.waiting = self._start()
        self.grading: subprocess.Popen[str] | None = None

    def grade(self, number: str) -> None:
        """Send an exercise to the waiting worker; a grade that is still running is ended."""
        self._end(self.grading)
        self.grading = self.waiting
        if self.grading.stdin is not None:
            self.grading.stdin.write(number + "\n")
            self.grading.stdin.close()
        self.waiting = self._start()

    def finished(self) -> int | None:
        """Return the exit status of a grade that has ended, once; else None."""
        if self.grading is None or self.grading.poll() is None:
            return None
        code, self.grading = self.grading.returncode, None
        return code

    def stop(self) -> None:
        """End both processes."""
        self._end(self.grading)
        self._end(self.waiting)

    def _start(self) -> "subprocess.Popen[str]":
        """Start a worker in a process group of its own, so that Ctrl-C reaches `mi watch` only."""
        group: dict[str, Any] = {"process_group": 0}
        if sys.platform == "win32":
            group = {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP}
        return subprocess.Popen(
            list(self.command), stdin=subprocess.PIPE, text=True, cwd=ROOT, **group
        )

    def _end(self, process: "subprocess.Popen[str] | None") -> None:
        if process is not None and process.poll() is None:
            process.kill()
            process.wait()


def work() -> int:
    """Import what is slow, wait for an exercise number, and grade it once.

    When the input closes without a number, `mi watch` has ended, and so does the worker.
    """
    from .commands import main

    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    for name in SLOW_IMPORTS:
        import_module(name)
    number = sys.stdin.readline().strip()
    return main(["check", number]) if number else 0


if __name__ == "__main__":
    sys.exit(work())
