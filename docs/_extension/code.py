"""Find an exercise's code: the given lines and the tested answer.

Both are cut out of solutions/ at build time, so that no line of code is written twice. A copy of
the course that withholds solutions/ falls back on the workbook for what is given.
"""

import ast
import textwrap
from pathlib import Path
from typing import NamedTuple

from chapters.course.answers import (
    TABLE_FILE,
    Answer,
    answer_files,
    answers_in,
    blank_tables,
    text_of,
)


class Code(NamedTuple):
    """What one file holds of one exercise."""

    file: str
    """Path below the chapters or solutions folder, such as `ch02_transformer/layers.py`."""
    names: tuple[str, ...]
    """Qualified names of the exercise's functions, in file order; the file's, of a table."""
    given: str
    """Signatures, docstrings and given lines, up to and with the mark; a table's questions."""
    solution: str | None
    """The tested functions or table, or None where this copy has no solutions/."""

    @property
    def language(self) -> str:
        """What a code block calls it."""
        return "toml" if self.file.endswith(TABLE_FILE) else "python"


def exercise_code(root: Path, number: str) -> list[Code]:
    """Return the code of exercise `number`, one entry for each file that carries its mark.

    Raises: ValueError when the chapter is there and nothing in it carries the mark.
    """
    folders = [f for tree in ("solutions", "chapters") for f in _chapter(root / tree, number)]
    if not folders:
        raise ValueError(f"exercise {number}: no chapter folder for it under {root}")
    folder = folders[0]
    found = []
    for path in answer_files(folder):
        source = path.read_text(encoding="utf-8")
        if f"# exercise {number}\n" not in source and path.name != TABLE_FILE:
            continue
        answers = [a for a in answers_in(path, source) if a.number == number]
        if answers:
            text = text_of(path, number).rstrip("\n")
            table = path.name == TABLE_FILE
            found.append(
                Code(
                    path.relative_to(folder.parent).as_posix(),
                    (TABLE_FILE,) if table else tuple(a.qualname for a in answers),
                    blank_tables(text).rstrip("\n") if table else _given(source, answers),
                    text if folder.parent.name == "solutions" else None,
                )
            )
    if not found:
        raise ValueError(
            f"exercise {number}: no function in {folder} has `# exercise {number}`, and its "
            f'{TABLE_FILE} has no table ["{number}"]'
        )
    return found


def _chapter(tree: Path, number: str) -> list[Path]:
    chapter = int(number.split(".")[0])
    return sorted(p for p in tree.glob(f"ch{chapter:02d}_*") if p.is_dir())


def _given(source: str, answers: list[Answer]) -> str:
    """Cut each function down to its given lines, under the head of its class."""
    lines = source.splitlines()
    heads = _class_heads(source)
    parts, shown = [], None
    for answer in answers:
        owner = answer.qualname.rpartition(".")[0]
        given = textwrap.dedent("\n".join(lines[answer.first_line - 1 : answer.mark_line]))
        if owner in heads:
            head = f"{heads[owner]}\n" if owner != shown else ""
            given = head + textwrap.indent(given, "    ")
        shown = owner
        parts.append(given)
    return "\n\n".join(parts)


def _class_heads(source: str) -> dict[str, str]:
    """Map each top-level class to its `class ...:` line."""
    return {
        node.name: f"class {node.name}({', '.join(ast.unparse(b) for b in node.bases)}):"
        if node.bases
        else f"class {node.name}:"
        for node in ast.parse(source).body
        if isinstance(node, ast.ClassDef)
    }
