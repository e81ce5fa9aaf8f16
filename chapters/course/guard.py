"""`python -m chapters test`: everything that guards the project, and none of the learner's answers.

Style, types, the strict book and the project's tests look at the course itself; a half-solved
workbook never makes them red (`mi check` is for that).
"""

import os
import sys
import tempfile
from pathlib import Path

from .book import build
from .paper import heading, say
from .setup import GUARD, enter, inside, prepare, up_to_date
from .steps import Steps, run_aloud
from .where import ROOT

ROOMS = ("chapters", "docs", "solutions", "tests", "toy_models")
WORKERS = 4  # at most: each holds a PyTorch of its own in memory


def guard(slow: bool = False) -> int:
    """Set up, run every guard, and put them in a table; 0 when none failed."""
    steps = Steps()
    if not (inside() and up_to_date(GUARD)):
        if not steps.run("The environment: Python packages in .venv", lambda: prepare(GUARD)):
            return 1
    code = enter(["test", *["--slow"] * slow])
    if code is not None:
        return code
    if slow:
        steps.run("The slow tests", lambda: tests("--slow", "-m", "slow"))
    else:
        steps.run("Style: ruff check", lambda: tool("ruff", "check", *ROOMS))
        steps.run("Layout: ruff format", lambda: tool("ruff", "format", "--check", *ROOMS))
        steps.run("Types: mypy", lambda: tool("mypy"))
        steps.run("The book, strictly", strict_book)
        steps.run("The tests, on the reference", tests)
    heading("Done, step by step")
    say(steps.table())
    return 1 if steps.failed() else 0


def tool(*words: str) -> None:
    """Run one of the environment's own tools in the course's folder."""
    run_aloud([sys.executable, "-m", *words], f"`{' '.join(words[:2])}` found fault", cwd=ROOT)


def strict_book() -> None:
    """Build the book into a folder that is thrown away; a warning is an error."""
    with tempfile.TemporaryDirectory() as folder:
        build(Path(folder) / "site", strict=True)


def tests(*selection: str) -> None:
    """Run pytest on the reference, on a worker a core with one thread each."""
    workers = min(os.cpu_count() or 1, WORKERS)
    words = ["pytest", "--impl=solutions", "-q", "-rfEs", "--timeout=600", *selection]
    words += ["-n", str(workers), "--dist=worksteal"]
    threads = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    command = [sys.executable, "-m", *words]
    run_aloud(command, "a test failed", cwd=ROOT, env={**os.environ, **threads})
