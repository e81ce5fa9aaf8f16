"""The stopwatch of the grading process tells computing from waiting."""

import os
import subprocess
import sys
import time

import pytest

from chapters.course.stopwatch import Stopwatch

pytestmark = pytest.mark.skipif(os.name == "nt", reason="uses signals")
SPIN = "while True: pass"
SLEEP = "import time; time.sleep(99)"


@pytest.mark.parametrize(("code", "computes"), [(SPIN, True), (SLEEP, False)])
def test_a_stopwatch_tells_computing_from_waiting(code, computes):
    process = subprocess.Popen([sys.executable, "-c", code])
    time.sleep(0.5)
    watch = Stopwatch(process.pid)
    while (watch.computed if computes else watch.waited) < 0.4:
        time.sleep(0.05)
        watch.look()
    process.kill()
    process.wait()
    assert (watch.waited if computes else watch.computed) < 0.4


def test_time_without_a_processor_is_not_waiting(monkeypatch):
    """A machine so busy that the grader never runs: all of its time is spent ready to run."""
    used = iter([(1.0, 0.0), (1.1, 100.0)])
    now = iter([0.0, 100.1])
    monkeypatch.setattr("chapters.course.stopwatch.usage", lambda pid: next(used))
    monkeypatch.setattr("chapters.course.grading.time.monotonic", lambda: next(now))
    watch = Stopwatch(1)
    watch.look()
    assert watch.waited == 0 and watch.computed == pytest.approx(0.1)


def test_time_that_the_system_reports_late_is_not_waiting(monkeypatch):
    """Linux adds the time without a processor only when the process runs again."""
    used = iter([(0.0, 0.0), (0.0, 0.0), (0.1, 2.9)])
    now = iter([0.0, 2.0, 3.0])
    monkeypatch.setattr("chapters.course.stopwatch.usage", lambda pid: next(used))
    monkeypatch.setattr("chapters.course.grading.time.monotonic", lambda: next(now))
    watch = Stopwatch(1)
    watch.look()
    watch.look()
    assert watch.waited == pytest.approx(0)
