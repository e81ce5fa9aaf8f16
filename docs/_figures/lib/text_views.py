"""Write the data of a viewer that shows the real model on one text."""

import json
from pathlib import Path

import torch

from docs._figures.lib.figure_files import FIGURES, hash_sources, replace_file
from docs._figures.lib.models import load_with_tokenizer
from docs._look import views as shared

START = 0
"""Token at the beginning of a text in training."""


def write_views(script: str, alts: dict[str, tuple[str, str]], texts: list[str]) -> None:
    """Write figures of one text: name of the file -> kind of viewer and alt text.

    texts: segments; if there are several, a start token goes before them.
    """
    torch.set_num_threads(1)
    model, tokenizer = load_with_tokenizer("smollm2-135m")
    ids = [i for text in texts for i in tokenizer.encode(text).ids]
    tokens = torch.tensor([[*[START] * (len(texts) > 1), *ids]])
    measured = shared.views(model, tokenizer, tokens)
    for name, (kind, alt) in alts.items():
        sources = hash_sources([Path(script), Path(__file__), Path(str(shared.__file__))])
        record = {"alt": alt, "seeds": [], "sources": sources, **measured[kind]}
        text = json.dumps(record, ensure_ascii=False, separators=(",", ":"))
        replace_file(FIGURES / f"{name}.json", text + "\n")
