"""Look at a model's insides: attention patterns, maps of heads, bars, lenses, features, graphs.

Each function returns `Html`: a notebook shows it, `mi lab` puts it into the report, and
`save(path)` writes a page that opens without a server or a network. The viewers are classic
scripts in docs/assets with their data inlined, because a page opened as a file can neither fetch
nor import.
"""

import base64
import html
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .course.files import ROOT, replace_file

if TYPE_CHECKING:
    from torch import Tensor

ASSETS = ROOT / "docs" / "assets"
EXPLORER = ROOT / "docs" / "explorer"
GRAPH_SCRIPTS = ("graph_file", "graph_canvas", "graph_state", "graph_live", "graph_explorer")
"""Scripts of the graph explorer, in the order in which they use each other."""
SCRIPTS = {
    "patterns": (ASSETS / "pattern_viewer.js",),
    **dict.fromkeys(("lens", "attribution", "heads"), (ASSETS / "stream_viewers.js",)),
    "graph": tuple(EXPLORER / f"{name}.js" for name in GRAPH_SCRIPTS),
}
"""Scripts of each kind of viewer, between viewer_parts.js and viewers.js."""
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


def pattern(
    patterns: "Tensor | Mapping[str, Tensor]",
    tokens: Sequence[str],
    start: tuple[int, int] = (0, 0),
) -> Html:
    """Show the attention patterns of every head on one text; choose a head, hover over a token.

    patterns: [layer, head, query, key], or a cache that holds `hook_pattern` of every layer, of
    which the first text is shown.
    tokens: of the text, as strings.
    start: the layer and the head that are chosen at first.

    Raises: ValueError when the shapes do not fit, or a query attends to a later key.
    """
    return viewer("patterns", pack_pattern(patterns, tokens, start))


def pack_pattern(
    patterns: "Tensor | Mapping[str, Tensor]",
    tokens: Sequence[str],
    start: tuple[int, int] = (0, 0),
) -> dict[str, Any]:
    """Make the JSON of the pattern viewer: the lower triangle of each head, one byte per entry."""
    import torch

    if isinstance(patterns, Mapping):
        layers = [x[0] for name, x in patterns.items() if name.endswith("hook_pattern")]
        if not layers:
            raise ValueError(
                "expected a cache with hook_pattern, got none; run_with_cache(tokens, "
                'names=lambda name: name.endswith("hook_pattern"))'
            )
        patterns = torch.stack(layers)
    n_layers, n_heads, *sides = patterns.shape
    if sides != [len(tokens), len(tokens)]:
        raise ValueError(f"expected patterns of {len(tokens)} tokens, got {list(patterns.shape)}")
    if not (0 <= start[0] < n_layers and 0 <= start[1] < n_heads):
        raise ValueError(f"expected a head of {n_layers} x {n_heads}, got {start}")
    if not patterns.isfinite().all() or patterns.triu(1).any():
        raise ValueError("expected finite patterns with no attention to later keys, got others")
    query, key = torch.tril_indices(len(tokens), len(tokens))
    levels = (patterns.detach().float()[:, :, query, key].clamp(0, 1) * 255).round().int()
    return {
        "tokens": list(tokens),
        "layers": n_layers,
        "heads": n_heads,
        "start": list(start),
        "patterns": base64.b64encode(bytes(levels.flatten().tolist())).decode(),
    }


def heads(values: "Tensor", unit: str = "") -> Html:
    """Draw a heat map of one value per head, [layer, head]; hover over a cell to read it."""
    if values.ndim != 2 or not values.numel() or not values.isfinite().all():
        raise ValueError(f"expected finite values [layer, head], got {list(values.shape)}")
    return viewer("heads", {"values": rounded(values), "unit": unit})


def lens(
    logits: "Tensor",
    tokens: Sequence[str],
    decode: Callable[[int], str],
    layers: Sequence[str] | None = None,
) -> Html:
    """Show what a lens predicts after each layer at each position.

    logits: [layer, pos, d_vocab], the last layer's last; they are the model's own prediction.
    tokens: of the text, as strings.
    decode: from the number of a token to its text.
    layers: a name for each layer; without it, their numbers.

    Raises: ValueError when the shapes do not fit.
    """
    return viewer("lens", pack_lens(logits, tokens, decode, layers))


