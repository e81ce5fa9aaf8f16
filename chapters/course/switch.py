"""Let a learner's answer and the reference's live in one module, and pick one call by call.

1. A module of chapters.ch* is parsed, and so is the same file of solutions/, where it is there.
2. Beside each function that is an exercise goes the reference's, compiled in the same place: so
   `super()`, closures, globals and isinstance are the same for both, and no object of solutions/
   ever enters a run on chapters/.
3. The innermost decorator of the learner's function, `either`, looks at `chapters.graded` at each
   call: the exercise under its own grader is the learner's, every other one the reference's;
   outside graders a file does what it says, save that a stub gives way to the reference.
"""

import ast
import copy
import functools
import re
import sys
import warnings
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from importlib.util import decode_source
from pathlib import Path
from types import CodeType

import chapters

from .marks import Function, find_answers, functions_of

ROOT = Path(__file__).resolve().parents[2]
ALL_OF_MY_OWN = "all of my own"
BESIDE = re.compile(r"\b__reference_(.+?)__(?=\.|$)")  # the reference's function, as compiled

checked = None
"""The decorator that every function gets, or None: shape checks slow a model down by half."""


def install(package: str = "chapters", folder: Path | None = None, solutions: Path | None = None):
    """Switches every `ch*` package below a package, and returns the finder that now answers for it.

    Only tests name another package than chapters.
    """
    finder = _Finder(package, folder or ROOT / package, solutions or ROOT / "solutions")
    sys.meta_path.insert(0, finder)
    return finder


def is_installed(package: str) -> bool:
    """Whether a package's chapters go through the loader below."""
    return any(isinstance(f, _Finder) and f.package == package for f in sys.meta_path)


def check_shapes() -> None:
    """Adds jaxtyping's checks to every function of the modules that are imported from now on."""
    global checked
    import beartype
    import jaxtyping

    checked = jaxtyping.jaxtyped(typechecker=beartype.beartype)


def either(number: str, reference, is_stub: bool):
    """Picks the learner's answer or the reference's, call by call."""

    def decorate(mine):
        @functools.wraps(mine)
        def answer(*args, **kwargs):
            graded = chapters.graded
            if graded in (number, ALL_OF_MY_OWN) or (graded is None and not is_stub):
                return mine(*args, **kwargs)
            if graded is None:
                _say_once(number)
            return reference(*args, **kwargs)

        return answer

    return decorate


@functools.cache
def _say_once(number: str) -> None:
    text = f"exercise {number} is not written yet; the reference's answer stands in for it"
    warnings.warn(text, stacklevel=3)


class _Finder:
    """Finds the modules of the workbook and gives them the loader below."""

    def __init__(self, package: str, folder: Path, solutions: Path):
        self.package = package
        self.names = re.compile(rf"{re.escape(package)}\.ch\d\d_\w+(\.\w+)*")
        self.folder, self.solutions = folder, solutions

    def find_spec(self, name: str, path=None, target=None) -> ModuleSpec | None:
        """Answers for chapters.ch* only; everything else is Python's own affair."""
        if not self.names.fullmatch(name):
            return None
        spec = PathFinder.find_spec(name, path, target)
        if spec is not None and isinstance(spec.loader, SourceFileLoader):
            reference = self.solutions / Path(spec.loader.path).relative_to(self.folder)
            spec.loader = _Loader(name, spec.loader.path, reference)
            spec.cached = None
        return spec


class _Loader(SourceFileLoader):
    """Compiles a learner's file together with the reference's answers."""

    def __init__(self, name: str, path: str, reference: Path):
        super().__init__(name, path)
        self.reference = reference

    def get_code(self, fullname: str) -> CodeType:
        """Compiles afresh: bytecode cached by the file's date would not know the reference."""
        path = self.get_filename(fullname)
        tree = ast.parse(decode_source(self.get_data(path)), path)
        source = self.reference.read_text("utf-8") if self.reference.is_file() else ""
        join(tree, source, checked is not None)
        code = compile(tree, path, "exec", dont_inherit=True)
        return _in_its_own_file(code, str(self.reference))

    def exec_module(self, module) -> None:
        """Runs the module with the names that `join` put into it."""
        vars(module).update(__either__=either, __checked__=checked)
        super().exec_module(module)


