"""Refuse an answer that uses anything but what an answer needs, from its syntax tree alone.

`refusal` reads the statements that count for an exercise, before any of them runs:

1. A name is the answer's own, the course's (of this file), a listed builtin, or a listed import.
2. A module is used only with names that are listed for it (`torch.softmax`), never as a value.
3. An attribute is one that tensors, containers or the course's own classes have; none is private.
4. A class inside an answer has plain bases, and no method that fools comparisons.

What can only be seen while the answer runs is left to `grade_guard.py`.
"""

import ast
import functools
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from string import Formatter
from typing import NamedTuple

from .answers import Function, find_answers, functions_of, parse
from .grade_names import (
    BASES,
    BUILTINS,
    DUNDERS,
    UNDERSCORES,
    attributes,
    course_attributes,
    denied,
    is_listed,
    names_of,
)
from .grade_submission import Original, Taken, bound_by, names_at_top

COURSE = "chapters:"
"""In front of the path of a module of the course."""
SHAPE = re.compile(r"[\w\s.*#=+-]*")
"""The strings that a jaxtyping annotation may hold: it evaluates calls in them."""
FORBIDDEN = {
    ast.Global: "`global`: return what you compute",
    ast.AsyncFunctionDef: "`async`",
    ast.Await: "`await`",
    ast.AsyncFor: "`async`",
    ast.AsyncWith: "`async`",
}


class Refused(Exception):
    """Why an answer is refused, with its line."""

    def __init__(self, node: ast.AST, words: str):
        super().__init__(f"line {getattr(node, 'lineno', '?')}: {words}")


class Names(NamedTuple):
    """What the names of an answer refer to."""

    modules: dict[str, str]
    """Name -> the module that it is bound to, as F -> torch.nn.functional."""
    own: set[str]
    """Names that the answer binds."""
    given: set[str]
    """Names of the course's file and of allowed imports."""


def refusal(taken: Taken, file: Original, number: str, chapters: Path) -> str:
    """Return why an answer is refused, in words for its author; empty where nothing is wrong.

    file: the course's own, in the folder `chapters`.
    """
    try:
        _check(taken, file, number, chapters)
    except Refused as error:
        return f"refused, {file.name.split('/')[-1]}, {error}"
    except RecursionError:
        return f"refused, {file.name.split('/')[-1]}: nested too deep"
    return ""


def _check(taken: Taken, file: Original, number: str, chapters: Path) -> None:
    name, original = file.name, file.text
    pristine, functions = _pristine(original)
    nodes = [node for part in taken.statements for node in ast.walk(part)]
    modules, given = _imports(pristine.body, name, chapters)
    inner = [node for node in nodes if isinstance(node, ast.Import | ast.ImportFrom)]
    more, names = _imports(inner, name, chapters, number)
    modules |= more
    imported = {name for node in pristine.body if _is_import(node) for name in bound_by(node)}
    given |= names | (names_at_top(original) - imported)
    own = {bound for qualname in taken.bodies for bound in _parameters(functions, qualname)}
    own |= set(_bound(nodes)) | {helper.name for helper in taken.helpers}
    parents = {child: node for node in nodes for child in ast.iter_child_nodes(node)}
    _add_aliases(nodes, modules, own)
    scope = Names(modules, own, given)
    for node in nodes:
        if isinstance(node, ast.Name) and node.id in _later(file, number):
            raise Refused(node, f"{node.id} is a later exercise, so {number} may not use it")
    known = attributes() | course_attributes(chapters) | UNDERSCORES | DUNDERS
    known |= set(_named(nodes)) - denied()
    known |= _private_attributes(original) - denied()
    decorators = {one for node in nodes for top in _decorators(node) for one in ast.walk(top)}
    for node in nodes:
        _check_kind(node)
        _check_dataclass(node, decorators)
        if isinstance(node, ast.Name):
            _check_name(node, scope, parents.get(node))
        elif isinstance(node, ast.Attribute):
            _check_attribute(node, scope, known, parents.get(node))
        elif isinstance(node, ast.ClassDef):
            _check_class(node)
        elif isinstance(node, ast.MatchClass):
            for attribute in node.kwd_attrs:
                _check_word(node, attribute, known)
        elif isinstance(node, ast.Subscript):
            _check_shape(node, scope, original)


def _is_import(node: ast.AST) -> bool:
    return isinstance(node, ast.Import | ast.ImportFrom)


@functools.lru_cache(maxsize=256)
def _pristine(original: str) -> tuple[ast.Module, dict[str, Function]]:
    tree = parse(original)
    return tree, functions_of(tree)


@functools.lru_cache(maxsize=256)
def _private_attributes(original: str) -> frozenset[str]:
    return frozenset(re.findall(r"\.(_[a-z]\w*)", original))


