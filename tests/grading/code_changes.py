"""Changes of an answer's code, which `slips.py` makes: a return that is passed on, no raise."""

import ast
import itertools
import re
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

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


FALSY = re.compile(r"\b(int|float|list|tuple|dict|Sequence|Iterable|Mapping|Heads?|Sites?)\b")
"""Types with a value that `not` takes for absent."""


class Code(NamedTuple):
    """A function's answer as code, and what its signature holds."""

    name: str
    """The function's qualname."""
    body: str
    """The text below the mark."""
    parameters: list[str]
    """Names of the parameters, in order."""
    optional: list[str]
    """Those that may be None, and may be 0 or empty."""
    generators: list[str]
    """Those that are random generators and may be None."""
    given: list[str]
    """Parameters, and names assigned above the mark, whose values the body computes with."""
    defaults: dict[str, str]
    """Parameter -> its default value as code."""
    no_grad: bool
    """Whether a decorator runs the function without gradients, and restores the mode."""

    @classmethod
    def of(cls, name: str, body: str, function: Any) -> "Code":
        """Read the parameters of a parsed function."""
        given = function.args
        parameters = [*given.posonlyargs, *given.args, *given.kwonlyargs]
        hints = {
            one.arg: ast.unparse(one.annotation) if one.annotation else "" for one in parameters
        }
        absent = [name for name, hint in hints.items() if "None" in hint]
        generators = [name for name in absent if "Generator" in hints[name]]
        optional = [name for name in absent if FALSY.search(hints[name])]
        no_grad = "torch.no_grad()" in map(ast.unparse, function.decorator_list)
        ordered = [*given.posonlyargs, *given.args]
        pairs = [*zip(reversed(ordered), reversed(given.defaults))]
        pairs += zip(given.kwonlyargs, given.kw_defaults)
        defaults = {one.arg: ast.unparse(value) for one, value in pairs if value is not None}
        values = computed_with(body, [*hints, *assigned_above(function, body)])
        return cls(name, body, list(hints), optional, generators, values, defaults, no_grad)

    def with_returns(self) -> str:
        """Pass each returned or yielded value, and the arguments, to `__slip__`."""
        seen = ", ".join(f"{name}={name}" for name in self.parameters)
        call = f"__slip__({self.name!r}, {{}}, __given__)"
        changed = "\n".join(
            f"{name} = __slip__.given({self.name!r}, {name!r}, {name})" for name in self.given
        )
        # a body may rebind its parameters
        tree = ast.parse(f"__given__ = dict({seen})\n{changed}\n{self.body}")
        Returns(call).visit(tree)
        if not isinstance(tree.body[-1], ast.Return | ast.Raise):
            tree.body += ast.parse(call.format("None")).body
        return ast.unparse(ast.fix_missing_locations(tree))

    def with_code(self, slip: str) -> Iterator[str]:
        """The bodies that a slip of code makes; none where it does not apply."""
        if slip == "0 is None" and self.optional:
            zero = "isinstance({0}, (int, float, list, tuple, dict)) and not {0}"
            yield "\n".join(f"if {zero.format(n)}: {n} = None" for n in self.optional) + (
                f"\n{self.body}"
            )
        if slip == "seed for None" and self.generators:
            seeded = "__import__('torch').Generator().manual_seed(0)"
            yield "\n".join(f"{n} = {n} or {seeded}" for n in self.generators) + f"\n{self.body}"
        if slip == "no raise" and "raise " in self.body:
            yield unparsed(self.body, NoRaise())
        if slip == "no list":
            changed = unparsed(self.body, NoList(self.parameters))
            if changed != unparsed(self.body, ast.NodeTransformer()):
                yield changed
        if slip == "default for all":
            for name, value in self.defaults.items():
                yield f"{name} = {value}\n{self.body}"
        if slip in CHANGES:
            changed = unparsed(self.body, CHANGES[slip]())
            if changed != unparsed(self.body, ast.NodeTransformer()):
                yield changed
        if slip in PLACES:
            yield from at_each_place(self.body, PLACES[slip])
