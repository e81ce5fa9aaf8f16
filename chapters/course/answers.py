"""Find the answers in a file, and replace them by stubs.

An answer is one of three things:

- the lines of a function below a comment `# exercise 2.4`, to the end of that function; the comment
  is on a line of its own, between two statements, and the lines above it are given;
- a table `["0.15"]` of a chapter's answers.toml, which ends before the next one; comments above a
  table belong to it, and in the workbook every value is "?";
- in a lab, a guess or a cell of the learner's own.

This is the only parser of answers: the workbook, the import hook, the fingerprints, `mi reset` and
the book all use it. A table is found by its lines, so that a syntax error in one leaves the others
readable.
"""

import ast
import io
import re
import textwrap
import tokenize
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from .files import read_text

TABLE_FILE, LAB_FILE = "answers.toml", "lab.py"
MARK = re.compile(r"#\s*exercise\s+([0-9]+\.[0-9]+)\s*$")
HEAD = re.compile(r'\[\s*"([0-9]+\.[0-9]+)"\s*(\.[^\[\]]+)?\]\s*(#.*)?')
OPEN = "?"
CELL, OWN_CELL, GUESS = "# %%", "# %% your own cell", "# guess"

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


def answer_files(folder: Path) -> list[Path]:
    """List the files of a chapter that hold answers: its code, and its answers.toml if any.

    Names that start with a dot belong to editors and systems.
    """
    found = [path.relative_to(folder) for path in [*folder.rglob("*.py"), *folder.glob(TABLE_FILE)]]
    return sorted(folder / p for p in found if not any(part[0] == "." for part in p.parts))


def answers_in(path: Path, text: str | None = None) -> list[Answer]:
    """List the answers of a file, marked functions or tables.

    Raises: SyntaxError and ValueError as `find_answers` does.
    """
    text = read_text(path) if text is None else text
    return find_tables(text) if path.name == TABLE_FILE else find_answers(text)


def text_of(path: Path, number: str) -> str:
    """Return the answer to one exercise as a page shows it: whole functions, or the table.

    Raises: KeyError when the file has no answer of that number.
    """
    text = read_text(path)
    return table_text(text, number) if path.name == TABLE_FILE else answer_text(text, number)


def without_answers(text: str, name: str) -> str:
    """Replace every answer in a file of that name by its stub.

    Raises: SyntaxError and ValueError when the file cannot be read.
    """
    blank = {TABLE_FILE: blank_tables, LAB_FILE: blank_lab}.get(name, make_stub)
    return blank(text)


def find_answers(source: str) -> list[Answer]:
    """List the marked answers of a file, from top to bottom.

    Raises: SyntaxError when the file is not Python; ValueError when a mark is outside a function,
    inside a block of it, or the second one in a function.
    """
    if not re.search(MARK.pattern, source, re.MULTILINE):
        return []
    tree, marks = parse(source), _mark_lines(source)
    lines = source.split("\n")
    functions = _list_functions(tree)
    answers: list[Answer] = []
    for line, number in marks.items():
        qualname, node = _innermost(functions, line, lines, number)
        if any(answer.qualname == qualname for answer in answers):
            raise ValueError(f"line {line}: {qualname} has a second mark; keep one per function")
        if [name for name, _ in functions].count(qualname) > 1:
            raise ValueError(f"line {line}: {qualname} is defined twice in this file; rename one")
        indent = lines[line - 1][: -len(lines[line - 1].lstrip())]
        answers.append(
            Answer(number, qualname, first_line(node), line, _last_line(node, lines), indent)
        )
    return answers


def parse(source: str, name: str = "<unknown>") -> ast.Module:
    """Parse a file.

    Raises: SyntaxError for everything that Python cannot read; without a line when it nests too
        deeply.
    """
    try:
        return ast.parse(source, name)
    except (RecursionError, MemoryError):
        raise too_deep(name) from None
    except ValueError as error:
        raise SyntaxError(f"Python cannot read this: {error}", (name, None, None, None)) from None


def too_deep(name: str) -> SyntaxError:
    """Return the error for a file whose syntax tree is too deep for Python, or for the tools."""
    words = "an expression or a block is nested too deeply; split it into several statements"
    return SyntaxError(words, (name, None, None, None))


def place_of(error: SyntaxError, name: str) -> str:
    """Return a file's name and, where it is known, the line of an error in it."""
    return name if error.lineno is None else f"{name}, line {error.lineno}"


def functions_of(tree: ast.Module) -> dict[str, Function]:
    """Map __qualname__ to each function of a parsed file; of two equal names, to the last."""
    return dict(_list_functions(tree))


def _list_functions(tree: ast.Module) -> list[tuple[str, Function]]:
    """Return (qualname, function) for each function of a parsed file.

    Raises: SyntaxError for a chain of a thousand `elif`, which is a block in a block in a block.
    """
    try:
        return list(_functions(tree, ""))
    except RecursionError:
        raise too_deep("<unknown>") from None


def first_line(node: Function | ast.ClassDef) -> int:
    """Return the line of a definition's first decorator, or of its `def` or `class`."""
    return min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])


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