def _imports(
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
    if is_listed(inside) and listed and (node.module == "scipy" or _lists(node.module, alias.name)):
        return inside
    return None


def _lists(module: str, name: str) -> bool:
    if module.startswith(COURSE):
        return name in _public_names(Path(module.removeprefix(COURSE)))
    return module != "scipy" and name in names_of(module)


def _may_take(node: ast.Import | ast.ImportFrom, wanted: str) -> bool:
    """Whether an answer may import a name from a listed module."""
    if isinstance(node, ast.Import) or node.level or node.module is None:
        return False
    return is_listed(node.module) and _lists(node.module, wanted)


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
        later = {one.qualname for one in found if _is_later(one.number, number)}
        if wanted in later or later and file.stem == wanted:
            raise Refused(node, f"{wanted} is a later exercise, so {number} may not use it")


@functools.lru_cache(maxsize=1024)
def _later(file: Original, number: str) -> frozenset[str]:
    """Collect the functions of later exercises in a file that the reference's answer spares."""
    later = {one.qualname for one in file.answers if _is_later(one.number, number)}
    functions = _pristine(file.text)[1]
    used = {
        node.id
        for one in file.answers
        if one.number == number
        for node in ast.walk(functions[one.qualname])
        if isinstance(node, ast.Name)
    }
    return frozenset(later - used)


def _is_later(one: str, number: str) -> bool:
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


def _add_aliases(nodes: list[ast.AST], modules: dict[str, str], own: set[str]) -> None:
    """Treat `F = torch.nn.functional` as an import, if F is bound to nothing else."""
    bound = list(_bound(nodes))
    for node in nodes:
        found = _alias(node, modules)
        if found is not None and bound.count(found[0]) == 1 and found[0] not in modules:
            modules[found[0]] = found[1]
            own.discard(found[0])


def _alias(node: ast.AST | None, modules: dict[str, str]) -> tuple[str, str] | None:
    """Return the name and the module of a statement such as `F = torch.nn.functional`."""
    if not (isinstance(node, ast.Assign) and len(node.targets) == 1):
        return None
    target, module = node.targets[0], _module(node.value, modules)
    is_chain = isinstance(node.value, ast.Attribute)
    return (target.id, module) if isinstance(target, ast.Name) and is_chain and module else None


def _parameters(functions: dict[str, Function], qualname: str) -> Iterator[str]:
    """Yield the names that a function binds outside of its answer, and those around it."""
    parts = qualname.split(".<locals>.")
    for end in range(1, len(parts) + 1):
        around = functions.get(".<locals>.".join(parts[:end]))
        if around is not None:
            yield from _bound(list(ast.walk(around)))


def _bound(nodes: list[ast.AST]) -> Iterator[str]:
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


def _named(nodes: list[ast.AST]) -> Iterator[str]:
    """Yield the attributes that an answer gives to classes and objects of its own."""
    for node in nodes:
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield node.attr
        elif isinstance(node, ast.ClassDef):
            yield from (name for statement in node.body for name in bound_by(statement))
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith("namedtuple"):
            for part in ast.walk(node):
                if isinstance(part, ast.Constant) and isinstance(part.value, str):
                    yield from re.findall(r"[A-Za-z]\w*", part.value)


def _is_dunder(word: str) -> bool:
    """Whether a name has a meaning to Python, and is not one of the few that answers need."""
    return word.startswith("__") and word.strip("_") != "" and word not in DUNDERS


def _check_kind(node: ast.AST) -> None:
    for kind, words in FORBIDDEN.items():
        if isinstance(node, kind):
            raise Refused(node, f"an answer may not use {words}")
    if isinstance(node, ast.arg | ast.FunctionDef | ast.ExceptHandler):
        word = node.arg if isinstance(node, ast.arg) else node.name
        if word and _is_dunder(word):
            raise Refused(node, f"an answer may not define {word}")
    if isinstance(node, ast.keyword) and node.arg and _is_dunder(node.arg):
        raise Refused(node.value, f"an answer may not use {node.arg}")
    if isinstance(node, ast.ImportFrom) and any(alias.name == "*" for alias in node.names):
        raise Refused(node, "import the names that you use, instead of *")


def _decorators(node: ast.AST) -> list[ast.expr]:
    return node.decorator_list if isinstance(node, ast.ClassDef) else []


def _check_dataclass(node: ast.AST, decorators: set[ast.AST]) -> None:
    """Allow `dataclass` only above a class: when called, it replaces methods of its argument."""
    names = [getattr(node, "id", ""), getattr(node, "attr", "")]
    if isinstance(node, ast.alias) and node.name == "dataclass" and node.asname:
        raise Refused(node, "import dataclass under its own name")
    if "dataclass" in names and node not in decorators:
        raise Refused(node, "dataclass may only be used as a decorator of a class")


def _check_name(node: ast.Name, scope: Names, parent: ast.AST | None) -> None:
    word = node.id
    if _is_dunder(word):
        raise Refused(node, f"an answer may not use {word}")
    if word in scope.modules:
        if word in scope.own:
            raise Refused(node, f"{word} is a module here; call the variable something else")
        if isinstance(node.ctx, ast.Store) and _alias(parent, scope.modules):
            return
        if not (isinstance(parent, ast.Attribute) and isinstance(parent.ctx, ast.Load)):
            raise Refused(node, f"the module {word} may only be used as in {word}.name")
        return
    if word == "type" and word not in scope.own and not _is_plain_type(node, parent):
        raise Refused(node, "`type` may only be called with one argument")
    if not (word in scope.own or word in scope.given or word in BUILTINS):
        raise Refused(node, f"an answer may not use {word}, or it is not defined here")


def _is_plain_type(node: ast.Name, parent: ast.AST | None) -> bool:
    """Whether `type` is called with one argument, or is what isinstance compares with."""
    if not isinstance(parent, ast.Call):
        return False
    if parent.func is node:
        return len(parent.args) == 1 and not parent.keywords
    return getattr(parent.func, "id", "") in ("isinstance", "issubclass")


def _check_attribute(
    node: ast.Attribute, scope: Names, known: frozenset[str] | set[str], parent: ast.AST | None
) -> None:
    if node.attr == "format":
        _check_format(node)
        return
    module = _module(node.value, scope.modules)
    if module is None:
        _check_word(node, node.attr, known)
        return
    if not isinstance(node.ctx, ast.Load):
        raise Refused(node, f"an answer may not change {ast.unparse(node)}")
    inside = is_listed(f"{module}.{node.attr}")
    if not inside and not _lists(module, node.attr):
        raise Refused(node, f"an answer may not use {ast.unparse(node)}")
    if inside and not (isinstance(parent, ast.Attribute) or _alias(parent, scope.modules)):
        raise Refused(node, f"the module {ast.unparse(node)} may only be used with a name of it")


def _module(node: ast.expr, modules: dict[str, str]) -> str | None:
    """Return the module that an expression such as torch.nn stands for, or None."""
    if isinstance(node, ast.Name):
        return modules.get(node.id)
    if isinstance(node, ast.Attribute):
        around = _module(node.value, modules)
        if around is not None and is_listed(f"{around}.{node.attr}"):
            return f"{around}.{node.attr}"
    return None


def _check_word(node: ast.AST, word: str, known: frozenset[str] | set[str]) -> None:
    private = word.startswith("_") and word not in UNDERSCORES | DUNDERS and word not in known
    if private or word in denied() or word not in known:
        raise Refused(node, f"an answer may not use the attribute {word}")


def _check_format(node: ast.Attribute) -> None:
    """Allow format on a literal string alone, whose fields reach into nothing."""
    text = node.value.value if isinstance(node.value, ast.Constant) else None
    if not isinstance(text, str):
        raise Refused(node, "format is for a literal string; write an f-string")
    for _, field, form, _ in Formatter().parse(text):
        if not re.fullmatch(r"\w*", field or "") or "{" in (form or ""):
            raise Refused(node, f"{{{field}}} in a format string; write an f-string")


def _check_class(node: ast.ClassDef) -> None:
    names = {ast.unparse(base).split("[")[0].split(".")[-1] for base in node.bases}
    if names - BASES or node.keywords:
        raise Refused(node, f"a class in an answer may be derived from {', '.join(sorted(BASES))}")
    for statement in node.body:
        for word in bound_by(statement):
            if _is_dunder(word):
                raise Refused(statement, f"an answer may not define {word}")


def _check_shape(node: ast.Subscript, scope: Names, original: str) -> None:
    """Allow only plain axes in the annotations of jaxtyping."""
    word = ast.unparse(node.value).split(".")[-1]
    typed = re.search(r"(?m)^from jaxtyping import .*", original)
    names = set(re.findall(r"\w+", typed[0])) if typed else set()
    if word not in names | names_of("jaxtyping") or word in scope.own:
        return
    for part in ast.walk(node.slice):
        if isinstance(part, ast.JoinedStr | ast.BinOp | ast.Call):
            raise Refused(node, f"write the axes of {word} as a literal string")
        if isinstance(part, ast.Constant) and isinstance(part.value, str):
            if not SHAPE.fullmatch(part.value):
                raise Refused(node, f"{part.value!r:.40} is not a list of axes")
