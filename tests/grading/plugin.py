"""The pytest plugin that turns tests into graders.

1. `--impl` says which package is graded: chapters (the default), solutions, or a variant of them.
2. Around each grader the import hook gets the exercise, and network access is blocked.
3. A stub that is reached makes a test `todo`, which is neither a pass nor a failure.
4. A failure becomes a short text (`failure_report.py`).
5. When all graders of an exercise ran on chapters/ and passed, progress is written
   (`progress_recorder.py`).
"""

import functools
import re
import sys
import unittest
from importlib import import_module
from pathlib import Path

import pytest

from chapters.course import import_hook
from chapters.course.answers import MARK, TABLE_FILE, find_tables
from chapters.course.files import read_leniently
from chapters.course.terminal import shortened

from . import (
    answer_tables_fixture,
    cheating_check,
    contract,
    evidence,
    failure_report,
    limits,
    naming,
    skip_rules,
)
from .progress_recorder import Hooks, Recorder
from .replay import LARGE, RUN, graded
from .replay import NUMBER as EXERCISE

ROOT = Path(__file__).resolve().parents[2]
TESTS = ROOT / "tests"
NUMBER = re.compile(r"\d+\.\d+")
MARKERS = {
    "project": "tests the project itself; runs only with --impl=solutions",
    "slow": "trains something; runs only with --slow or -m slow",
    "gpu": "needs a GPU",
    "weights": "needs the real model's weights",
    "crosscheck": "compares with the transformers library",
    "timeout": "has a time limit of its own, where pytest-timeout is installed",
}
SKIPS = (pytest.skip.Exception, pytest.xfail.Exception, unittest.SkipTest)
"""What pytest reports as skipped when it is raised."""
WITH_LARGE = 3
"""How many graders of an exercise try large numbers."""
RECORDER = pytest.StashKey[Recorder]()
OFFENCES = pytest.StashKey[dict[str, str | None]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options of the course."""
    group = parser.getgroup("course")
    group.addoption("--impl", default="chapters", help="the package that is graded")
    group.addoption("--own", action="store_true", help="grade on your own answers only")
    group.addoption("--kills", type=int, default=2, help="how often a test kills each command")
    group.addoption("--slow", action="store_true", help="run also what trains something")


def pytest_addhooks(pluginmanager: pytest.PytestPluginManager) -> None:
    """Add the hook that receives notes on a session."""
    pluginmanager.add_hookspecs(Hooks)


def pytest_configure(config: pytest.Config) -> None:
    """Register the markers, one per exercise, and turn the shape checks on."""
    config.stash[RECORDER] = Recorder(config)
    config.pluginmanager.register(config.stash[RECORDER])
    config.pluginmanager.register(limits)
    for name, meaning in MARKERS.items():
        config.addinivalue_line("markers", f"{name}: {meaning}")
    for number in _numbers():
        config.addinivalue_line("markers", f"{number}: graders of exercise {number}")
    import_hook.check_shapes()
    import_hook.typechecker = contract.around(import_hook.typechecker)
    impl = config.getoption("--impl")
    if not import_hook.is_installed(impl):
        folder = Path(import_module(impl).__path__[0])
        finder = import_hook.install(impl, folder, solutions=folder / "no reference")
        config.add_cleanup(lambda: sys.meta_path.remove(finder))


@functools.cache
def _numbers() -> set[str]:
    """Collect every exercise that a heading of the book or a mark in the code names."""
    pages = [path.read_text("utf-8") for path in (ROOT / "docs").glob("ch*.md")]
    found = {number for page in pages for number in re.findall(r"(?m)^###\s+(\d+\.\d+)\b", page)}
    for tree in ("solutions", "chapters"):
        for path in (ROOT / tree).glob("ch*/**/*.py"):
            found.update(re.findall(f"(?m){MARK.pattern}", read_leniently(path)[0]))
        for path in (ROOT / tree).glob(f"ch*/{TABLE_FILE}"):
            found.update(table.number for table in find_tables(read_leniently(path)[0]))
    return found


def pytest_report_header(config: pytest.Config) -> str:
    """Show which package is graded."""
    own = ", all of your own" if config.getoption("--own") else ""
    return f"graded: {config.getoption('--impl')}{own}"


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Skip the folders of the project's own tests while another package is graded."""
    if config.getoption("--impl") == "solutions" or not collection_path.is_dir():
        return None
    return True if _is_project_folder(collection_path) else None


def _is_project_folder(path: Path) -> bool:
    inside = path.relative_to(TESTS).parts if path.is_relative_to(TESTS) else ()
    return bool(inside) and not re.match(r"ch\d\d_", inside[0])


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Record the graders of each exercise, and deselect or skip what cannot run here."""
    recorder = config.stash[RECORDER]
    left_out = []
    for item in items:
        number = number_of(item)
        if number is None or _is_project_folder(item.path):
            item.add_marker("project")
        if skip_rules.leaves_out(item):
            left_out.append(item)
            continue
        conditional = skip_rules.skips(item)
        if number is not None:
            item.stash[EXERCISE] = number
            recorder.expect(number, item, conditional=conditional)
            item.user_properties.append(("exercise", number))
        skip_rules.limit_time(item)
    _choose_for_large_numbers([item for item in items if EXERCISE in item.stash])
    if left_out:
        items[:] = [item for item in items if item not in left_out]
        config.hook.pytest_deselected(items=left_out)


def _choose_for_large_numbers(items: list[pytest.Item]) -> None:
    """Let the first case of the first graders of each exercise try large numbers."""
    tried: dict[str, set[object]] = {}
    for item in items:
        functions = tried.setdefault(item.stash[EXERCISE], set())
        function = getattr(item, "function", item)
        item.stash[LARGE] = function not in functions and len(functions) < WITH_LARGE
        functions.add(function)


def number_of(item: pytest.Item) -> str | None:
    """The exercise that a test grades; a test of no exercise tests the project.

    Raises: UsageError when a test claims several.
    """
    numbers = {mark.name for mark in item.iter_markers() if NUMBER.fullmatch(mark.name)}
    if len(numbers) > 1:
        raise pytest.UsageError(f"{item.nodeid} grades {sorted(numbers)}; a grader grades one")
    return next(iter(numbers), None)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item):
    """Set the exercise that is graded, and block network access."""
    if number_of(item) is None:
        return (yield)
    with graded(item):
        return (yield)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Fail an answer that is looked up, before any line of it runs."""
    impl, number = item.config.getoption("--impl"), item.stash.get(EXERCISE, None)
    if number is None or impl == "solutions":
        return
    known = item.config.stash.setdefault(OFFENCES, {})
    if number not in known:
        folder = Path(import_module(impl).__path__[0])
        chapter = next(iter(folder.glob(f"ch{int(number.split('.')[0]):02d}_*/")), None)
        known[number] = chapter and cheating_check.offence(chapter, number)
    if known[number]:
        pytest.fail(known[number], pytrace=False)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item):
    """Fail an answer that a grader accepts, and that breaks what every answer promises.

    An answer cannot skip its grader: a skip that comes out of its code is a failure.
    """
    try:
        result = yield
    except SKIPS as skip:
        if EXERCISE in item.stash and failure_report.passed_through_answer(skip, item):
            refusal = AssertionError("An answer may not skip its grader: remove the call.")
            raise refusal.with_traceback(skip.__traceback__) from skip
        raise
    if EXERCISE in item.stash and contract.broken:
        raise AssertionError(contract.broken[0])
    return result


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo):
    """Turn a stub that was reached into `todo`, shorten a failure, and note what was seen."""
    if EXERCISE not in item.stash:
        return (yield)
    plain = item.config.getoption("tbstyle") == "auto"
    if plain and call.excinfo:  # pytest's own account costs more than most grades, and is not shown
        item.repr_failure = lambda failure, style=None: ""
    report = yield
    report.sections = [(name, shortened(text)) for name, text in report.sections]
    end: str | None = ""
    if report.failed and call.excinfo:
        end = _shorten(report, call.excinfo, item, plain)
    if call.when == "call" or not report.passed:
        result = "todo" if getattr(report, "todo", None) else report.outcome
        text = report.longreprtext if report.failed else ""
        wrong = getattr(call.excinfo and call.excinfo.value, "comparison", None)
        seen = list(evidence.SEEN)
        item.stash[RUN] = evidence.Run(result, text, seen, end, call.duration, wrong)
        item.stash[naming.REPORT] = report
    return report


