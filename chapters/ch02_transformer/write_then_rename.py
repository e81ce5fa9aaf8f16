"""Replace a file in one step, so that an interrupted call never leaves a part of it."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def write_then_rename(target: Path) -> Iterator[Path]:
    """Yield a temporary path in the target's folder, and rename it to the target at the end.

    After an error the temporary file is deleted, and the target is as it was.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        yield temporary
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)
