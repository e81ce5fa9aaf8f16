"""Make once for a class what the graders of a question need, whatever the answer is.

`mi grade` keeps it in a process that runs no answer's code, and forks for each answer's table
(`grade_worker.py`). Elsewhere nothing is kept.
"""

from collections.abc import Callable, Hashable
from typing import Any

keeping = False
"""Whether this process keeps what is made."""
_made: dict[Hashable, Any] = {}


def once(name: Hashable, make: Callable[[], Any]) -> Any:
    """Give `make()`, or what it gave before under this name.

    name: what it depends on. The answer that is graded must not change what is made.
    """
    if not keeping:
        return make()
    if name not in _made:
        _made[name] = make()
    return _made[name]
