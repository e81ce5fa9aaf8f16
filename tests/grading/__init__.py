"""What a grader imports: the mark that ties it to its exercise."""

import pytest


def exercise(number: str) -> pytest.MarkDecorator:
    """Marks a test as a grader of one exercise, so that `pytest -m 2.4` runs exactly those."""
    return getattr(pytest.mark, number)
