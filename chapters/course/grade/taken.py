"""Take from a file that was handed in what counts for an exercise.

Only the marked bodies count, and what they use of the file's new imports and new undecorated
functions. Everything else of it is the course's own. A question counts by its table in
answers.toml.
"""

import ast
import builtins
import copy
import functools
import hashlib
from collections.abc import Sequence
from typing import NamedTuple

from ..answers import (
    Answer,
    Function,
    find_answers,
    first_line,
    functions_of,
    parse,
    stub_line,
    table_text,
)
from .submission import CannotTake, Handed, Original


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
        for part in tree.body
        for node in [_only_new(part, given)]
        for name in bound_by(node)
        if name not in given and _counts(node)
    }
    found: list[ast.stmt] = []
    seen: set[int] = set()
    pending = [part for body in bodies.values() for part in body]
    while pending:
        names = {node.id for node in ast.walk(pending.pop()) if isinstance(node, ast.Name)}
        for node in [new[name] for name in sorted(names & new.keys())]:
            if id(node) not in seen:
                seen.add(id(node))
                found.append(node)
                pending.append(node)
    found.sort(key=lambda node: node.lineno)
    helpers = [node for node in found if isinstance(node, Function)]
    return [node for node in found if not isinstance(node, Function)], helpers


def _only_new(node: ast.stmt, given: frozenset[str]) -> ast.stmt:
    """Leave out of an import what would take the place of a given name, or of a builtin."""
    if not isinstance(node, ast.Import | ast.ImportFrom):
        return node
    bound = [(alias, (alias.asname or alias.name).split(".")[0]) for alias in node.names]
    kept = [a for a, name in bound if name not in given and not hasattr(builtins, name)]
    if not kept or len(kept) == len(node.names):
        return node
    found = copy.copy(node)
    found.names = kept
    return found


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
