"""After an update of the course, find what it changed in a learner's answers.

A learner's files may have merge conflicts, files that were moved, and names that were changed.
renames.toml holds, by chapter, old name -> new name. An old name has one of four forms:

- "Class.attribute" is searched as an attribute of any object, "name.attribute" of that name;
- "function" or "Class" as a name, as an attribute of an imported module, and in imports;
- "function(argument=)" in calls of that function;
- "2.4 variable", an argument or a given variable, in the answers to that exercise.

Names are searched in the syntax tree and only in code that the learner wrote, because many old
names are ordinary words.
"""

import ast
import functools
import re
import tomllib
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from .answers import TABLE_FILE, answer_files, find_answers, functions_of, parse
from .files import CHAPTERS, chapter_folder, read_leniently, read_text, reference_of, shown

RENAMES = Path(__file__).with_name("renames.toml")
MARKER = re.compile(r"([<|=>])\1{6}(?: |$)")
FORMS = {
    "variable": re.compile(r"([0-9]+\.[0-9]+) (\w+)"),
    "argument": re.compile(r"(?:\w+\.)*(\w+)\((\w+)=\)"),
    "attribute": re.compile(r"([a-z]\w*|(?=[A-Z]))\w*\.(\w+)"),
    "name": re.compile(r"()(\w+)"),
}
"""Form -> a pattern with two groups: the exercise, function or object of the name; the name."""
NEWER = {"from_scratch.py"}
"""Files that are newer than all renames, whatever their chapter."""


class Rename(NamedTuple):
    """One name that was changed."""

    chapter: str
    """The folder of the chapter that defines it."""
    old: str
    """The old name, as renames.toml has it."""
    new: str
    """What replaces it."""
    scopes: frozenset[str]
    """The exercise of a variable, the old and new function of an argument, the object; or ""."""


def changes_needed(numbers: Collection[str] | None = None) -> list[str]:
    """List `file:line: what to change` in the learner's files, or for some exercises only."""
    chapters = {chapter_folder(number).name for number in numbers or ()}
    return conflicts() + [
        change
        for path in learners_files()
        if not chapters or path.relative_to(CHAPTERS).parts[0] in chapters
        for change in _in_file(path, numbers)
    ]


def learners_files() -> list[Path]:
    """List every file with answers."""
    folders = sorted(CHAPTERS.glob("ch[0-9]*/"))
    return [path for folder in folders for path in answer_files(folder)]


def conflicts() -> list[str]:
    """List the merge conflicts in the learner's files."""
    return [
        f"{shown(path)}:{line}: merge conflict: keep your answer and the course's other lines"
        for path in learners_files()
        for line in learners_side(path)[1]
    ]


def _in_file(path: Path, numbers: Collection[str] | None) -> Iterator[str]:
    if path.name == TABLE_FILE:
        return
    moved = moved_files().get(path.relative_to(CHAPTERS).as_posix())
    if moved:
        yield f"{shown(path)}:1: move your answers to chapters/{moved}, then delete this old file"
    for line, rename in old_names(learners_side(path)[0], path, numbers):
        yield f"{shown(path)}:{line}: {rename.old} is now {rename.new}"


def learners_side(path: Path) -> tuple[str, list[int]]:
    """Blank the course's side of a file's merge conflicts; return the text and their lines."""
    lines, starts, keep = [], [], True
    for place, line in enumerate(read_leniently(path)[0].split("\n"), start=1):
        marker = MARKER.match(line)
        if marker and marker[1] == "<":
            starts.append(place)
        elif marker and starts:
            keep = marker[1] == ">"
        lines.append("" if marker or not keep else line)
    return "\n".join(lines), starts


