"""Read a submission: which file answers which exercise, and which parts of a file count.

Of a file only the marked bodies count, and what they use of the file's new imports and new
undecorated functions. Everything else of it is the course's own. A question counts by its table in
answers.toml. A file that was renamed or moved is found by its marks.
"""

import ast
import builtins
import contextlib
import functools
import hashlib
import os
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from .answers import (
    MARK,
    TABLE_FILE,
    Answer,
    Function,
    find_answers,
    find_tables,
    first_line,
    functions_of,
    parse,
    stub_line,
    table_text,
)
from .files import LARGEST, UnreadableFile, read_text

CHAPTER = re.compile(r"ch\d\d_\w+")
SKIPPED = {"solutions", "tests", "docs", "site", "toy_models", "node_modules", "__pycache__"}
MOST_FILES, DEEPEST = 3000, 6
MOST_BRACKETS = 150
"""How deep brackets may be nested in a file; Python's own parser gives up soon after."""


class Original(NamedTuple):
    """A file of the course that has answers."""

    name: str
    """Its path from the folder of chapters, as in ch02_transformer/softmax.py."""
    text: str
    """The reference's text."""
    answers: tuple[Answer, ...]
    """Its answers."""


class Handed(NamedTuple):
    """What a submission has for one exercise."""

    number: str
    """The exercise."""
    texts: dict[str, str]
    """The course's file -> the text that was handed in for it."""
    problem: str
    """Why there is no answer; empty if there is one."""
    notes: list[str]
    """What its author should know: a file that was renamed, for instance."""


class Taken(NamedTuple):
    """The parts of one file that count for one exercise."""

    bodies: dict[str, list[ast.stmt]]
    """Function -> the statements below its mark."""
    imports: list[ast.stmt]
    """New imports that they use."""
    helpers: list[Function]
    """New functions that they use."""
    notes: list[str]
    """What was left out, in words."""
    source: str
    """The text of all of these parts, to compare and to hash."""
    is_stub: bool
    """Whether nothing is written in at least one of the functions."""

    @property
    def statements(self) -> list[ast.stmt]:
        """Every statement that counts."""
        return [*self.imports, *self.helpers, *(s for body in self.bodies.values() for s in body)]


class CannotTake(Exception):
    """Why a file has no answer to an exercise, in words for its author."""


def originals(chapters: Path) -> dict[str, list[Original]]:
    """Map each exercise to the course's files that have its answers."""
    found: dict[str, list[Original]] = {}
    for path in sorted([*chapters.glob("ch*/**/*.py"), *chapters.glob(f"ch*/{TABLE_FILE}")]):
        text = path.read_text("utf-8")
        answers = find_tables(text) if path.name == TABLE_FILE else find_answers(text)
        one = Original(path.relative_to(chapters).as_posix(), text, tuple(answers))
        for number in dict.fromkeys(answer.number for answer in answers):
            found.setdefault(number, []).append(one)
    return found


