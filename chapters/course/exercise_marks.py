"""Find the answers that a file marks with `# exercise 2.4`, and replace them by stubs.

A mark is a comment on a line of its own, between two statements of a function. The lines above it
are given; the lines below it, to the end of that function, are the answer. This is the only parser
of marks: the generator, the import hook, the fingerprints, `mi reset` and the book all use it.
"""

import ast
import io
import re
import textwrap
import tokenize
from collections.abc import Iterator
from typing import NamedTuple

MARK = re.compile(r"#\s*exercise\s+([0-9]+\.[0-9]+)\s*$")

Function = ast.FunctionDef | ast.AsyncFunctionDef


class Answer(NamedTuple):
    """One function's answer, by lines counted from 1, the last one included."""

    number: str
    """The exercise that it belongs to, as in "2.4"."""
    qualname: str
    """The function, as Python's own __qualname__ spells it."""
    first_line: int
    """The function's first line: its first decorator, or its def."""
    mark_line: int
    """The line of the mark; the answer starts on the next one."""
    last_line: int
    """The last line of the answer and of the function."""
    indent: str
    """The white space before the mark and the answer."""


def find_answers(source: str) -> list[Answer]:
    """List the marked answers of a file, from top to bottom.

    Raises: SyntaxError when the file is not Python; ValueError when a mark is outside a function,
    inside a block of it, or the second one in a function.
    """
    if not re.search(MARK.pattern, source, re.MULTILINE):
        return []
    tree, marks = parse(source), _mark_lines(source)
    lines = source.split("\n")
    functions = list(_functions(tree, ""))
    answers: list[Answer] = []
    for line, number in marks.items():
        qualname, node = _innermost(functions, line, lines, number)
        if any(answer.qualname == qualname for answer in answers):
            raise ValueError(f"line {line}: {qualname} has a second mark; keep one per function")
        if [name for name, _ in functions].count(qualname) > 1:
            raise ValueError(f"line {line}: {qualname} is defined twice in this file; rename one")
        first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
        indent = lines[line - 1][: -len(lines[line - 1].lstrip())]
        answers.append(Answer(number, qualname, first, line, _last_line(node, lines), indent))
    return answers


def parse(source: str, name: str = "<unknown>") -> ast.Module:
    """Parse a file.

    Raises: SyntaxError for everything that Python cannot read, too deep a nesting too.
    """
    try:
        return ast.parse(source, name)
    except (ValueError, RecursionError, MemoryError) as error:
        raise SyntaxError(f"Python cannot read this ({error})", (name, 1, 1, None)) from None


def make_stub(source: str) -> str:
    """Replace every answer of a file by an error that names its exercise, and keep the marks.

    Because of the mark between them, git can merge a new docstring into a file with answers.
    """
    lines = source.split("\n")
    for answer in reversed(find_answers(source)):
        lines[answer.mark_line : answer.last_line] = [answer.indent + stub_line(answer.number)]
    return "\n".join(lines)


def stub_line(number: str) -> str:
    """Return the one line that replaces an answer, without its indent."""
    return f'raise NotImplementedError("exercise {number}")'


def answer_text(source: str, number: str) -> str:
    """Return the functions of one exercise as a page shows them: dedented, a blank line between.

    Raises: KeyError when the file has no answer of that number.
    """
    lines = source.split("\n")
    functions = [
        textwrap.dedent("\n".join(lines[answer.first_line - 1 : answer.last_line]))
        for answer in find_answers(source)
        if answer.number == number
    ]
    if not functions:
        raise KeyError(f"no function is marked `# exercise {number}` here")
    return "\n\n".join(functions) + "\n"


def functions_of(tree: ast.Module) -> dict[str, Function]:
    """Map __qualname__ to each function of a parsed file; of two equal names, to the last."""
    return dict(_functions(tree, ""))


def _mark_lines(source: str) -> dict[int, str]:
    """Map line to exercise number, for comments on a line of their own; strings do not count."""
    found = {}
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        match = MARK.match(token.string) if token.type == tokenize.COMMENT else None
        if match and not token.line[: token.start[1]].strip():
            found[token.start[0]] = match[1]
    return found


def _functions(node: ast.AST, prefix: str) -> Iterator[tuple[str, Function]]:
    """Yield (qualname, function) below a node, outer functions before inner ones."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, Function):
            yield prefix + child.name, child
            yield from _functions(child, f"{prefix}{child.name}.<locals>.")
        elif isinstance(child, ast.ClassDef):
            yield from _functions(child, f"{prefix}{child.name}.")
        else:
            yield from _functions(child, prefix)


def _innermost(
    functions: list[tuple[str, Function]], line: int, lines: list[str], number: str
) -> tuple[str, Function]:
    """Find the innermost function around a mark: the last one, as inner functions come last."""
    around = [(name, node) for name, node in functions if node.lineno < line <= _end(node)]
    if not around:
        raise ValueError(f"line {line}: the mark of exercise {number} is outside any function")
    name, node = around[-1]
    inside_a_block = any(child.lineno <= line <= _end(child) for child in node.body)
    column = len(lines[line - 1]) - len(lines[line - 1].lstrip())
    if inside_a_block or column != node.body[0].col_offset:
        raise ValueError(
            f"line {line}: put the mark of exercise {number} between two statements of {name}, "
            "at their indent; the answer runs from the mark to the end of the function"
        )
    return name, node


def _end(node: ast.stmt) -> int:
    return node.end_lineno or node.lineno


def _last_line(node: Function, lines: list[str]) -> int:
    """Return the function's last line, with the comments that follow its last statement."""
    last = _end(node)
    indent = node.body[0].col_offset
    for number in range(last, len(lines)):
        text = lines[number].lstrip()
        if text and not (text.startswith("#") and len(lines[number]) - len(text) >= indent):
            break
        if text:
            last = number + 1
    return last