def old_names(
    source: str, path: Path, numbers: Collection[str] | None = None
) -> list[tuple[int, Rename]]:
    """Find (line, rename) in the answers of a file, and in functions that only the learner has.

    A file that is not Python at the moment has none; a chapter that is newer than all renames
    neither.
    """
    chapter = path.relative_to(CHAPTERS).parts[0]
    newest = max(one.chapter for renames in read_renames().values() for one in renames)
    if chapter > newest or path.name in NEWER:
        return []
    try:
        tree, answers = parse(source), find_answers(source)
    except (SyntaxError, ValueError):
        return []
    functions, moved = functions_of(tree), path.relative_to(CHAPTERS).as_posix() in moved_files()
    found: list[tuple[int, Rename]] = []
    aliases = [alias for node in tree.body for alias in getattr(node, "names", [])]
    imported = {(alias.asname or alias.name).partition(".")[0] for alias in aliases}
    for answer in answers:
        node = functions.pop(answer.qualname)
        if numbers is None or answer.number in numbers:
            below = [part for part in node.body if part.lineno > answer.mark_line]
            # The given lines of a file that was moved are old themselves.
            found += _search(below, below if moved else [node], answer.number, imported)
    if reference_of(path).is_file():
        given = functions_of(parse(read_text(reference_of(path))))
        for qualname in functions.keys() - given.keys():
            found += _search([functions[qualname]], [functions[qualname]], "", imported)
    return sorted({(line, rename) for line, rename in found if rename.chapter <= chapter})


def _search(
    body: Sequence[ast.stmt], around: Sequence[ast.stmt], number: str, imported: set[str]
) -> Iterator[tuple[int, Rename]]:
    """Search statements for old names that the statements around them do not define."""
    nodes = [node for statement in around for node in ast.walk(statement)]
    bound = {node.arg for node in nodes if isinstance(node, ast.arg)}
    bound |= {n.id for n in nodes if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
    for node in (node for statement in body for node in ast.walk(statement)):
        for line, form, word, scope in _names(node, number, imported):
            if form == "attribute" or word not in bound or isinstance(node, ast.Call):
                for rename in read_renames().get((form, word), []):
                    if scope in rename.scopes:
                        yield line, rename


def _names(node: ast.AST, number: str, imported: set[str]) -> Iterator[tuple[int, str, str, str]]:
    """Yield (line, form, name, scope) for each way in which a node may use an old name."""
    if isinstance(node, ast.Attribute):
        owner = ast.unparse(node.value).rpartition(".")[2]
        yield node.end_lineno or 0, "attribute", node.attr, ""
        yield node.end_lineno or 0, "attribute", node.attr, owner
        if owner in imported:
            yield node.end_lineno or 0, "name", node.attr, ""
    elif isinstance(node, ast.Name):
        yield node.lineno, "name", node.id, ""
        yield node.lineno, "variable", node.id, number
    elif isinstance(node, ast.alias):
        yield node.lineno, "name", node.name, ""
    elif isinstance(node, ast.Call):
        called = ast.unparse(node.func).rpartition(".")[2]
        for keyword in node.keywords:
            yield keyword.lineno, "argument", keyword.arg or "", called


@functools.cache
def read_renames() -> dict[tuple[str, str], list[Rename]]:
    """Read renames.toml into (form, name) -> renames."""
    found: dict[tuple[str, str], list[Rename]] = {}
    for chapter, names in tomllib.loads(RENAMES.read_text("utf-8"))["names"].items():
        for old, new in names.items():
            form, match = next((f, m) for f, p in FORMS.items() if (m := p.fullmatch(old)))
            scopes = {match[1]}
            if form == "argument":
                scopes.add(new.partition("(")[0].rpartition(".")[2])
            rename = Rename(chapter, old, new, frozenset(scopes))
            found.setdefault((form, match[2]), []).append(rename)
    return found


@functools.cache
def moved_files() -> dict[str, str]:
    """Read renames.toml: old file -> new file, both below chapters/."""
    moved: dict[str, str] = tomllib.loads(RENAMES.read_text("utf-8"))["files"]
    return moved
