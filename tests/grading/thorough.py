"""The option --thorough: proofs about the graders that the tests of every day leave out.

`thorough` tests run only with it: the records of mistakes in `slow={...}`, and other code for a
mistake that has a record already. A grader marked `heavy` always grades an answer, but
`test_meta.py` runs it again, on other answers, only with the option. `.ci/run` gives it.
"""

from collections.abc import Iterable

import pytest

MARKERS = {
    "thorough": "a rare mistake; runs only with --thorough",
    "heavy": "a grader that test_meta.py runs again only with --thorough",
}


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add --thorough."""
    meaning = "try also rare mistakes, and heavy graders on every right answer"
    parser.getgroup("course").addoption("--thorough", action="store_true", help=meaning)


def pytest_configure(config: pytest.Config) -> None:
    """Register the two markers."""
    for name, meaning in MARKERS.items():
        config.addinivalue_line("markers", f"{name}: {meaning}")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselect the thorough tests when they were not asked for."""
    if config.getoption("--thorough"):
        return
    left_out = [item for item in items if item.get_closest_marker("thorough")]
    if left_out:
        items[:] = [item for item in items if not item.get_closest_marker("thorough")]
        config.hook.pytest_deselected(items=left_out)


def without_heavy(items: Iterable[pytest.Item], config: pytest.Config) -> list[pytest.Item]:
    """The graders to run again on another answer."""
    return [item for item in items if config.getoption("--thorough") or not is_heavy(item)]


def is_heavy(item: pytest.Item) -> bool:
    """Whether a grader is marked `heavy`."""
    return item.get_closest_marker("heavy") is not None
