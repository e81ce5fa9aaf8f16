"""Build the graph that the explorer's page shows: number agreement in the real model.

Writes the file of the graph. Fewer neurons and edges than `mi graph` shows keep the page small.
"""

import json

import torch

from docs._figures.lib.figure_files import FIGURES, hash_sources, replace_file
from docs._graph import build
from solutions.ch02_transformer import load_pretrained

QUESTION = build.Question(
    "The keys to the old wooden cabinet", "The key to the old wooden cabinet", (" are", " is")
)
N_NODES = 80


def main() -> None:
    """Build the graph and write it."""
    torch.set_num_threads(1)
    model, tokenizer = load_pretrained("smollm2-135m")
    assert tokenizer is not None
    built = build.build(QUESTION, model, tokenizer, N_NODES, edge_share=0.9)
    record = {
        "alt": f"A graph of the {N_NODES} neurons that matter most for are or is after the keys.",
        "seeds": [],
        "sources": hash_sources([__file__, build.__file__]),
        **built.content,
    }
    text = json.dumps(record, ensure_ascii=False, separators=(",", ":"))
    replace_file(FIGURES / "ch12_explorer.json", text + "\n")
    value = float(built.graph.values[-1])
    print(value, len(built.content["nodes"]), len(built.content["links"]), len(text))


if __name__ == "__main__":
    main()
