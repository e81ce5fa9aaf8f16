"""How long one grader may take: so much CPU time, or so much time in which it only waits.

Time in which a process is ready to run and another one has the CPU counts as neither, so a grader
on a busy machine is slow and not stopped. The plugin interrupts Python code at the limit; a parent
process ends what cannot be interrupted a little later.
"""

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path

CPU_SECONDS, WAITING_SECONDS = 15.0, 15.0
CPU_SECONDS_OF = {"weights": 90.0, "slow": 1200.0}
"""More for graders with these marks: they run the real model, or train something."""
GRACE = 3.0
"""Seconds that the parent waits longer than the plugin."""
BUSY = 3.0
"""How many times as long as its CPU time a run takes on a machine that is called busy."""


def cpu_seconds(marks: Iterable[str]) -> float:
    """Return the CPU time that a grader with these marks may use."""
    return max([CPU_SECONDS, *(CPU_SECONDS_OF.get(mark, 0.0) for mark in marks)])


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
            self.waited += max(passed - computed - starved, 0.0)
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
