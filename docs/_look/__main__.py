"""Open three views of the real model on a text of your own: `mi look "text"`.

The page is one file with everything in it, reports/look.html, which git ignores.
"""

import argparse
import html
import sys
import webbrowser
from pathlib import Path

import torch

from chapters import look
from chapters.course.files import ROOT
from docs._look.views import views
from solutions.ch02_transformer import load_pretrained

LONGEST = 60
"""Most tokens of a text: the squares of more tokens are too small to read."""
TITLES = {
    "patterns": ("Where does each head attend?", "chapter 2, exercises 2.8 and 2.9"),
    "lens": ("What would it predict if it stopped here?", "chapter 3, exercise 3.5"),
    "attribution": ("Which parts write the prediction?", "chapter 3, exercises 3.1 to 3.3"),
}


def main(arguments: list[str] | None = None) -> int:
    """Measure the views, write the page and open it."""
    parser = argparse.ArgumentParser(
        prog="mi look", description="Look at the real model's patterns and predictions on a text."
    )
    parser.add_argument("text", help="a text of your own")
    parser.add_argument("--out", type=Path, default=ROOT / "reports" / "look.html", help="the page")
    parser.add_argument("--no-open", action="store_true", help="do not open a browser")
    chosen = parser.parse_args(arguments)
    try:
        page = build(chosen.text)
    except ValueError as error:
        print(error, file=sys.stderr)
        return 1
    path = page.save(chosen.out, "Look at the model")
    print(f"The page: {path}")
    if not chosen.no_open:
        webbrowser.open(path.resolve().as_uri())
    return 0


def build(text: str) -> look.Html:
    """Build the page's content for a text.

    Raises: ValueError when the model is missing, or the text too short or too long.
    """
    model, tokenizer = load_pretrained("smollm2-135m")
    assert tokenizer is not None
    ids = tokenizer.encode(text).ids
    if not 2 <= len(ids) <= LONGEST:
        raise ValueError(f"expected a text of 2 to {LONGEST} tokens, got {len(ids)}")
    shown = views(model, tokenizer, torch.tensor([ids]))
    title = f"<h1>SmolLM2-135M-Instruct, 4-bit</h1><p>{html.escape(text)}</p>"
    return look.Html(title + "".join(section(kind, data) for kind, data in shown.items()))


def section(kind: str, data: dict[str, object]) -> str:
    """Return one view with its title."""
    title, taught = TITLES[kind]
    return f"<h2>{title}</h2>{look.viewer(kind, data)}<p>Taught in {taught}.</p>"


if __name__ == "__main__":
    torch.set_num_threads(1)  # threads that wait for each other cost more when the machine is busy
    sys.exit(main())
