"""The parent's end of the child process that grades: what it is sent, and what it reports."""

import contextlib
import json
import os
import queue
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from typing import Any

from . import grading_child
from .files import ROOT
from .stopwatch import in_words

Event = dict[str, Any]
FIELDS = {
    "collected": {"counts"},
    "start": {"number", "limit"},
    "report": {*"id number outcome missing reason claim text printed mistake".split()},
    "finished": {"number"},
    "note": {"text"},
    "done": {"code", "output"},
}
"""Kinds of events -> what each of them has."""
MOST_ERRORS = 100_000
"""Bytes of its standard error that are kept."""
#: Settings of Python and pytest that would change a grade: -O leaves out the graders' assertions.
CHANGE_GRADES = re.compile(
    "PYTEST_.*|PYTHON(OPTIMIZE|WARNINGS|SAFEPATH|INSPECT|VERBOSE|PROFILEIMPORTTIME|DEVMODE)"
)


class GradingProcess:
    """Sends arguments of pytest, and receives what happens."""

    def __init__(self, imports: Sequence[str] = ()):
        self._errors = b""
        own_group: dict[str, Any] = {"start_new_session": True}  # Ctrl-C reaches the parent only
        if sys.platform == "win32":
            own_group = {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP}
        self._process = subprocess.Popen(
            [sys.executable, "-m", grading_child.__name__, *imports],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=ROOT,
            env=environment(),
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

    def last_error(self) -> str:
        """Return the error that ended the child, if its last line of errors names one."""
        last = "".join(self.errors().splitlines()[-1:])
        return last if re.match(r"[\w.]+(Error|Exception)\b", last) else ""

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
            with contextlib.suppress(ValueError, RecursionError):
                if is_event(event := json.loads(line)):
                    self._events.put(event)
        self._process.wait()
        self._events.put(None)

    def _listen(self) -> None:
        assert self._process.stderr is not None
        while part := os.read(self._process.stderr.fileno(), 1 << 16):
            self._errors = (self._errors + part)[-MOST_ERRORS:]


def is_event(value: object) -> bool:
    """Tell whether a line is one of the child's, and not of an answer that writes to its files."""
    if not isinstance(value, dict) or not isinstance(value.get("kind"), str):
        return False
    return bool(FIELDS.get(value["kind"], {""}) <= value.keys())


def environment() -> dict[str, str]:
    """Return the variables of the child's environment."""
    kept = {k: value for k, value in os.environ.items() if not CHANGE_GRADES.fullmatch(k)}
    return {**kept, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTHONUTF8": "1"}
