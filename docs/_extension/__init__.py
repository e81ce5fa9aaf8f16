"""The book's own Markdown: exercise cards, figures and tables of exercises.

A Python-Markdown extension, usable from every builder based on Python-Markdown:
`markdown_extensions: [docs._extension]`, run from the repository root. What it adds:

- `### 2.4 LayerNorm { .exercise difficulty=3 importance=5 minutes=25 points=4 }` becomes a card
  (cards.py) with the tested code of solutions/ put in at build time (code.py);
- `![alt](figures/x.svg "caption")`, alone in a paragraph, becomes a figure (figures.py);
- a line `::: exercises 2` becomes a table of chapter 2's exercises (tables.py), and
  `::: calendar lecturer/calendar.toml` the table of a course's weeks (calendar.py);
- a line `::: patterns figures/x.json` becomes a viewer, and `??? found` a fold that the search does
  not read (viewers.py).
"""

from pathlib import Path
from typing import Any

from markdown import Markdown
from markdown.extensions import Extension

from docs._extension.calendar import CalendarWriter
from docs._extension.cards import CardBuilder, CardWriter
from docs._extension.figures import FigureBuilder
from docs._extension.tables import TableWriter
from docs._extension.viewers import FoundFolds, ViewerWriter

ROOT = Path(__file__).resolve().parents[2]


class BookExtension(Extension):
    """Registers the parts of the book's Markdown with one Markdown instance."""

    def __init__(self, **configs: Any) -> None:
        self.config = {"root": [str(ROOT), "the repository whose docs/ and solutions/ are read"]}
        super().__init__(**configs)

    def extendMarkdown(self, md: Markdown) -> None:
        """Place text steps before code fences are read, tree steps after attributes are set."""
        root = Path(self.getConfig("root"))
        md.preprocessors.register(TableWriter(md, root), "book_tables", 29)
        md.preprocessors.register(CalendarWriter(md, root), "book_calendar", 29)
        md.preprocessors.register(CardWriter(md, root), "book_cards", 28)
        md.preprocessors.register(ViewerWriter(md, root), "book_viewers", 27)
        # Attribute lists are applied at 8 and the table of contents is read at 5.
        md.treeprocessors.register(CardBuilder(md, root), "book_card_frames", 7)
        md.treeprocessors.register(FigureBuilder(md, root), "book_figures", 6)
        md.treeprocessors.register(FoundFolds(md), "book_found_folds", 5)


def makeExtension(**configs: Any) -> BookExtension:
    """Return the extension: the entry point that Python-Markdown looks for."""
    return BookExtension(**configs)
