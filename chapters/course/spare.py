"""The process that `mi watch` keeps ready: everything slow is imported before it is needed.

It reads the number of an exercise from its input, grades that once, and ends with the grade's exit
status. When its input closes without a number, it just ends.
"""

import os
import sys


def main() -> int:
    """Import ahead, wait for a number, grade it."""
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    import beartype  # noqa: F401
    import jaxtyping  # noqa: F401
    import pytest  # noqa: F401
    import torch  # noqa: F401

    from .check import check
    from .commands import speak_utf8
    from .steps import DeskError

    number = sys.stdin.readline().strip()
    if not number:
        return 0
    speak_utf8()
    try:
        return check(number)
    except DeskError as error:
        print(error)
        return 1


if __name__ == "__main__":
    sys.exit(main())
