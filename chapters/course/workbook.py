"""The command `workbook`: write chapters/ch*, which is solutions/ch* without the answers.

A file is written only where it is missing or an untouched stub: a file with a learner's work is
never overwritten, but listed. Only the project needs this command; learners get updates by git
merge.
"""

import subprocess
from collections.abc import Iterator
from pathlib import Path

from .answers import TABLE_FILE, without_answers
from .files import ROOT, replace_file
from .terminal import CourseError, say


def workbook(check: bool = False, root: Path = ROOT) -> int:
    """Write or check the workbook of a repository; return the exit status.

    Raises: CourseError when there is no reference to write it from.
    """
    files = expected_files(root)
    if not files:
        raise CourseError("This copy of the course has no solutions/ to write the workbook from.")
    stale, edited = compare(root, files)
    if check:
        for name in stale + edited:
            say(f"{name} is not what `python -m chapters workbook` writes")
        return 1 if stale or edited else 0
    for name in stale:
        if name in files:
            replace_file(root / name, files[name])
            say(f"wrote {name}")
        else:
            (root / name).unlink()
            say(f"removed {name}")
    for name in edited:
        say(f"left unchanged {name}: it was edited")
    return 0


def expected_files(root: Path) -> dict[str, bytes]:
    """Make the workbook from solutions/: path below the repository -> content."""
    return {
        name.replace("solutions/", "chapters/", 1): _blank(path)
        for name, path in _files(root, "solutions").items()
    }


def _blank(path: Path, content: bytes | None = None) -> bytes:
    """Remove the answers from a file of solutions/; other files than code and tables stay equal."""
    content = path.read_bytes() if content is None else content
    if path.suffix != ".py" and path.name != TABLE_FILE:
        return content
    try:
        text = content.decode("utf-8").replace("\r\n", "\n")
        return without_answers(text, path.name).encode()
    except (ValueError, SyntaxError) as error:
        raise ValueError(f"{path}: {error}") from error


def compare(root: Path, files: dict[str, bytes]) -> tuple[list[str], list[str]]:
    """List the files to write or remove, and the files that differ because they were edited."""
    there = _files(root, "chapters")
    stale = [name for name in files if name not in there]
    edited: list[str] = []
    for name, path in there.items():
        now = path.read_bytes().replace(b"\r\n", b"\n")
        if name in files and now == files[name].replace(b"\r\n", b"\n"):
            continue
        (stale if now in _earlier_stubs(root, name) else edited).append(name)
    return sorted(stale), edited


def _files(root: Path, tree: str) -> dict[str, Path]:
    """Map the path below the repository to each file of the chapters in a tree."""
    return {
        path.relative_to(root).as_posix(): path
        for path in sorted((root / tree).glob("ch*/**/*"))
        if path.is_file() and "__pycache__" not in path.parts
    }


def _earlier_stubs(root: Path, name: str) -> Iterator[bytes]:
    """Make the stubs of earlier commits; a file equal to one of them is untouched."""
    source = name.replace("chapters/", "solutions/", 1)
    for commit in _git(root, "log", "--format=%H", "--", source).decode().split():
        content = _git(root, "show", f"{commit}:{source}")
        try:
            yield _blank(root / source, content)
        except ValueError:  # a commit in which the file was not Python
            continue


def _git(root: Path, *words: str) -> bytes:
    """Run git and return its output; without git it is empty, and every file counts as edited."""
    try:
        done = subprocess.run(["git", "-C", str(root), *words], capture_output=True, check=False)
    except FileNotFoundError:
        return b""
    return done.stdout
