"""`mi reset`: replace an answer by its stub, and keep a backup in chapters/backups/.

The stub is made from the reference's function, so a changed signature is restored too; in a copy of
the course without solutions/, from the learner's own function. In a file that is not Python at the
moment, the answer's end is found by the indent of its lines.
"""

import ast
import contextlib
import os
from datetime import datetime
from pathlib import Path

from .answers import (
    TABLE_FILE,
    answer_files,
    find_answers,
    first_line,
    functions_of,
    marked_lines,
    parse,
    place_of,
    stub_line,
    tables_of,
    text_of,
    without_answers,
)
from .exercises import find
from .files import (
    CHAPTERS,
    UnreadableFile,
    chapter_folder,
    read_bytes,
    read_leniently,
    read_text,
    reference_of,
    replace_file,
    shown,
)
from .progress import delete_pass
from .terminal import CourseError, say

BACKUPS = CHAPTERS / "backups"


def reset(number: str) -> None:
    """Replace an exercise's answer by its stub in each file, and delete its recorded pass.

    Raises: CourseError when the exercise cannot be found in a file.
    """
    number = find(number).number
    for path in files_of(number):
        there = os.path.lexists(path)
        content = read_bytes(path) if there else b""
        if (b"\0" in content or not content.isascii()) and not _holds(path, number):
            read_text(path)  # UTF-16: another sentence than of a deleted mark
        before = content.decode("utf-8", "surrogateescape")
        ends = next((end for end in ("\r\n", "\n", "\r") if end in before), "\n")
        before = before.replace("\r\n", "\n").replace("\r", "\n")
        after = restored(before, path, number)
        if there and after == before:
            say(f"{shown(path)}: {number} is a stub already.")
            continue
        backup = keep(content, path, number)
        replace_file(path, after.replace("\n", ends).encode("utf-8", "surrogateescape"))
        say(f"{shown(path)}: {number} is a stub again. The file before is {shown(backup)}")
    delete_pass(number)


def restored(before: str, path: Path, number: str) -> str:
    """Return the text of a file with one answer replaced; of an empty file, the whole stub."""
    reference = reference_of(path)
    if not before.strip() and reference.is_file():
        text = read_text(reference)
        return without_answers(text, path.name)
    mark = "\ufeff" * before.startswith("\ufeff")
    edit = restore_table if path.name == TABLE_FILE else restore
    return mark + edit(before.removeprefix("\ufeff"), stubs_for(path, number), number, shown(path))


def files_of(number: str) -> list[Path]:
    """List the learner's files of an exercise, by the reference's marks or by the learner's.

    Raises: CourseError when the exercise is marked in none.
    """
    folder = chapter_folder(number)
    theirs = [
        folder / path.relative_to(reference_of(folder))
        for path in answer_files(reference_of(folder))
    ]
    files = [
        path
        for path in sorted({*answer_files(folder), *theirs})
        if any(_holds(file, number) for file in (path, reference_of(path)))
    ]
    if not files:
        raise CourseError(f"No file in {shown(folder)} has the comment `# exercise {number}`.")
    return files


def stubs_for(path: Path, number: str) -> dict[str, str]:
    """Return the stub of every function or table of the exercise; empty where none can be made."""
    source = reference_of(path) if reference_of(path).exists() else path
    try:
        if path.name == TABLE_FILE:
            return {number: without_answers(text_of(source, number), path.name).rstrip("\n")}
        stub = without_answers(read_text(source), path.name)
    except (UnreadableFile, SyntaxError, ValueError, KeyError):
        return {}
    lines = stub.split("\n")
    answers = [answer for answer in find_answers(stub) if answer.number == number]
    return {
        answer.qualname: "\n".join(lines[answer.first_line - 1 : answer.last_line])
        for answer in answers
    }


def restore(source: str, stubs: dict[str, str], number: str, name: str) -> str:
    """Replace the functions of the same names by stubs, and change nothing else.

    A function that was deleted is added at the end of its class, or of the file.

    Raises: CourseError with the file's name when the class of a stub was deleted too.
    """
    lines = source.split("\n")
    try:
        tree = parse(source)
    except SyntaxError as error:
        return "\n".join(_cut_by_indent(lines, number, name, error))
    if not stubs:
        raise CourseError(
            f"{name}: the comment `# exercise {number}` is missing; restore it first."
        )
    spans = _spans(tree, source)
    edits = []
    for qualname, stub in stubs.items():
        parent = qualname.rpartition(".")[0]
        if qualname in spans:
            edits.append((*spans[qualname], stub.split("\n")))
        elif parent in spans:
            end = spans[parent][1]
            edits.append((end + 1, end, [""] * (1 if parent else 2) + stub.split("\n")))
        else:
            raise CourseError(f"{name}: {parent} is missing, so {qualname} has no place in it.")
    for first, last, text in sorted(edits, reverse=True):
        lines[first - 1 : last] = text
    return "\n".join(lines)


def restore_table(source: str, stubs: dict[str, str], number: str, name: str) -> str:
    """Replace the learner's table by the one with question marks, or add it at the file's end.

    Raises: CourseError with the file's name when the original table cannot be read.
    """
    if number not in stubs:
        raise CourseError(f"{name} is not TOML, so its answers cannot be reset; fix it first.")
    lines = source.split("\n")
    own = tables_of(source, number)
    if not own:
        return source.rstrip("\n") + "\n\n" * bool(source) + stubs[number] + "\n"
    lines[own[0].first_line - 1 : own[0].last_line] = stubs[number].split("\n")
    return "\n".join(lines)


def _spans(tree: ast.Module, source: str) -> dict[str, tuple[int, int]]:
    """Map each function and class, and "" for the whole file, to its first and last line."""
    spans = {"": (1, len(source.rstrip("\n").split("\n")))}
    classes = {node.name: node for node in tree.body if isinstance(node, ast.ClassDef)}
    for qualname, node in {**functions_of(tree), **classes}.items():
        spans[qualname] = (first_line(node), node.end_lineno or node.lineno)
    with contextlib.suppress(ValueError):  # a mark in a wrong place: comments at its end stay
        spans |= {a.qualname: (a.first_line, a.last_line) for a in find_answers(source)}
    return spans


def keep(content: bytes, path: Path, number: str) -> Path:
    """Write a file's content to chapters/backups/, named after the time and the exercise."""
    when = datetime.now().strftime("%Y-%m-%d_%H-%M-%S")
    name, count = f"{when}_{number}_{path.name}", 1
    while (BACKUPS / name).exists():
        count += 1
        name = f"{when}_{number}_{count}_{path.name}"
    replace_file(BACKUPS / name, content)
    return BACKUPS / name


def _cut_by_indent(lines: list[str], number: str, name: str, error: SyntaxError) -> list[str]:
    marks = marked_lines(lines, number)
    if not marks:
        raise CourseError(
            f"{place_of(error, name)}, is not Python ({error.msg}), and the comment "
            f"`# exercise {number}` is missing; restore it, or fix the file, and try again."
        )
    for mark in reversed(marks):
        indent = lines[mark][: -len(lines[mark].lstrip())]
        end = mark + 1
        while end < len(lines) and (not lines[end].strip() or lines[end].startswith(indent)):
            end += 1
        while not lines[end - 1].strip():
            end -= 1
        lines[mark + 1 : end] = [indent + stub_line(number)]
    return lines


def _holds(path: Path, number: str) -> bool:
    text = read_leniently(path)[0]
    if path.name == TABLE_FILE:
        return bool(tables_of(text, number))
    return bool(marked_lines(text.split("\n"), number))