def join(tree: ast.Module, reference: str, checks: bool) -> None:
    """Puts the reference's answers beside the learner's in a parsed module, in place."""
    theirs = ast.parse(reference)
    functions = functions_of(theirs)
    answers = {a.qualname: (a.number, functions[a.qualname]) for a in find_answers(reference)}
    _Join(answers, checks).visit(tree)
    _add_imports(tree, theirs)
    ast.fix_missing_locations(tree)


class _Join(ast.NodeTransformer):
    def __init__(self, answers: dict[str, tuple[str, Function]], checks: bool):
        self.answers, self.checks = answers, checks
        self.prefix = ""
        self.seen: set[str] = set()

    def visit_Module(self, node: ast.Module) -> ast.Module:
        """The file as a whole."""
        return self._within(node, "")

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.ClassDef:
        """A class: its methods come next."""
        if self.checks:
            node.decorator_list.insert(0, ast.Name("__checked__", ast.Load()))
        return self._within(node, f"{self.prefix}{node.name}.")

    def visit_FunctionDef(self, node: ast.FunctionDef):
        """A function; where it is an exercise, the reference's goes in front of it."""
        qualname = self.prefix + node.name
        # A check would be built anew at every call of the function around it.
        checks = [ast.Name("__checked__", ast.Load())] * (self.checks and "<" not in qualname)
        self._within(node, f"{qualname}.<locals>.")
        self.seen.add(qualname)
        if qualname not in self.answers:
            node.decorator_list += checks
            return node
        number, theirs = self.answers[qualname]
        theirs = copy.deepcopy(theirs)
        theirs.name, theirs.decorator_list = f"__reference_{node.name}__", list(checks)
        call = f"__either__({number!r}, {theirs.name}, {_is_stub(node, number)})"
        node.decorator_list += [ast.parse(call, mode="eval").body, *checks]
        return [theirs, node, ast.parse(f"del {theirs.name}").body[0]]

    visit_AsyncFunctionDef = visit_FunctionDef

    def _within(self, node, prefix: str):
        """Visits a body, then puts back what is gone from it, so that others still find it."""
        outside, self.prefix = self.prefix, prefix
        self.generic_visit(node)
        for qualname, (number, theirs) in self.answers.items():
            if qualname == prefix + theirs.name and qualname not in self.seen:
                gone = copy.deepcopy(theirs)
                gone.body = ast.parse(
                    f"raise AttributeError('{qualname} of exercise {number} is gone from the "
                    f"file; `mi reset {number}` brings it back')"
                ).body
                node.body += self.visit_FunctionDef(gone)
        self.prefix = outside
        return node


def _is_stub(node: Function, number: str) -> bool:
    """Whether the stub's own error can still be raised: then the answer is unfinished."""
    return any(
        isinstance(part, ast.Call)
        and getattr(part.func, "id", None) == "NotImplementedError"
        and [getattr(word, "value", None) for word in part.args] == [f"exercise {number}"]
        for part in ast.walk(node)
    )


def _add_imports(tree: ast.Module, theirs: ast.Module) -> None:
    """Imports what the reference needs and an editor threw out of the stub as unused."""
    bound = {name for node in tree.body for name in _binds(node)}
    missing = [node for node in theirs.body if _binds(node) - bound]
    if not missing:
        return
    first = ast.get_docstring(tree, clean=False) is not None
    while any(getattr(node, "module", None) == "__future__" for node in tree.body[first:]):
        first += 1
    tree.body[first:first] = missing


def _binds(node: ast.stmt) -> set[str]:
    """The names that an import statement brings in."""
    if not isinstance(node, ast.Import | ast.ImportFrom):
        return set()
    return {(alias.asname or alias.name).split(".")[0] for alias in node.names}


def _in_its_own_file(code: CodeType, path: str, inside: bool = False) -> CodeType:
    """Gives the reference's functions their own names and file back, for tracebacks."""
    inside = inside or code.co_name.startswith("__reference_")
    constants = tuple(
        _in_its_own_file(part, path, inside) if isinstance(part, CodeType) else part
        for part in code.co_consts
    )
    code = code.replace(co_consts=constants)
    if not inside:
        return code
    name, qualname = (BESIDE.sub(r"\1", part) for part in (code.co_name, code.co_qualname))
    return code.replace(co_filename=path, co_name=name, co_qualname=qualname)
