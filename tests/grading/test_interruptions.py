"""`mi reset` and `mi check`, killed at random moments: no answer and no pass is lost or half there.

`--kills 20` kills each of them twenty times.
"""

import os
import random
import re
import signal
import subprocess
import sys
import time

import pytest

from . import small_course

pytestmark = pytest.mark.skipif(os.name == "nt", reason="uses signals")
ANSWERS = {"2.1": "return 2 * number", "2.2": "return 3.0", "2.10": "return self.total / count"}


@pytest.fixture
def course(tmp_path):
    course = small_course.make(tmp_path)
    for number, answer in ANSWERS.items():
        course.answer(number, answer)
    return course


@pytest.fixture
def kills(request) -> int:
    return request.config.getoption("--kills")


def start(course, *words: str) -> subprocess.Popen:
    options = course.options() | {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    return subprocess.Popen([sys.executable, "-m", "chapters", *words], **options)


def kill_at(process: subprocess.Popen, seconds: float) -> None:
    """Kill a process after that time, or let it end."""
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
        process.wait()


def seconds_of(course, *words: str) -> float:
    before = time.monotonic()
    start(course, *words).wait()
    return time.monotonic() - before


def numbers_in(text: str) -> set[str]:
    """The passes of a progress.toml, every line of which must be whole."""
    lines = text.splitlines()
    assert all(re.fullmatch(r'#.*|"\d+\.\d+" = "[0-9a-f]{12}"', line) for line in lines), text
    return {line.split('"')[1] for line in lines if line.startswith('"')}


def test_a_killed_reset_loses_no_answer(course, kills):
    whole = course.page.read_text("utf-8")
    long = seconds_of(course, "reset", "2.2")
    stub = course.page.read_text("utf-8")
    for turn in range(kills):
        course.page.write_text(whole, "utf-8")
        # Most of the time is Python's start; the writes are in the last part.
        share = random.Random(turn).uniform(0.3, 1.1)
        kill_at(start(course, "reset", "2.2"), share * long)
        now = course.page.read_text("utf-8")
        kept = [path.read_text("utf-8") for path in (course.root / "chapters/backups").iterdir()]
        assert now in (whole, stub), "half a file"
        assert now == whole or whole in kept, "the answer is in no backup"


def test_killed_checks_side_by_side_lose_no_pass(course, kills):
    alone = course.mi("check", "2.1")
    assert "2.1 is right" in alone.stdout, alone.stdout + alone.stderr
    long = seconds_of(course, "check", "2")
    passed = numbers_in(course.progress())
    assert passed == set(ANSWERS)
    for turn in range(kills):
        chance = random.Random(turn)
        checks = [start(course, "check", "2.10"), start(course, "check", "2.1")]
        for check in checks:
            kill_at(check, chance.uniform(0.3, 1.1) * long)
        assert numbers_in(course.progress()) == passed


def test_two_checks_at_once_record_both_passes(course, kills):
    for _ in range(max(kills // 4, 1)):
        (course.root / "chapters/progress.toml").unlink(missing_ok=True)
        checks = [start(course, "check", number) for number in ("2.1", "2.10")]
        assert [check.wait() for check in checks] == [0, 0]
        assert numbers_in(course.progress()) == {"2.1", "2.10"}
