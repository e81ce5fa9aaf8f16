"""Give the tour: `mi tour`, or `mi tour --prompt "..."` with a sentence of your own.

Pictures and a page go into the folder tour/ (git ignores it). All stops are measured first, so a
tour that is broken off leaves the page of the last one as it was.
"""

import argparse
import html
import sys
from pathlib import Path

import torch
from tqdm import tqdm

from docs._figures.lib.figure_files import ROOT, replace_file
from docs._figures.lib.plotting import render
from docs._figures.lib.theme import DARK, LIGHT
from docs._tour.directions import directions
from docs._tour.induction import induction
from docs._tour.names import names
from docs._tour.stops import Stop, Visit, ablation, heads, logit_lens, predictions
from solutions.ch02_transformer import load_pretrained

PROMPT = "The tall green ship left the harbour at dawn. The tall green"
LONGEST = 40
STOPS = (predictions, logit_lens, directions, heads, induction, names, ablation)
STYLE = """body{font:17px/1.55 system-ui,sans-serif;max-width:46rem;margin:2rem auto;padding:0 1rem;
color:#1c2530;background:#fff}img{width:100%}code{background:#8882;padding:.1em .3em;
border-radius:.2em;overflow-wrap:anywhere}.taught{opacity:.75;font-size:.9em}
@media(prefers-color-scheme:dark){body{color:#dfe5ea;background:#12181e}}"""


def main(arguments: list[str] | None = None) -> int:
    """Measure every stop, write the page, say where it is."""
    parser = argparse.ArgumentParser(prog="mi tour", description="Look into the real model.")
    parser.add_argument("--prompt", default=PROMPT, help="a sentence of your own")
    parser.add_argument("--out", type=Path, default=ROOT / "tour", help="where the page goes")
    chosen = parser.parse_args(arguments)
    try:
        visit = arrive(chosen.prompt)
    except ValueError as error:
        print(error, file=sys.stderr)
        return 1
    print(f"Prompt: {visit.prompt!r}, {len(visit.words)} tokens")
    stops = [stop(visit) for stop in tqdm(STOPS, desc="the tour", unit="stop")]
    for stop in stops:
        for suffix, palette in (("", LIGHT), (".dark", DARK)):
            svg = render(f"tour_{stop.name}", stop.draw, palette, stop.size)
            replace_file(chosen.out / f"{stop.name}{suffix}.svg", svg)
        print(f"\n{stop.title}\n  {stop.says}\n  Taught in {stop.taught}.")
    replace_file(chosen.out / "index.html", page(visit, stops))
    print(f"\nThe pictures: {chosen.out / 'index.html'}")
    return 0


def arrive(prompt: str) -> Visit:
    """Load the model and cut the prompt into tokens.

    Raises: ValueError when the model is not there, or the prompt is too short or too long to draw.
    """
    model, tokenizer = load_pretrained("smollm2-135m")
    ids = tokenizer.encode(prompt).ids
    if not 3 <= len(ids) <= LONGEST:
        raise ValueError(
            f"the tour draws prompts of 3 to {LONGEST} tokens, but this one has {len(ids)}"
        )
    words = [tokenizer.decode([i]) for i in ids]
    return Visit(model, tokenizer, prompt, torch.tensor([ids]), words)


def page(visit: Visit, stops: list[Stop]) -> str:
    """The tour as one page that asks nothing of the network."""
    return "\n".join(
        [
            '<!doctype html><html lang="en"><meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width">',
            f"<title>A tour of one prompt</title><style>{STYLE}</style>",
            f"<h1>A tour of one prompt</h1><p>The prompt: <b>{html.escape(visit.prompt)}</b></p>",
            "<p>The model: SmolLM2-135M-Instruct as 4-bit weights, dequantised. Another prompt: "
            "<code>mi tour --prompt &quot;...&quot;</code></p>",
            *(section(stop) for stop in stops),
            "</html>\n",
        ]
    )


def section(stop: Stop) -> str:
    """One stop of the page."""
    title, says, alt, code, taught = map(
        html.escape, (stop.title, stop.says, stop.alt, stop.code, stop.taught)
    )
    dark = f'<source srcset="{stop.name}.dark.svg" media="(prefers-color-scheme: dark)">'
    return (
        f'<h2>{title}</h2><p>{says}</p><picture>{dark}<img src="{stop.name}.svg" alt="{alt}">'
        f'</picture><p><code>{code}</code></p><p class="taught">Taught in {taught}.</p>'
    )


if __name__ == "__main__":
    sys.exit(main())
