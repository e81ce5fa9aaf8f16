"""Decide what an answer may import: listed modules, and earlier parts of the course.

`imports` reads the import statements of an answer, or of the course's own file. It returns which
names are bound to modules and which to other things, and refuses what an answer may not import.
"""

import ast
import functools
from collections.abc import Sequence
from pathlib import Path

from ..answers import find_answers, parse
from .names import is_listed, names_of
from .taken import bound_by

COURSE = "chapters:"
"""In front of the path of a module of the course."""


class Refused(Exception):
    """Why an answer is refused, with its line."""

    def __init__(self, node: ast.AST, words: str):
        super().__init__(f"line {getattr(node, 'lineno', '?')}: {words:.300}")


def is_import(node: ast.AST) -> bool:
    """Whether a statement imports something."""
    return isinstance(node, ast.Import | ast.ImportFrom)


def imports(
    statements: Sequence[ast.stmt], name: str, chapters: Path, number: str = ""
) -> tuple[dict[str, str], set[str]]:
    """Return the modules that imports bind, and the other names, as far as they are allowed.

    number: the exercise whose answer has the imports; what it may not import is refused. Without
    it, what is not allowed is left out.
    """
    modules: dict[str, str] = {}
    names: set[str] = set()
    for node in statements:
        if not isinstance(node, ast.Import | ast.ImportFrom):
            continue
        for alias in node.names:
            bound = (alias.asname or alias.name).split(".")[0]
            module = _module_of(node, alias)
            if module is not None and is_listed(module):
                first = module if alias.asname or isinstance(node, ast.ImportFrom) else bound
                if is_listed(first):
                    modules[bound] = first
                    continue
            file = _course_file(node, name, chapters)
            inner = file and _file_of(file.parent / alias.name)
            _refuse_later(node, alias.name, [one for one in (file, inner) if one], number)
            if file and inner and alias.name not in _public_names(file):
                modules[bound] = f"{COURSE}{inner}"
            elif file and alias.name in _public_names(file) or _may_take(node, alias.name):
                names.add(bound)
            elif number:
                raise Refused(node, f"an answer may not run `{ast.unparse(node):.70}`")
    return modules, names


def _module_of(node: ast.Import | ast.ImportFrom, alias: ast.alias) -> str | None:
    """Return the module that an import binds to a name, or None where it binds another thing."""
    if isinstance(node, ast.Import):
        return alias.name
    if node.level or node.module is None:
        return None
    inside = f"{node.module}.{alias.name}"
    listed = is_listed(node.module) or node.module == "scipy"
    if is_listed(inside) and listed and (node.module == "scipy" or lists(node.module, alias.name)):
        return inside
    return None


def lists(module: str, name: str) -> bool:
    """Whether an answer may take a name from a module."""
    if module.startswith(COURSE):
        return name in _public_names(Path(module.removeprefix(COURSE)))
    return module != "scipy" and name in names_of(module)


def _may_take(node: ast.Import | ast.ImportFrom, wanted: str) -> bool:
    """Whether an answer may import a name from a listed module."""
    if isinstance(node, ast.Import) or node.level or node.module is None:
        return False
    return is_listed(node.module) and lists(node.module, wanted)


def _course_file(node: ast.Import | ast.ImportFrom, name: str, chapters: Path) -> Path | None:
    """Find the file of the course, of this chapter or an earlier one, that an import reads."""
    if isinstance(node, ast.Import) or not (node.level or (node.module or "")[:9] == "chapters."):
        return None
    inside = node.module.split(".") if node.module else []
    above = name.split("/")[:-1]
    parts = [*above[: len(above) - node.level + 1], *inside] if node.level else inside[1:]
    if node.level > len(above) + 1 or parts and parts[0] > name.split("/")[0]:
        return None
    return _file_of(chapters.joinpath(*parts)) if parts else None


def _refuse_later(node: ast.stmt, wanted: str, files: list[Path], number: str) -> None:
    """Refuse the answer to a later exercise of the chapter, which may do what this one asks for."""
    for file in files if number else []:
        found = find_answers(file.read_text("utf-8"))
        later = {one.qualname for one in found if is_later(one.number, number)}
        if wanted in later or later and file.stem == wanted:
            raise Refused(node, f"{wanted} is a later exercise, so {number} may not use it")


def is_later(one: str, number: str) -> bool:
    """Whether an exercise comes later in the chapter of another one."""
    (chapter, place), (own, wanted) = (map(int, text.split(".")) for text in (one, number))
    return chapter == own and place > wanted


def _file_of(path: Path) -> Path | None:
    """Return the file of a module of the course, by its path without an ending."""
    file = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    return file if file.is_file() else None


@functools.cache
def _public_names(file: Path) -> set[str]:
    """Collect what a module of the course defines, or re-exports from another one of the course."""
    found: set[str] = set()
    for node in parse(file.read_text("utf-8")).body:
        if isinstance(node, ast.Import) or isinstance(node, ast.ImportFrom) and not node.level:
            continue
        found |= bound_by(node)
    return {name for name in found if not name.startswith("_")}
