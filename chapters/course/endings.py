"""How every command ends: an error that its user can correct is one sentence, never a traceback.

Statuses are those of other programs: 1 for an error, 130 after Ctrl-C, 141 when the reader of the
output has gone, and 128 plus the signal's number after SIGTERM or SIGHUP.
"""

import contextlib
import errno
import io
import os
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any

from .files import ROOT, shown
from .terminal import CourseError, printable

INTERRUPTED, READER_GONE = 130, 141
AGAIN = "Run the same command again to continue."
DOCTOR = "`mi doctor` checks this machine and the files of the course."
INSTALL = "`mi doctor` shows what is missing, and `python -m chapters course` installs it."


def run(command: Callable[[], int | None], *, quiet: bool = False) -> int:
    """Run a command and return its exit status.

    A signal that ends the command is raised in it as SystemExit, so that it deletes its temporary
    files and ends its child processes. quiet: print nothing about Ctrl-C and signals.
    """
    prepare_streams()
    status = 0
    with signals_raise(quiet):
        try:
            status = command() or 0
        except BaseException as error:
            sentence, status = in_words(error)
            if sentence and not (quiet and status == INTERRUPTED):
                with contextlib.suppress(OSError):
                    print(printable(sentence), file=sys.stderr, flush=True)
            if status < 0:
                raise
        finally:
            for stream in (sys.stdout, sys.stderr):
                status = _finish(stream) or status
    return status


def in_words(error: BaseException) -> tuple[str, int]:
    """Return a sentence for an error and the exit status, which is -1 for an error of the tools."""
    if isinstance(error, CourseError):
        return str(error), 1
    if isinstance(error, BrokenPipeError):
        return "", READER_GONE
    if isinstance(error, ImportError):
        return f"A package cannot be used here: {error}. {INSTALL}", 1
    if isinstance(error, OSError):
        name = error.filename
        where = f"{shown(Path(os.fsdecode(name)))}: " if isinstance(name, str | bytes) else ""
        return f"{where}{error.strerror or error}. No answer is lost.", 1
    if isinstance(error, MemoryError):
        return "There is not enough memory. No answer is lost.", 1
    if isinstance(error, KeyboardInterrupt):
        return f"\nInterrupted. {AGAIN}", INTERRUPTED
    return "", -1


def prepare_streams() -> None:
    """Open the standard streams that are closed, and write UTF-8 whatever the console's encoding.

    A file that is opened later would get the number of a closed stream, and what is printed.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding="utf-8", errors="replace")


@contextlib.contextmanager
def signals_raise(quiet: bool) -> Iterator[None]:
    """Raise SystemExit on SIGTERM and SIGHUP, unless the caller ignores or handles them."""
    before: dict[signal.Signals, Any] = {}

    def end(number: int, _: FrameType | None) -> None:
        with contextlib.suppress(OSError, RuntimeError):
            if not quiet:
                name = signal.Signals(number).name
                print(f"\nEnded by {name}. {AGAIN}", file=sys.stderr, flush=True)
        raise SystemExit(128 + number)

    with contextlib.suppress(ValueError):  # not in the main thread
        for name in ("SIGTERM", "SIGHUP"):
            number = getattr(signal, name, None)
            if number is not None and signal.getsignal(number) is signal.SIG_DFL:
                before[number] = signal.signal(number, end)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _finish(stream: Any) -> int:
    """Write what a stream still holds; return an exit status when that fails, else 0.

    Python would write it again at its own end, and print the error.
    """
    try:
        stream.flush()
    except (OSError, ValueError) as error:
        with contextlib.suppress(OSError, ValueError):
            null = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null, stream.fileno())
            os.close(null)
        return READER_GONE if getattr(error, "errno", 0) == errno.EPIPE else 1
    return 0


def hiding_files(folder: Path = ROOT) -> list[str]:
    """List the files in the course's folder that Python imports instead of a library."""
    import importlib.metadata

    installed = importlib.metadata.packages_distributions().keys() | sys.stdlib_module_names
    names = [path.name for path in sorted(folder.glob("*.py")) if path.stem in installed]
    return [f"{name} hides the library of that name: give the file another name" for name in names]
