"""Compile the learner's answer and the reference's into one module, and choose at each call.

1. The import hook parses a module of chapters.ch* and the file of the same name in solutions/.
2. `merge_reference` inserts the reference's function in front of each function that is an exercise.
   Both are compiled in the same scope, so `super()`, closures, globals and isinstance behave the
   same for both, and no object of solutions/ enters a run on chapters/.
3. The innermost decorator of the learner's function, `dispatch`, reads `current_exercise` at each
   call. Under the grader of an exercise, that exercise runs the learner's answer and every other
   one the reference's. Outside graders the learner's answer runs, and a stub is replaced by the
   reference, with one line on stderr for each chapter.

docs/internals.md shows the merged source of a small module.
"""

import ast
import copy
import functools
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from importlib.util import spec_from_file_location
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any, TypeVar

from .answers import Function, find_answers, functions_of, parse, too_deep
from .files import ROOT, UnreadableFile, read_text
from .short_repr import shorten

OWN_CODE_ONLY = "own code only"
REFERENCE_NAME = re.compile(r"\b__reference_(.+?)__(?=\.|$)")  # the reference's function, compiled

current_exercise: str | None = None
"""The exercise whose grader is running ("2.4"), OWN_CODE_ONLY, or None outside graders."""

_said: set[str] = set()
"""The chapters of which a stub was replaced in this process."""

typechecker: Callable[..., Any] | None = None
"""The decorator added to every function, or None: shape checks double the time of a forward."""

_RAISE = ast.parse("raise __loader__.error")
Definition = TypeVar("Definition", ast.Module, ast.ClassDef, Function)


@contextmanager
def grading(exercise: str) -> Iterator[None]:
    """Set the exercise that is graded, and set the previous one again afterwards."""
    global current_exercise
    before, current_exercise = current_exercise, exercise
    try:
        yield
    finally:
        current_exercise = before


def install(
    package: str = "chapters", folder: Path | None = None, solutions: Path | None = None
) -> "_Finder":
    """Install the import hook for the `ch*` packages of a package, and return its finder.

    Only tests name another package than chapters.
    """
    finder = _Finder(package, folder or ROOT / package, solutions or ROOT / "solutions")
    sys.meta_path.insert(0, finder)
    return finder


def is_installed(package: str) -> bool:
    """Whether the import hook loads the chapters of a package."""
    return any(isinstance(f, _Finder) and f.package == package for f in sys.meta_path)


def check_shapes() -> None:
    """Add jaxtyping's checks to every function of the modules that are imported from now on."""
    global typechecker
    from .shape_checks import check

    typechecker = check


