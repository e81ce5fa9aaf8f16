"""Write graphs as JSON for circuit-tracer's frontend, Neuronpedia, and the book's explorer.

A file has `metadata`, `qParams` (the saved view), `nodes` and `links`. Ids of nodes must differ.
The format's first version named the error of layer l at position p `0_l_p`, which is also the id
of latent l of layer 0 at position p: one of the two was drawn, with the edges of both.
Nothing is pickled, and text from a model goes through JSON alone.
Source: the graph files of circuit-tracer and Neuronpedia's graph-schema.json.
Differs: nodes have further fields, which those tools ignore: `kind`, `unit`, `total` (what the
incoming edges sum to), and the fields of `Notes`. Remainders, biases and position embeddings are
nodes, because without them the edges do not add up.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from ..ch02_transformer.pretrained.config_json import read_json
from ..ch02_transformer.write_then_rename import write_then_rename
from .graph import EVERYWHERE, Graph, Node, NodeKind
from .influence import UNITS, node_influence
from .scores import graph_scores

FEATURE_TYPES: dict[NodeKind, str] = {
    "token": "embedding",
    "latent": "cross layer transcoder",
    "neuron": "cross layer transcoder",
    "error": "mlp reconstruction error",
    "remainder": "mlp reconstruction error",
    "logit": "logit",
}
"""Kind -> the word by which frontends choose a shape; `bias` for all others."""
FEATURE_NUMBERS: dict[NodeKind, int] = {
    "error": -1,
    "remainder": -2,
    "position": -3,
    "norm": -4,
    "constant": -10,
    "bias": -20,
    "attention": -100,
}
"""Kind -> the largest `feature` of its nodes. Frontends drop a feature that occurs in many places,
and take nodes of one layer, position and feature for one."""
DIGITS = 7
"""Significant digits of numbers in a file: those of float32."""


class Description(NamedTuple):
    """Facts of a graph that are not in its tensors."""

    slug: str
    """Name of the graph, and of its file."""
    model: str
    """Name of the model, by which Neuronpedia finds dashboards."""
    metric: str
    """What the last nodes measure, such as `logit( she) - logit( he)`."""
    contrast: str | None = None
    """The other prompt, where nodes were chosen by a contrast."""
    live: bool = False
    """Whether the page is served by a process that runs interventions."""


class Notes(NamedTuple):
    """What a reader may want to know of one node."""

    label: str
    """Short description."""
    writes: tuple[str, ...] = ()
    """Tokens whose logits it raises most, by its output weights."""
    fires: tuple[str, ...] = ()
    """Places in other texts where it is most active."""
    off: float | None = None
    """Predicted change of the metric when it is set to zero."""
    swap: float | None = None
    """Predicted change of the metric when it takes its activation on the contrast prompt."""


def node_id(node: Node, n_layers: int) -> str:
    """Name a node by an id that no other node of any graph of the model has.

    Latents and neurons are `layer_unit_pos`, tokens `E_token_pos`, and logits, two layers above the
    last one, `layer_token_pos`, as in circuit-tracer. All other kinds begin with their name, and go
    on with layer, unit and position.
    """
    # exercise 12.22
    kind, layer, pos, unit, *_ = node
    if kind in UNITS:
        return f"{layer}_{unit}_{pos}"
    if kind == "token":
        return f"E_{unit}_{pos}"
    if kind == "logit":
        return f"{n_layers + 1}_{unit}_{pos}"
    return f"{kind}_{layer}_{unit}_{pos}"


def cumulative_influence(influence: Float[Tensor, " node"]) -> Float[Tensor, " node"]:
    """Compute for each node the share of all influence that it and stronger nodes have together.

    Frontends call this number `influence`. It is small for the most important nodes, and 1 for the
    last: a slider at .8 shows the nodes that have at most .8. Of equal nodes the first counts
    first.

    Raises: ValueError for influence below zero, or none at all.
    """
    if (influence < 0).any() or not influence.sum() > 0:
        raise ValueError(f"expected influence from 0 on, and some above 0, got {influence}")
    # exercise 12.23
    values, order = influence.sort(descending=True, stable=True)
    shares = values.cumsum(dim=0) / values.sum()
    return torch.zeros_like(shares).scatter(0, order, shares)


def pair_number(layer: int, unit: int) -> int:
    """Compute Cantor's pairing, the number under which frontends look for a feature's file."""
    return (layer + unit) * (layer + unit + 1) // 2 + unit


def shorten(value: float) -> float:
    """Round to the digits of a file.

    Raises: ValueError for a number that JSON does not have.
    """
    number = float(f"{value:.{DIGITS}g}")
    if number - number != 0:
        raise ValueError(f"expected finite numbers in a graph, got {number}")
    return number


def feature_number(node: Node) -> int:
    """Return what the field `feature` of a node has to be, by its kind."""
    if node.kind in UNITS:
        return pair_number(node.layer, node.unit)
    if node.kind in FEATURE_NUMBERS:
        place = node.unit if node.kind in ("constant", "bias", "attention") else 0
        return FEATURE_NUMBERS[node.kind] - place
    return {"token": node.pos, "logit": node.unit}[node.kind]


def node_json(
    graph: Graph, i: int, n_layers: int, notes: Notes, influence: float | None
) -> dict[str, Any]:
    """Make the entry of node i."""
    node = graph.nodes[i]
    name, is_unit, is_logit = node_id(node, n_layers), node.kind in UNITS, node.kind == "logit"
    layer = n_layers + 1 if is_logit else "E" if node.layer == EVERYWHERE else node.layer
    label = f'Output "{notes.label}" (p={node.act:.3f})' if is_logit else notes.label
    has_total = is_unit or is_logit
    return {
        "node_id": name,
        "feature": feature_number(node),
        "layer": str(layer),
        "ctx_idx": max(node.pos, 0),
        "feature_type": FEATURE_TYPES.get(node.kind, "bias"),
        "token_prob": shorten(node.act) if is_logit else 0.0,
        "is_target_logit": is_logit,
        "run_idx": 0,
        "reverse_ctx_idx": 0,
        "jsNodeId": f"{node.layer}_{node.unit}-0" if is_unit else name,
        "clerp": label,
        "influence": influence,
        "activation": shorten(node.act) if has_total else None,
        "kind": node.kind,
        "unit": node.unit if is_unit else None,
        "total": shorten(float(graph.values[i])) if has_total else None,
        "writes": list(notes.writes),
        "fires": list(notes.fires),
        "effects": {"off": notes.off, "swap": notes.swap},
    }


def metadata_json(graph: Graph, about: Description) -> dict[str, Any]:
    """Make the entry on the graph as a whole."""
    return {
        "slug": about.slug,
        "scan": about.model,
        "transcoder_list": [],
        "prompt_tokens": list(graph.words),
        "prompt": "".join(graph.words),
        "schema_version": 1,
        "contrast": about.contrast,
        "metric": about.metric,
        "unaccounted_share": shorten(graph_scores(graph).unaccounted),
        "live": about.live,
    }


def graph_json(
    graph: Graph, about: Description, notes: Mapping[int, Notes] | None = None
) -> dict[str, Any]:
    """Write a graph as the content of a file.

    notes: of some nodes, by their index; the label of a logit's node should be its token.

    Raises: ValueError for numbers that are not finite, or two nodes with the same id.
    """
    notes, units = notes or {}, graph.indices(*UNITS)
    n_layers = max(node.layer for node in graph.nodes)  # that of the logits
    shares: dict[int, float] = {}
    if len(units):
        influence = node_influence(graph.edges, graph.weights)[units]
        shares = dict(zip(units.tolist(), cumulative_influence(influence).tolist(), strict=True))
    names = [node_id(node, n_layers) for node in graph.nodes]
    if len(set(names)) < len(names):
        raise ValueError(f"expected different nodes, got {len(names) - len(set(names))} repeated")
    nodes = [
        node_json(graph, i, n_layers, notes.get(i, Notes(node.label)), shares.get(i))
        for i, node in enumerate(graph.nodes)
    ]
    pairs = graph.edges.nonzero().tolist()
    weights = graph.edges[graph.edges != 0].tolist()
    links = [
        {"source": names[source], "target": names[target], "weight": shorten(weight)}
        for (target, source), weight in zip(pairs, weights, strict=True)
    ]
    metadata = metadata_json(graph, about)
    view = {"pinnedIds": [], "supernodes": [], "linkType": "both", "clickedId": "", "sg_pos": ""}
    return {"metadata": metadata, "qParams": view, "nodes": nodes, "links": links}


class Examples(NamedTuple):
    """Activations of one unit on several texts."""

    acts: Float[Tensor, "text pos"]
    """Activations."""
    tokens: Sequence[Sequence[str]]
    """The texts."""


def feature_json(
    examples: Examples, top: Sequence[str], bottom: Sequence[str], n_examples: int = 5
) -> dict[str, Any]:
    """Write what a frontend shows of one unit: texts by their largest activation, and tokens.

    top, bottom: the tokens whose logits it raises, and lowers, most.
    Texts are sorted by their largest activation. The first ones are `Top activations`; the range
    from the smallest to the largest is divided into four, and each quarter shows its first texts.
    """
    acts, tokens = examples
    peaks, places = acts.max(dim=1)
    order = peaks.argsort(descending=True, stable=True).tolist()
    low, high = float(peaks.min()), float(peaks.max())
    steps = torch.linspace(low, high, 5).tolist()

    def entry(text: int) -> dict[str, Any]:
        return {
            "tokens": list(tokens[text]),
            "tokens_acts_list": [shorten(value) for value in acts[text].tolist()],
            "train_token_ind": int(places[text]),
            "is_repeated_datapoint": False,
        }

    quantiles = [{"quantile_name": "Top activations", "examples": order[:n_examples]}]
    for place in reversed(range(4)):
        start, end = steps[place], steps[place + 1]
        inside = [i for i in order if start <= peaks[i] and (peaks[i] < end or place == 3)]
        name = f"Subsample interval {place}"
        quantiles.append({"quantile_name": name, "examples": inside[:n_examples]})
    counts = torch.histc(acts.float(), 20, float(acts.min()), float(acts.max()))
    return {
        "examples_quantiles": [
            one | {"examples": [entry(text) for text in one["examples"]]} for one in quantiles
        ],
        "top_logits": list(top),
        "bottom_logits": list(bottom),
        "act_min": shorten(float(acts.min())),
        "act_max": shorten(float(acts.max())),
        "quantile_values": [shorten(step) for step in steps],
        "histogram": counts.tolist(),
        "activation_frequency": shorten(float((acts != 0).double().mean())),
    }


def save_graph(
    folder: Path, content: Mapping[str, Any], features: Mapping[tuple[int, int], Any] | None = None
) -> Path:
    """Write a graph's file, the list of graphs, and feature files; return the graph's path.

    folder: for circuit-tracer's server, its graph_file_dir.
    features: (layer, unit) -> what `feature_json` returns.

    Raises: ValueError for a slug or model that is not a file name of letters, digits, - _ and ..,
        or a list of graphs that is damaged.
    """
    metadata = content["metadata"]
    slug, scan = metadata["slug"], metadata["scan"]
    for name in (slug, scan):
        if not name.strip(".") or not all(letter.isalnum() or letter in "-_." for letter in name):
            raise ValueError(
                f"expected letters, digits, - _ and . in a file name, got {name!r:.80}"
            )
    graphs = [metadata]
    listed = folder / "graph-metadata.json"
    if listed.exists():
        others = read_json(listed).get("graphs")
        if type(others) is not list or not all(
            type(one) is dict and "slug" in one for one in others
        ):
            raise ValueError(f"{listed}: graphs: expected a list of graphs, got {others!r:.80}")
        graphs = [*(one for one in others if one["slug"] != slug), metadata]
    write_json(listed, {"graphs": graphs})
    for (layer, unit), feature in (features or {}).items():
        number = pair_number(layer, unit)
        own = {"transcoder_id": scan, "index": number} | feature
        write_json(folder / "features" / scan / f"{number}.json", own)
    write_json(folder / f"{slug}.json", content)
    return folder / f"{slug}.json"


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write a file completely or not at all. JSON has no NaN: it raises ValueError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with write_then_rename(path) as temporary:
        temporary.write_text(json.dumps(content, allow_nan=False), encoding="utf-8")
