"""Errors of a page, shown with file, line and remedy instead of a traceback."""

import functools
from collections.abc import Callable
from typing import Any

try:
    # Both builders are click programs: they print a ClickException as one message.
    from click import ClickException
except ImportError:
    ClickException = Exception  # type: ignore[assignment, misc]


class PageError(ClickException, ValueError):
    """A part of a page that cannot be built."""


def plainly(run: Callable[..., Any]) -> Callable[..., Any]:
    """Let a step of the extension fail with a PageError instead of a bare ValueError."""

    @functools.wraps(run)
    def step(*args: Any) -> Any:
        try:
            return run(*args)
        except ValueError as error:
            raise PageError(str(error)) from error

    return step
