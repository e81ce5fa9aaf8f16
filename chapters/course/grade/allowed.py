"""Refuse an answer that uses anything but what an answer needs, from its syntax tree alone.

`refusal` reads the statements that count for an exercise, before any of them runs:

1. A name is the answer's own, the course's (of this file), a listed builtin, or an import that
   `imports.py` allows.
2. A module is used only with names that are listed for it (`torch.softmax`), never as a value.
3. An attribute is one that tensors, containers or the course's own classes have; none is private.
4. A class inside an answer has plain bases, and no method that fools comparisons.

What can only be seen while the answer runs is left to `guard.py`.
"""

import ast
import functools
import re
from collections import Counter
from pathlib import Path
from string import Formatter

from .imports import Refused, is_later, lists
from .names import (
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
from .scope import Names, bound, is_dunder, module_alias, module_of, named, names_in, pristine
from .submission import Original
from .taken import Taken, bound_by

SHAPE = re.compile(r"[\w\s.*#=+-]*")
"""The strings that a jaxtyping annotation may hold: it evaluates calls in them."""
FORBIDDEN = {
    ast.Global: "`global`: return what you compute",
    ast.AsyncFunctionDef: "`async`",
    ast.Await: "`await`",
    ast.AsyncFor: "`async`",
    ast.AsyncWith: "`async`",
}


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
    nodes = [node for part in taken.statements for node in ast.walk(part)]
    scope = names_in(taken, nodes, file, number, chapters)
    parents = {child: node for node in nodes for child in ast.iter_child_nodes(node)}
    for node in nodes:
        if isinstance(node, ast.Name) and node.id in _later(file, number):
            raise Refused(node, f"{node.id} is a later exercise, so {number} may not use it")
    listed = attributes() | course_attributes(chapters) | UNDERSCORES | DUNDERS
    listed |= _private_attributes(file.text) - denied()
    known = listed | set(named(nodes)) - denied()
    classes = {node.name for node in nodes if isinstance(node, ast.ClassDef)}
    classes -= {name for name, count in Counter(bound(nodes)).items() if count > 1}
    decorators = {one for node in nodes for top in _decorators(node) for one in ast.walk(top)}
    for node in nodes:
        _check_kind(node)
        _check_dataclass(node, decorators)
        if isinstance(node, ast.Name):
            _check_name(node, scope, parents.get(node))
        elif isinstance(node, ast.Attribute):
            _check_attribute(node, scope, known, parents.get(node))
        elif isinstance(node, ast.ClassDef):
            _check_class(node, scope)
        elif isinstance(node, ast.MatchClass):
            is_own = isinstance(node.cls, ast.Name) and node.cls.id in classes
            for attribute in node.kwd_attrs:
                _check_word(node, attribute, known if is_own else listed)
        elif isinstance(node, ast.Subscript):
            _check_shape(node, scope)


@functools.lru_cache(maxsize=256)
def _private_attributes(original: str) -> frozenset[str]:
    return frozenset(re.findall(r"\.(_[a-z]\w*)", original))


@functools.lru_cache(maxsize=1024)
def _later(file: Original, number: str) -> frozenset[str]:
    """Collect the functions of later exercises in a file that the reference's answer spares."""
    later = {one.qualname for one in file.answers if is_later(one.number, number)}
    functions = pristine(file.text)[1]
    used = {
        node.id
        for one in file.answers
        if one.number == number
        for node in ast.walk(functions[one.qualname])
        if isinstance(node, ast.Name)
    }
    return frozenset(later - used)


def _check_kind(node: ast.AST) -> None:
    for kind, words in FORBIDDEN.items():
        if isinstance(node, kind):
            raise Refused(node, f"an answer may not use {words}")
    if isinstance(node, ast.alias) and node.asname in BASES | names_of("jaxtyping"):
        if node.name != node.asname:
            raise Refused(node, f"an answer may not import another thing as {node.asname}")
    names = [] if isinstance(node, ast.Name) else [*bound([node])]
    for word in [node.asname or node.name] if isinstance(node, ast.alias) else names:
        if is_dunder(word):
            raise Refused(node, f"an answer may not define {word}")
    if isinstance(node, ast.keyword) and node.arg and is_dunder(node.arg):
        raise Refused(node.value, f"an answer may not use {node.arg}")
    if isinstance(node, ast.ImportFrom) and node.module == "jaxtyping":
        if any(alias.asname for alias in node.names):
            raise Refused(node, "import from jaxtyping without `as`")
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
    if is_dunder(word):
        raise Refused(node, f"an answer may not use {word}")
    if word in scope.modules:
        if word in scope.own:
            raise Refused(node, f"{word} is a module here; call the variable something else")
        if isinstance(node.ctx, ast.Store) and module_alias(parent, scope.modules):
            return
        if not (isinstance(parent, ast.Attribute) and isinstance(parent.ctx, ast.Load)):
            raise Refused(node, f"the module {word} may only be used as in {word}.name")
        return
    if word in scope.axes:
        _check_type(node, parent, word in scope.own)
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
    module = module_of(node.value, scope.modules)
    if module is None:
        _check_word(node, node.attr, known)
        return
    if not isinstance(node.ctx, ast.Load):
        raise Refused(node, f"an answer may not change {ast.unparse(node)}")
    if module == "jaxtyping":
        _check_type(node, parent, False)
    inside = is_listed(f"{module}.{node.attr}")
    if not inside and not lists(module, node.attr):
        raise Refused(node, f"an answer may not use {ast.unparse(node)}")
    if inside and not (isinstance(parent, ast.Attribute) or module_alias(parent, scope.modules)):
        raise Refused(node, f"the module {ast.unparse(node)} may only be used with a name of it")


def _check_word(node: ast.AST, word: str, known: frozenset[str] | set[str]) -> None:
    if word in denied() or word not in known:
        raise Refused(node, f"an answer may not use the attribute {word}")


def _check_format(node: ast.Attribute) -> None:
    """Allow format on a literal string alone, whose fields reach into nothing."""
    text = node.value.value if isinstance(node.value, ast.Constant) else None
    if not isinstance(text, str):
        raise Refused(node, "format is for a literal string; write an f-string")
    for _, field, form, _ in Formatter().parse(text):
        if not re.fullmatch(r"\w*", field or "") or "{" in (form or ""):
            raise Refused(node, f"{{{field}}} in a format string; write an f-string")


def _check_class(node: ast.ClassDef, scope: Names) -> None:
    names = {ast.unparse(base).split("[")[0].split(".")[-1] for base in node.bases}
    own = {base for base in map(_root, node.bases) if base is None or base in scope.own}
    if names - BASES or own or node.keywords:
        raise Refused(node, f"a class in an answer may be derived from {', '.join(sorted(BASES))}")
    for statement in node.body:
        for word in bound_by(statement):
            if is_dunder(word):
                raise Refused(statement, f"an answer may not define {word}")
            if "NamedTuple" in names and word in DUNDERS - {"__slots__"}:
                raise Refused(statement, f"a named tuple in an answer may not define {word}")


def _root(node: ast.expr) -> str | None:
    """Return the name that a chain such as nn.Module starts with; None for another expression."""
    while isinstance(node, ast.Attribute | ast.Subscript):
        node = node.value
    return node.id if isinstance(node, ast.Name) else None


def _check_type(node: ast.expr, parent: ast.AST | None, is_own: bool) -> None:
    """Allow a type of jaxtyping only with its axes behind it, so that no other name has it."""
    if is_own or not (isinstance(parent, ast.Subscript) and parent.value is node):
        raise Refused(node, f"{ast.unparse(node)} may only be used as in Float[Tensor, 'pos']")


def _check_shape(node: ast.Subscript, scope: Names) -> None:
    """Allow only plain axes in the annotations of jaxtyping."""
    owner = node.value.value if isinstance(node.value, ast.Attribute) else None
    module = module_of(owner, scope.modules) if owner is not None else None
    word = ast.unparse(node.value).split(".")[-1]
    if word not in scope.axes and module != "jaxtyping":
        return
    axes = node.slice.elts[-1] if isinstance(node.slice, ast.Tuple) else None
    if not (isinstance(axes, ast.Constant) and isinstance(axes.value, str)):
        raise Refused(node, f"write the axes of {word} as a literal string")
    for part in ast.walk(node.slice):
        if isinstance(part, ast.JoinedStr | ast.BinOp | ast.Call):
            raise Refused(node, f"write the axes of {word} as a literal string")
        if isinstance(part, ast.Constant) and isinstance(part.value, str):
            if not SHAPE.fullmatch(part.value):
                raise Refused(node, f"{part.value!r:.40} is not a list of axes")
