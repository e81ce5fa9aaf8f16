"""The child process that runs graders, and the parent's end of it.

An answer may loop for ever, crash, or end Python. So pytest runs in a child, which sends one line
of JSON for each thing that happens, and which the parent can end. The child starts with

    python -m chapters.course.grading_process MODULE...

imports these modules, and then reads lines of JSON, each a list of pytest's arguments. It ends when
its input closes, so it never outlives its parent.
"""

import contextlib
import faulthandler
import io
import json
import os
import queue
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any, TextIO

from .files import ROOT
from .terminal import printable
from .time_limit import cpu_seconds

if TYPE_CHECKING:
    import pytest

Event = dict[str, Any]
# The last two end every session in a garbage collection that takes longer than most graders.
PLUGINS = ("cacheprovider", "faulthandler", "unraisableexception", "threadexception")
PYTEST = ("--quiet", "--capture=sys", *(word for name in PLUGINS for word in ("-p", f"no:{name}")))
MOST_ERRORS = 100_000
"""Bytes of its standard error that are kept."""
LAST_RESORT = 60
"""Seconds of CPU time after its limit at which the system ends a child without a parent."""


class GradingProcess:
    """The parent's end: sends arguments of pytest, and receives what happens."""

    def __init__(self, imports: Sequence[str] = ()):
        self._errors = b""
        own_group: dict[str, Any] = {"start_new_session": True}  # Ctrl-C reaches the parent only
        if sys.platform == "win32":
            own_group = {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP}
        self._process = subprocess.Popen(
            [sys.executable, "-m", __name__, *imports],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=ROOT,
            env={**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTHONUTF8": "1"},
            **own_group,
        )
        self.pid = self._process.pid
        self._events: queue.SimpleQueue[Event | None] = queue.SimpleQueue()
        threading.Thread(target=self._receive, daemon=True).start()
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()

    def send(self, words: Sequence[str]) -> None:
        """Let the child run pytest with these arguments; a dead child is noticed on receiving."""
        with contextlib.suppress(OSError):
            assert self._process.stdin is not None
            self._process.stdin.write(json.dumps(list(words)).encode() + b"\n")
            self._process.stdin.flush()

    def receive(self, seconds: float) -> Event | None:
        """Wait for what happens next: of kind "" if nothing did, None if the child ended."""
        try:
            return self._events.get(timeout=seconds) if seconds else self._events.get_nowait()
        except queue.Empty:
            return {"kind": ""}

    def end(self) -> str:
        """End the child and everything it started; say how it had ended if it had."""
        code = self._process.poll()
        with contextlib.suppress(ProcessLookupError, PermissionError):
            self._process.kill() if sys.platform == "win32" else os.killpg(self.pid, signal.SIGKILL)
        self._process.wait()
        return "" if code is None else in_words(code)

    def locate(self) -> None:
        """Let the child write where it is, inside C code too; `learners_line` reads that."""
        if sys.platform != "win32":
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGUSR1)
                time.sleep(0.2)

    def errors(self) -> str:
        """Return the end of what the child wrote to its standard error."""
        self._listener.join(1.0)
        return self._errors.decode("utf-8", "replace").strip()

    def learners_line(self) -> str:
        """Return where the child was in the learner's files; empty if it did not write that."""
        frames = re.findall(r'File "(.+?)", line (\d+) in (\S+)', self.errors())
        folder = str(ROOT / "chapters" / "ch")
        inside = [frame for frame in frames if frame[0].startswith(folder)]
        if not inside:
            return ""
        path, line, function = inside[0]
        return f"    in {path.removeprefix(f'{ROOT}{os.sep}')}, line {line}, in {function}"

    def _receive(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            with contextlib.suppress(ValueError):
                self._events.put(json.loads(line))
        self._process.wait()
        self._events.put(None)

    def _listen(self) -> None:
        assert self._process.stderr is not None
        while part := os.read(self._process.stderr.fileno(), 1 << 16):
            self._errors = (self._errors + part)[-MOST_ERRORS:]


def in_words(code: int) -> str:
    """Say how a process ended that should not have."""
    if code >= 0:
        return f"ended Python with status {code}, as os._exit does"
    known = {
        "SIGSEGV": "crashed: it read memory that is not its own (SIGSEGV)",
        "SIGKILL": "was ended by the system (SIGKILL), most often because memory ran out",
    }
    name = signal.Signals(-code).name if -code in signal.valid_signals() else f"signal {-code}"
    return known.get(name, f"was ended by {name}")


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


def allow_cpu_seconds(seconds: int) -> None:
    """Let the system end this process when it computes that much longer."""
    if sys.platform != "win32":
        import resource

        hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
        soft = int(time.process_time()) + seconds
        if hard == resource.RLIM_INFINITY or soft < hard:
            resource.setrlimit(resource.RLIMIT_CPU, (soft, hard))


def work(imports: Sequence[str]) -> None:
    """Import what is slow, then run pytest for every line of input."""
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
        words = [*PYTEST, f"--rootdir={ROOT}", *json.loads(lines.get())]
        with contextlib.redirect_stdout(output), contextlib.redirect_stderr(output):
            code = pytest.main(words, plugins=[sender])
        sender.send("done", code=int(code), output=printable(output.getvalue()[-4000:].strip()))


def _read_input(lines: "queue.SimpleQueue[str]") -> None:
    for line in _input():
        lines.put(line)
    os._exit(0)


def _input() -> Iterator[str]:
    """Read the lines of the input, and leave an empty one to the answers."""
    with os.fdopen(os.dup(0), encoding="utf-8") as given:
        empty = os.open(os.devnull, os.O_RDONLY)
        os.dup2(empty, 0)
        os.close(empty)
        yield from given


if __name__ == "__main__":
    work(sys.argv[1:])
