"""`mi export`: a copy of the course for students, and an autograder for Gradescope.

Both are written under another name next to the target and renamed at the end, so that an
interruption leaves either nothing or the whole; only into a git repository the files are moved one
by one. A copy is searched for withheld answers before it is written: if one is found, nothing is
exported.
"""

import contextlib
import datetime
import os
import secrets
import shutil
import tomllib
from collections.abc import Iterator
from pathlib import Path

from .answers import TABLE_FILE, answer_files, answers_in, read_table
from .export_autograder import write_autograder
from .export_student import CHAPTER, Tree, leaks, left_out, normalized, student_tree
from .files import ROOT, read_text
from .terminal import CourseError, plural, say, warn

SHORTEST = 40
"""Characters of the shortest answer that is searched for: `return a @ b` occurs in other code."""
PER_LINE = 200
"""Files that are written between two lines of progress."""


def export(
    student: str | None = None,
    autograder: str | None = None,
    calendar: str | None = None,
    date: str | None = None,
    settings: str | None = None,
) -> None:
    """Write a copy of the course for students, or an autograder, or both.

    calendar: a TOML file of the dates on which the chapters' references are released. date: the day
    for which the copy is made, instead of today. settings: the autograder's class.toml.

    Raises: CourseError when there is nothing to do, the target is in use or an input is wrong.
    """
    if student is None and autograder is None:
        raise CourseError("expected --student FOLDER or --autograder FILE.zip, got neither")
    if calendar is None and date is not None:
        raise CourseError("expected --calendar FILE with --date, got no calendar to compare with")
    if student is not None:
        released = released_chapters(calendar, date)
        export_student(Path(student).expanduser().absolute(), released)
    if autograder is not None:
        own = None if settings is None else Path(settings).expanduser()
        write_autograder(ROOT, Path(autograder).expanduser().absolute(), own)


def released_chapters(calendar: str | None, date: str | None) -> set[int]:
    """Return the chapters whose date in the calendar is the given one or earlier.

    Raises: CourseError for a date or a calendar that cannot be read.
    """
    if calendar is None:
        return set()
    try:
        today = datetime.date.today() if date is None else datetime.date.fromisoformat(date)
    except ValueError:
        raise CourseError(f"expected a date such as 2027-03-01, got {date!r:.40}") from None
    path = Path(calendar).expanduser()
    try:
        table = tomllib.loads(read_text(path))
    except tomllib.TOMLDecodeError as error:
        raise CourseError(f"expected a TOML file, got {path}: {error}") from None
    releases = table.get("releases")
    if not isinstance(releases, dict):
        raise CourseError(
            f"expected a table [releases] in {path}, got {', '.join(table) or 'none'}"
        )
    for chapter, day in releases.items():
        is_date = isinstance(day, datetime.date) and not isinstance(day, datetime.datetime)
        if not (chapter.isascii() and chapter.isdecimal() and is_date):
            raise CourseError(
                f"{path}: expected lines such as `4 = 2027-03-01`, got `{chapter} = {day}`"
            )
    return {int(chapter) for chapter, day in releases.items() if day <= today}


def export_student(target: Path, released: set[int], root: Path = ROOT) -> None:
    """Write a student's copy to an empty folder; a `.git` in it is left as it is.

    Raises: CourseError when the target is in use, or the copy would hold a withheld answer.
    """
    is_repository = check_target(target, root)
    say("[1 of 3] select the files")
    tree = student_tree(root, released)
    for name in left_out(root):
        warn(f"Left out, because git does not track it: {name}")
    say(f"[2 of 3] search {plural(len(tree), 'file')} for withheld answers")
    found = leaks(tree, withheld_answers(root, released))
    if found:
        shown = "\n".join(found[:10])
        raise CourseError(
            f"expected no withheld answer in the copy, got {len(found)}; nothing is exported:\n"
            f"{shown}"
        )
    say(f"[3 of 3] write {target}")
    with unfinished(target) as part:
        write(tree, part)
        if is_repository:
            for path in sorted(part.iterdir()):
                path.rename(target / path.name)
        else:
            with contextlib.suppress(FileNotFoundError):
                target.rmdir()
            part.rename(target)
    say(f"{plural(len(tree), 'file')}, chapters released: {listed(released) or 'none'}")
    say(f"Students begin with `python -m chapters course` in {target}.")


def check_target(target: Path, root: Path) -> bool:
    """Tell whether the target is a git repository without files.

    Raises: CourseError when it holds anything else, or is inside the course.
    """
    if target.resolve().is_relative_to(root.resolve()):
        raise CourseError(f"expected a folder outside the course, got {target}; choose another one")
    if target.is_symlink() or (target.exists() and not target.is_dir()):
        raise CourseError(f"expected a new or empty folder, got a file: {target}")
    inside = [path.name for path in target.iterdir()] if target.exists() else []
    other = next((name for name in sorted(inside) if name != ".git"), "")
    if other:
        raise CourseError(
            f"expected a new or empty folder, got {target} with {other} in it; choose "
            "another one, or empty it (a .git may stay)"
        )
    return bool(inside)


@contextlib.contextmanager
def unfinished(target: Path) -> Iterator[Path]:
    """Make a folder next to the target; delete it at the end, unless it was renamed."""
    part = target.with_name(f".{target.name}.{secrets.token_hex(4)}.part")
    part.mkdir(parents=True)
    try:
        yield part
    finally:
        shutil.rmtree(part, ignore_errors=True)


def write(tree: Tree, folder: Path) -> None:
    """Write every file of a tree; of the clone's permissions only the right to run is kept."""
    for count, (name, content) in enumerate(sorted(tree.items()), 1):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, bytes):
            path.write_bytes(content)
        else:
            shutil.copyfile(content, path)
            os.chmod(path, 0o755 if os.access(content, os.X_OK) else 0o644)
        if count % PER_LINE == 0:
            say(f"   {count} of {len(tree)} files")


def withheld_answers(root: Path, released: set[int]) -> dict[str, list[str]]:
    """Map each answer that is not released to its lines, apart from the shortest ones."""
    found: dict[str, list[str]] = {}
    for folder in sorted((root / "solutions").glob("ch*/")):
        match = CHAPTER.match(folder.name)
        if match is None or int(match[1]) in released:
            continue
        for path in answer_files(folder):
            text = read_text(path)
            lines = text.split("\n")
            for answer in answers_in(path, text):
                if path.name == TABLE_FILE:
                    found |= table_lines(text, answer.number)
                    continue
                body = normalized("\n".join(lines[answer.mark_line : answer.last_line]))
                if sum(map(len, body)) >= SHORTEST:
                    found[f"{answer.number} {answer.qualname}"] = body
    return found


def table_lines(text: str, number: str) -> dict[str, list[str]]:
    """Map each list in a table of answers to its line.

    Single numbers and words are left out, because they also occur in other text.
    """
    return {
        f"{number} {key}": [f"{key} = {value}"]
        for key, value in read_table(text, number).items()
        if isinstance(value, list)
    }


def listed(chapters: set[int]) -> str:
    """Write chapters in order, with commas."""
    return ", ".join(map(str, sorted(chapters)))
