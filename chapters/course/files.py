"""The folders of the course, and the one way in which the tools read and replace files.

A learner's file may be anything: a folder, a pipe, gigabytes, another encoding. `read_text` refuses
it with a sentence that names file and line, so that a command can go on with the other files.

A `RecordFile` holds what the tools remember about each exercise, as TOML with one line per
exercise, `"2.4" = value`. Several commands may run at once, so a change is made under a lock, on
what the file contains then. A file that was cut, merged or saved by another program is read line by
line; the next change keeps it under another name.
"""

import contextlib
import os
import re
import secrets
import shutil
import stat
import time
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from .terminal import CourseError, warn

CHAPTERS = Path(__file__).resolve().parents[1]
ROOT = CHAPTERS.parent
LARGEST = 2_000_000
"""Bytes of the largest file that is read."""
OLD_PARTS = 3600.0
"""Seconds after which a part of an interrupted write is deleted."""
RECORD = re.compile(r'\s*"([0-9]{1,4}\.[0-9]{1,4})"\s*=\s*("?)(\w+)\2\s*')
LOCK_SECONDS = 8.0
"""How long a change waits for another command's: less than a grader may wait (`grading.py`)."""

Records = dict[str, list[str]]
"""Exercise -> its value; several values where the file has merge conflicts."""


class UnreadableFile(CourseError):
    """A file of the learner's that cannot be read as text."""


def read_bytes(path: Path) -> bytes:
    """Read an ordinary file.

    Raises: UnreadableFile for anything else, such as a folder, a pipe or a file without rights.
    """
    size = 0
    try:
        status = path.stat()  # opening a pipe would wait for its other end
        size = status.st_size
        if stat.S_ISREG(status.st_mode) and size <= LARGEST:
            with path.open("rb") as file:
                content = file.read(LARGEST + 1)  # it may grow, and /proc has files of size 0
            size = len(content)
            if size <= LARGEST:
                return content
    except OSError as error:
        raise UnreadableFile(f"{shown(path)} cannot be read: {error.strerror}") from None
    if stat.S_ISDIR(status.st_mode):
        what = "a folder"
    elif stat.S_ISREG(status.st_mode):
        what = f"{size} bytes"
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
            text = read_bytes(path).decode("utf-8", "surrogateescape")
        return text.replace("\r\n", "\n").replace("\r", "\n"), str(error)


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


def chapter_folder(number: str) -> Path:
    """Find the learner's folder of a chapter, by its number or the number of an exercise.

    Raises: CourseError when the clone has no such chapter.
    """
    chapter = int(number.partition(".")[0])
    folders = sorted(CHAPTERS.glob(f"ch{chapter:02d}_*/"))
    # A learner's own notes may be in a folder with such a name.
    folders = [path for path in folders if (ROOT / "tests" / path.name).is_dir()] or folders
    if not folders:
        there = ", ".join(sorted(folder.name for folder in CHAPTERS.glob("ch[0-9]*/")))
        raise CourseError(
            f"There is no chapter {chapter} yet. The chapters are: {there or 'none'}."
        )
    return folders[0]


def reference_of(path: Path) -> Path:
    """Return the file of solutions/ from which a learner's file was made, if it is there or not."""
    inside = path.relative_to(CHAPTERS) if path.is_relative_to(CHAPTERS) else path.name
    return ROOT / "solutions" / inside


class RecordFile(NamedTuple):
    """A small TOML file: exercise -> value."""

    path: Path
    """Where it is."""
    header: str
    """Its first line, a comment."""
    value: str
    """The pattern of a value."""
    quote: str = ""
    """What is around a value in the file."""

    def read(self) -> Records:
        """Read every line that is a record; warn of a damaged file."""
        records, damaged = self._parse()
        if damaged:
            problem = f"{shown(self.path)} is damaged; {len(records)} of its lines could be read"
            try:
                read_bytes(self.path)
            except UnreadableFile as error:
                problem = str(error)
            warn(f"{problem}. The next change keeps it as {shown(self._aside())}.")
        return records

    def change(self, edit: Callable[[Records], Records]) -> None:
        """Replace the records by what a function makes of them, while no other command does so.

        Raises: OSError when the file cannot be written.
        """
        from filelock import FileLock  # installed with PyTorch; reading works without

        with FileLock(f"{self.path}.lock", timeout=LOCK_SECONDS):
            before, damaged = self._parse()
            after = edit({number: list(values) for number, values in before.items()})
            if damaged:
                self._keep_aside()
            elif after == before:
                return
            order = sorted(after, key=lambda number: [int(part) for part in number.split(".")])
            quote = self.quote
            lines = [f'"{number}" = {quote}{after[number][-1]}{quote}\n' for number in order]
            replace_file(self.path, "".join([self.header, *lines]))

    def _parse(self) -> tuple[Records, bool]:
        """Read the records, and tell whether the file has anything else in it."""
        if not self.path.is_symlink() and not self.path.exists():
            return {}, False
        try:
            content = read_bytes(self.path)
        except CourseError:
            return {}, True
        text = content.replace(b"\0", b"").decode("utf-8-sig", "replace")  # UTF-16 has zeros
        found: Records = {}
        for line in text.splitlines():
            match = RECORD.fullmatch(line)
            if match and re.fullmatch(self.value, match[3]):
                found.setdefault(match[1], []).append(match[3])
        strange = b"\0" in content or "\ufffd" in text
        return found, strange or not self._is_sound(text, found)

    def _is_sound(self, text: str, found: Records) -> bool:
        try:
            return tomllib.loads(text).keys() == found.keys()
        except (tomllib.TOMLDecodeError, RecursionError):
            return False

    def _aside(self) -> Path:
        names = [f"{self.path.stem}.damaged{n}.toml" for n in ("", *map(str, range(2, 100)))]
        return next(p for name in names if not (p := self.path.with_name(name)).exists())

    def _keep_aside(self) -> None:
        """Keep a damaged file under another name; a folder in its place is moved."""
        try:
            replace_file(self._aside(), read_bytes(self.path))
        except CourseError:
            self.path.replace(self._aside())
