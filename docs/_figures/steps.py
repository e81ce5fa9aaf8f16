"""Long runs in steps that are not done twice: each result lies in the cache, by what made it.

A step's name on disk is a hash of its own name, of everything it was given, and of the code that it
runs on, docstrings and comments left out. Change any of these, and it runs again; interrupt the
run, and it goes on from the last step that was whole.
"""

import ast
import hashlib
import json
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import torch
from tqdm import tqdm

from toy_models.cache import cache_folder


class Steps:
    """The steps of one run, with a bar that counts them."""

    def __init__(self, run: str, total: int, given: Any, sources: Iterable[Path | str]) -> None:
        self.folder = cache_folder() / "runs" / run
        self.given = [given, [code(source) for source in sources]]
        self.bar = tqdm(total=total, desc=run)

    def __call__(self, name: str, make: Callable[[], Any], given: Any = None) -> Any:
        """What `make` returns, from the cache if it was made of the same things before.

        given: what the step depends on besides the run's own; plain values.
        """
        made_of = json.dumps([name, given, self.given], sort_keys=True, default=str)
        key = hashlib.sha256(made_of.encode()).hexdigest()[:16]
        path = self.folder / f"{key}.pt"
        self.bar.set_postfix_str(name)
        if not path.is_file():
            self.folder.mkdir(parents=True, exist_ok=True)
            beside = path.with_suffix(f".{os.getpid()}.part")
            try:
                torch.save(make(), beside)
                os.replace(beside, path)
            finally:
                beside.unlink(missing_ok=True)
        self.bar.update()
        return torch.load(path, weights_only=True)


def code(source: Path | str) -> str:
    """A hash of what a Python file does: its syntax tree without docstrings."""
    tree = ast.parse(Path(source).read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list):
            node.body = [one for one in body if not is_text(one)]
    return hashlib.sha256(ast.dump(tree).encode()).hexdigest()[:16]


def is_text(statement: ast.stmt) -> bool:
    """Whether a statement is nothing but a string."""
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
