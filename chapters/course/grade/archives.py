"""Unpack the .zip files of a class, as learning platforms hand them out.

Only what can be graded is written: ordinary .py and .toml files with a path inside of the archive,
up to a size. Nothing else of an archive is unpacked, and what looks like an attack is named.
"""

import contextlib
import os
import stat
import struct
import time
import zipfile
import zlib
from pathlib import Path, PurePosixPath

from ..files import LARGEST
from ..terminal import printable

MOST_FILES, MOST_BYTES, LARGEST_ARCHIVE = 3000, 50_000_000, 100_000_000
"""Files and bytes that are unpacked of one archive, and bytes of the archive itself."""
KINDS = (".py", ".toml")
DAMAGED: tuple[type[Exception], ...] = (zipfile.BadZipFile, zlib.error, struct.error, OSError)
DAMAGED += (EOFError, OverflowError, RuntimeError, ValueError)
"""What Python raises for an archive that is damaged, encrypted or made to harm."""


def unpack(archive: Path, to: Path) -> list[str]:
    """Unpack an archive into a new folder; return what was left out, in words."""
    to.mkdir(parents=True)
    remarks: list[str] = []
    try:
        if archive.stat().st_size > LARGEST_ARCHIVE:
            raise ValueError(f"expected at most {LARGEST_ARCHIVE} bytes, got more")
        with zipfile.ZipFile(archive) as opened:
            _write_all(opened, to, remarks)
    except DAMAGED as error:
        remarks.append(f"it cannot be read to its end ({error})")
    return [printable(f"{archive.name}: {remark}")[:300] for remark in remarks]


def _write_all(opened: zipfile.ZipFile, to: Path, remarks: list[str]) -> None:
    files = size = 0
    for entry in opened.infolist():
        path = PurePosixPath(entry.filename.replace("\\", "/"))
        if entry.is_dir() or path.suffix not in KINDS or _is_passed_over(path):
            continue
        problem = _problem(entry, path)
        if not problem and files >= MOST_FILES:
            problem = f"only the first {MOST_FILES} files are unpacked"
        content = b"" if problem else _read(opened, entry)
        size += len(content)
        if not problem and len(content) > LARGEST:
            problem = f"expected at most {LARGEST} bytes, got more"
        if problem:
            remarks.append(f"{entry.filename!r:.100} was left out: {problem}")
        elif size > MOST_BYTES:
            remarks.append(f"only its first {MOST_BYTES} bytes are unpacked")
            return
        else:
            files += _write(to / path, content, entry)


def _is_passed_over(path: PurePosixPath) -> bool:
    """Whether a path is hidden, or what macOS adds to an archive."""
    hidden = any(part[0] == "." and part != ".." for part in path.parts)
    return hidden or "__MACOSX" in path.parts


def _problem(entry: zipfile.ZipInfo, path: PurePosixPath) -> str:
    """Say what is wrong with an entry; empty if nothing is."""
    kind = stat.S_IFMT(entry.external_attr >> 16)
    if kind not in (0, stat.S_IFREG):
        return "expected a file, got a link or a device"
    if path.is_absolute() or ".." in path.parts or ":" in path.parts[0]:
        return "its path leads out of the archive"
    if len(path.parts) > 20 or any(len(part) > 100 for part in path.parts):
        return "its path is too long"
    return ""


def _read(opened: zipfile.ZipFile, entry: zipfile.ZipInfo) -> bytes:
    """Read an entry, whatever size it claims, and one byte more than is allowed at most."""
    with opened.open(entry) as file:
        return file.read(LARGEST + 1)


def _write(path: Path, content: bytes, entry: zipfile.ZipInfo) -> bool:
    """Write a new file with the time of its entry; return whether it was new."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("xb") as file:
            file.write(content)
    except (FileExistsError, NotADirectoryError):  # an archive may name a file twice
        return False
    with contextlib.suppress(ValueError, OverflowError, OSError):
        changed = time.mktime((*entry.date_time, 0, 0, -1))
        os.utime(path, (changed, changed))
    return True
