"""What `made_once` promises to processes that ask at the same time."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.book.program import ROOT, made_once

ASK = """
import sys, time
from pathlib import Path
from tests.book.program import made_once

path = Path(sys.argv[1])

def make():
    time.sleep(0.5)
    with path.open("a") as file:
        file.write("made")

print(made_once(path, make).read_text())
"""


def test_only_the_first_of_two_processes_makes_it(tmp_path: Path):
    command = [sys.executable, "-c", ASK, str(tmp_path / "page")]
    asking = [subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE) for _ in range(2)]
    assert [one.communicate(timeout=60)[0].split() for one in asking] == [[b"made"], [b"made"]]


def test_a_failure_is_reported_to_everyone_who_asks(tmp_path: Path):
    with pytest.raises(ZeroDivisionError):
        made_once(tmp_path / "page", lambda: 1 / 0)
    with pytest.raises(RuntimeError, match="page could not be made"):
        made_once(tmp_path / "page", lambda: None)
