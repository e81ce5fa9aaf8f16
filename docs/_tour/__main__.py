"""Run the tour: `mi tour`, or `mi tour --prompt "..."` with a sentence of your own.

The pictures and a page are written to the folder tour/, which git ignores. All stops are measured
before anything is written, so an interrupted tour leaves the page of the last one unchanged.
"""

import argparse
import base64
import html
import itertools
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from tqdm import tqdm

from chapters import look
from docs._figures.lib.figure_files import ROOT, replace_file
from docs._figures.lib.plotting import render
from docs._figures.lib.theme import LIGHT
from docs._graph.build import Question, build
from docs._look.views import views
from docs._tour.directions import directions
from docs._tour.features import features
from docs._tour.induction import induction
from docs._tour.name_movers import name_movers
from docs._tour.stops import Stop, TourInput, ablation, heads, logit_lens, predictions
from solutions.ch02_transformer import load_pretrained

PROMPT = "The tall green ship left the harbour at dawn. The tall green"
LONGEST, N_NODES = 40, 80
STOPS = (predictions, logit_lens, directions, features, heads, induction, name_movers, ablation)
FONT = ROOT / "docs" / "assets" / "fonts" / "source-serif-4-latin-wght-normal.woff2"
STYLE = """@font-face{font-family:"Source Serif 4";font-weight:200 900;
src:url(data:font/woff2;base64,FONT)}
html{color-scheme:light dark}body{font:17px/1.62 "Source Serif 4",Charter,Georgia,serif;
max-width:46rem;margin:0 auto;padding:0 1rem 3rem;color:#1c2530;background:#fff}
h1,h2{font-weight:620;line-height:1.2;letter-spacing:-.01em}h2{margin-top:2.2em}a{color:#0a628f}
nav{background:#12324a;margin:0 -1rem;padding:.6rem 1rem}nav a{color:#fff}
.picture{overflow-x:auto}img{width:100%;min-width:34rem}code{background:#8882;padding:.1em .3em;
border-radius:.2em;font-size:.8em;overflow-wrap:anywhere}.taught{opacity:.75;font-size:.9em}
@media(prefers-color-scheme:dark){body{color:#dfe5ea;background:#12181e}a{color:#74c0e8}
img{filter:invert(.92) hue-rotate(180deg)}}"""
"""Style of the page, with the book's typeface and colours. Drawing a picture costs more than some
stops, so the dark page shows the light picture inverted; hue-rotate restores the hues."""
VIEWS = {"predictions": "attribution", "logit_lens": "lens", "heads": "patterns"}
"""The viewer that follows a stop."""
BOOK = "../site/"
"""Where the book is, seen from the page; `mi book` copies the tour into the book and changes it."""

GRAPH = """<h2>Which neurons led to the next token?</h2>
<p>An attribution graph of this prompt, with the neurons that matter most for the most likely
next token: <a href="graph.html">open it in the graph explorer</a>. Most of the flow ends in
neurons that are not shown. A contrast of two prompts shows more:
<code>mi graph "..." --contrast "..."</code></p>
<p class="taught">Taught in <a href="../site/ch12_graphs.html">chapter 12</a>.</p>"""


def main(arguments: list[str] | None = None) -> int:
    """Measure every stop, write the page and print its path."""
    parser = argparse.ArgumentParser(
        prog="mi tour", description="Apply the tools of the book to the real model."
    )
    parser.add_argument("--prompt", default=PROMPT, help="a sentence of your own")
    parser.add_argument("--out", type=Path, default=ROOT / "tour", help="folder of the page")
    chosen = parser.parse_args(arguments)
    try:
        source = load_input(chosen.prompt)
    except ValueError as error:
        print(error, file=sys.stderr)
        return 1
    print(f"Prompt: {source.prompt!r}, {len(source.words)} tokens")
    stops = [stop(source) for stop in tqdm(STOPS, desc="the tour", unit="stop")]
    shown = views(source.model, source.tokenizer, source.tokens)
    trace(source, chosen.out / "graph.html")
    for stop in stops:
        svg = render(f"tour_{stop.name}", stop.draw, LIGHT, stop.size)
        replace_file(chosen.out / f"{stop.name}.svg", svg)
        print(f"\n{stop.title}\n  {stop.text}\n  Taught in {stop.taught_in}.")
    replace_file(chosen.out / "index.html", page(source, stops, shown))
    print(f"\nPictures: {chosen.out / 'index.html'}")
    print(f"A graph of the prompt: {chosen.out / 'graph.html'}")
    return 0


