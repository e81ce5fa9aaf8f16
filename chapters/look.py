"""Look at a model's insides: feature activations, graphs, and bars. For labs, notebooks, pages.

Each function returns `Html`: a notebook shows it, `mi lab` puts it into the report, and
`save(path)` writes a page that opens without a server or a network. The viewers are classic
scripts in docs/assets with their data inlined, because a page opened as a file can neither fetch
nor import.
"""

import base64
import html
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .course.files import ROOT, replace_file

if TYPE_CHECKING:
    from torch import Tensor

ASSETS = ROOT / "docs" / "assets"
EXPLORER = ROOT / "docs" / "explorer"
GRAPH_SCRIPTS = ("graph_file", "graph_canvas", "graph_state", "graph_live", "graph_explorer")
"""Scripts of the graph explorer, in the order in which they use each other."""
PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title>
<meta name="viewport" content="width=device-width">
<style>html{{color-scheme:light dark}}body{{margin:1.5em auto;max-width:60em;padding:0 1em}}</style>
</head><body>
{body}
</body></html>
"""


class Html(str):
    """A piece of HTML, which a notebook renders."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"<Html, {len(self)} characters: show it in a notebook, or .save(path)>"

    def _repr_html_(self) -> str:
        return str(self)

    def save(self, path: str | Path, title: str = "Mechanistic Interpretability") -> Path:
        """Write a page that opens by itself."""
        replace_file(Path(path), PAGE.format(title=html.escape(title), body=self))
        return Path(path)


def features(
    activations: "Tensor",
    tokens: Sequence[Sequence[str]],
    labels: Mapping[int, str] | Sequence[int] | None = None,
) -> Html:
    """Show which features are active at which token; hover over a token, choose a feature.

    activations: at least zero, [text, pos, feature].
    tokens: of each text, as strings; a text may be shorter than the longest one.
    labels: which features to show, and a name for each; without it, all of them.

    Raises: ValueError when the shapes do not fit, or an activation is negative or not finite.
    """
    return viewer("features", pack_features(activations, tokens, labels))


def pack_features(
    activations: "Tensor",
    tokens: Sequence[Sequence[str]],
    labels: Mapping[int, str] | Sequence[int] | None = None,
) -> dict[str, Any]:
    """Make the JSON of the feature viewer: per feature its maximum, and one byte per token."""
    texts, length, width = activations.shape
    if len(tokens) != texts or any(len(text) > length for text in tokens):
        raise ValueError(
            f"expected tokens of {texts} texts of at most {length} tokens, got "
            f"{[len(text) for text in tokens]}"
        )
    if not activations.isfinite().all() or (activations < 0).any():
        raise ValueError("expected finite activations of at least 0, got others; apply the SAE")
    chosen = range(width) if labels is None else list(labels)
    names = labels if isinstance(labels, Mapping) else {}
    shown = []
    for feature in chosen:
        rows = [activations[i, : len(text), feature] for i, text in enumerate(tokens)]
        top = max([float(row.max()) for row in rows if len(row)], default=0.0)
        scale = 255 / top if top else 0.0
        levels = [bytes((row.float() * scale).round().int().tolist()) for row in rows]
        packed = base64.b64encode(b"".join(levels)).decode()
        shown.append({"id": feature, "label": names.get(feature, ""), "max": top, "acts": packed})
    return {"texts": [list(text) for text in tokens], "features": shown}


def graph(data: Mapping[str, Any]) -> Html:
    """Show an attribution graph, the JSON of `solutions.ch12_graphs.export`, in the explorer."""
    return viewer("graph", data)


def viewer(kind: str, data: Mapping[str, Any]) -> Html:
    """Join a viewer's data, style and scripts into one piece of HTML."""
    style, script = ((ASSETS / f"viewers.{end}").read_text("utf-8") for end in ("css", "js"))
    if kind == "graph":
        style += (EXPLORER / "explorer.css").read_text("utf-8")
        script = (
            "".join((EXPLORER / f"{name}.js").read_text("utf-8") for name in GRAPH_SCRIPTS) + script
        )
    return Html(
        f"<style>{style}</style>{data_block(kind, json.dumps(data))}<script>{script}</script>"
    )


def data_block(kind: str, data: str) -> str:
    """Write the element that a viewer's script fills; no text in the data can end the element."""
    data = data.replace("<", r"\u003c")
    return (
        f'<div class="mi-viewer" data-kind="{kind}" data-search-exclude>'
        f'<script type="application/json">{data}</script>'
        "<noscript>This picture needs JavaScript.</noscript></div>"
    )


def bars(values: Mapping[str, float], unit: str = "") -> Html:
    """Draw labelled horizontal bars; negative values go to the left of zero."""
    numbers = [float(value) for value in values.values()]
    low, high = min([0.0, *numbers]), max([0.0, *numbers])
    scale = 300 / (high - low) if high > low else 0.0
    zero = 150 - low * scale
    rows = []
    for place, (name, value) in enumerate(zip(values, numbers, strict=True)):
        left = zero + min(value, 0.0) * scale
        rows.append(
            f'<g transform="translate(0 {18 * place})" font-size="12">'
            f'<text x="145" y="13" text-anchor="end" fill="currentColor">{html.escape(name)}</text>'
            f'<rect x="{left:.1f}" y="3" width="{abs(value) * scale:.1f}" height="12" '
            f'fill="#0072b2"/><text x="460" y="13" fill="currentColor">{value:.2f} '
            f"{html.escape(unit)}</text></g>"
        )
    rows.append(f'<path d="M{zero:.1f} 0V{18 * len(numbers)}" stroke="currentColor"/>')
    size = f'viewBox="0 0 560 {18 * len(numbers)}" style="max-width:560px;font-family:system-ui"'
    return Html(f'<svg role="img" {size}>{"".join(rows)}</svg>')
