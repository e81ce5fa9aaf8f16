"""What each name in an answer refers to: a module, the answer's own, or the course's."""

import ast
import functools
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from ..answers import Function, functions_of, parse
from .imports import imports, is_import
from .names import DUNDERS, is_listed
from .submission import Original
from .taken import Taken, bound_by, names_at_top


class Names(NamedTuple):
    """What the names of an answer refer to."""

    modules: dict[str, str]
    """Name -> the module that it is bound to, as F -> torch.nn.functional."""
    own: set[str]
    """Names that the answer binds."""
    given: set[str]
    """Names of the course's file and of allowed imports."""
    axes: set[str]
    """Names of jaxtyping's types, which evaluate what is written in their strings."""


def names_in(
    taken: Taken, nodes: list[ast.AST], file: Original, number: str, chapters: Path
) -> Names:
    """Collect what the names of an answer refer to.

    nodes: all nodes of its statements. file: the course's own, in the folder `chapters`.
    """
    tree, functions = pristine(file.text)
    modules, given = imports(tree.body, file.name, chapters)
    inner = [node for node in nodes if isinstance(node, ast.Import | ast.ImportFrom)]
    more, names = imports(inner, file.name, chapters, number)
    modules |= more
    imported = {name for node in tree.body if is_import(node) for name in bound_by(node)}
    given |= names | (names_at_top(file.text) - imported)
    axes = set(_axes([*tree.body, *nodes]))
    own = {name for qualname in taken.bodies for name in _parameters(functions, qualname)}
    own |= set(bound(nodes)) | {helper.name for helper in taken.helpers}
    _add_aliases(nodes, modules, own)
    return Names(modules, own, given, axes)


@functools.lru_cache(maxsize=256)
def pristine(original: str) -> tuple[ast.Module, dict[str, Function]]:
    """Parse a file of the course, and find its functions."""
    tree = parse(original)
    return tree, functions_of(tree)


def _add_aliases(nodes: list[ast.AST], modules: dict[str, str], own: set[str]) -> None:
    """Treat `F = torch.nn.functional` as an import, if F is bound to nothing else."""
    times = Counter(bound(nodes))
    for node in nodes:
        found = module_alias(node, modules)
        if found is not None and times[found[0]] == 1 and found[0] not in modules:
            modules[found[0]] = found[1]
            own.discard(found[0])


def module_alias(node: ast.AST | None, modules: dict[str, str]) -> tuple[str, str] | None:
    """Return the name and the module of a statement such as `F = torch.nn.functional`."""
    if not (isinstance(node, ast.Assign) and len(node.targets) == 1):
        return None
    target, module = node.targets[0], module_of(node.value, modules)
    is_chain = isinstance(node.value, ast.Attribute)
    return (target.id, module) if isinstance(target, ast.Name) and is_chain and module else None


def _parameters(functions: dict[str, Function], qualname: str) -> Iterator[str]:
    """Yield the names that a function binds outside of its answer, and those around it."""
    parts = qualname.split(".<locals>.")
    for end in range(1, len(parts) + 1):
        around = functions.get(".<locals>.".join(parts[:end]))
        if around is not None:
            yield from bound(list(ast.walk(around)))


def bound(nodes: list[ast.AST]) -> Iterator[str]:
    """Yield every name that some code binds."""
    for node in nodes:
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store | ast.Del):
            yield node.id
        elif isinstance(node, ast.arg):
            yield node.arg
        elif isinstance(node, ast.FunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.ExceptHandler | ast.MatchAs | ast.MatchStar) and node.name:
            yield node.name
        elif isinstance(node, ast.MatchMapping) and node.rest:
            yield node.rest


def _axes(nodes: list[ast.AST] | list[ast.stmt]) -> Iterator[str]:
    """Yield the names that are imported from jaxtyping."""
    for node in nodes:
        if isinstance(node, ast.ImportFrom) and node.module == "jaxtyping":
            yield from (alias.asname or alias.name for alias in node.names)


def named(nodes: list[ast.AST]) -> Iterator[str]:
    """Yield the attributes that an answer gives to classes and objects of its own.

    They count for these alone, which only shows while it runs (`Guard.own`).
    """
    yield from (name for name in _named(nodes) if not is_dunder(name))


def _named(nodes: list[ast.AST]) -> Iterator[str]:
    for node in nodes:
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield node.attr
        elif isinstance(node, ast.ClassDef):
            yield from (name for statement in node.body for name in bound_by(statement))
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith("namedtuple"):
            for part in ast.walk(node):
                if isinstance(part, ast.Constant) and isinstance(part.value, str):
                    yield from re.findall(r"[A-Za-z]\w*", part.value)


def module_of(node: ast.expr, modules: dict[str, str]) -> str | None:
    """Return the module that an expression such as torch.nn stands for, or None."""
    if isinstance(node, ast.Name):
        return modules.get(node.id)
    if isinstance(node, ast.Attribute):
        around = module_of(node.value, modules)
        if around is not None and is_listed(f"{around}.{node.attr}"):
            return f"{around}.{node.attr}"
    return None


def is_dunder(word: str) -> bool:
    """Whether a name has a meaning to Python, and is not one of the few that answers need."""
    return word.startswith("__") and word.strip("_") != "" and word not in DUNDERS
