"""What a grader imports: the mark that ties it to its exercise, and fixtures of modules."""

from types import ModuleType

import pytest


def exercise(number: str) -> pytest.MarkDecorator:
    """Mark a test as a grader of one exercise, so that `pytest -m 2.4` runs exactly those."""
    return getattr(pytest.mark, number)


def module_fixture(path: str):
    """Make a fixture, named after a module, that imports it from the package that is graded.

    `metrics = module_fixture("ch05_patching.metrics")` in a conftest gives graders `metrics`.
    """

    @pytest.fixture(name=path.rpartition(".")[2])
    def module(impl) -> ModuleType:
        return impl(path)

    return module