def dispatch(number: str, reference: Callable[..., Any], is_stub: bool) -> Callable[..., Any]:
    """Decorate the learner's function so that each call runs it or the reference's."""

    def decorate(learners: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(learners)
        def answer(*args: Any, **kwargs: Any) -> Any:
            graded = current_exercise
            if graded in (number, OWN_CODE_ONLY) or (graded is None and not is_stub):
                return learners(*args, **kwargs)
            if graded is None:
                _say_once(number)
            return reference(*args, **kwargs)

        return answer

    return decorate


def _say_once(number: str) -> None:
    """Print one line for each chapter whose stubs are replaced: the first lines run many."""
    chapter = number.partition(".")[0]
    if chapter not in _said:
        _said.add(chapter)
        print(
            f"Chapter {chapter}: where an exercise is not written yet, such as {number}, the "
            "reference solution runs in its place.",
            file=sys.stderr,
        )


class _Finder:
    """Finds the modules of the workbook and gives them `_Loader`."""

    def __init__(self, package: str, folder: Path, solutions: Path):
        self.package = package
        self.names = re.compile(rf"{re.escape(package)}\.ch\d\d_\w+(\.\w+)*")
        self.folder, self.solutions = folder, solutions

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Find a module of chapters.ch*; return None for every other module."""
        if not self.names.fullmatch(name):
            return None
        spec = PathFinder.find_spec(name, path, target)
        if spec is None or spec.loader is None:  # missing, or a folder or a pipe of that name
            spec = self._find_missing(name)
        if spec is not None and isinstance(spec.loader, SourceFileLoader):
            reference = self.solutions / Path(spec.loader.path).relative_to(self.folder)
            spec.loader = _Loader(name, spec.loader.path, reference)
            spec.cached = None
        return spec

    def _find_missing(self, name: str) -> ModuleSpec | None:
        """Find a module of the reference that the learner has no file for."""
        inside = Path(*name.split(".")[1:]).with_suffix(".py")
        if current_exercise is None or not (self.solutions / inside).is_file():
            return None
        return spec_from_file_location(name, self.folder / inside)


class _Loader(SourceFileLoader):
    """Compiles a learner's file together with the reference's answers."""

    def __init__(self, name: str, path: str, reference: Path):
        super().__init__(name, path)
        self.reference = reference
        self.error: Exception | None = None

    def get_code(self, fullname: str) -> CodeType:
        """Compile at every import: cached bytecode depends on the date of one file only.

        While a grader runs, a file that cannot be read fails its own exercises, when they are
        called, and the others go on with the reference's.
        """
        path = self.get_filename(fullname)
        source = self.reference.read_text("utf-8") if self.reference.is_file() else ""
        try:
            return self._compile(parse(read_text(Path(path)), path), path, source)
        except (UnreadableFile, SyntaxError) as error:
            if current_exercise is None or not source:
                raise ImportError(str(error)) if isinstance(error, UnreadableFile) else error
            self.error = error
        return self._compile(_raising(source), path, source)

    def _compile(self, tree: ast.Module, path: str, source: str) -> CodeType:
        """Merge the reference into a parsed module, and compile it.

        Raises: SyntaxError for what the compiler refuses, or a tree that is too deep.
        """
        try:
            merge_reference(tree, source, typechecked=typechecker is not None)
            code = compile(tree, path, "exec", dont_inherit=True)
            return _restore_names(code, str(self.reference))
        except RecursionError:
            raise too_deep(path) from None

    def exec_module(self, module: ModuleType) -> None:
        """Run the module with the two names that `merge_reference` uses."""
        vars(module).update(__dispatch__=dispatch, __typechecked__=typechecker)
        super().exec_module(module)
        shorten(module)


def _raising(reference: str) -> ast.Module:
    """Make a learner's module from the reference's, in which every answer raises an error."""
    tree = parse(reference)
    functions = functions_of(tree)
    for answer in find_answers(reference):
        function = functions[answer.qualname]
        given = [part for part in function.body if part.lineno < answer.mark_line]
        function.body = [*given[: ast.get_docstring(function) is not None], *_RAISE.body]
    return tree


def merge_reference(tree: ast.Module, reference: str, *, typechecked: bool) -> None:
    """Insert the reference's answers into a parsed module, in place."""
    theirs = ast.parse(reference)
    functions = functions_of(theirs)
    answers = {a.qualname: (a.number, functions[a.qualname]) for a in find_answers(reference)}
    _Merge(answers, typechecked).visit(tree)
    _add_imports(tree, theirs)
    ast.fix_missing_locations(tree)


class _Merge(ast.NodeTransformer):
    def __init__(self, answers: dict[str, tuple[str, Function]], typechecked: bool):
        self.answers, self.typechecked = answers, typechecked
        self.prefix = ""
        self.seen: set[str] = set()

    def visit_Module(self, node: ast.Module) -> ast.Module:
        """Merge the whole file."""
        return self._within(node, "")

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.ClassDef:
        """Merge a class and its methods."""
        if self.typechecked:
            node.decorator_list.insert(0, _name("__typechecked__"))
        return self._within(node, f"{self.prefix}{node.name}.")

    def visit_FunctionDef(self, node: Function) -> list[ast.stmt]:
        """Merge a function; before an exercise, insert the reference's function."""
        qualname = self.prefix + node.name
        # The check of an inner function would be built at every call of the outer one.
        inner = "<locals>" in qualname
        checks = [_name("__typechecked__")] if self.typechecked and not inner else []
        self._within(node, f"{qualname}.<locals>.")
        self.seen.add(qualname)
        if qualname not in self.answers:
            node.decorator_list += checks
            return [node]
        number, theirs = self.answers[qualname]
        theirs = copy.deepcopy(theirs)
        theirs.name, theirs.decorator_list = f"__reference_{node.name}__", list(checks)
        call = f"__dispatch__({number!r}, {theirs.name}, {_is_stub(node, number)})"
        node.decorator_list += [ast.parse(call, mode="eval").body, *checks]
        return [theirs, node, ast.parse(f"del {theirs.name}").body[0]]

    visit_AsyncFunctionDef = visit_FunctionDef

    def _within(self, node: Definition, prefix: str) -> Definition:
        """Visit a body, then add exercises that the learner deleted, so that others find them."""
        outside, self.prefix = self.prefix, prefix
        self.generic_visit(node)
        for qualname, (number, theirs) in self.answers.items():
            if qualname == prefix + theirs.name and qualname not in self.seen:
                deleted = copy.deepcopy(theirs)
                deleted.body = ast.parse(
                    f"raise AttributeError('{qualname} of exercise {number} is missing from the "
                    f"file; restore it with `mi reset {number}`')"
                ).body
                node.body += self.visit_FunctionDef(deleted)
        self.prefix = outside
        return node


def _name(name: str) -> ast.expr:
    return ast.Name(name, ast.Load())


def _is_stub(node: Function, number: str) -> bool:
    """Whether the function still raises the stub's error, so that the answer is unfinished."""
    return any(
        isinstance(part, ast.Call)
        and getattr(part.func, "id", None) == "NotImplementedError"
        and [getattr(argument, "value", None) for argument in part.args] == [f"exercise {number}"]
        for part in ast.walk(node)
    )


def _add_imports(tree: ast.Module, theirs: ast.Module) -> None:
    """Add the reference's imports that an editor removed from the stub as unused."""
    bound = {name for node in tree.body for name in _binds(node)}
    missing = [node for node in theirs.body if _binds(node) - bound]
    if not missing:
        return
    first = int(ast.get_docstring(tree, clean=False) is not None)
    while any(getattr(node, "module", None) == "__future__" for node in tree.body[first:]):
        first += 1
    tree.body[first:first] = missing


def _binds(node: ast.stmt) -> set[str]:
    """Return the names that an import statement defines."""
    if not isinstance(node, ast.Import | ast.ImportFrom):
        return set()
    return {(alias.asname or alias.name).split(".")[0] for alias in node.names}


def _restore_names(code: CodeType, path: str, inside: bool = False) -> CodeType:
    """Give the reference's functions their own name and file, for tracebacks."""
    inside = inside or code.co_name.startswith("__reference_")
    constants = tuple(
        _restore_names(part, path, inside) if isinstance(part, CodeType) else part
        for part in code.co_consts
    )
    code = code.replace(co_consts=constants)
    if not inside:
        return code
    name, qualname = (REFERENCE_NAME.sub(r"\1", part) for part in (code.co_name, code.co_qualname))
    return code.replace(co_filename=path, co_name=name, co_qualname=qualname)
