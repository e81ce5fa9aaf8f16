"""Changes of an answer's code, which `slips.py` makes: a return that is passed on, no raise."""

import ast
import itertools
from collections.abc import Callable, Iterator
from typing import Any

ABOUT = ("dtype", "device", "shape", "ndim", "dim")
"""What is read of a tensor besides its numbers."""


def assigned_above(function: Any, body: str) -> list[str]:
    """Names that the lines above the mark assign."""
    above = function.body[: len(function.body) - len(ast.parse(body).body)]
    targets = [x for node in above if isinstance(node, ast.Assign) for x in node.targets]
    return [x.id for one in targets for x in ast.walk(one) if isinstance(x, ast.Name)]


def computed_with(body: str, names: list[str]) -> list[str]:
    """The names whose numbers a body uses, not only their shape or dtype."""
    tree = ast.parse(body)
    about = [n.value for n in ast.walk(tree) if isinstance(n, ast.Attribute) and n.attr in ABOUT]
    used = [n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and n not in about]
    return [name for name in dict.fromkeys(names) if name in used and name not in ("self", "ctx")]


def unparsed(body: str, change: ast.NodeTransformer) -> str:
    """The code of a body after a change."""
    return ast.unparse(ast.fix_missing_locations(change.visit(ast.parse(body))))


class Returns(ast.NodeTransformer):
    """Wraps the values of a function; inner functions have returns of their own."""

    def __init__(self, call: str):
        self.call = call

    def _leave(self, node: ast.AST) -> ast.AST:
        return node

    visit_FunctionDef = visit_Lambda = visit_ClassDef = _leave

    def _wrapped(self, node: Any) -> Any:
        value = ast.unparse(node.value) if node.value else "None"
        node.value = ast.parse(self.call.format(value), mode="eval").body
        return node

    visit_Return = visit_Yield = _wrapped


class NoRaise(ast.NodeTransformer):
    """Replaces each raise by nothing."""

    def visit_Raise(self, node: ast.Raise) -> ast.AST:
        return ast.Pass()


class NoList(ast.NodeTransformer):
    """Takes `list(x)` and `tuple(x)` of a parameter away, so that a generator is used up."""

    def __init__(self, parameters: list[str]):
        self.parameters = parameters

    def visit_Call(self, node: ast.Call) -> ast.AST:
        self.generic_visit(node)
        copies = isinstance(node.func, ast.Name) and node.func.id in ("list", "tuple")
        one = len(node.args) == 1 and isinstance(node.args[0], ast.Name)
        return node.args[0] if copies and one and node.args[0].id in self.parameters else node


class _MoreBelow(ast.NodeTransformer):
    """Adds 1e-9 to what is below the line of each fraction."""

    def visit_BinOp(self, node: ast.BinOp) -> ast.AST:
        self.generic_visit(node)
        if isinstance(node.op, ast.Div):
            node.right = ast.BinOp(node.right, ast.Add(), ast.Constant(1e-9))
        return node


class _Without(ast.NodeTransformer):
    """Takes the calls of some methods away: `x.clone()` becomes `x`."""

    names: tuple[str, ...] = ()

    def visit_Call(self, node: ast.Call) -> ast.AST:
        self.generic_visit(node)
        if isinstance(node.func, ast.Attribute) and node.func.attr in self.names:
            return node.func.value
        return node


class _NoClone(_Without):
    names = ("clone",)


class _NoCast(_Without):
    """Takes casts away, functions such as `at_least_float32(x)` too."""

    names = ("float", "double", "to", "type_as", "long", "int")

    def visit_Call(self, node: ast.Call) -> ast.AST:
        found = super().visit_Call(node)
        if isinstance(node.func, ast.Name) and node.func.id in CASTS and len(node.args) == 1:
            return node.args[0]
        return found


CASTS = ("at_least_float32",)
CHANGES: dict[str, type[ast.NodeTransformer]] = {
    "more below the line": _MoreBelow,
    "no clone": _NoClone,
    "no cast": _NoCast,
}
OTHERWISE = {ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt}


def _with_equality_moved(node: ast.AST) -> bool:
    """Turn > into >= and the like."""
    if not isinstance(node, ast.Compare) or type(node.ops[0]) not in OTHERWISE:
        return False
    node.ops[0] = OTHERWISE[type(node.ops[0])]()
    return True


def _with_number_raised(node: ast.AST) -> bool:
    """Add 1 to an integer."""
    if not isinstance(node, ast.Constant) or type(node.value) is not int:
        return False
    node.value += 1
    return True


PLACES: dict[str, Callable[[ast.AST], bool]] = {
    "equality elsewhere": _with_equality_moved,
    "number raised": _with_number_raised,
}


def at_each_place(body: str, change: Callable[[ast.AST], bool]) -> Iterator[str]:
    """Bodies with one node changed, each another."""
    for place in itertools.count():
        tree = ast.parse(body)
        nodes = list(ast.walk(tree))
        if place == len(nodes):
            return
        if change(nodes[place]):
            yield ast.unparse(tree)
