"""A whole course of three exercises in a temporary folder, to run commands in as a learner would.

The tools, the import hook and the grading plugin are copies of the real ones; the chapter is small.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

SOLUTION = '''"""Sums, as a small chapter."""


def double(number: float) -> float:
    """Twice a number."""
    # exercise 2.1
    return 2 * number


class Sum:
    """A running sum."""

    def __init__(self):
        self.total = 0.0

    def add(self, number: float) -> float:
        """Adds a number and returns the sum so far."""
        # exercise 2.2
        self.total += number
        return self.total

    def mean(self, count: int) -> float:
        """The sum shared among a count."""
        # exercise 2.10
        return self.total / count
'''

PAGE = """# Sums

### 2.1 Twice { .exercise .core difficulty=1 importance=2 minutes=5 points=1 }

Return twice the number.

??? hint "What is twice?"
    Think of two of them.

??? hint "In Python"
    The sign is `*`.

### 2.2 Running { .exercise difficulty=1 importance=2 minutes=5 points=2 }

Keep the sum.

??? hint "Where"
    In `self.total`.

### 2.10 Mean { .exercise .core difficulty=1 importance=2 minutes=5 points=3 }

Share it.

??? hint "How"
    Divide.
"""

GRADERS = """from tests.grading import exercise


@exercise("2.1")
def test_double_is_twice(impl):
    doubled = impl("ch02_sums.sums").double(3.0)
    print("seen", doubled)
    assert doubled == 6.0, f"expected 6.0, twice 3.0, got {doubled}; did you add 2?"


@exercise("2.2")
def test_sum_runs(impl):
    running = impl("ch02_sums.sums").Sum()
    running.add(1.0)
    assert running.add(2.0) == 3.0, "the sum forgets"


@exercise("2.10")
def test_mean_divides(impl):
    running = impl("ch02_sums.sums").Sum()
    running.add(6.0)
    assert running.mean(2) == 3.0, "the mean is the sum over the count"
"""


CONTRACT = """broken, begin, around = [], lambda: None, lambda check: check
"""


class SmallCourse:
    """The folder, and the commands in it."""

    def __init__(self, root: Path):
        self.root = root
        self.page = root / "chapters/ch02_sums/sums.py"

    def mi(self, *words: str) -> "subprocess.CompletedProcess[str]":
        """Run an `mi` command."""
        return self.run(sys.executable, "-m", "chapters", *words)

    def run(self, *command: str) -> "subprocess.CompletedProcess[str]":
        """Run any command as in the course's folder."""
        return subprocess.run(command, **self.options(), capture_output=True)

    def options(self) -> dict:
        """Options of any process of the course: in its folder, and as on a learner's machine.

        Under CI pytest says more than to a learner.
        """
        ours = ("PYTEST", "CI")
        env = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
        return {"cwd": self.root, "env": env, "encoding": "utf-8", "stdin": subprocess.DEVNULL}

    def progress(self) -> str:
        """The text of progress.toml."""
        path = self.root / "chapters/progress.toml"
        return path.read_text("utf-8") if path.exists() else ""

    def answer(self, number: str, *lines: str) -> None:
        """Write an answer in place of a stub, as a learner would."""
        stub = f'raise NotImplementedError("exercise {number}")'
        text = self.page.read_text("utf-8")
        indent = next(line for line in text.split("\n") if stub in line).replace(stub, "")
        self.page.write_text(text.replace(indent + stub, "\n".join(indent + x for x in lines)))


def make(root: Path, *, checks_shapes: bool = False) -> SmallCourse:
    """Lay the course out in an empty folder; checking shapes takes two seconds of imports."""
    from chapters.course.answers import make_stub

    ignore = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "chapters/course", root / "chapters/course", ignore=ignore)
    shutil.copytree(ROOT / "tests/grading", root / "tests/grading", ignore=ignore)
    for name in ("chapters/__init__.py", "chapters/__main__.py", "tests/__init__.py"):
        shutil.copy(ROOT / name, root / name)
    shutil.copy(ROOT / "pyproject.toml", root / "pyproject.toml")
    files = {
        # Without torch, which nothing here needs and every process would wait for.
        "tests/conftest.py": 'pytest_plugins = ["tests.grading.plugin"]\n',
        "tests/grading/contract.py": CONTRACT,
        "solutions/__init__.py": "",
        "solutions/ch02_sums/__init__.py": "",
        "solutions/ch02_sums/sums.py": SOLUTION,
        "chapters/ch02_sums/__init__.py": "",
        "chapters/ch02_sums/sums.py": make_stub(SOLUTION),
        "docs/ch02_sums.md": PAGE,
        "tests/ch02_sums/test_sums.py": GRADERS,
    }
    if not checks_shapes:
        files["chapters/course/shape_checks.py"] = "def check(function):\n    return function\n"
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, "utf-8")
    return SmallCourse(root)
