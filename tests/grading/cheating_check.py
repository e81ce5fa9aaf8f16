"""Reject a submission that looks its answers up instead of giving them.

This reads the learner's files and runs nothing. It finds what a learner might try by accident or in
a hurry: importing solutions, reading the tests, setting what is graded. It is not a sandbox: for a
class, grade in a separate process, against your own copy of the tests.
"""

import ast
import re
from pathlib import Path

MODULES = {"solutions", "tests", "pytest", "_pytest", "importlib", "inspect", "gc", "runpy"}
NAMES = {"current_exercise", "import_hook", "__import__", "__closure__", "__wrapped__"}
NAMES |= {"__dispatch__", "exec", "eval"}
WORDS = re.compile(r"\b(solutions|tests|progress\.toml)\b")
WORTH_READING = re.compile(rf"\b({'|'.join(sorted(MODULES | NAMES))}|modules|course|progress)\b")


def offence(folder: Path, solutions: Path) -> str | None:
    """Describe what a workbook does that is not allowed, or None; given code may do it.

    Without solutions/ there is nothing to look up, and given code is not known.
    """
    if not solutions.is_dir():
        return None
    for path in sorted(folder.glob("ch[0-9][0-9]_*/**/*.py")):
        source = path.read_text("utf-8", errors="replace")
        if not WORTH_READING.search(source):
            continue
        given = solutions / path.relative_to(folder)
        model = given.read_text("utf-8") if given.is_file() else ""
        if source == model:
            continue
        allowed = {what for what, _ in _uses(model)}
        for what, line in _uses(source):
            if what not in allowed:
                shown = path.relative_to(folder.parent).as_posix()
                return (
                    f"{shown}, line {line}: {what} has no place in an answer, so nothing here is "
                    "graded; an answer computes what it returns and neither looks the reference's "
                    "up nor touches the grading"
                )
    return None


def _uses(source: str):
    """Yield (what, line) for everything in a file that an answer may not use."""
    try:
        tree = ast.parse(source)
    except SyntaxError:  # reported where the file is imported
        return
    prose = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        for what in _forbidden(node):
            yield what, getattr(node, "lineno", 0)
        text = getattr(node, "value", None) if isinstance(node, ast.Constant) else None
        if isinstance(text, str) and WORDS.search(text) and id(node) not in prose:
            yield f"the string {text[:40]!r}", node.lineno


def _forbidden(node: ast.AST):
    """Yield the imports and names of one node that an answer may not use."""
    for module in _imports(node):
        root, *rest = module.split(".")
        if root in MODULES or module == "sys.modules" or "course" in {root, *rest[:1]}:
            yield f"the import of {module}"
    if isinstance(node, ast.Name) and node.id in NAMES:
        yield f"the name {node.id}"
    if isinstance(node, ast.Attribute) and node.attr in NAMES - {"eval", "exec"}:
        yield f"the name {node.attr}"
    if isinstance(node, ast.Attribute) and ast.unparse(node) == "sys.modules":
        yield "the name sys.modules"


def _imports(node: ast.AST) -> list[str]:
    """The modules, and names in modules, that one import statement asks for."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if not isinstance(node, ast.ImportFrom):
        return []
    names = [alias.name for alias in node.names]
    if not node.module:
        return names
    return [node.module] if node.level else [f"{node.module}.{name}" for name in names]
