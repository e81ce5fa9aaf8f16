"""Write the workbook: chapters/ch* is solutions/ch* with the answers removed.

`python -m solutions` writes a file only where it is an untouched stub or not there yet: a file that
somebody has worked in is never overwritten, but listed. `python -m solutions --check` writes
nothing, lists every file that is not what the sources say, and exits with 1 if there is one.
Only the project needs this command; a learner's updates come by git merge.
"""

import argparse
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from chapters.course.answer_tables import FILE, blank_answers
from chapters.course.exercise_marks import make_stub

ROOT = Path(__file__).resolve().parents[1]


def main(arguments: list[str] | None = None, root: Path = ROOT) -> int:
    """Writes or checks the workbook of a repository; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m solutions", description=__doc__.split("\n")[0])
    parser.add_argument("--check", action="store_true", help="write nothing; 1 if anything differs")
    check = parser.parse_args(arguments).check
    files = wanted(root)
    stale, kept = compare(root, files)
    if check:
        for path in stale + kept:
            print(f"{path} is not what `python -m solutions` writes")
        return 1 if stale or kept else 0
    for path in stale:
        _write(root / path, files.get(path))
        print(f"wrote {path}" if (root / path).exists() else f"removed {path}")
    for path in kept:
        print(f"left alone {path}: somebody's work is in it")
    return 0


def wanted(root: Path) -> dict[str, bytes]:
    """What the workbook should hold: path below the repository -> content."""
    files = [
        path
        for path in sorted((root / "solutions").glob("ch*/**/*"))
        if path.is_file() and "__pycache__" not in path.parts
    ]
    return {
        path.relative_to(root).as_posix().replace("solutions/", "chapters/", 1): blank(path)
        for path in files
    }


def blank(path: Path, content: bytes | None = None) -> bytes:
    """A file of solutions/ as the workbook shows it; anything but code and answers is copied."""
    content = path.read_bytes() if content is None else content
    if path.suffix == ".py":
        try:
            return make_stub(_text(content)).encode()
        except (ValueError, SyntaxError) as error:
            raise ValueError(f"{path}: {error}") from error
    return blank_answers(_text(content)).encode() if path.name == FILE else content


def compare(root: Path, files: dict[str, bytes]) -> tuple[list[str], list[str]]:
    """Lists the files to write or remove, and those that differ because of somebody's work."""
    there = {
        path.relative_to(root).as_posix(): path
        for path in sorted((root / "chapters").glob("ch*/**/*"))
        if path.is_file() and "__pycache__" not in path.parts
    }
    stale = [name for name in files if name not in there]
    kept: list[str] = []
    for name, path in there.items():
        now = path.read_bytes().replace(b"\r\n", b"\n")
        if name in files and now == files[name].replace(b"\r\n", b"\n"):
            continue
        (stale if now in _earlier_stubs(root, name) else kept).append(name)
    return sorted(stale), kept


def _earlier_stubs(root: Path, name: str) -> Iterator[bytes]:
    """The stubs that earlier sources gave: a file equal to one of them is untouched."""
    source = name.replace("chapters/", "solutions/", 1)
    for commit in _git(root, "log", "--format=%H", "--", source).decode().split():
        content = _git(root, "show", f"{commit}:{source}")
        try:
            yield blank(root / source, content)
        except ValueError:  # a commit that did not parse
            continue


def _git(root: Path, *words: str) -> bytes:
    """What git answers; nothing where there is no git, and then nothing counts as untouched."""
    try:
        done = subprocess.run(["git", "-C", str(root), *words], capture_output=True, check=False)
    except FileNotFoundError:
        return b""
    return done.stdout


def _write(path: Path, content: bytes | None) -> None:
    """Writes beside, then renames, so that an interruption leaves the old file or the new one."""
    if content is None:
        path.unlink()
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(path.name + ".new")
    beside.write_bytes(content)
    os.replace(beside, path)


def _text(content: bytes) -> str:
    return content.decode("utf-8").replace("\r\n", "\n")


if __name__ == "__main__":
    sys.exit(main())
