"""A workbook of the whole course for tests: the reference's files, under the import hook.

Unlike chapters/ it has an answer everywhere, and its answers run only while their own exercise is
graded, as a learner's do.
"""

import contextlib
import itertools
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

from chapters.course import import_hook

from .mistakes import SOLUTIONS

# beartype caches hints by their text: a second workbook of one name would meet the classes of the
# first.
NAMES = (f"a_workbook_{number}" for number in itertools.count())


@contextlib.contextmanager
def workbook(folder: Path) -> Iterator[str]:
    """Write the package into a folder and make it importable; gives its name."""
    package = next(NAMES)
    ignore = shutil.ignore_patterns("__pycache__")
    shutil.copytree(SOLUTIONS, folder / package, ignore=ignore)
    (folder / package / "__init__.py").write_text("")  # not the reference's, which has a hook
    finder = import_hook.install(package, folder / package, SOLUTIONS)
    sys.path.insert(0, str(folder))
    try:
        yield package
    finally:
        sys.path.remove(str(folder))
        sys.meta_path.remove(finder)
        for name in [name for name in sys.modules if name.split(".")[0] == package]:
            del sys.modules[name]
