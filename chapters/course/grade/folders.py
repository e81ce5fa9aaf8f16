"""Find the submissions in a folder: a subfolder or a .zip per student, or the folder itself."""

from pathlib import Path
from typing import NamedTuple

from ..terminal import CourseError
from .archives import KINDS, unpack
from .course_copy import SOLUTIONS
from .submission import Submission


class Found(NamedTuple):
    """One submission, and what was left out of its archive."""

    submission: Submission
    """Its files."""
    remarks: list[str]
    """What was not unpacked, in words."""


def places(folder: Path) -> dict[str, Path]:
    """Map each student to a subfolder or an archive; or the folder's own name to the folder.

    Raises: CourseError when there is none, or a student has two.
    """
    if is_one(folder):
        return {folder.name: folder}
    found: dict[str, Path] = {}
    for path in sorted(folder.iterdir()):
        if path.name[0] == "." or path.is_symlink() or not (path.is_dir() or _is_archive(path)):
            continue
        name = path.name if path.is_dir() else path.stem
        if name in found:
            raise CourseError(f"Expected one submission of {name}, got {name}/ and {path.name}.")
        found[name] = path
    if not found:
        raise CourseError(f"Expected one folder or .zip file per student in {folder}, got none.")
    return found


def submissions(folder: Path, unpacked: Path) -> list[Found]:
    """Read the submissions in a folder; archives are unpacked into another one.

    Raises: CourseError when there is none.
    """
    found = []
    for name, path in places(folder).items():
        archive, remarks = _archive_of(path), []
        if archive is not None:
            path = unpacked / name
            remarks = unpack(archive, path)
        found.append(Found(Submission(path), remarks))
    return found


def is_one(folder: Path) -> bool:
    """Whether a folder is one submission: it holds chapters of the course.

    A student's folder may have a name that only looks like one, such as ch12_smith.
    """
    names = [path.name for path in folder.iterdir() if path.is_dir()]
    return any(name == "chapters" or (SOLUTIONS / name).is_dir() for name in names)


def _archive_of(path: Path) -> Path | None:
    """Return a student's archive: the path itself, or the only thing in a folder to grade."""
    if path.is_file():
        return path
    inside = [one for one in path.iterdir() if one.name[0] != "." and not one.is_symlink()]
    archives = [one for one in inside if _is_archive(one)]
    others = [one for one in inside if one.is_dir() or one.suffix in KINDS]
    return archives[0] if len(archives) == 1 and not others else None


def _is_archive(path: Path) -> bool:
    return path.suffix.lower() == ".zip" and path.is_file()
