"""Stop a grader that computes for too long, and restore what an answer changed in torch.

A grader may use 15 seconds of CPU time in each of its phases, so a busy machine stops none. Those
of the real model may use more and run last, so that a loop is found before. After the first one
that is stopped, the others of its exercise fail at once. Without a parent process (`mi check` has
one), pytest-timeout stops what only waits.
"""

import builtins
import contextlib
import io
import math
import os
import signal
import sys
import threading
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any, TextIO

import pytest

from chapters.course.grading_child import cpu_seconds

from .replay import NUMBER

STOPPED = pytest.StashKey[dict[str, str]]()
EVERY_FILE = "every exercise"
NOT_RUN = "Not run, because an earlier grader was stopped."
TORCH_FOLDER = str(Path(find_spec("torch").origin).parent) if find_spec("torch") else "no torch"
TORCH = "torch torch.nn torch.nn.functional torch.linalg torch.special torch.fft torch.autograd"


class Stopped(pytest.fail.Exception):
    """A grader that was stopped: a BaseException, which `except Exception` lets through."""


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run the graders of the real model last."""
    items.sort(key=lambda item: NUMBER in item.stash and bool(item.get_closest_marker("weights")))


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Fail the other graders of an exercise that was stopped, before they run."""
    stopped = item.config.stash.setdefault(STOPPED, {})
    words = stopped.get(item.stash.get(NUMBER, ""), stopped.get(EVERY_FILE))
    if words and NUMBER in item.stash:
        raise Stopped(words, pytrace=False)


@pytest.hookimpl(wrapper=True, specname="pytest_runtest_setup")
def pytest_guard_fixtures(item: pytest.Item):
    """Run the fixtures of a grader, which import the learner's files."""
    with guarded(item):
        return (yield)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_call(item: pytest.Item):
    """Run a grader."""
    with guarded(item):
        return (yield)


@pytest.hookimpl(wrapper=True, trylast=True, specname="pytest_runtest_setup")
def pytest_keep_surroundings_of_fixtures(item: pytest.Item):
    """Keep the surroundings of a fixture, inside of pytest's own capture."""
    with surroundings() if NUMBER in item.stash else contextlib.nullcontext():
        return (yield)


@pytest.hookimpl(wrapper=True, trylast=True, specname="pytest_runtest_call")
def pytest_keep_surroundings(item: pytest.Item):
    """Keep the surroundings of a grader, inside of pytest's own capture."""
    with surroundings() if NUMBER in item.stash else contextlib.nullcontext():
        return (yield)


@contextlib.contextmanager
def guarded(item: pytest.Item) -> Iterator[None]:
    """Limit the CPU time of one phase of a grader, and name what it changed in torch."""
    if NUMBER not in item.stash:
        yield
        return
    before = functions_now()
    try:
        with cpu_limit(cpu_seconds(mark.name for mark in item.iter_markers())):
            yield
    except pytest.fail.Exception as error:
        if str(error).startswith(("Stopped after", "Timeout")):
            stopped = item.config.stash.setdefault(STOPPED, {})
            stopped[_blamed(error, item)] = NOT_RUN
        raise
    finally:
        replaced = restore(before)
        if replaced:
            pytest.fail(
                f"Your code replaced {', '.join(replaced)} for everything that runs after it. "
                "Define a function of another name instead.",
                pytrace=False,
            )


@contextlib.contextmanager
def surroundings() -> Iterator[None]:
    """Restore the standard streams, the working directory and the rights of new files at the end.

    Otherwise an answer that closes its output, or writes bytes to it, fails every later grader.
    """
    streams, here, mask = (sys.stdin, sys.stdout, sys.stderr), Path.cwd(), os.umask(0o022)
    os.umask(mask)
    sys.stdout, sys.stderr = Printed(sys.stdout), Printed(sys.stderr)
    try:
        yield
    finally:
        sys.stdin, sys.stdout, sys.stderr = streams
        os.umask(mask)
        with contextlib.suppress(OSError):
            os.chdir(here)


