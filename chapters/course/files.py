"""The folders of the course, and the one way in which the tools read and replace files.

A learner's file may be anything: a folder, a pipe, gigabytes, another encoding. `read_text` refuses
it with a sentence that names file and line, so that a command can go on with the other files.
"""

import contextlib
import os
import secrets
import shutil
import stat
import time
from pathlib import Path

from .terminal import CourseError

CHAPTERS = Path(__file__).resolve().parents[1]
ROOT = CHAPTERS.parent
LARGEST = 2_000_000
"""Bytes of the largest file that is read."""
OLD_PARTS = 3600.0
"""Seconds after which a part of an interrupted write is deleted."""


class UnreadableFile(CourseError):
    """A file of the learner's that cannot be read as text."""


def read_bytes(path: Path) -> bytes:
    """Read an ordinary file.

    Raises: UnreadableFile for anything else, such as a folder, a pipe or a file without rights.
    """
    try:
        status = path.stat()  # opening a pipe would wait for its other end
        if stat.S_ISREG(status.st_mode) and status.st_size <= LARGEST:
            return path.read_bytes()
    except OSError as error:
        raise UnreadableFile(f"{shown(path)} cannot be read: {error.strerror}") from None
    if stat.S_ISDIR(status.st_mode):
        what = "a folder"
    elif stat.S_ISREG(status.st_mode):
        what = f"{status.st_size} bytes"
    else:
        what = "a pipe or a device"
    raise UnreadableFile(
        f"{shown(path)}: expected a text file of at most {LARGEST} bytes, got {what}; move it away"
    )


def read_text(path: Path) -> str:
    """Read a UTF-8 file, with line ends as newlines and without a byte order mark.

    Raises: UnreadableFile, with the line where there is one.
    """
    content = read_bytes(path)
    try:
        text = content.decode("utf-8-sig")
        place = text.find("\0")
        problem = "" if place < 0 else "expected text, got a NUL byte"
        line = text.count("\n", 0, max(place, 0)) + 1
    except UnicodeDecodeError as error:
        problem = f"expected UTF-8, got the byte {error.object[error.start]:#04x}"
        line = content.count(b"\n", 0, error.start) + 1
    if problem:
        raise UnreadableFile(f"{shown(path)}, line {line}: {problem}; save the file as UTF-8")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def read_leniently(path: Path) -> tuple[str, str]:
    """Read as much of a file as there is to search in; return it and what is wrong with the file.

    Bytes that are not UTF-8 are kept as surrogates.
    """
    try:
        return read_text(path), ""
    except UnreadableFile as error:
        text = ""
        with contextlib.suppress(UnreadableFile):
            text = read_bytes(path).decode("utf-8", "surrogateescape").replace("\r\n", "\n")
        return text, str(error)


def replace_file(path: Path, content: str | bytes) -> None:
    """Write a file under a unique temporary name next to it, then rename it.

    An interruption leaves the old file or the new one on the disk, never a part of one.
    """
    path = Path(os.path.realpath(path))  # a link stays a link
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        with part.open("xb") as file:
            file.write(content.encode() if isinstance(content, str) else content)
            file.flush()
            os.fsync(file.fileno())
        with contextlib.suppress(OSError):
            shutil.copymode(path, part)
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)
    for left in path.parent.glob(".*.part"):
        with contextlib.suppress(OSError):
            if time.time() - left.stat().st_mtime > OLD_PARTS:
                left.unlink()


def shown(path: Path) -> str:
    """Shorten a path to what the learner would type in the course's folder."""
    return path.relative_to(ROOT).as_posix() if path.is_relative_to(ROOT) else str(path)


def reference_of(path: Path) -> Path:
    """Return the file of solutions/ from which a learner's file was made, if it is there or not."""
    inside = path.relative_to(CHAPTERS) if path.is_relative_to(CHAPTERS) else path.name
    return ROOT / "solutions" / inside
