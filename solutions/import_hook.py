"""The import hook that decorates the functions of the chapters, so that their errors are explained.

Source files stay free of decorators: they are inserted into the syntax tree, before a module is
compiled. Its bytecode is cached, so only the first import takes longer.
"""

import ast
import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from types import ModuleType
from typing import Any

from .argument_errors import __name__ as errors
from .argument_errors import explained

NAME = "__explained__"


def install(package: str) -> None:
    """Decorate every function of the package's chapters that are imported from now on."""
    sys.meta_path.insert(0, Finder(f"{package}.ch"))


class Finder:
    """Finds the modules of chapters, and gives them `Loader`."""

    def __init__(self, beginning: str) -> None:
        self.beginning = beginning

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Find a module of a chapter; return None for every other module."""
        if not name.startswith(self.beginning):
            return None
        spec = PathFinder.find_spec(name, path, target)
        if spec is not None and type(spec.loader) is SourceFileLoader:
            spec.loader = Loader(name, spec.loader.path)
        return spec


class Loader(SourceFileLoader):
    """Compiles a module whose functions are decorated."""

    def source_to_code(self, data: Any, path: Any, *, _optimization: int = -1) -> Any:  # type: ignore[override]
        """Insert the decorators, and compile."""
        tree = ast.parse(data, path)
        decorate(tree)
        return compile(tree, path, "exec", dont_inherit=True, optimize=_optimization)

    def path_stats(self, path: str) -> Any:
        """Return time and size of a file; another size than without decorators.

        Bytecode is cached with the size of its source, and that without decorators is not taken.
        """
        return {**super().path_stats(path), "size": super().path_stats(path)["size"] + 1}


def decorate(tree: ast.Module) -> None:
    """Insert `explained` as the first decorator that acts on each function, and on dataclasses."""
    classes = [node for node in tree.body if isinstance(node, ast.ClassDef)]
    for body in [tree.body, *(node.body for node in classes)]:
        for node in body:
            if isinstance(node, ast.FunctionDef) and is_called_by_users(node):
                node.decorator_list.append(ast.Name(NAME, ast.Load()))
            elif isinstance(node, ast.ClassDef) and "dataclass" in map(
                decorator, node.decorator_list
            ):
                node.decorator_list.insert(0, ast.Name(NAME, ast.Load()))
    after_docstring = 1 if ast.get_docstring(tree) is not None else 0
    alias = ast.alias(explained.__name__, NAME)
    tree.body.insert(after_docstring, ast.ImportFrom(errors, [alias], 0))
    for inserted in ast.walk(tree):
        if isinstance(inserted, ast.Name | ast.ImportFrom | ast.alias) and not hasattr(
            inserted, "lineno"
        ):
            inserted.lineno = inserted.end_lineno = 1
            inserted.col_offset = inserted.end_col_offset = 0


def is_called_by_users(function: ast.FunctionDef) -> bool:
    """Whether a function has arguments that may not fit, and is not abstract or called by Python.

    What takes one tensor of any shape, such as a hook point, has nothing to compare.
    """
    called = {"__init__", "__call__", "__matmul__", "__rmatmul__"}
    decorators = set(map(decorator, function.decorator_list))
    hidden = function.name.startswith("__") and function.name not in called
    given = [one for one in function.args.args if one.arg != "self"]
    any_shape = len(given) == 1 and "'*shape'" in ast.unparse(given[0])
    return not (hidden or any_shape or decorators & {"abstractmethod", "property", "overload"})


def decorator(node: ast.expr) -> str:
    """Return the last part of a decorator's name."""
    node = node.func if isinstance(node, ast.Call) else node
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")
