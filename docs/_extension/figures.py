"""Turns an image that stands alone in its paragraph into a figure with a caption.

The caption is the image's title. Where `x.dark.svg` lies beside `x.svg`, the page carries both and
its style sheet shows the one that fits. An empty alt text is taken from `x.json`, which the
figure's script wrote; an image that has none in either place stops the build.
"""

import json
from pathlib import Path
from xml.etree.ElementTree import Element, SubElement

from markdown import Markdown
from markdown.treeprocessors import Treeprocessor

from docs._extension.errors import plainly
from docs._extension.pages import place_of


class FigureBuilder(Treeprocessor):
    """Checks every image for its alt text and frames those that stand alone."""

    def __init__(self, md: Markdown, root: Path) -> None:
        super().__init__(md)
        self.root = root

    @plainly
    def run(self, root: Element) -> None:
        """Rewrite the tree in place.

        Raises: ValueError naming file and line when an image has no alt text or is not there.
        """
        for image in list(root.iter("img")):
            self._check(image)
        for parent in list(root.iter()):
            for index, child in enumerate(list(parent)):
                if child.tag == "p" and len(child) == 1 and child[0].tag == "img":
                    if not (child.text or "").strip() and not (child[0].tail or "").strip():
                        parent[index] = self._figure(child[0])

    def _check(self, image: Element) -> None:
        source = image.get("src", "")
        file = self.root / "docs" / source
        if not source.startswith(("http:", "https:", "data:")) and not file.is_file():
            raise ValueError(
                f"{place_of(self.root, source)}: the image {source} is not there. Expected the "
                f"file docs/{source}; a figure is made by its script (`mi figures`)."
            )
        if not image.get("alt", "").strip():
            facts = file.with_suffix(".json")
            if facts.is_file():
                image.set("alt", json.loads(facts.read_text(encoding="utf-8")).get("alt", ""))
        if not image.get("alt", "").strip():
            raise ValueError(
                f"{place_of(self.root, f']({source}')}: the image {source} has no alt text. Say "
                "in a sentence what a reader who cannot see it should know: ![sentence](...)."
            )

    def _figure(self, image: Element) -> Element:
        figure = Element("figure")
        caption = image.attrib.pop("title", "")
        source = Path(image.get("src", ""))
        dark = source.with_suffix(f".dark{source.suffix}")
        image.tail = None
        figure.append(image)
        if (self.root / "docs" / dark).is_file():
            image.set("class", "only-light")
            twin = SubElement(figure, "img", dict(image.attrib))
            twin.set("src", dark.as_posix())
            twin.set("class", "only-dark")
        if caption:
            SubElement(figure, "figcaption").text = caption
        return figure
