"""The child process that runs graders.

An answer may loop for ever, crash, or end Python. So pytest runs in a child, which sends one line
of JSON for each thing that happens, and which its parent, `grading.py`, can end. It starts with

    python -m chapters.course.grading_child MODULE...

imports these modules, and then reads lines of JSON, each a list of pytest's arguments. It ends when
its input closes, so it never outlives its parent.
"""

import contextlib
import faulthandler
import io
import json
import os
import queue
import signal
import sys
import threading
import time
from collections.abc import Iterable, Sequence
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from .files import ROOT
from .terminal import printable

if TYPE_CHECKING:
    import pytest

CPU_SECONDS = 15.0
"""What one grader may compute; the plugin interrupts Python code at this limit."""
CPU_SECONDS_OF = {"weights": 90.0, "slow": 1200.0}
"""More for graders with these marks: they run the real model, or train something."""
# The last two end every session in a garbage collection that takes longer than most graders.
PLUGINS = ("cacheprovider", "faulthandler", "unraisableexception", "threadexception")
PYTEST = ("--quiet", "--capture=sys", *(word for name in PLUGINS for word in ("-p", f"no:{name}")))
#: Neither a pytest.ini of the learner's, nor a random.py of theirs before Python's own.
SETTINGS = (f"--config-file={ROOT / 'pyproject.toml'}", "--override-ini=pythonpath=")
MEMORY_SHARE, LEAST_MEMORY = 0.75, 4 << 30
"""What graders may use of the memory that is free when they start, and the least that they may."""
LAST_RESORT = 60
"""Seconds of CPU time after its limit at which the system ends a child without a parent."""


def work(imports: Sequence[str]) -> None:
    """Import what is slow, then run pytest for every line of input."""
    allow_memory()
    channel = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what an answer writes past Python goes to the errors
    faulthandler.enable()
    if sys.platform != "win32":
        faulthandler.register(signal.SIGUSR1)
    lines: queue.SimpleQueue[str] = queue.SimpleQueue()
    threading.Thread(target=_read_input, args=(lines,), daemon=True).start()
    for name in imports:
        import_module(name)
    import pytest

    while True:
        sender, output = _Sender(channel), io.StringIO()
        words = [*PYTEST, *SETTINGS, f"--rootdir={ROOT}", *json.loads(lines.get())]
        with contextlib.redirect_stdout(output), contextlib.redirect_stderr(output):
            code = pytest.main(words, plugins=[sender])
        sender.send("done", code=int(code), output=printable(output.getvalue()[-4000:].strip()))


def _read_input(lines: "queue.SimpleQueue[str]") -> None:
    """Read the lines of the input, leave an empty input to the answers, and end when it closes."""
    with os.fdopen(os.dup(0), encoding="utf-8") as given:
        empty = os.open(os.devnull, os.O_RDONLY)
        os.dup2(empty, 0)
        os.close(empty)
        for line in given:
            lines.put(line)
    os._exit(0)


class _Sender:
    """A pytest plugin that sends the outcomes of graders."""

    def __init__(self, channel: TextIO):
        self.channel = channel
        self.items: dict[str, pytest.Item] = {}
        self.failed: dict[str, pytest.TestReport] = {}

    def send(self, kind: str, **values: Any) -> None:
        """Write one line."""
        print(json.dumps({"kind": kind, **values}), file=self.channel, flush=True)

    def pytest_collection_finish(self, session: "pytest.Session") -> None:
        """Send how many graders each exercise has."""
        self.items = {item.nodeid: item for item in session.items}
        numbers = [number_of(item.user_properties) for item in session.items]
        self.send("collected", counts={number: numbers.count(number) for number in numbers})

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        """Send whose grader runs next."""
        item = self.items[nodeid]
        limit = cpu_seconds(mark.name for mark in item.iter_markers())
        allow_cpu_seconds(int(limit) + LAST_RESORT)
        self.send("start", number=number_of(item.user_properties), limit=limit)

    def pytest_runtest_logreport(self, report: "pytest.TestReport") -> None:
        """Send the report of a test, or of a fixture that failed."""
        if report.failed:
            self.failed[report.nodeid] = report
        if report.when == "call" or not report.passed:
            self._send_report(report)
        if report.when == "teardown":
            self.send("finished", id=report.nodeid, number=number_of(report.user_properties))

    def pytest_collectreport(self, report: "pytest.CollectReport") -> None:
        """Send the error of a file of graders that could not be imported."""
        if report.failed:
            self._send_report(report)

    def _send_report(self, report: "pytest.TestReport | pytest.CollectReport") -> None:
        todo = bool(getattr(report, "todo", None))
        skip = report.longrepr if report.skipped and not todo else None
        test = report.nodeid.partition("[")[0].rpartition("::")[2]
        self.send(
            "report",
            id=report.nodeid,
            number=number_of(getattr(report, "user_properties", ())),
            outcome="todo" if todo else report.outcome,
            missing=getattr(report, "todo", None) or "",
            claim=printable(test.removeprefix("test_").replace("_", " ")),
            text=printable(report.longreprtext.strip()) if report.failed else "",
            printed=report.capstdout if report.failed else "",
            mistake=printable("\n".join(getattr(report, "mistakes", ()))),
            reason=str(skip[2]).removeprefix("Skipped: ") if isinstance(skip, tuple) else "",
        )

    def pytest_course_note(self, text: str) -> None:
        """Send something to say after the results."""
        self.send("note", text=text)

    def pytest_sessionfinish(self) -> None:
        """Send the failures again: after the session their reports name mistakes too."""
        for report in self.failed.values():
            self._send_report(report)


def number_of(properties: Sequence[tuple[str, object]]) -> str:
    """Return the exercise among the properties of a test; empty if there is none."""
    return next((str(value) for name, value in properties if name == "exercise"), "")


def cpu_seconds(marks: Iterable[str]) -> float:
    """Return the CPU time that a grader with these marks may use."""
    return max([CPU_SECONDS, *(CPU_SECONDS_OF.get(mark, 0.0) for mark in marks)])


def allow_memory() -> None:
    """Let an answer that would fill the memory fail with MemoryError, where Linux can do that."""
    try:
        lines = Path("/proc/meminfo").read_text("ascii").splitlines()
        free = next(int(line.split()[1]) for line in lines if line.startswith("MemAvailable:"))
    except (OSError, ValueError, StopIteration):
        return
    import resource

    limit = max(int(free * 1024 * MEMORY_SHARE), LEAST_MEMORY)
    hard = resource.getrlimit(resource.RLIMIT_DATA)[1]
    if hard == resource.RLIM_INFINITY or limit < hard:
        resource.setrlimit(resource.RLIMIT_DATA, (limit, hard))


def allow_cpu_seconds(seconds: int) -> None:
    """Let the system end this process when it computes that much longer."""
    if sys.platform != "win32":
        import resource

        hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
        soft = int(time.process_time()) + seconds
        if hard == resource.RLIM_INFINITY or soft < hard:
            resource.setrlimit(resource.RLIMIT_CPU, (soft, hard))


if __name__ == "__main__":
    work(sys.argv[1:])
