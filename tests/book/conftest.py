"""The book, built once, and a small book to try the extension on: one page, one chapter of code."""

import importlib.util
import os
from pathlib import Path

import pytest
from markdown import Markdown

from tests.book.program import made_once, run

PAGE = """# Layers

### 2.4 LayerNorm { .exercise .core difficulty=3 importance=5 minutes=25 points=4 }

Subtract the mean $m$, then divide.

??? hint "Which axis?"

    The last one.

??? hint "Which variance?"

    The biased one.

Prose of the page goes on.

### 2.6 Tokens { .exercise difficulty=1 importance=2 minutes=5 points=1 }

Look rows up.

## The next part

Words.
"""

CODE = '''"""Layers."""

from torch import Tensor, nn


class LayerNorm(nn.Module):
    """(x - mean) / sqrt(var + eps) * w + b"""

    def forward(self, x: Tensor) -> Tensor:
        """Rescales each position."""
        # exercise 2.4
        tested_answer = x - x.mean(-1, keepdim=True)
        return tested_answer


class Embed(nn.Module):
    """Rows of W_E."""

    def forward(self, tokens: Tensor) -> Tensor:
        """Looks rows up."""
        # exercise 2.6
        return self.W_E[tokens]


class Positions(nn.Module):
    """Rows of W_pos."""

    def forward(self, tokens: Tensor) -> Tensor:
        """Looks positions up."""
        # exercise 2.6
        return self.W_pos[: tokens.shape[1]]
'''

EXTENSIONS = [
    "attr_list",
    "tables",
    "toc",
    "md_in_html",
    "pymdownx.details",
    "pymdownx.highlight",
    "pymdownx.superfences",
    "pymdownx.arithmatex",
    "docs._extension",
]


@pytest.fixture(scope="session")
def shared_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A temporary folder of this run of pytest, the same one in all its workers."""
    base = tmp_path_factory.getbasetemp()
    return base.parent if "PYTEST_XDIST_WORKER" in os.environ else base


@pytest.fixture(scope="session")
def site(shared_folder: Path) -> Path:
    """The built book."""
    if importlib.util.find_spec("material") is None:
        pytest.skip("material is not installed")
    site = shared_folder / "book"
    words = ("build", "--strict", "--quiet", "--site-dir", str(site))
    return made_once(site, lambda: run("mkdocs", *words))


@pytest.fixture
def book(tmp_path: Path):
    """A folder with docs/ and solutions/, and `book.render(text)` for its chapter page."""
    return Book(tmp_path)


class Book:
    """The small book."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.page = root / "docs" / "ch02_layers.md"
        self.code = root / "solutions" / "ch02_transformer" / "layers.py"
        for file, text in ((self.page, PAGE), (self.code, CODE)):
            file.parent.mkdir(parents=True)
            file.write_text(text, encoding="utf-8")

    def render(self, text: str = PAGE) -> str:
        """Writes the page and returns its HTML."""
        self.page.write_text(text, encoding="utf-8")
        configs = {
            "docs._extension": {"root": str(self.root)},
            "pymdownx.arithmatex": {"generic": True},
        }
        self.markdown = Markdown(extensions=EXTENSIONS, extension_configs=configs)
        return self.markdown.convert(text)