class Submission:
    """The files of one student."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.name = folder.name
        self.files = list(_files(folder))
        self.base = _base(folder, self.files)

    def handed(self, number: str, files: Sequence[Original]) -> Handed:
        """Find what was handed in for an exercise."""
        texts, notes = {}, []
        for original in files:
            try:
                texts[original.name], note = self._text_of(original, number)
                notes += [note] * bool(note)
            except (UnreadableFile, CannotTake) as error:
                return Handed(number, {}, self._own_words(str(error)), notes)
        return Handed(number, texts, "", notes)

    def time(self) -> float:
        """Return when the newest file with an answer was last changed, in seconds since 1970."""
        times = [path.stat().st_mtime for path in self.files if path.suffix in (".py", ".toml")]
        return max(times, default=0.0)

    def learner(self) -> str:
        """Return the id in the submission's learner.toml; empty without one."""
        for path in self.files:
            if path.name == "learner.toml":
                with contextlib.suppress(UnreadableFile):
                    match = re.search(r'(?m)^id\s*=\s*"([^"\n]{1,80})"', self._read(path))
                    return match[1] if match else ""
        return ""

    def _text_of(self, original: Original, number: str) -> tuple[str, str]:
        """Return the text that was handed in for a file, and a note where it lies elsewhere."""
        path = self.base / original.name
        if path.is_symlink() or any(part.is_symlink() for part in path.parents):
            raise CannotTake(f"{original.name} is a link; hand in the file itself")
        if path.exists():
            text = self._read(path)
            if path.name == TABLE_FILE or number in _numbers(text):
                return text, ""
        elsewhere = [p for p in self.files if p != path and self._could_be(p, original, number)]
        if len(elsewhere) == 1:
            found = elsewhere[0].relative_to(self.folder).as_posix()
            return self._read(elsewhere[0]), f"expected {original.name}, found {found}: taken"
        if elsewhere:
            names = ", ".join(p.relative_to(self.folder).as_posix() for p in elsewhere[:3])
            raise CannotTake(f"expected {original.name}, got several files with {number}: {names}")
        if path.exists():
            raise CannotTake(
                f"{original.name}: expected the comment `# exercise {number}`, got none; "
                f"`mi reset {number}` restores it"
            )
        if not (self.base / original.name.split("/")[0]).is_dir():
            chapter = int(number.split(".")[0])
            raise CannotTake(f"nothing of chapter {chapter} was handed in")
        raise CannotTake(f"{original.name} was not handed in")

    def _could_be(self, path: Path, original: Original, number: str) -> bool:
        """Whether a file has the answers of another one, which it may be under a new name."""
        if path.suffix != Path(original.name).suffix:
            return False
        wanted = {answer.qualname for answer in original.answers if answer.number == number}
        try:
            text = self._read(path)
            found = find_tables(text) if path.suffix == ".toml" else find_answers(text)
        except (UnreadableFile, SyntaxError, ValueError):
            return False
        return wanted <= {answer.qualname for answer in found if answer.number == number}

    def _read(self, path: Path) -> str:
        return _read(path, path.stat().st_mtime_ns if path.exists() else 0)

    def _own_words(self, words: str) -> str:
        """Name the submission's files as its author does."""
        return words.replace(f"{self.folder}{os.sep}", "")


@functools.lru_cache(maxsize=4096)
def _read(path: Path, _changed: int) -> str:
    text = read_text(path)
    if _deepest_bracket(text) > MOST_BRACKETS:
        raise UnreadableFile(f"{path}: expected brackets at most {MOST_BRACKETS} deep, got more")
    return text


def _deepest_bracket(text: str) -> int:
    """Count nested brackets, those in strings too: an upper bound that needs no parser."""
    deepest = depth = 0
    for character in re.findall(r"[()\[\]{}]", text):
        depth = max(depth + 1 if character in "([{" else depth - 1, 0)
        deepest = max(deepest, depth)
    return deepest


def _files(folder: Path) -> Iterator[Path]:
    """List the ordinary files of a submission; hidden folders and links are passed over."""
    count = 0
    for place, folders, names in os.walk(folder):
        depth = len(Path(place).relative_to(folder).parts)
        kept = [name for name in sorted(folders) if name[0] != "." and name not in SKIPPED]
        folders[:] = [n for n in kept if depth < DEEPEST and n not in ("venv", "site-packages")]
        for name in sorted(names):
            path = Path(place, name)
            if name[0] == "." or path.suffix not in (".py", ".toml") or path.is_symlink():
                continue
            if path.is_file() and path.stat().st_size <= LARGEST:
                yield path
            count += 1
            if count >= MOST_FILES:
                return


def _base(folder: Path, files: list[Path]) -> Path:
    """Find the folder of chapters: the one below which most files are in chNN_name/."""
    bases: Counter[Path] = Counter()
    for path in files:
        for parent in path.relative_to(folder).parents:
            if CHAPTER.fullmatch(parent.name):
                bases[folder / parent.parent] += 1
    chapters = folder / "chapters"
    if bases[chapters] or not bases:
        return chapters if chapters.is_dir() else folder
    return bases.most_common(1)[0][0]


def _numbers(text: str) -> set[str]:
    return set(re.findall(f"(?m)^[ \t]*{MARK.pattern}", text))


def table_of(handed: Handed, name: str) -> str:
    """Return the lines of a question's table.

    Raises: CannotTake when it is missing.
    """
    try:
        return table_text(handed.texts[name], handed.number)
    except KeyError:
        raise CannotTake(f'{name}: expected a table ["{handed.number}"], got none') from None


