"""Find the submissions in a folder: one subfolder per student, or the folder itself."""

from pathlib import Path

from ..terminal import CourseError
from .submission import CHAPTER, Submission


def submissions(folder: Path) -> list[Submission]:
    """List the submissions in a folder: its subfolders, or itself where it holds chapters.

    Raises: CourseError when there is none.
    """
    if is_one(folder):
        return [Submission(folder)]
    names = [path for path in sorted(folder.iterdir()) if path.is_dir() and path.name[0] != "."]
    if not names:
        raise CourseError(f"Expected one folder per student in {folder}, got none.")
    return [Submission(path) for path in names if not path.is_symlink()]


def is_one(folder: Path) -> bool:
    """Whether a folder is one submission: it holds chapters."""
    names = [path.name for path in folder.iterdir() if path.is_dir()]
    return any(name == "chapters" or CHAPTER.match(name) for name in names)