def trace(source: TourInput, path: Path) -> None:
    """Write the page of an attribution graph of the prompt."""
    built = build(Question(source.prompt, None, None), source.model, source.tokenizer, N_NODES)
    look.graph(built.content).save(path, "Attribution graph")


def load_input(prompt: str) -> TourInput:
    """Load the model and tokenize the prompt.

    Raises: ValueError when the model is missing, or the prompt is too short or too long to draw.
    """
    model, tokenizer = load_pretrained("smollm2-135m")
    assert tokenizer is not None
    ids = tokenizer.encode(prompt).ids
    if not 3 <= len(ids) <= LONGEST:
        raise ValueError(f"expected a prompt of 3 to {LONGEST} tokens, got {len(ids)}")
    words = [tokenizer.decode([i]) for i in ids]
    return TourInput(model, tokenizer, prompt, torch.tensor([ids]), words)


def page(source: TourInput, stops: list[Stop], shown: Mapping[str, dict[str, Any]]) -> str:
    """Return the tour as one HTML page that needs no network; `shown` is the viewers' data."""
    style = STYLE.replace("FONT", base64.b64encode(FONT.read_bytes()).decode())
    sections = []
    for stop in stops:
        kind = VIEWS.get(stop.name)
        sections.append(section(stop) + (look.viewer(kind, shown[kind]) if kind else ""))
    return "\n".join(
        [
            '<!doctype html><html lang="en"><meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width">',
            f"<title>A tour of one prompt</title><style>{style}</style>",
            f'<nav><a href="{BOOK}index.html">The book</a></nav>',
            f"<h1>A tour of one prompt</h1><p>The prompt: <b>{html.escape(source.prompt)}</b></p>",
            "<p>The model: SmolLM2-135M-Instruct as 4-bit weights, dequantised. Another prompt: "
            "<code>mi tour --prompt &quot;...&quot;</code></p>",
            *sections,
            GRAPH,
            "</html>\n",
        ]
    )


def section(stop: Stop) -> str:
    """Return the HTML of one stop; the first sentence of its text is the result."""
    title, alt, code = map(html.escape, (stop.title, stop.alt, stop.code))
    return (
        f"<h2>{title}</h2>{paragraphs(stop.text)}"
        f'<p class="picture"><img src="{stop.name}.svg" alt="{alt}"></p>'
        f'<p><code>{code}</code></p><p class="taught">Taught in {linked(stop.taught_in)}.</p>'
    )


def paragraphs(text: str) -> str:
    """Return text as HTML: the first sentence bold, lines that begin with a dash as a list."""
    lines = html.escape(text).split("\n")
    result, dot, rest = lines[0].partition(". ")
    lines[0] = f"<b>{result}{dot}</b>{rest}"
    blocks = []
    for listed, group in itertools.groupby(lines, key=lambda line: line.startswith("- ")):
        if listed:
            blocks.append(f"<ul>{''.join(f'<li>{line[2:]}</li>' for line in group)}</ul>")
        else:
            blocks += [f"<p>{line}</p>" for line in group]
    return "".join(blocks)


def linked(taught_in: str) -> str:
    """Return the names of chapters as links to their first pages."""

    def link(match: re.Match[str]) -> str:
        pages = (ROOT / "docs").glob(f"ch{int(match[1]):02d}_*.md")
        first = min(pages, key=lambda path: "::: exercises" not in path.read_text("utf-8"))
        return f'<a href="{BOOK}{first.stem}.html">{match[0]}</a>'

    return re.sub(r"chapter (\d+)", link, html.escape(taught_in))


if __name__ == "__main__":
    torch.set_num_threads(1)  # threads that wait for each other cost ten times more when it is busy
    sys.exit(main())
