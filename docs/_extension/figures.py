"""Turn an image that is alone in its paragraph into a figure with a caption.

The caption is the image's title. Where both `x.svg` and `x.dark.svg` exist, the page includes both
and its style sheet shows the one for the current colour scheme. An empty alt text is taken from
`x.json`, which the figure's script wrote; an image without one in either place stops the build.
"""

import json
from pathlib import Path
from xml.etree.ElementTree import Element, SubElement

from markdown import Markdown
from markdown.treeprocessors import Treeprocessor

from docs._extension.errors import plainly
from docs._extension.pages import place_of


class FigureBuilder(Treeprocessor):
    """Tree processor that checks alt texts and builds figures."""

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
                f"{place_of(self.root, source)}: expected the image file docs/{source}, got "
                "no such file; run the figure's script (`mi figures`)"
            )
        if not image.get("alt", "").strip():
            facts = file.with_suffix(".json")
            if facts.is_file():
                image.set("alt", json.loads(facts.read_text(encoding="utf-8")).get("alt", ""))
        if not image.get("alt", "").strip():
            raise ValueError(
                f"{place_of(self.root, f']({source}')}: expected an alt text for {source}, got "
                "none; describe the image for readers who cannot see it: ![sentence](...)"
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
