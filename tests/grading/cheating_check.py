"""Tell a learner whose answer takes its value from the reference or from the tests.

Only the answer to the exercise at hand is read, and the imports that it uses. `mi check` is for the
learner, who may look at everything. A grade comes from a command of its own, which runs elsewhere.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

from chapters.course.answers import TABLE_FILE, answer_files, find_answers, functions_of, parse
from chapters.course.files import UnreadableFile, read_text, shown

GRADING = {"solutions", "tests", "chapters.course", "course"}


def offence(folder: Path, number: str) -> str | None:
    """Describe an import of the reference or the tests that an answer uses; None if there is none.

    A file that cannot be read is reported where it is imported.
    """
    for path in answer_files(folder):
        try:
            source = "" if path.name == TABLE_FILE else read_text(path)
            answers = [answer for answer in find_answers(source) if answer.number == number]
            tree = parse(source)
        except (UnreadableFile, SyntaxError, ValueError):
            continue
        functions, outside = functions_of(tree), dict(_imports(tree.body))
        for answer in answers:
            statements = [s for s in functions[answer.qualname].body if s.lineno > answer.mark_line]
            for line, module in _used(statements, outside):
                return (
                    f"{shown(path)}, line {line}: the answer uses {module}, so nothing is graded; "
                    "an answer computes what it returns"
                )
    return None


def _used(statements: list[ast.stmt], outside: dict[str, str]) -> Iterator[tuple[int, str]]:
    """Yield (line, module) for each import of the grading's modules that some statements use."""
    nodes = [node for statement in statements for node in ast.walk(statement)]
    for node in nodes:
        for _, module in _imports([node]):
            yield node.lineno, module
        if isinstance(node, ast.Name) and node.id in outside:
            yield node.lineno, outside[node.id]


def _imports(nodes: list[ast.stmt] | list[ast.AST]) -> Iterator[tuple[str, str]]:
    """Yield (name, module) for each name that an import takes from the grading's modules."""
    for node in nodes:
        if not isinstance(node, ast.Import | ast.ImportFrom):
            continue
        above = f"{node.module or ''}." if isinstance(node, ast.ImportFrom) else ""
        relative = isinstance(node, ast.ImportFrom) and node.level > 0
        for alias in node.names:
            module = (above + alias.name).lstrip(".")
            roots = {module.split(".")[0], ".".join(module.split(".")[:2])}
            found = roots & (GRADING if relative else GRADING - {"course"})
            if found and not (relative and found <= {"solutions", "tests"}):
                yield (alias.asname or alias.name).split(".")[0], module