def take(text: str, original: Original, number: str) -> Taken:
    """Extract from a file that was handed in what counts for an exercise.

    Raises: CannotTake when the file is not Python, or a mark is missing.
    """
    try:
        tree, theirs, functions = _parsed(text)
    except (SyntaxError, ValueError, RecursionError) as error:
        raise CannotTake(f"{original.name} is not Python: {error}") from None
    bodies: dict[str, list[ast.stmt]] = {}
    lines, parts, stub = text.split("\n"), [], False
    for wanted in (answer for answer in original.answers if answer.number == number):
        own = theirs.get(wanted.qualname)
        if own is None or own.number != number:
            raise CannotTake(
                f"{original.name}: expected the comment `# exercise {number}` in "
                f"{wanted.qualname}, got none there"
            )
        statements = functions[own.qualname].body
        bodies[own.qualname] = [part for part in statements if part.lineno > own.mark_line]
        parts += [own.qualname, *lines[own.mark_line : own.last_line]]
        stub |= _is_stub(bodies[own.qualname], number)
    given = names_at_top(original.text)
    imports, helpers = _new_parts(tree, given, bodies)
    for node in [*imports, *helpers]:
        start = first_line(node) if isinstance(node, Function) else node.lineno
        parts += lines[start - 1 : node.end_lineno]
    notes = _left_out(tree, given, bodies)
    return Taken(bodies, imports, helpers, notes, "\n".join(parts), stub)


@functools.lru_cache(maxsize=256)
def _parsed(text: str) -> tuple[ast.Module, dict[str, Answer], dict[str, Function]]:
    """Parse a file once for all of its exercises: its tree, answers and functions."""
    tree = parse(text)
    return tree, {answer.qualname: answer for answer in find_answers(text)}, functions_of(tree)


@functools.lru_cache(maxsize=256)
def names_at_top(text: str) -> frozenset[str]:
    """Return the names that a file of the course binds outside of its functions."""
    return frozenset(name for node in parse(text).body for name in bound_by(node))


def digest(number: str, parts: Sequence[str]) -> str:
    """Hash everything that a verdict on an answer depends on."""
    content = hashlib.sha256(number.encode())
    for part in parts:
        content.update(hashlib.sha256(part.encode("utf-8", "surrogatepass")).digest())
    return content.hexdigest()


def _is_stub(body: list[ast.stmt], number: str) -> bool:
    return not body or [ast.unparse(part) for part in body] == [
        ast.unparse(ast.parse(stub_line(number)))
    ]


def _new_parts(
    tree: ast.Module, given: frozenset[str], bodies: dict[str, list[ast.stmt]]
) -> tuple[list[ast.stmt], list[Function]]:
    """List the new imports and functions of a file that the bodies use, directly or not."""
    new = {
        name: node
        for node in tree.body
        for name in bound_by(node)
        if name not in given and _counts(node)
    }
    found: list[ast.stmt] = []
    pending = [part for body in bodies.values() for part in body]
    while pending:
        names = {node.id for node in ast.walk(pending.pop()) if isinstance(node, ast.Name)}
        for node in [new[name] for name in sorted(names & new.keys())]:
            if node not in found:
                found.append(node)
                pending.append(node)
    found.sort(key=lambda node: node.lineno)
    helpers = [node for node in found if isinstance(node, Function)]
    return [node for node in found if not isinstance(node, Function)], helpers


def _counts(node: ast.stmt) -> bool:
    """Whether a new part of a file counts; one with a builtin's name would change given code."""
    if any(hasattr(builtins, name) for name in bound_by(node)):
        return False
    if isinstance(node, Function):
        return not node.decorator_list
    return isinstance(node, ast.Import | ast.ImportFrom)


def bound_by(node: ast.stmt) -> set[str]:
    """Return the names that a statement at the top of a module defines."""
    if isinstance(node, ast.Import | ast.ImportFrom):
        return {(alias.asname or alias.name).split(".")[0] for alias in node.names}
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return {node.name}
    return {
        part.id
        for part in ast.walk(node)
        if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store)
    }


def _left_out(
    tree: ast.Module, given: frozenset[str], bodies: dict[str, list[ast.stmt]]
) -> list[str]:
    """Say which new names at the top of a file the bodies use though they do not count."""
    used = {
        node.id
        for body in bodies.values()
        for part in body
        for node in ast.walk(part)
        if isinstance(node, ast.Name)
    }
    return [
        f"line {node.lineno}: {name} does not count; define it inside the answer"
        for node in tree.body
        if not _counts(node)
        for name in sorted(bound_by(node) & used - given)
    ]
