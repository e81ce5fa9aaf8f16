"""Draw the attribution graph of the hand-set two-hop model for one prompt."""

from typing import Any

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
    "position 1": (4.2, 0.0),
    "first": (0.0, 1.0),
    "own bias first": (1.4, 1.0),
    "MLP bias 0": (4.2, 0.85),
    "MLP bias 1": (4.2, 1.7),
    "attention bias 2": (4.2, 2.55),
    "own bias second": (0.8, 2.4),
    "second": (2.4, 2.0),
    "logit": (2.4, 3.0),
}
CENTERED: dict[str, Any] = {"ha": "center", "va": "center"}
SHARE = 0.4
"""Where a weight is written on its edge, as a share of the way from the source."""
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
    """Draw nodes as boxes and edges as arrows, from border to border, with their weights."""
    ink, faint = mpl.rcParams["text.color"], mpl.rcParams["axes.edgecolor"]
    colors = mpl.rcParams["axes.prop_cycle"].by_key()["color"]
    plain = {"facecolor": mpl.rcParams["figure.facecolor"]}
    boxes = {}
    for place in {end: None for edge in found for end in edge[:2]}:
        text = WORDS.get(place, NAMES.get(place, place)).strip()
        box = {"boxstyle": "round,pad=0.35", "edgecolor": faint, **plain}
        shown = axes.text(*PLACES[place], text, color=ink, fontsize=9, bbox=box, **CENTERED)
        boxes[place] = shown.get_bbox_patch()
    for source, target, weight in found:
        color = colors[0] if weight > 0 else colors[1]
        arrow = {"arrowstyle": "-|>", "color": color, "lw": 0.8 + abs(weight) / 2}
        ends = {"patchA": boxes[source], "patchB": boxes[target], "shrinkA": 1, "shrinkB": 1}
        axes.annotate("", PLACES[target], PLACES[source], arrowprops={**arrow, **ends})
        (x0, y0), (x1, y1) = PLACES[source], PLACES[target]
        middle = (x0 + SHARE * (x1 - x0), y0 + SHARE * (y1 - y0))
        box = {"edgecolor": "none", "pad": 0.8, **plain}
        axes.text(*middle, f"{weight:+.3g}", color=color, fontsize=9, bbox=box, **CENTERED)
    axes.set(xlim=(-0.75, 4.95), ylim=(-0.3, 3.3))
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
        size=(7.6, 4.2),
    )


if __name__ == "__main__":
    main()
