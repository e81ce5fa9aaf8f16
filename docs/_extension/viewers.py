"""Put viewers into pages, and keep folded results out of the search index.

- `::: features figures/x.json`, a line of its own, becomes a viewer with that JSON inlined: a page
  opened as a file may not fetch its neighbours. KINDS lists the other kinds.
- `??? found "What we found"` folds a result that the reader is asked to guess first.
"""

from pathlib import Path
from xml.etree.ElementTree import Element

from markdown import Markdown
from markdown.preprocessors import Preprocessor
from markdown.treeprocessors import Treeprocessor

from chapters.look import data_block
from docs._extension.errors import plainly

KINDS = ("features", "graph", "patterns", "lens", "attribution", "heads")


class ViewerWriter(Preprocessor):
    """Preprocessor that replaces each viewer line by its element."""

    def __init__(self, md: Markdown, root: Path) -> None:
        super().__init__(md)
        self.root = root

    @plainly
    def run(self, lines: list[str]) -> list[str]:
        """Return the lines with every viewer filled in."""
        return [self._viewer(line) for line in lines]

    def _viewer(self, line: str) -> str:
        words = line.split()
        if len(words) != 3 or words[0] != ":::" or words[1] not in KINDS:
            return line
        path = self.root / "docs" / words[2]
        if not path.exists():
            raise ValueError(f"expected the file docs/{words[2]}, got a missing one; see `{line}`")
        return self.md.htmlStash.store(data_block(words[1], path.read_text(encoding="utf-8")))


class FoundFolds(Treeprocessor):
    """Tree processor that excludes folds of class `found` from the search index."""

    def run(self, root: Element) -> None:
        """Mark the folds."""
        for fold in root.iter("details"):
            if "found" in fold.get("class", "").split():
                fold.set("data-search-exclude", "")
