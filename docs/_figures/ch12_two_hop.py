"""Draw the attribution graph of the hand-set two-hop model for one prompt."""

import matplotlib as mpl
import torch
from matplotlib.axes import Axes

from docs._figures.lib.plotting import publish
from solutions.ch11_transcoders import two_hop
from solutions.ch12_graphs import attribution_graph, clt_basis, edges, freeze, graph, logit_targets
from solutions.ch12_graphs.graph import Graph

CITY, RELATION = 5, 1
NAMES = {"token 0": "token: a city", "token 1": "token: a relation"}
PLACES = {
    "token 0": (0.0, 0.0),
    "token 1": (2.4, 0.0),
    "position 1": (3.6, 0.0),
    "first": (0.0, 1.0),
    "own bias first": (1.4, 1.0),
    "MLP bias 0": (3.6, 0.75),
    "MLP bias 1": (3.6, 1.25),
    "attention bias 2": (3.6, 1.75),
    "own bias second": (0.8, 2.4),
    "second": (2.4, 2.0),
    "logit": (2.4, 3.0),
}
WORDS = {
    "first": "layer 0: the city's state",
    "second": "layer 2: state and relation",
    "logit": "logit of the answer",
    "own bias first": "b_enc",
    "own bias second": "b_enc ",
}


def known_graph() -> Graph:
    """Build the graph."""
    model = two_hop.two_hop_model()
    local = freeze(model, torch.tensor([[CITY, two_hop.FIRST_RELATION + RELATION]]))
    basis = clt_basis(local, two_hop.exact_clt(model))
    return attribution_graph(local, basis, logit_targets(local, most=1))


def name(made: Graph, node: int, target: str) -> str:
    """Name a node by its place in the drawing; a target's own bias is drawn next to it."""
    one = made.nodes[node]
    if one.kind == "latent":
        return "first" if one.layer == 0 else "second"
    if one.kind in ("token", "position"):
        return f"{one.kind} {one.pos}"
    return {"logit": "logit", "constant": f"own bias {target}"}.get(one.kind, one.label)


def draw_edges(axes: Axes, found: list[tuple[str, str, float]]) -> None:
    """Draw nodes as boxes and edges as arrows with their weights."""
    ink, faint = mpl.rcParams["text.color"], mpl.rcParams["axes.edgecolor"]
    colors = mpl.rcParams["axes.prop_cycle"].by_key()["color"]
    for source, target, weight in found:
        (x0, y0), (x1, y1) = PLACES[source], PLACES[target]
        color = colors[0] if weight > 0 else colors[1]
        axes.annotate(
            "",
            (x1, y1),
            (x0, y0),
            arrowprops={
                "arrowstyle": "-|>",
                "color": color,
                "lw": 0.8 + abs(weight) / 2,
                "shrinkA": 14,
                "shrinkB": 52 if abs(x1 - x0) > 2 * abs(y1 - y0) else 16,
            },
        )
        share = 0.36
        axes.text(
            x0 + share * (x1 - x0),
            y0 + share * (y1 - y0),
            f"{weight:+.3g}",
            color=color,
            fontsize=8,
            ha="center",
            va="center",
            bbox={"facecolor": mpl.rcParams["figure.facecolor"], "edgecolor": "none", "pad": 0.6},
        )
    for place in {end for edge in found for end in edge[:2]}:
        text = WORDS.get(place, NAMES.get(place, place)).strip()
        box = {"boxstyle": "round,pad=0.3", "edgecolor": faint}
        box["facecolor"] = mpl.rcParams["figure.facecolor"]
        axes.text(*PLACES[place], text, color=ink, fontsize=8, ha="center", va="center", bbox=box)
    axes.set(xlim=(-0.7, 4.4), ylim=(-0.3, 3.3))
    axes.axis("off")


def main() -> None:
    """Build the graph, and draw it."""
    made = known_graph()
    found = []
    for target, source in made.edges.nonzero().tolist():
        end = name(made, target, "")
        found.append((name(made, source, end), end, made.edges[target, source].item()))

    listed = "; ".join(
        f"{WORDS.get(a, NAMES.get(a, a)).strip()} to {WORDS.get(b, b)} {weight:+.3g}"
        for a, b, weight in found
    )
    publish(
        "ch12_two_hop",
        lambda figure: draw_edges(figure.subplots(), found),
        alt=f"A graph with {len(found)} edges: {listed}.",
        numbers={"edges": [list(edge) for edge in found]},
        sources=[__file__, *(str(one.__file__) for one in (two_hop, edges, graph))],
        size=(7.2, 4.2),
    )


if __name__ == "__main__":
    main()
