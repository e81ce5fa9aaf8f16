"""The command `mi`, which is `python -m chapters` before anything is installed.

An old Python must be able to read this file up to its message, so no new syntax may be used here.
"""

import sys

if sys.version_info < (3, 11):  # noqa: UP036
    sys.exit(
        "This course needs Python 3.11 or newer, and this is Python "
        f"{sys.version_info[0]}.{sys.version_info[1]}: install a newer one and start it by its "
        "name, as in python3.12 -m chapters course"
    )

try:
    from chapters.course.commands import main
except KeyboardInterrupt:
    sys.exit(130)

if __name__ == "__main__":
    sys.exit(main())
