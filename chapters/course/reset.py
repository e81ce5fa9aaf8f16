"""`mi reset 2.4`: put one exercise's stub back, and keep what stood there in chapters/backups/.

The stub is the reference's function with its answer cut, so a signature that was changed comes
back too. In a copy of the course without solutions/, the learner's own function is cut instead. A
file that is not Python at the moment, when a fresh start is wanted most, is cut by its indents.
"""

import ast
import contextlib
from datetime import datetime
from pathlib import Path

from .answer_tables import FILE, blank_answers, find_tables, text_of
from .exercise_marks import MARK, find_answers, functions_of, make_stub, stub_line
from .paper import say
from .steps import DeskError
from .where import CHAPTERS, ROOT, chapter_folder, find, shown

BACKUPS = CHAPTERS / "backups"


def reset(number: str) -> None:
    """Put the committed stub of an exercise back into each file that it stands in.

    Raises: DeskError when the exercise cannot be found in a file any more.
    """
    number = find(number).number
    for path in files_of(number):
        before = path.read_text("utf-8") if path.exists() else ""
        restored = restore_table if path.name == FILE else restore
        after = restored(before, stubs_for(path, number), number, shown(path))
        if after == before:
            say(f"{shown(path)}: {number} is a stub already.")
            continue
        backup = keep(path, number)
        path.write_text(after, "utf-8", newline="\n")
        say(f"{shown(path)}: {number} is a stub again. What stood there is kept in {shown(backup)}")


def reference_of(path: Path) -> Path:
    """The solution's file that a learner's file was made from, whether or not it is there."""
    return ROOT / "solutions" / path.relative_to(CHAPTERS)


def files_of(number: str) -> list[Path]:
    """The learner's files that hold an exercise, by the reference's marks or by the learner's.

    Raises: DeskError when the exercise is marked in none.
    """
    folder, files = chapter_folder(number), []
    for path in [*sorted(folder.rglob("*.py")), folder / FILE]:
        marked = [file for file in (path, reference_of(path)) if file.exists()]
        if any(_holds(file, number) for file in marked):
            files.append(path)
    if not files:
        raise DeskError(f"No file in {shown(folder)} has the comment `# exercise {number}`.")
    return files


def stubs_for(path: Path, number: str) -> dict[str, str]:
    """The stub of every function or table of the exercise; empty where none can be read."""
    source = reference_of(path) if reference_of(path).exists() else path
    try:
        if path.name == FILE:
            return {number: blank_answers(text_of(source, number)).rstrip("\n")}
        stub = make_stub(source.read_text("utf-8"))
    except (SyntaxError, ValueError, KeyError):
        return {}
    lines = stub.split("\n")
    answers = [answer for answer in find_answers(stub) if answer.number == number]
    return {
        answer.qualname: "\n".join(lines[answer.first_line - 1 : answer.last_line])
        for answer in answers
    }


def restore(source: str, stubs: dict[str, str], number: str, name: str) -> str:
    """Put the stubs in place of the functions of the same name; the rest stays to the letter.

    A function that is gone comes back at the end of its class, or of the file.

    Raises: DeskError naming the file when there is nowhere to put a stub.
    """
    lines = source.split("\n")
    try:
        tree = ast.parse(source)
    except SyntaxError as error:
        return "\n".join(_cut_by_indent(lines, number, name, error))
    if not stubs:
        raise DeskError(f"{name}: the comment `# exercise {number}` is gone; put it back first.")
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
            raise DeskError(f"{name}: {parent} is gone, and {qualname} stood in it.")
    for first, last, text in sorted(edits, reverse=True):
        lines[first - 1 : last] = text
    return "\n".join(lines)


def restore_table(source: str, stubs: dict[str, str], number: str, name: str) -> str:
    """Put the table with its question marks in place of the learner's, or at the end of the file.

    Raises: DeskError naming the file when the table as it was cannot be told.
    """
    if number not in stubs:
        raise DeskError(f"{name} is not TOML, so no answer in it can be blanked. Mend it first.")
    lines = source.split("\n")
    own = [table for table in find_tables(source) if table.number == number]
    if not own:
        return source.rstrip("\n") + "\n\n" * bool(source) + stubs[number] + "\n"
    lines[own[0].first_line - 1 : own[0].last_line] = stubs[number].split("\n")
    return "\n".join(lines)


def _spans(tree: ast.Module, source: str) -> dict[str, tuple[int, int]]:
    """First and last line of each function and class, and of the file itself under no name."""
    spans = {"": (1, len(source.rstrip("\n").split("\n")))}
    classes = {node.name: node for node in tree.body if isinstance(node, ast.ClassDef)}
    for qualname, node in {**functions_of(tree), **classes}.items():
        first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
        spans[qualname] = (first, node.end_lineno)
    with contextlib.suppress(ValueError):  # a mark in an odd place; the comments below it stay
        spans |= {a.qualname: (a.first_line, a.last_line) for a in find_answers(source)}
    return spans


def keep(path: Path, number: str) -> Path:
    """Copy a file to chapters/backups/ under a name that says when and why."""
    BACKUPS.mkdir(exist_ok=True)
    when = datetime.now().strftime("%Y-%m-%d_%H-%M-%S")
    backup = BACKUPS / f"{when}_{number}_{path.name}"
    backup.write_bytes(path.read_bytes() if path.exists() else b"")
    return backup


def _cut_by_indent(lines: list[str], number: str, name: str, error: SyntaxError) -> list[str]:
    marks = _mark_lines(lines, number)
    if not marks:
        raise DeskError(
            f"{name}, line {error.lineno}, is not Python ({error.msg}), and the comment "
            f"`# exercise {number}` is gone. Put it back, or mend that line, and try again."
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


def _mark_lines(lines: list[str], number: str) -> list[int]:
    """The indices of the lines that mark an exercise, whether or not they parse."""
    found = [(index, MARK.match(line.strip())) for index, line in enumerate(lines)]
    return [index for index, mark in found if mark is not None and mark[1] == number]


def _holds(path: Path, number: str) -> bool:
    text = path.read_text("utf-8")
    if path.name == FILE:
        return any(table.number == number for table in find_tables(text))
    return bool(_mark_lines(text.split("\n"), number))
