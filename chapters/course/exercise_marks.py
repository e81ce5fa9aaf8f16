"""Find the answers that a file marks with `# exercise 2.4`, and cut them out.

A mark is a comment line of its own among the statements of a function. What stands above it is
given; what stands below it, to the end of that function, is the answer. This is the only parser of
marks: the generator, the switch, the fingerprints, `mi reset` and the book all read through it.
"""

import ast
import io
import re
import textwrap
import tokenize
from typing import NamedTuple

MARK = re.compile(r"#\s*exercise\s+(\d+\.\d+)\s*$")

Function = ast.FunctionDef | ast.AsyncFunctionDef


class Answer(NamedTuple):
    """One function's answer, by lines counted from 1 and inclusive."""

    number: str
    """The exercise it belongs to, as in "2.4"."""
    qualname: str
    """The function, as Python's own __qualname__ spells it."""
    first_line: int
    """Where the function starts: its first decorator, or its def."""
    mark_line: int
    """Where the mark stands; the answer starts on the next line."""
    last_line: int
    """Where the answer and the function end."""
    indent: str
    """The white space in front of the mark and of the answer."""


def find_answers(source: str) -> list[Answer]:
    """Lists the marked answers of a file in the order in which they stand.

    Raises: SyntaxError when the file is no Python; ValueError when a mark stands where no answer
    can be cut: outside a function, inside a block of it, or twice in one function.
    """
    marks = _mark_lines(source)
    if not marks:
        return []
    lines = source.split("\n")
    functions = list(_functions(ast.parse(source), ""))
    answers: list[Answer] = []
    for line, number in marks.items():
        qualname, node = _innermost(functions, line, lines, number)
        if any(answer.qualname == qualname for answer in answers):
            raise ValueError(f"line {line}: {qualname} has a second mark; one function, one mark")
        if [name for name, _ in functions].count(qualname) > 1:
            raise ValueError(f"line {line}: {qualname} is defined twice in this file")
        first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
        indent = lines[line - 1][: -len(lines[line - 1].lstrip())]
        answers.append(Answer(number, qualname, first, line, _last_line(node, lines), indent))
    return answers


def make_stub(source: str) -> str:
    """Replaces every answer of a file by an error that names its exercise; the marks stay.

    A mark that stays is what lets git merge an upstream docstring into a file with answers in it.
    """
    lines = source.split("\n")
    for answer in reversed(find_answers(source)):
        lines[answer.mark_line : answer.last_line] = [answer.indent + stub_line(answer.number)]
    return "\n".join(lines)


def stub_line(number: str) -> str:
    """The one line that stands in for an answer, without its indent."""
    return f'raise NotImplementedError("exercise {number}")'


def answer_text(source: str, number: str) -> str:
    """The whole functions of one exercise as a page shows them: to the left margin, a line apart.

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
    """Every function of a parsed file by its __qualname__; of two equal names the last one."""
    return dict(_functions(tree, ""))


def _mark_lines(source: str) -> dict[int, str]:
    """Line -> exercise number, of comments alone on their line; a mark in a string is no mark."""
    if not re.search(MARK.pattern, source, re.MULTILINE):
        return {}
    found = {}
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        match = MARK.match(token.string) if token.type == tokenize.COMMENT else None
        if match and not token.line[: token.start[1]].strip():
            found[token.start[0]] = match[1]
    return found


def _functions(node: ast.AST, prefix: str):
    """Pairs of (qualname, function) below a node, outer ones before inner ones."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, Function):
            yield prefix + child.name, child
            yield from _functions(child, f"{prefix}{child.name}.<locals>.")
        elif isinstance(child, ast.ClassDef):
            yield from _functions(child, f"{prefix}{child.name}.")
        else:
            yield from _functions(child, prefix)


def _innermost(functions, line: int, lines: list[str], number: str) -> tuple[str, Function]:
    """The function whose body a mark stands in; inner functions come last, so the last one wins."""
    around = [(name, node) for name, node in functions if node.lineno < line <= _end(node)]
    if not around:
        raise ValueError(f"line {line}: the mark of exercise {number} stands outside any function")
    name, node = around[-1]
    inside_a_block = any(child.lineno <= line <= _end(child) for child in node.body)
    column = len(lines[line - 1]) - len(lines[line - 1].lstrip())
    if inside_a_block or column != node.body[0].col_offset:
        raise ValueError(
            f"line {line}: the mark of exercise {number} must stand between two statements of "
            f"{name}, at their indent, because the answer runs from it to the function's end"
        )
    return name, node


def _end(node: ast.stmt) -> int:
    return node.end_lineno or node.lineno


def _last_line(node: Function, lines: list[str]) -> int:
    """The function's last line; comments that trail its last statement belong to it."""
    last = _end(node)
    indent = node.body[0].col_offset
    for number in range(last, len(lines)):
        text = lines[number].lstrip()
        if text and not (text.startswith("#") and len(lines[number]) - len(text) >= indent):
            break
        if text:
            last = number + 1
    return last
