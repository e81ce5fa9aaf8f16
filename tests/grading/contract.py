"""What every answer promises is checked around each call that a grader makes of it.

`around` wraps the marked functions of a package. `promises.py` has the checks, and is imported
with the first call. What is broken is kept until the grader is done: its own claim comes first,
because it describes the mistake more closely.
"""

import functools
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from chapters.course import import_hook
from chapters.course.answers import find_answers

broken: list[str] = []
"""What the answer broke so far under the grader that is running."""
calls: Counter[str] = Counter()
"""How often the grader called each function with plain values."""
with_large_numbers = True
"""Whether the grader that is running repeats calls with large numbers, which costs more."""
inside = False
"""Whether an answer is running, and not the grader itself, which may call it."""


def begin() -> None:
    """Forget the calls of the last grader."""
    broken.clear()
    calls.clear()


def around(check: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Make a decorator for every function of a package: a check of shapes, and the promises."""

    def decorate(function: Any) -> Any:
        checked = check(function)
        number = None if isinstance(function, type) else _number(function)
        if number is None:
            return checked

        @functools.wraps(checked)
        def answer(*args: Any, **kwargs: Any) -> Any:
            global inside
            graded = import_hook.current_exercise
            if inside or graded not in (number, import_hook.OWN_CODE_ONLY):
                return checked(*args, **kwargs)
            from .promises import run

            inside = True
            try:
                return run(number, checked, function, args, kwargs)
            finally:
                inside = False

        return answer

    return decorate


@functools.cache
def _marked(file: str) -> dict[str, str]:
    """Qualname -> number of the answers in a file."""
    try:
        found = find_answers(Path(file).read_text("utf-8"))
    except (OSError, ValueError, SyntaxError):
        return {}
    return {answer.qualname: answer.number for answer in found}


def _number(function: Any) -> str | None:
    return _marked(function.__code__.co_filename).get(function.__code__.co_qualname)
