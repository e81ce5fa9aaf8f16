"""The workbook: solutions/ with the answers removed, to be filled in by you.

Importing this package installs the import hook, which merges your answers with the reference's
(`course/import_hook.py`). It imports nothing slow, because `mi` starts through it.
"""

import os
import sys

# With an older Python only __main__.py has to run: it prints what is missing.
if sys.version_info >= (3, 11):  # noqa: UP036
    try:
        from .course import import_hook
    except KeyboardInterrupt:
        if os.path.basename(sys.argv[0]) in ("-m", "mi"):
            sys.exit(130)
        raise

    import_hook.install()