def _shorten(report: pytest.TestReport, failure: pytest.ExceptionInfo, item, plain: bool):
    """Replace the traceback by a few lines. The error of a stub is `todo`, not a failure."""
    missing = failure_report.unwritten(failure.value)
    if missing:
        report.outcome, report.todo = "skipped", missing
        path, line, _ = item.location
        report.longrepr = (path, (line or 0) + 1, f"todo: exercise {missing}")
        return ""
    reason, where = failure_report.explain(failure, item)
    if plain:
        report.longrepr = "\n".join([*reason, *where])
    return evidence.end_of(failure.value, "\n".join(reason))


@pytest.hookimpl(wrapper=True)
def pytest_runtestloop(session: pytest.Session):
    """Name the mistakes of the exercises that failed, once all their graders have run."""
    try:
        return (yield)
    finally:
        if session.config.getoption("--impl") != "solutions":
            naming.name_failures(session)


def pytest_report_teststatus(report: pytest.TestReport):
    """Show a todo as its own outcome, with its own letter and colour."""
    if getattr(report, "todo", None):
        return "todo", "t", ("TODO", {"cyan": True})
    return None


@pytest.fixture(scope="session")
def impl(request: pytest.FixtureRequest):
    """Import a module of the package that is graded: `impl("ch02_transformer.layers")`."""
    package = request.config.getoption("--impl")
    return lambda name: import_module(f"{package}.{name}")


@pytest.fixture
def answers(request: pytest.FixtureRequest):
    """Read the learner's answers in a table of answers.toml: `answers("ch00_looking", "0.15")`."""
    folder = Path(import_module(request.config.getoption("--impl")).__path__[0])
    return lambda chapter, number: answer_tables_fixture.table(folder / chapter, number)
