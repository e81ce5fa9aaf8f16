"""Small files in which the tools remember something about each exercise: number -> value.

They are TOML with one line per exercise, `"2.4" = value`. Several commands may run at once, so a
change is made under a lock, on what the file contains then. A file that was cut, merged or saved
by another program is read line by line; the next change keeps it under another name.
"""

import re
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from .files import read_bytes, replace_file, shown
from .terminal import CourseError, warn

LINE = re.compile(r'\s*"([0-9]+\.[0-9]+)"\s*=\s*("?)(\w+)\2\s*')
SECONDS = 20.0
"""How long a change waits for another command's."""

Records = dict[str, list[str]]
"""Exercise -> its value; several values where the file has merge conflicts."""


class RecordFile(NamedTuple):
    """One such file."""

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
            count = len(records)
            warn(
                f"{shown(self.path)} is damaged; {count} of its lines could be read. "
                f"The next change keeps it as {shown(self._aside())}."
            )
        return records

    def change(self, edit: Callable[[Records], Records]) -> None:
        """Replace the records by what a function makes of them, while no other command does so.

        Raises: OSError when the file cannot be written.
        """
        from filelock import FileLock  # installed with PyTorch; reading works without

        with FileLock(f"{self.path}.lock", timeout=SECONDS):
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
            match = LINE.fullmatch(line)
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
