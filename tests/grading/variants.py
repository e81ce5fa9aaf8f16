"""Wrong answers that graders must refuse, right ones that they must accept, and trees of them.

A variant changes the text of one exercise's answers and nothing else. `tree` writes the reference
with some answers changed, as a package of a fresh name (a module imported twice under one name
confuses the shape checks), and `grade` runs graders on a package within this process.
"""

import contextlib
import functools
import gc
import io
import itertools
import os
import re
import shutil
import sys
import textwrap
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple
from unittest import mock

import pytest

from chapters.course import import_hook
from chapters.course.answer_tables import answer_files, answers_in, blank_answers
from chapters.course.exercise_marks import Answer, stub_line

ROOT = Path(__file__).resolve().parents[2]
SOLUTIONS, TESTS = ROOT / "solutions", ROOT / "tests"
CHAPTER = re.compile(r"\bch\d\d_\w+")
FRESH = itertools.count()
# A nested session prints nothing, keeps nothing, and does not end in a garbage collection.
QUIET = ["-q", "-s", "--no-header", "--no-summary"]
QUIET += "-p no:cacheprovider -p no:faulthandler -p no:logging".split()
QUIET += "-p no:unraisableexception -p no:threadexception".split()


@dataclass(frozen=True)
class Right:
    """A correct answer, written another way than the reference's."""

    number: str
    name: str
    replace: dict[str, str] = field(default_factory=dict)
    """Text of the answer -> what stands there instead; each must be found exactly once."""
    body: dict[str, str] = field(default_factory=dict)
    """Function -> its whole answer, from the mark on, as in {"LayerNorm.forward": "return x"}.

    A table of answers.toml is called by its number, as in {"0.15": 'mark = "always"'}.
    """

    def __str__(self) -> str:
        return f"{self.number} {self.name}"

    def answer(self, function: Answer, text: str) -> str:
        """The text that stands in for one function's answer."""
        if function.qualname in self.body:
            body = textwrap.dedent(self.body[function.qualname]).strip("\n")
            return textwrap.indent(body, function.indent)
        for old, new in self.replace.items():
            text = text.replace(old, new)
        return text


@dataclass(frozen=True)
class Wrong(Right):
    """A plausible mistake, and the words that its refusal must contain."""

    says: str = field(default="", kw_only=True)


class Stub(Right):
    """The answer that a fresh workbook has: one line that raises, or question marks."""

    def __init__(self, number: str):
        super().__init__(number, "stub")

    def answer(self, function: Answer, text: str) -> str:
        """What the generator writes there."""
        table = function.qualname == function.number
        return blank_answers(text) if table else function.indent + stub_line(self.number)


class Outcome(NamedTuple):
    """How one grader fared, and what it said."""

    result: str
    """passed, failed, todo or skipped; failed also where the grader could not even be read."""
    text: str
    """The refusal."""


def chapter_of(number: str) -> Path:
    """The folder of an exercise's chapter in the reference."""
    return next(SOLUTIONS.glob(f"ch{int(number.split('.')[0]):02d}_*"))


@functools.cache
def numbers_of(chapter: Path) -> dict[str, Path]:
    """The exercises that a chapter's files mark or ask in a table, each with its file, in order."""
    found = {answer.number: path for path in answer_files(chapter) for answer in answers_in(path)}
    return {number: found[number] for number in sorted(found, key=lambda n: int(n.split(".")[1]))}


def change(path: Path, variant: Right) -> str:
    """The text of the file that an exercise is in, with a variant in place of its answer.

    Raises: ValueError when something to replace is not there exactly once.
    """
    lines = path.read_text("utf-8").split("\n")
    own = [answer for answer in answers_in(path) if answer.number == variant.number]
    texts = ["\n".join(lines[answer.mark_line : answer.last_line]) for answer in own]
    counts = {old: sum(text.count(old) for text in texts) for old in variant.replace}
    counts |= {name: sum(name == answer.qualname for answer in own) for name in variant.body}
    for wanted, count in counts.items():
        if count != 1:
            raise ValueError(f"{variant}: {wanted!r} is there {count} times, expected once")
    for answer, text in reversed(list(zip(own, texts, strict=True))):
        lines[answer.mark_line : answer.last_line] = [variant.answer(answer, text)]
    return "\n".join(lines)


