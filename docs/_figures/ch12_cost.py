"""Time graphs of neurons in the real model, against the number of nodes and of positions.

What is timed comes after the forward pass and the choice of neurons: basis, edges and the graph's
matrix. Each is run in turns, on one thread; the smallest of the times counts.
"""

import time

import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from docs._figures.lib.plotting import publish
from solutions.ch02_transformer import HookedTransformer, load_pretrained
from solutions.ch12_graphs import fast_edges, graph
from solutions.ch12_graphs.contrast import Run, largest_nodes, run_prompt
from solutions.ch12_graphs.local import norm_transpose
from solutions.ch12_graphs.logits import logit_targets
from solutions.ch12_graphs.relp import neuron_basis, total_effects
from toy_models import real_text

TURNS = 3
NODES, POSITIONS = (30, 100, 300, 1000), (6, 12, 24, 48)
AT_POSITIONS, AT_NODES = 12, 300
"""Tokens while the number of nodes varies; nodes while the number of tokens varies."""


def scores(run: Run) -> Tensor:
    """Score each neuron by its activation times the gradient of the most likely token's logit."""
    local = run.local
    row = torch.zeros_like(local.embed)
    row[-1] = local.W_U[:, int(local.logits[-1].argmax())] - local.W_U.mean(dim=1)
    row = norm_transpose(local.norm_final, row[None])[0]
    return total_effects(run.layers, local, row).neurons * run.acts()


@torch.no_grad()
def seconds(model: HookedTransformer, run: Run, scored: Tensor, n_nodes: int) -> float:
    """Build one graph, and return the processor's time."""
    where = largest_nodes(scored, n_nodes)
    start = time.process_time()
    basis = neuron_basis(model, run.local, where)
    made = graph.attribution_graph(run.local, basis, logit_targets(run.local, most=1))
    took = time.process_time() - start
    assert len(made.indices("neuron")) == n_nodes
    return took


@torch.no_grad()
def measure() -> dict[str, list[float]]:
    """Time all graphs: the smallest of some turns."""
    model, tokenizer = load_pretrained("smollm2-135m")
    assert tokenizer is not None
    model.requires_grad_(False)
    text = next(iter(real_text.excerpt("held_out"))).text
    tokens = torch.tensor(tokenizer.encode(text).ids)
    runs = {n: run_prompt(model, tokens[:n]) for n in {AT_POSITIONS, *POSITIONS}}
    scored = {n: scores(run) for n, run in runs.items()}
    cases = [(AT_POSITIONS, n) for n in NODES] + [(n, AT_NODES) for n in POSITIONS]
    turns = [[seconds(model, runs[p], scored[p], n) for p, n in cases] for _ in range(TURNS)]
    least = [min(times) for times in zip(*turns, strict=True)]
    return {"nodes": least[: len(NODES)], "positions": least[len(NODES) :]}


def main() -> None:
    """Measure, and draw."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        found = measure()
    finally:
        torch.set_num_threads(threads)

    def line(axes: Axes, x: tuple[int, ...], y: list[float], label: str) -> None:
        axes.plot(x, y, marker="o", ms=5)
        for place, value in zip(x, y, strict=True):
            axes.annotate(
                f"{value:.2g}", (place, value), (-2, 6), textcoords="offset points", ha="right"
            )
        axes.set(xscale="log", yscale="log", xlabel=label, ylim=(0.25, 6))
        axes.set_xlim(0.6 * x[0], 1.2 * x[-1])
        axes.set_xticks(x, [str(one) for one in x])
        axes.set_yticks([0.3, 1, 3], ["0.3", "1", "3"])
        axes.minorticks_off()

    def draw(figure: Figure) -> None:
        left, right = figure.subplots(1, 2, sharey=True)
        line(left, NODES, found["nodes"], f"nodes, of {AT_POSITIONS} positions")
        line(right, POSITIONS, found["positions"], f"positions, with {AT_NODES} nodes")
        left.set(ylabel="seconds of one CPU thread")

    def said(x: tuple[int, ...], y: list[float]) -> str:
        return ", ".join(f"{place}: {value:.2f} s" for place, value in zip(x, y, strict=True))

    publish(
        "ch12_cost",
        draw,
        alt=f"CPU time of a graph of the real model. By nodes, at {AT_POSITIONS} positions: "
        f"{said(NODES, found['nodes'])}. By positions, with {AT_NODES} nodes: "
        f"{said(POSITIONS, found['positions'])}.",
        numbers={"nodes": NODES, "positions": POSITIONS, "seconds": found, "turns": TURNS},
        sources=[__file__, str(fast_edges.__file__), str(graph.__file__)],
        size=(7.6, 3.2),
    )


if __name__ == "__main__":
    main()
