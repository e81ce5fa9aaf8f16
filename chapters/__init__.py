"""The workbook: solutions/ with the answers removed, to be filled in by you.

Importing this package installs the import hook, which merges your answers with the reference's
(`course/import_hook.py`). It imports nothing slow, because `mi` starts through it.
"""

import os
import sys

_ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
if sys.argv[:1] == ["-m"] and sys.path[:1] in ([""], [_ROOT]):
    # A random.py of a learner next to the course must not stand in for Python's own.
    del sys.path[0]
    _packages = [place for place, path in enumerate(sys.path) if "-packages" in path]
    sys.path.insert((_packages or [len(sys.path)])[0], _ROOT)

# With an older Python only __main__.py has to run: it prints what is missing.
if sys.version_info >= (3, 11):  # noqa: UP036
    try:
        from .course import import_hook
    except KeyboardInterrupt:
        if os.path.basename("".join(sys.argv[:1])) in ("-m", "mi"):
            sys.exit(130)
        raise

    import_hook.install()