@functools.cache
def rests_on(chapter: str) -> frozenset[str]:
    """A chapter, and the earlier ones that its code or its graders name."""
    files = [path for room in (SOLUTIONS, TESTS) for path in (room / chapter).rglob("*.py")]
    named = {name for path in files for name in CHAPTER.findall(path.read_text("utf-8"))}
    earlier = {name for name in named if name < chapter and (SOLUTIONS / name).is_dir()}
    return frozenset({chapter}.union(*map(rests_on, earlier)))


@contextlib.contextmanager
def tree(folder: Path, variants: Iterable[Right], switched: bool = False) -> Iterator[str]:
    """Writes the reference with some answers changed below a folder, and gives the package's name.

    A switched tree is a workbook: the reference stands in for what is not graded. Chapters that
    those of the variants do not rest on are left out. The package is forgotten again at the end.
    """
    package = f"variant_{next(FRESH)}"
    variants = list(variants)
    for name in set().union(*(rests_on(chapter_of(variant.number).name) for variant in variants)):
        ignore = shutil.ignore_patterns("__pycache__")
        shutil.copytree(SOLUTIONS / name, folder / package / name, ignore=ignore)
    for variant in variants:
        source = numbers_of(chapter_of(variant.number))[variant.number]
        path = folder / package / source.relative_to(SOLUTIONS)
        path.write_text(change(path, variant), "utf-8")
    (folder / package / "__init__.py").touch()
    finder = import_hook.install(package, folder / package, SOLUTIONS) if switched else None
    sys.path.insert(0, str(folder))
    try:
        yield package
    finally:
        sys.path.remove(str(folder))
        if finder:
            sys.meta_path.remove(finder)
        for name in [name for name in sys.modules if name.split(".")[0] == package]:
            del sys.modules[name]


def grade(package: str, tests: Path, *numbers: str, until: str = "") -> dict[str, Outcome]:
    """Runs a chapter's graders on a package, here and silently: test -> outcome.

    numbers: the exercises, all where none is given. until: words of a refusal that is enough.
    """
    named = re.compile("|".join(re.escape(f'"{number}"') for number in numbers))
    files = [path for path in sorted(tests.rglob("test_*.py")) if named.search(path.read_text())]
    observer = _Listener(until)
    arguments = [*map(str, files), f"--impl={package}", "-m", " or ".join(numbers), *QUIET]
    silence = contextlib.redirect_stdout(io.StringIO())
    no_plugins = mock.patch.dict(os.environ, PYTEST_DISABLE_PLUGIN_AUTOLOAD="1")
    with silence, contextlib.redirect_stderr(io.StringIO()), no_plugins:
        status = pytest.main(arguments, plugins=[observer])
    _settle()
    if status in (pytest.ExitCode.INTERNAL_ERROR, pytest.ExitCode.USAGE_ERROR):
        raise RuntimeError(f"pytest {' '.join(arguments)} ended with {status!r}")
    return observer.outcomes


@functools.cache
def _settle() -> None:
    """Spares the garbage collector, once, from looking through torch again and again."""
    gc.collect()
    gc.freeze()


class _Listener:
    """Collects the outcome of every grader of a nested session."""

    def __init__(self, until: str) -> None:
        self.until = until
        self.outcomes: dict[str, Outcome] = {}

    def pytest_sessionstart(self, session: pytest.Session) -> None:
        self.session = session

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when == "call" or not report.passed:
            result = "todo" if getattr(report, "todo", None) else report.outcome
            self.outcomes[report.nodeid] = Outcome(result, report.longreprtext)
            if report.failed and self.until and self.until in report.longreprtext:
                self.session.shouldfail = "refused in the right words"

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            self.outcomes[report.nodeid] = Outcome("failed", report.longreprtext)
