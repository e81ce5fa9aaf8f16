"""Compute the expected value of a grader once in a process, however many answers it grades."""

from collections.abc import Callable
from typing import Any

from chapters.course import import_hook

from .assertions import copy_of

_known: dict[tuple, Any] = {}


def remember(oracle: Callable[..., Any], *arguments: Any, model: Any, case: tuple) -> Any:
    """Give `oracle(*arguments)`, computed at the first call for this model class and case.

    The oracle must not run the answer that is graded. case: what the arguments depend on besides
    the class of the model, such as its family and a seed.
    """
    key = (oracle, type(model), import_hook.current_exercise, case)
    if key not in _known:
        _known[key] = oracle(*arguments)
    return copy_of(_known[key])
