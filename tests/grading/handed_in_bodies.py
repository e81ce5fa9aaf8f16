"""Replace the bodies of the course's functions by those of a file that was handed in.

1. `take` finds what counts: the marked bodies, and the new imports and helpers that they use.
2. `guarded` rewrites these statements, so that the guard sees what a syntax tree cannot show.
3. The bodies are compiled inside the course's own file, and the functions of the imported module
   get their code objects. Nothing holds the reference's code after that.

Decorators, shape checks, importers and callers then run the answer, as with the records of mistakes
(`mistakes.in_place`).
"""

import ast
import linecache
import sys
import warnings
from collections.abc import Iterable
from types import CodeType, ModuleType
from typing import Any

from chapters.course.answers import functions_of, parse
from chapters.course.files import ROOT
from chapters.course.grade.guard import Guard, guarded
from chapters.course.grade.names import DUNDERS, attributes
from chapters.course.grade.scope import named
from chapters.course.grade.submission import Original
from chapters.course.grade.taken import take

from .mistakes import codes_in, innermost


def put_in_place(task: dict[str, Any], originals: Iterable[Original], guard: Guard) -> None:
    """Replace the bodies of a task's exercise; with no files handed in, watch the reference's.

    originals: the course's files that have answers to the exercise.
    """
    for original in originals:
        if original.name in task["files"]:
            _replace(original, task["files"][original.name], task["number"], guard)
        elif original.name.endswith(".py"):  # the reference must get along with the guard, too
            module = _module(original)
            for answer in original.answers:
                if answer.number == task["number"]:
                    code = innermost(module, answer.qualname.split(".<locals>")[0]).__code__
                    guard.codes.update([code, *codes_in(code)])


def _replace(original: Original, text: str, number: str, guard: Guard) -> None:
    """Lend the code of the handed-in bodies to the functions of a module of the course."""
    taken, tree = take(text, original, number), parse(original.text)
    module = _module(original)
    path = str(ROOT / "chapters" / original.name)
    linecache.cache[path] = (len(text), None, text.splitlines(keepends=True), path)
    vars(module).update(guard.functions())
    _define([*taken.imports], module, path, guard)
    nodes = [node for part in taken.statements for node in ast.walk(part)]
    own = frozenset(named(nodes)) - attributes() - DUNDERS
    _define([guarded(helper, own) for helper in taken.helpers], module, path, guard)
    functions = functions_of(tree)
    marks = {answer.qualname: answer.mark_line for answer in original.answers}
    for qualname, body in taken.bodies.items():
        node, outer = functions[qualname], qualname.split(".<locals>")[0]
        wanted = innermost(module, outer).__code__.co_freevars
        owner = outer.rpartition(".")[0] if "__class__" not in wanted else ""
        first = node.args.args[0].arg if owner and node.args.args else ""
        rewritten = [guarded(part, own, owner, first) for part in body]
        given = [part for part in node.body if part.lineno < marks[qualname]]
        node.body = [*given, *rewritten]
    for outer in dict.fromkeys(name.split(".<locals>")[0] for name in taken.bodies):
        function = innermost(module, outer)
        code = _code(tree, path, outer, function.__code__.co_freevars)
        guard.codes.update([code, *codes_in(code)])
        function.__code__ = code


def _module(original: Original) -> ModuleType:
    """Return the imported module of a file of the course."""
    name = original.name.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
    return sys.modules[f"chapters.{name}"]


def _define(nodes: list[ast.stmt], module: ModuleType, path: str, guard: Guard) -> None:
    """Run new imports and helper functions in the namespace of a module."""
    if nodes:
        code = compile(ast.Module(nodes, []), path, "exec", dont_inherit=True)
        exec(code, vars(module))
        guard.codes.update(codes_in(code))


def _code(tree: ast.Module, path: str, qualname: str, wanted: tuple[str, ...]) -> CodeType:
    """Compile one function of a parsed file, with the closure that the reference's has."""
    if "__class__" in wanted:  # a name that is only mentioned is in the closure too
        mention = ast.Expr(ast.Name("__class__", ast.Load()))
        functions_of(tree)[qualname].body.append(mention)
    outermost = qualname.split(".")[0]
    body = [node for node in tree.body if getattr(node, "name", None) == outermost]
    module = ast.fix_missing_locations(ast.Module(body, []))
    with warnings.catch_warnings(action="ignore"):
        compiled = compile(module, path, "exec", dont_inherit=True)
    return {code.co_qualname: code for code in codes_in(compiled)}[qualname]
