"""Watch another process: how long it computed, how long it waited, and how it ended.

Time in which a process is ready to run and another one has the CPU counts as neither.
"""

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path


class Stopwatch:
    """Adds up what another process computes and waits, at each look."""

    def __init__(self, pid: int):
        self.pid = pid
        self.computed, self.waited = 0.0, 0.0
        self._last, self._before = time.monotonic(), usage(pid)

    def look(self) -> None:
        """Add what happened since the last look."""
        now, used = time.monotonic(), usage(self.pid)
        passed = min(now - self._last, 5.0)  # a machine that slept has not waited
        if used is None or self._before is None:
            passed /= 4  # it cannot be known here: allow for a busy machine
            self.waited += passed
        else:
            computed, starved = (new - old for new, old in zip(used, self._before, strict=True))
            self.computed += computed
            # Linux reports the time without a CPU late: an earlier look may need a correction.
            self.waited = max(self.waited + passed - computed - starved, 0.0)
        self._last, self._before = now, used


def usage(pid: int) -> tuple[float, float] | None:
    """Return seconds of CPU time, and seconds ready to run without a CPU; None if unknown."""
    if sys.platform == "win32":
        return None
    folder = Path(f"/proc/{pid}")
    try:
        fields = (folder / "stat").read_text().rpartition(")")[2].split()
        computed = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    except OSError:
        return _usage_of_ps(pid)
    starved = 0.0
    with contextlib.suppress(OSError):
        starved = int((folder / "schedstat").read_text().split()[1]) / 1e9
    return computed, starved


def _usage_of_ps(pid: int) -> tuple[float, float] | None:
    """Ask ps, where there is no /proc; it writes 1:02:03.45."""
    try:
        done = subprocess.run(["ps", "-o", "time=", "-p", str(pid)], capture_output=True, text=True)
        parts = [float(part) for part in done.stdout.strip().split(":")]
    except (OSError, ValueError):
        return None
    return sum(part * 60**place for place, part in enumerate(reversed(parts))), 0.0


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
