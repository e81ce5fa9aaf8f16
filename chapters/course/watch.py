"""`mi watch`: grade again whenever a file of yours is saved.

A spare process imports torch and pytest ahead of time and then waits; a save sets it to work, once,
and the next spare starts. So a grade takes a fraction of a second and nothing is ever reloaded. A
save in the middle of a grade ends it and begins the next.
"""

import os
import subprocess
import sys

from .paper import say
from .where import CHAPTERS, ROOT, chapter_folder, find, next_exercise

TICK_MS = 200
#: What lies in chapters/ and is no answer; the desk itself writes these while it grades.
NOT_ANSWERS = [CHAPTERS / name for name in ("desk", "backups", "progress.toml", "hints.toml")]
SPARE = (sys.executable, "-m", "chapters.course.spare")


class Grader:
    """The spare process, and the one at work."""

    def __init__(self, command: tuple[str, ...] = SPARE):
        self.command = command
        self.spare = self._start()
        self.working: subprocess.Popen[str] | None = None

    def grade(self, number: str) -> None:
        """Set the spare to work on an exercise; a grade that is still running is given up."""
        self._end(self.working)
        self.working = self.spare
        self.working.stdin.write(number + "\n")
        self.working.stdin.close()
        self.spare = self._start()

    def finished(self) -> int | None:
        """The exit status of a grade that has just ended, told once."""
        if self.working is None or self.working.poll() is None:
            return None
        code, self.working = self.working.returncode, None
        return code

    def stop(self) -> None:
        """End both processes."""
        self._end(self.working)
        self._end(self.spare)

    def _start(self) -> "subprocess.Popen[str]":
        """Start a spare in a group of its own, so that Ctrl-C is heard by `mi watch` alone."""
        group = (
            {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP}
            if os.name == "nt"
            else {"process_group": 0}
        )
        return subprocess.Popen(
            list(self.command), stdin=subprocess.PIPE, text=True, cwd=ROOT, **group
        )

    def _end(self, process: "subprocess.Popen[str] | None") -> None:
        if process is not None and process.poll() is None:
            process.kill()
            process.wait()


def only_answers():
    """Tells a save of an answer from all else: code and tables, but not what the desk writes."""
    from watchfiles import PythonFilter

    return PythonFilter(ignore_paths=NOT_ANSWERS, extra_extensions=(".toml",))


def watch(number: str | None = None) -> int:
    """Grade now and at every save, until Ctrl-C; go on to the next exercise when one passes."""
    from watchfiles import watch as saves

    current = find(number).number
    say(f"Grading {current} whenever you save in {chapter_folder(current).name}; Ctrl-C ends it.")
    grader = Grader()
    try:
        grader.grade(current)
        for changes in saves(
            CHAPTERS,
            watch_filter=only_answers(),
            rust_timeout=TICK_MS,
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
                    grader.grade(current)
    except KeyboardInterrupt:
        say()
    finally:
        grader.stop()
    return 0
