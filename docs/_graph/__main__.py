"""Build a graph and open it: `mi graph "prompt" --contrast "prompt"`.

The page is one file with everything in it, reports/graph.html, which git ignores. With `--serve` it
is served to this machine, and its nodes can be switched off or swapped in the model.
"""

import argparse
import sys
import webbrowser
from pathlib import Path

import torch

from chapters import look
from chapters.course.files import ROOT
from docs._graph.build import Built, Question, build
from solutions.ch02_transformer import load_pretrained

MOST_NODES = 2000


def main(arguments: list[str] | None = None) -> int:
    """Build the graph, write its page, and open or serve it."""
    chosen = options().parse_args(arguments)
    answers = None if chosen.answers is None else tuple(chosen.answers)
    question = Question(chosen.prompt, chosen.contrast, answers, chosen.change)
    try:
        if not 1 <= chosen.nodes <= MOST_NODES:
            raise ValueError(f"expected 1 to {MOST_NODES} nodes, got {chosen.nodes}")
        model, tokenizer = load_pretrained("smollm2-135m")
        assert tokenizer is not None
        built = build(question, model, tokenizer, chosen.nodes)
    except ValueError as error:
        print(error, file=sys.stderr)
        return 1
    path = look.graph(built.content).save(chosen.out, "Attribution graph")
    print(summary(built))
    print(f"The graph: {path}")
    if chosen.serve is not None:
        from docs._graph.serve import serve

        return serve(built, chosen.serve, show=not chosen.no_open)
    if not chosen.no_open:
        webbrowser.open(path.resolve().as_uri())
    return 0


def options() -> argparse.ArgumentParser:
    """Build the parser."""
    parser = argparse.ArgumentParser(
        prog="mi graph", description="Trace what the real model computes on a prompt."
    )
    parser.add_argument("prompt", help="a sentence without its last word")
    parser.add_argument("--contrast", help="the same sentence with another word in it")
    parser.add_argument(
        "--answers", nargs=2, metavar="TOKEN", help='the next tokens to compare: " she" " he"'
    )
    parser.add_argument(
        "--change",
        action="store_true",
        help="explain the change from the contrast to the prompt, attention included",
    )
    parser.add_argument("--nodes", type=int, default=300, help="how many neurons are shown")
    parser.add_argument(
        "--out", type=Path, default=ROOT / "reports" / "graph.html", help="the page"
    )
    parser.add_argument("--no-open", action="store_true", help="do not open a browser")
    parser.add_argument(
        "--serve",
        type=int,
        nargs="?",
        const=8642,
        metavar="PORT",
        help="serve the page, so that nodes can be switched off (needs the extra `serve`)",
    )
    return parser


def summary(built: Built) -> str:
    """Summarize the graph in a few lines."""
    metadata, graph = built.content["metadata"], built.graph
    value, unaccounted = float(graph.values[-1]), 100 * metadata["unaccounted_share"]
    return (
        f"{metadata['metric']} = {value:.2f}: {len(graph.indices('neuron'))} neurons and "
        f"{len(built.content['links']):,} edges are shown.\n{unaccounted:.0f} % of "
        "the flow ends in neurons that are not shown: the graph does not account for it."
    )


if __name__ == "__main__":
    torch.set_num_threads(1)  # threads that wait for each other cost more when the machine is busy
    sys.exit(main())