def marked_lines(lines: list[str], number: str) -> list[int]:
    """Return the indices of the lines with the mark of an exercise, in Python or not."""
    found = [(index, MARK.match(line.strip())) for index, line in enumerate(lines)]
    return [index for index, mark in found if mark is not None and mark[1] == number]


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
        if not isinstance(child, ast.stmt | ast.excepthandler | ast.match_case):
            continue  # no expression holds a function
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


def find_tables(text: str) -> list[Answer]:
    """List the tables of an answers.toml, from top to bottom.

    A table is an `Answer` whose mark is its head and whose qualname is its number.
    """
    lines = text.split("\n")
    heads = [(i, match[1]) for i, line in enumerate(lines) if (match := HEAD.fullmatch(line))]
    found: list[Answer] = []
    for place, (start, number) in enumerate(heads):
        following = heads[place + 1][0] if place + 1 < len(heads) else len(lines)
        end = following
        while not lines[end - 1].strip() or lines[end - 1].lstrip().startswith("#"):
            end -= 1
        if found and found[-1].number == number:  # a table inside the table
            found[-1] = found[-1]._replace(last_line=end)
        else:
            found.append(Answer(number, number, start + 1, start + 1, end, ""))
    return found


def tables_of(text: str, number: str) -> list[Answer]:
    """List the tables of one exercise; more than one is an error of the file."""
    return [table for table in find_tables(text) if table.number == number]


def read_table(text: str, number: str) -> dict[str, Any]:
    """Return the keys and values of one exercise.

    Raises: KeyError when there is no such table; TOMLDecodeError, with the line in the whole file,
        when it is not TOML.
    """
    own = tables_of(text, number)
    if not own:
        raise KeyError(f'there is no table ["{number}"]')
    lines = [
        line if any(table.first_line <= place <= table.last_line for table in own) else ""
        for place, line in enumerate(text.split("\n"), start=1)
    ]
    try:
        table: dict[str, Any] = tomllib.loads("\n".join(lines))[number]
    except tomllib.TOMLDecodeError:
        raise
    except RecursionError:
        raise tomllib.TOMLDecodeError("A value is nested too deeply") from None
    except ValueError as error:  # a number of thousands of digits
        raise tomllib.TOMLDecodeError(str(error)) from None
    return table


def open_keys(table: dict[str, Any]) -> tuple[str, ...]:
    """Return the keys that still have a question mark in their value."""
    return tuple(key for key, value in table.items() if is_open(value))


def is_open(value: object) -> bool:
    """Tell whether a value still has a question mark in it."""
    if isinstance(value, dict):
        return any(map(is_open, value.values()))
    if isinstance(value, list | tuple):
        return any(map(is_open, value))
    return isinstance(value, str) and value.strip() == OPEN


def blank_tables(text: str) -> str:
    """Replace every value by "?", and keep comments and tables.

    Raises: ValueError when the text is not TOML.
    """
    lines, pending = [], ""
    for line in text.splitlines():
        pending += line + "\n"
        try:
            values = tomllib.loads(pending)
        except tomllib.TOMLDecodeError:  # an array or a string that continues on the next line
            continue
        key = pending.partition("=")[0].strip()
        if values and not pending.lstrip().startswith(("[", "#")):
            lines.append(f'{key} = "{OPEN}"')
        else:
            lines.append(line)
        pending = ""
    if pending:
        raise ValueError(f"expected TOML, got from here on: {pending.splitlines()[0]}")
    return "\n".join(lines) + "\n"


def table_text(text: str, number: str) -> str:
    """Return the lines of one exercise's table.

    Raises: KeyError when there is none.
    """
    own = tables_of(text, number)
    if not own:
        raise KeyError(f'there is no table ["{number}"] here')
    lines = text.split("\n")
    return "\n".join("\n".join(lines[t.first_line - 1 : t.last_line]) for t in own) + "\n"


def blank_lab(source: str) -> str:
    """Replace every guess by "?" and empty each cell headed `# %% your own cell`.

    A guess is an assignment whose last line ends in a comment that starts with `# guess`; the
    comment stays. Raises: SyntaxError when the lab is not Python; ValueError for a guess that is
    not an assignment.
    """
    lines = source.split("\n")
    ends = {node.end_lineno: node for node in ast.parse(source).body}
    for number, line in reversed(list(enumerate(lines, 1))):
        if GUESS not in line or line.startswith("#"):
            continue
        node = ends.get(number)
        if not isinstance(node, ast.Assign):
            raise ValueError(f"line {number}: expected `name = value  {GUESS}`, got {line!r:.60}")
        name, comment = ast.unparse(node.targets[0]), line[line.rindex(GUESS) :]
        lines[node.lineno - 1 : number] = [f'{name} = "?"  {comment}']
    blanked: list[str] = []
    is_own = False
    for line in lines:
        if line.startswith(CELL):
            is_own = line.startswith(OWN_CELL)
            blanked += [line, "# Write your code here.", ""] if is_own else [line]
        elif not is_own:
            blanked.append(line)
    return "\n".join(blanked).rstrip("\n") + "\n"