def pack_lens(
    logits: "Tensor",
    tokens: Sequence[str],
    decode: Callable[[int], str],
    layers: Sequence[str] | None = None,
    n_words: int = 5,
) -> dict[str, Any]:
    """Make the JSON of the lens: the most likely tokens, and the rank of the final prediction."""
    n_layers, n_tokens, _ = logits.shape
    names = [str(i) for i in range(n_layers)] if layers is None else list(layers)
    if (n_layers, n_tokens) != (len(names), len(tokens)):
        raise ValueError(
            f"expected logits of {len(names)} layers and {len(tokens)} tokens, got "
            f"{list(logits.shape)}"
        )
    shares = logits.detach().float().softmax(dim=-1)
    best = shares.topk(min(n_words, shares.shape[-1]))
    answers = best.indices[-1, :, 0]
    own = shares.gather(-1, answers[None, :, None].expand(n_layers, -1, 1))
    places: dict[int, int] = {}  # token -> place in `words`
    top = [
        [
            [x for i, p in zip(*pair, strict=True) for x in (places.setdefault(i, len(places)), p)]
            for pair in zip(*layer, strict=True)
        ]
        for layer in zip(best.indices.tolist(), rounded(best.values, 4), strict=True)
    ]
    return {
        "tokens": list(tokens),
        "layers": names,
        "words": [decode(i) for i in places],
        "top": top,
        "answer": {
            "words": [places[i] for i in answers.tolist()],
            "shares": rounded(own[..., 0], 4),
            "ranks": (shares > own).sum(dim=-1).tolist(),
        },
    }


def attribution(
    contributions: "Tensor", names: Sequence[str], tokens: Sequence[str], targets: Sequence[str]
) -> Html:
    """Show which components add to the logit of a target at each position, layer by layer.

    contributions: [component, pos], with the names of `direct_logit_attribution`.
    tokens: of the text, as strings.
    targets: at each position, the token whose logit is split.

    Raises: ValueError when the shapes do not fit.
    """
    return viewer("attribution", pack_attribution(contributions, names, tokens, targets))


def pack_attribution(
    contributions: "Tensor", names: Sequence[str], tokens: Sequence[str], targets: Sequence[str]
) -> dict[str, Any]:
    """Make the JSON of the attribution view: a table of layers by components at each position."""
    import torch

    sizes = [len(names), len(tokens)]
    if list(contributions.shape) != sizes or len(targets) != len(tokens):
        raise ValueError(
            f"expected contributions {sizes} and {sizes[1]} targets, got "
            f"{list(contributions.shape)} and {len(targets)}"
        )
    values = contributions.detach().double().cpu()
    cells: dict[tuple[int, str], Tensor] = {}
    start, rest = torch.zeros(2, len(tokens), dtype=torch.double)
    for name, value in zip(names, values, strict=True):
        kind, _, place = name.partition(" ")
        layer, _, head = place.partition(".")
        if layer.isdecimal():
            cells[int(layer), head or kind] = value
        elif kind in ("embed", "pos_embed"):
            start += value
        else:
            rest += value
    n_layers = 1 + max((layer for layer, _ in cells), default=-1)
    columns = [c for c in dict.fromkeys(c for _, c in cells) if c != "bias"]
    if any(value.any() for (_, column), value in cells.items() if column == "bias"):
        columns.append("bias")
    nothing = torch.zeros(len(tokens))
    table = torch.stack(
        [torch.stack([cells.get((i, c), nothing) for c in columns]) for i in range(n_layers)]
    )
    return {
        "tokens": list(tokens),
        "targets": list(targets),
        "columns": columns,
        "layers": n_layers,
        "values": rounded(table.permute(2, 0, 1)),
        "start": rounded(start),
        "rest": rounded(rest),
    }


def rounded(values: "Tensor", places: int = 3) -> Any:
    """Return numbers as nested lists, rounded, so that a page stays small."""
    scale = 10**places
    return ((values.detach().double() * scale).round() / scale).tolist()


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
    sheets = [ASSETS / "viewers.css", *[EXPLORER / "explorer.css"] * (kind == "graph")]
    scripts = [ASSETS / "viewer_parts.js", *SCRIPTS.get(kind, ()), ASSETS / "viewers.js"]
    style, script = ("".join(p.read_text("utf-8") for p in paths) for paths in (sheets, scripts))
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
