"""The graph explorer in a real browser: numbers that add up, hostile files, speed; its server."""

import importlib.util
import json
import random

import pytest

from chapters import look
from tests.book.program import run
from tests.book.test_browser import CHROMIUM

SCRIPT = "</script><img src=x onerror=window.attacked=1><script>window.attacked=1</script>"


def node(name, feature_type, layer, pos, label, **more):
    return {
        "node_id": name,
        "feature": None,
        "layer": str(layer),
        "ctx_idx": pos,
        "feature_type": feature_type,
        "jsNodeId": name,
        "clerp": label,
    } | more


def small_graph():
    """Two neurons, a token and a remainder; the second neuron lacks .5 of its value."""
    nodes = [
        node("E_5_0", "embedding", "E", 0, "token keys"),
        node("R", "mlp reconstruction error", 1, 1, "remainder 1", kind="remainder"),
        node("0_3_0", "neuron", 0, 0, "0.3 keys", activation=1.5, total=1.5, unit=3),
        node("2_7_1", "neuron", 2, 1, "2.7 is", activation=-1.0, total=1.0, unit=7),
        node("4_9_1", "logit", 4, 1, 'Output "are" (p=0.250)', token_prob=0.25, total=1.6),
    ]
    nodes[3]["writes"] = [" is", "</script><img src=x>"]
    edges = [(0, 2, 1.5), (2, 3, 1.0), (1, 3, -0.5), (2, 4, 1.25), (3, 4, 0.4), (1, 4, -0.05)]
    links = [
        {"source": nodes[a]["node_id"], "target": nodes[b]["node_id"], "weight": weight}
        for a, b, weight in edges
    ]
    about = {"slug": "small", "scan": "toy", "prompt_tokens": [" keys", SCRIPT], "prompt": SCRIPT}
    return {"metadata": about, "qParams": {}, "nodes": nodes, "links": links}


def big_graph(n_units=1850, n_links=50_000, n_pos=10, n_layers=14):
    """As many nodes and edges as the budget names."""
    draw = random.Random(0)
    nodes = [node(f"E_{p}_{p}", "embedding", "E", p, f"token {p}") for p in range(n_pos)]
    for layer in range(n_layers):
        nodes += [
            node(f"R_{layer}_{p}", "x", layer, p, "remainder", kind="remainder")
            for p in range(n_pos)
        ]
    for unit in range(n_units):
        layer, p = draw.randrange(n_layers), draw.randrange(n_pos)
        act = draw.gauss(0, 1)
        nodes.append(node(f"{layer}_{unit}_{p}", "neuron", layer, p, f"{unit}", activation=act))
    nodes.sort(key=lambda one: -1 if one["layer"] == "E" else int(one["layer"]))
    nodes.append(node("L", "logit", n_layers, n_pos - 1, "logit", token_prob=1.0))
    units = [i for i, one in enumerate(nodes) if one["feature_type"] in ("neuron", "logit")]
    pairs = {(0, units[-1])}
    while len(pairs) < n_links:
        target = draw.choice(units[1:])
        pairs.add((draw.randrange(target), target))
    links = [
        {"source": nodes[a]["node_id"], "target": nodes[b]["node_id"], "weight": draw.gauss(0, 1)}
        for a, b in sorted(pairs)
    ]
    words = [f" word{p}" for p in range(n_pos)]
    about = {"slug": "big", "scan": "toy", "prompt_tokens": words, "prompt": "".join(words)}
    return {"metadata": about, "qParams": {}, "nodes": nodes, "links": links}


def wrong_files():
    """Name of a file -> (its content, words of the error)."""

    def changed(edit):
        graph = small_graph()
        edit(graph)
        return json.dumps(graph)

    return {
        "nan.json": (
            changed(lambda g: g["links"][0].update(weight=float("nan"))),
            "expected JSON, got a NaN or an infinity",
        ),
        "huge_number.json": (
            json.dumps(small_graph()).replace('"weight": 1.25', '"weight": 1e999'),
            "links[3].weight: expected a finite number",
        ),
        "script.json": (SCRIPT, "expected JSON"),
        "list.json": ("[1]", "the file: expected an object, got a list"),
        "no_nodes.json": ('{"metadata": {}, "links": []}', "no nodes"),
        "missing_node.json": (
            changed(lambda g: g["links"][2].update(source=SCRIPT)),
            "links[2].source: expected the node_id of a node",
        ),
        "twice.json": (
            changed(lambda g: g["nodes"][2].update(node_id="E_5_0")),
            "a different node_id for each node",
        ),
        "prototype.json": (
            json.dumps(small_graph()).replace('"E_5_0"', '"__proto__"', 1),
            "links[0].source: expected the node_id of a node",
        ),
        "position.json": (
            changed(lambda g: g["nodes"][1].update(ctx_idx=2)),
            "nodes[1].ctx_idx: expected a position from 0 to 1, got 2",
        ),
        "cycle.json": (
            changed(lambda g: g["links"][0].update(source="2_7_1")),
            "expected a graph without cycles",
        ),
        "too_many.json": (
            changed(lambda g: g["nodes"].extend([{}] * 20_000)),
            "expected at most 20,000 entries",
        ),
        "deep.json": ("[" * 200_000, "expected JSON"),
    }


@pytest.mark.skipif(not CHROMIUM.exists(), reason="no browser: Debian's package chromium")
@pytest.mark.timeout(300)
def test_a_person_can_explore_a_graph(tmp_path):
    for name, graph in (("small", small_graph()), ("big", big_graph())):
        look.graph(graph).save(tmp_path / f"{name}.html")
    wrong = wrong_files()
    for name, (content, _) in wrong.items():
        (tmp_path / name).write_text(content, "utf-8")
    words = {name: words for name, (_, words) in wrong.items()}
    (tmp_path / "wrong.json").write_text(json.dumps(words), "utf-8")
    (tmp_path / "right.json").write_text(json.dumps(big_graph(20, 100)), "utf-8")
    measured = json.loads(run("tests.book.drive_explorer", str(tmp_path)).splitlines()[-1])
    assert measured["load"] < 2000, f"2,000 nodes and 50,000 edges took {measured['load']} ms"
    assert measured["frames"] >= 10 and measured["frame"] < 16, f"a frame takes {measured} ms"


@pytest.mark.timeout(300)
def test_the_live_server_runs_declared_interventions_only():
    for package in ("starlette", "uvicorn", "playwright"):
        if importlib.util.find_spec(package) is None:
            pytest.skip(f"{package} is not installed: pip install -e '.[docs,serve]'")
    run("tests.book.drive_server", *["--no-browser"] * (not CHROMIUM.exists()))
