"""Write figure files, and hash the code that made them.

Files are written to a temporary path and renamed, so an interrupted script leaves the old file or
the new one.
"""

import ast
import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from toy_models.cache import write_then_rename

ROOT = Path(__file__).resolve().parents[3]
FIGURES = ROOT / "docs" / "figures"


def replace_file(path: Path, text: str) -> None:
    """Write `text` to `path` in one step, with the same bytes on every system."""
    with write_then_rename(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")


def write_metadata(
    path: Path,
    alt: str,
    sources: Iterable[Path | str] | Mapping[str, str],
    numbers: Mapping[str, Any] | None = None,
    seeds: Iterable[int] = (),
) -> None:
    """Write a figure's JSON: its alt text, numbers and seeds, and a hash of each source.

    `sources` are files of this repository, or their hashes from `hash_sources`. A hash that differs
    from the file's `code_hash` means that the code has changed since the figure was drawn.
    """
    hashes = dict(sources) if isinstance(sources, Mapping) else hash_sources(sources)
    metadata = {
        "alt": alt,
        "seeds": list(seeds),
        "sources": hashes,
        "numbers": to_json(dict(numbers or {})),
    }
    replace_file(path, json.dumps(metadata, indent=1, ensure_ascii=False) + "\n")


def hash_sources(sources: Iterable[Path | str]) -> dict[str, str]:
    """Hash files of this repository by their relative paths.

    A long experiment does so when it starts: the files may change while it runs.
    """
    return {relative_path(source): code_hash(source) for source in sources}


def relative_path(source: Path | str) -> str:
    """Return a file's path relative to the root of the repository."""
    return Path(source).resolve().relative_to(ROOT).as_posix()


def code_hash(source: Path | str) -> str:
    """Hash what a file does: 16 hex digits.

    Of a Python file the syntax tree is hashed, without docstrings, comments and type annotations;
    of any other file the text. Line endings do not count, because a checkout may change them.
    """
    text = Path(source).read_text(encoding="utf-8")
    return text_hash(behaviour(text) if Path(source).suffix == ".py" else text)


def text_hash(text: str) -> str:
    """Return the first 16 hex digits of the SHA-256 of a text."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def behaviour(code: str) -> str:
    """Dump the syntax tree of Python code without docstrings, comments and type annotations."""
    tree = _WithoutAnnotations().visit(ast.parse(code))
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list):
            node.body = [one for one in body if not _is_constant(one)]  # type: ignore[attr-defined]
    return ast.dump(tree)


class _WithoutAnnotations(ast.NodeTransformer):
    """Remove the annotations of arguments, results and variables; fields keep their names."""

    def visit_arg(self, node: ast.arg) -> ast.arg:
        """Remove the annotation of an argument."""
        node.annotation = None
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        """Remove the annotation of the result."""
        node.returns = None
        return self.generic_visit(node)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST:
        """Turn an annotated variable into a plain one."""
        node.annotation = ast.Constant(None)
        if node.value is None:
            return node
        return ast.Assign([node.target], self.visit(node.value))


def _is_constant(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)


def to_json(value: Any) -> Any:
    """Convert to plain JSON values: tensors to lists, floats to six significant digits.

    Raises: TypeError when a value has no form in JSON.
    """
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, dict):
        return {str(key): to_json(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [to_json(item) for item in value]
    if isinstance(value, float):
        return float(f"{value:.6g}")
    if value is None or isinstance(value, bool | int | str):
        return value
    raise TypeError(f"expected plain numbers and text for JSON, got {type(value).__name__}")
