"""The workbook: solutions/ with the answers removed, to be filled in by you.

Importing this package installs the switch, which lets your answers and the reference's live in one
set of classes (`desk/switch.py`). It stays cheap, because the desk starts through it.
"""

import sys

#: The exercise whose grader is running ("2.4"), "all of my own", or None outside graders.
graded = None

# An older Python comes as far as __main__.py, which says in a sentence what is missing.
if sys.version_info >= (3, 11):  # noqa: UP036
    from .course import switch

    switch.install()
