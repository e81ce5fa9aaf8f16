"""The front door: `mi`, and `python -m chapters`, which is the same before anything is installed.

An old Python must be able to read this file as far as the sentence below, so it has no new syntax.
"""

import sys

if sys.version_info < (3, 11):  # noqa: UP036
    sys.exit(
        "This course needs Python 3.11 or newer; this is Python %d.%d. Install a newer one "
        "(python.org, or your package manager) and start it by name: python3.11 -m chapters course"
        % sys.version_info[:2]
    )

from chapters.desk.commands import main

if __name__ == "__main__":
    sys.exit(main())
