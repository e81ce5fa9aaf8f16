"""`mi watch`: grade again whenever a file of the learner's is saved.

A child process imports torch and pytest in advance and then waits. A save lets it grade, and the
next child starts. The imports take about 2.7 s (measured on two cores), most graders a fraction of
a second, so a grade is shown in well under a second instead of three, and no module is ever
reloaded. A save during a grade ends that grade and starts another.
"""

from typing import TYPE_CHECKING

from .check import Grading, grade
from .files import CHAPTERS
from .grading_process import GradingProcess
from .state import chapter_folder, find, next_exercise, select
from .terminal import CourseError, say

if TYPE_CHECKING:
    from watchfiles import PythonFilter

TICK_MS = 200
#: What lies in chapters/ and is not an answer; the tools write these themselves.
NOT_ANSWERS = [CHAPTERS / name for name in ("course", "backups", "progress.toml", "hints.toml")]
SLOW_IMPORTS = ("torch", "pytest", "jaxtyping", "beartype")


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
