"""Name the mistake behind a failure: the known one that does the same under every grader.

After all tests have run, each known mistake of an exercise that failed runs in place of the
learner's answer, under the exercise's graders again. Its words are printed when it does the same
as the answer under all of them. One grader alone sees too little: it would name the wrong mistake.
Where none is recognised, a fact about the wrong values is printed (`relations.py`).
"""

import contextlib
import io
import itertools
import time
from collections.abc import Iterable

import pytest

from . import mistakes, replay
from .evidence import Run, alike, compared_with
from .mistakes import Mistake

REPORT = pytest.StashKey[pytest.TestReport]()
SECONDS, MOST_NAMES = 10.0, 2
"""Most CPU seconds that the known mistakes of one exercise may take, and most names printed."""


def name_failures(session: pytest.Session) -> None:
    """Add the words of the mistakes that are recognised to the reports of a session."""
    if hasattr(session.config, "workerinput"):
        return
    ran: dict[str, list[pytest.Item]] = {}
    for item in session.items:
        if replay.RUN in item.stash:
            ran.setdefault(item.stash[replay.NUMBER], []).append(item)
    for number, items in ran.items():
        runs = {item: item.stash[replay.RUN] for item in items}
        reports = [item.stash[REPORT] for item in items if runs[item].outcome == "failed"]
        if not reports:
            continue
        found: list[str] = []
        if all(run.end is not None for run in runs.values()):
            found = names(number, runs, session.config.getoption("--impl"))
        for report in reports:
            report.mistakes = found
        _add(found or facts(runs.values()), reports)


def facts(runs: Iterable[Run]) -> list[str]:
    """What the wrong values have to do with the expected ones, for a mistake that is not known."""
    found = [run.wrong for run in runs if run.wrong is not None]
    if not found:
        return []
    from .relations import relation  # needs torch, which a grader that judged a value has loaded

    words = ""
    with contextlib.suppress(Exception):  # a fact that cannot be found must not hide the failure
        words = relation(found)
    return [words] if words else []


def _add(words: list[str], reports: list[pytest.TestReport]) -> None:
    """Print the words in the first of the reports that they explain."""
    new = [text for text in words if not any(text in one.longreprtext for one in reports)]
    if new:
        reports[0].longrepr = "\n".join([reports[0].longreprtext.rstrip("\n"), *new])


def names(number: str, runs: dict[pytest.Item, Run], package: str) -> list[str]:
    """The words of the mistakes that do what an answer did; none where more than two do."""
    order = _order(runs)
    found: list[str] = []
    start = time.process_time()
    for mistake in known(number):
        if mistake.words not in found:
            with contextlib.suppress(Exception), mistakes.in_place(package, [mistake]):
                found += [mistake.words] * _does_the_same(runs, order)
        if len(found) > MOST_NAMES:
            return []
        if time.process_time() - start > SECONDS:
            break
    return found


def _order(runs: dict[pytest.Item, Run]) -> list[pytest.Item]:
    """Failed and passed graders in turn, the fastest first.

    A mistake in a function that the answer has right differs under a grader that passed; any other
    wrong guess mostly differs under one that failed.
    """
    sides: dict[bool, list[pytest.Item]] = {True: [], False: []}
    for item in sorted(runs, key=lambda item: runs[item].seconds):
        sides[runs[item].outcome == "failed"].append(item)
    pairs = itertools.zip_longest(sides[True], sides[False])
    return [item for pair in pairs for item in pair if item is not None]


def known(number: str) -> list[Mistake]:
    """The mistakes of an exercise that have words of their own."""
    found = mistakes.gather(mistakes.chapter_of(number), Mistake)
    return [one for one in found if one.number == number and one.named and one.words]


def _does_the_same(runs: dict[pytest.Item, Run], order: Iterable[pytest.Item]) -> bool:
    for item in order:
        with compared_with(runs[item].seen), contextlib.redirect_stdout(io.StringIO()):
            with contextlib.redirect_stderr(io.StringIO()):
                again = replay.run(item)
        if not alike(again, runs[item]):
            return False
    return True
