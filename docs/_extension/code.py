"""Finds an exercise's code: what the reader is given, and the tested answer.

Both are cut out of solutions/ at build time, so that no line of code is written twice. A copy of
the course that withholds solutions/ falls back on the workbook for what is given.
"""

import ast
import textwrap
from pathlib import Path
from typing import NamedTuple

from chapters.desk.marks import Answer, answer_text, find_answers


class Code(NamedTuple):
    """What one file holds of one exercise."""

    file: str
    """Path below the chapters or solutions folder, such as `ch02_transformer/layers.py`."""
    names: tuple[str, ...]
    """Qualified names of the exercise's functions, in file order."""
    given: str
    """Signatures, docstrings and given lines, up to and with the mark."""
    solution: str | None
    """The tested functions, or None where this copy has no solutions/."""


def exercise_code(root: Path, number: str) -> list[Code]:
    """Return the code of exercise `number`, one entry for each file that carries its mark.

    Raises: ValueError when the chapter is there and no function of it carries the mark.
    """
    folders = [f for tree in ("solutions", "chapters") for f in _chapter(root / tree, number)]
    if not folders:
        raise ValueError(f"exercise {number}: no chapter folder for it under {root}")
    folder = folders[0]
    found = []
    for path in sorted(folder.rglob("*.py")):
        source = path.read_text(encoding="utf-8")
        if f"# exercise {number}\n" not in source:
            continue
        answers = [a for a in find_answers(source) if a.number == number]
        if answers:
            tested = folder.parent.name == "solutions"
            found.append(
                Code(
                    path.relative_to(folder.parent).as_posix(),
                    tuple(a.qualname for a in answers),
                    _given(source, answers),
                    answer_text(source, number).rstrip("\n") if tested else None,
                )
            )
    if not found:
        raise ValueError(f"exercise {number}: no function in {folder} has `# exercise {number}`")
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