class Printed(io.TextIOBase):
    """A stream that stays open, and shows bytes that are not UTF-8 as question marks."""

    encoding, errors = "utf-8", "replace"

    def __init__(self, inner: TextIO):
        self.inner, self.buffer = inner, PrintedBytes(self)

    def write(self, text: str) -> int:
        """Write a text."""
        self.inner.write(text.encode("utf-8", "replace").decode("utf-8"))
        return len(text)

    def flush(self) -> None:
        """Write what is held back."""
        self.inner.flush()

    def close(self) -> None:
        """Stay open."""

    def writable(self) -> bool:
        """Tell that text can be written."""
        return True

    def fileno(self) -> int:
        """Return the number of the file below, if there is one."""
        return self.inner.fileno()


class PrintedBytes(io.RawIOBase):
    """The bytes of such a stream."""

    def __init__(self, text: Printed):
        self.text = text

    def write(self, content: Any) -> int:
        """Write bytes."""
        self.text.write(bytes(content).decode("utf-8", "replace"))
        return len(content)

    def writable(self) -> bool:
        """Tell that bytes can be written."""
        return True

    def close(self) -> None:
        """Stay open."""


def _blamed(error: BaseException, item: pytest.Item) -> str:
    """The exercise of the grader, or every one if importing a file did not end."""
    trace = error.__traceback__
    package = item.config.getoption("--impl") + ".ch"
    while trace:
        code, names = trace.tb_frame.f_code, trace.tb_frame.f_globals
        if code.co_name == "<module>" and str(names.get("__name__")).startswith(package):
            return EVERY_FILE
        trace = trace.tb_next
    return item.stash[NUMBER]


@contextlib.contextmanager
def cpu_limit(seconds: float) -> Iterator[None]:
    """Raise `Stopped` in Python code that uses more CPU time, where the system has such a clock."""
    main = threading.current_thread() is threading.main_thread()
    if not hasattr(signal, "setitimer") or not main:
        yield
        return

    def stop(number: int, frame: object) -> None:
        raise Stopped(f"Stopped after {seconds:.0f} s of CPU time: does a loop never end?")

    handler = signal.signal(signal.SIGPROF, stop)
    timer = signal.setitimer(signal.ITIMER_PROF, seconds, 1.0)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, *timer)
        signal.signal(signal.SIGPROF, handler)


def functions_now() -> list[tuple[str, Any, dict[str, Any]]]:
    """The functions of torch and Python that an answer might replace, by where they are."""
    places: list[tuple[str, Any]] = [("builtins", builtins), ("math", math)]
    places += [(name, sys.modules[name]) for name in TORCH.split() if name in sys.modules]
    if "torch" in sys.modules:
        torch = sys.modules["torch"]
        places += [("torch.Tensor", torch.Tensor), ("torch.nn.Module", torch.nn.Module)]
    return [(name, place, dict(vars(place))) for name, place in places]


def restore(before: list[tuple[str, Any, dict[str, Any]]]) -> list[str]:
    """Put functions back that are others now or gone, and return their names."""
    changed = []
    for name, place, functions in before:
        now = vars(place)
        if dict(now) == functions:  # fast: what is the same object needs no comparison
            continue
        for key, value in functions.items():
            unchanged = now.get(key) is value or is_wrapped_by_torch(now.get(key), value)
            if callable(value) and not unchanged:
                setattr(place, key, value)
                changed.append(f"{name}.{key}")
        above = [vars(base) for base in place.__mro__[1:]] if isinstance(place, type) else []
        for key in now.keys() - functions.keys():  # in place of an inherited one
            if any(key in inherited for inherited in above):
                delattr(place, key)
                changed.append(f"{name}.{key}")
    return changed


def is_wrapped_by_torch(now: Any, before: Any) -> bool:
    """Tell whether torch wrapped a function: its compiler does, when the first Adam imports it."""
    file = getattr(getattr(now, "__code__", None), "co_filename", "")
    return getattr(now, "__wrapped__", None) is before and file.startswith(TORCH_FOLDER)
