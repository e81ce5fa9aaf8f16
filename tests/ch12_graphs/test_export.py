"""Graders of export.py (12.22, 12.23), and tests of the files that it writes."""

import itertools
import json
import math

import pytest
import torch

from tests.grading import exercise
from tests.grading.assertions import assert_close, check, normal
from tests.grading.odd_inputs import check_odd

from .conftest import TEXT

N_LAYERS = 3
TYPES = {
    "metadata": {"slug": str, "scan": str, "prompt_tokens": list, "prompt": str},
    "node": {
        "node_id": str,
        "feature": int,
        "layer": str,
        "ctx_idx": int,
        "feature_type": str,
        "jsNodeId": str,
        "clerp": str,
    },
    "link": {"source": str, "target": str, "weight": float},
}
"""Fields without which Neuronpedia or circuit-tracer refuse a file, with their types."""


def all_nodes(graph):
    """Every node that a graph of three layers, four positions and four units could have."""
    every = graph.EVERYWHERE

    def node(kind, layer, pos, unit):
        return graph.Node(kind, layer, pos, unit, "words", 1.0)

    places = list(itertools.product(range(N_LAYERS), range(4)))
    for pos, token in itertools.product(range(4), range(4)):
        yield node("token", every, pos, token)
        yield node("logit", N_LAYERS, pos, token)
    for pos in range(4):
        yield node("position", every, pos, pos)
    for (layer, pos), unit in itertools.product(places, range(4)):
        yield node("latent", layer, pos, unit)
    for layer, pos in places:
        yield node("error", layer, pos, -1)
        yield node("remainder", layer, pos, -1)
    yield node("remainder", every, every, -1)
    for layer, place in itertools.product(range(N_LAYERS), range(3)):
        yield node("bias", layer, every, place)
    for place in range(2):
        yield node("constant", every, every, place)


@exercise("12.22")
def test_no_two_nodes_have_one_id(export, graph):
    nodes = list(all_nodes(graph))
    first = {}
    for node in nodes:
        name = export.node_id(node, N_LAYERS)
        assert name not in first, (
            f"Expected a different id for each node, got {name!r} for the {first[name].kind} "
            f"{first[name][1:4]} and the {node.kind} {node[1:4]} (layer, position, unit)."
        )
        first[name] = node


@exercise("12.22")
@pytest.mark.parametrize(
    "kind, layer, pos, unit, expected",
    [
        ("latent", 2, 5, 31, "2_31_5"),
        ("neuron", 0, 1, 12, "0_12_1"),
        ("token", -1, 4, 9, "E_9_4"),
        ("logit", 3, 6, 8, "4_8_6"),
        ("error", 2, 5, -1, "error_2_-1_5"),
        ("bias", 1, -1, 2, "bias_1_2_-1"),
    ],
)
def test_ids_have_the_form_that_tools_read(export, graph, kind, layer, pos, unit, expected):
    node = graph.Node(kind, layer, pos, unit, "words", 1.0)
    claim = f"The id of a {kind} of layer {layer}, position {pos}, unit {unit} is wrong."
    check(export.node_id, node, N_LAYERS, expected=expected, claim=claim)


def cumulative_by_hand(influence):
    """A loop over the nodes, each with all that come before it."""
    values, total = influence.double().tolist(), influence.double().sum().item()
    shares = []
    for i, value in enumerate(values):
        before = [other for j, other in enumerate(values) if (-other, j) <= (-value, i)]
        shares.append(sum(before) / total)
    return torch.tensor(shares, dtype=torch.float64).to(influence)


@exercise("12.23")
@pytest.mark.parametrize(
    "influence, expected",
    [
        ([1.0, 4.0, 3.0, 2.0], [1.0, 0.4, 0.7, 0.9]),
        ([2.0, 2.0, 4.0], [0.75, 1.0, 0.5]),
        ([0.0, 0.5, 0.0], [1.0, 1.0, 1.0]),
        ([3.0], [1.0]),
    ],
)
def test_share_of_a_node_and_of_all_stronger_ones(export, influence, expected):
    tensor = torch.tensor(influence, dtype=torch.float64)
    check(
        export.cumulative_influence,
        tensor,
        expected=torch.tensor(expected, dtype=torch.float64),
        claim=f"The cumulative shares of {influence} are wrong.",
    )


@exercise("12.23")
def test_cumulative_influence_on_odd_inputs(export):
    def make(nodes=6):
        return (normal(nodes, seed=nodes).abs().double() + 0.01,)

    check_odd(export.cumulative_influence, cumulative_by_hand, make, skip="nan zeros", nodes=6)


@pytest.mark.parametrize("influence", [[0.0, 0.0], [1.0, -0.5], [math.nan, 1.0]])
def test_influence_that_no_graph_has_raises(export, influence):
    with pytest.raises(ValueError, match="influence from 0 on"):
        export.cumulative_influence(torch.tensor(influence))


@pytest.fixture
def content(small, basis, local, logits, graph, export):
    """A graph of latents of a random model, and its file."""
    frozen = local.freeze(small("GPT2"), TEXT)
    words = ["a", '"</script>', "\n", "é", " b"]
    made = graph.attribution_graph(
        frozen, basis(frozen, "transcoder"), logits.logit_targets(frozen), words
    )
    about = export.Description("toy", "random-model", "the logits")
    return made, export.graph_json(made, about)


def test_files_have_the_fields_that_tools_require(content):
    _, file = content
    assert {"metadata", "qParams", "nodes", "links"} <= set(file)
    for name, entries in (
        ("metadata", [file["metadata"]]),
        ("node", file["nodes"]),
        ("link", file["links"]),
    ):
        for entry in entries:
            wrong = {k: entry.get(k) for k, t in TYPES[name].items() if type(entry.get(k)) is not t}
            assert not wrong, f"{name}: {wrong}"
    known = {"cross layer transcoder", "mlp reconstruction error", "embedding", "logit", "bias"}
    assert {node["feature_type"] for node in file["nodes"]} == known
    n_pos = len(file["metadata"]["prompt_tokens"])
    assert all(0 <= node["ctx_idx"] < n_pos for node in file["nodes"])


def test_frontends_can_tell_all_nodes_apart(export, graph):
    nodes = [node for node in all_nodes(graph) if node.kind != "token" or node.unit == 0]
    nodes.append(graph.Node("norm", -1, -1, -1, "norms", 1.0))
    nodes += [graph.Node("attention", 1, -1, head, "moved", 1.0) for head in range(4)]
    places = [(node.layer, max(node.pos, 0), export.feature_number(node)) for node in nodes]
    assert len(set(places)) == len(places)


def test_links_of_a_file_add_up(content):
    made, file = content
    sums = dict.fromkeys((node["node_id"] for node in file["nodes"]), 0.0)
    for link in file["links"]:
        assert link["source"] in sums
        sums[link["target"]] += link["weight"]
    checked = 0
    for node in file["nodes"]:
        if node["total"] is not None:
            assert sums[node["node_id"]] == pytest.approx(node["total"], abs=1e-5)
            checked += 1
    assert checked == len(made.indices("latent", "logit")) > 3


def test_a_saved_graph_is_read_as_it_was(content, export, tmp_path):
    _, file = content
    features = {
        (1, 4): export.feature_json(export.Examples(torch.eye(2), [["a", "b"]] * 2), [], [])
    }
    path = export.save_graph(tmp_path, file, features)
    export.save_graph(tmp_path, file)  # replaces the entry of the list
    assert json.loads(path.read_text("utf-8")) == file
    listed = json.loads((tmp_path / "graph-metadata.json").read_text("utf-8"))
    assert [one["slug"] for one in listed["graphs"]] == ["toy"]
    number = (1 + 4) * (1 + 4 + 1) // 2 + 4
    feature = json.loads((tmp_path / f"features/random-model/{number}.json").read_text("utf-8"))
    assert feature["index"] == number and feature["examples_quantiles"][0]["examples"]


@pytest.mark.parametrize("listed", ["{", "[]", "{}", '{"graphs": 3}', '{"graphs": [{}]}'])
def test_a_damaged_list_of_graphs_is_refused(content, export, tmp_path, listed):
    (tmp_path / "graph-metadata.json").write_text(listed)
    with pytest.raises(ValueError, match="graph-metadata.json"):
        export.save_graph(tmp_path, content[1])


@pytest.mark.parametrize("slug", ["../up", "", "a/b", "..", "a b"])
def test_a_slug_cannot_leave_the_folder(content, export, tmp_path, slug):
    _, file = content
    with pytest.raises(ValueError, match="letters, digits"):
        export.save_graph(tmp_path, file | {"metadata": file["metadata"] | {"slug": slug}})


def test_numbers_that_json_lacks_raise(content, export):
    made, _ = content
    edges = made.edges.clone()
    edges[-1, 0] = math.nan
    with pytest.raises(ValueError, match="expected"):
        export.graph_json(made._replace(edges=edges), export.Description("a", "b", "c"))


def test_feature_files_show_each_text_in_its_quarter(export):
    acts = torch.tensor([[0.0, 1.0, 0.0], [4.0, 0.0, 0.0], [0.0, 0.0, 2.9], [0.0, 0.0, 0.0]])
    words = [["a", "b", "c"]] * 4
    feature = export.feature_json(export.Examples(acts, words), ["up"], ["down"], n_examples=3)
    names = [one["quantile_name"] for one in feature["examples_quantiles"]]
    counts = [len(one["examples"]) for one in feature["examples_quantiles"]]
    assert names == ["Top activations", *(f"Subsample interval {i}" for i in (3, 2, 1, 0))]
    assert counts == [3, 1, 1, 1, 1]
    top = feature["examples_quantiles"][0]["examples"][0]
    assert top["tokens_acts_list"] == [4, 0, 0] and top["train_token_ind"] == 0
    assert feature["activation_frequency"] == 0.25 and sum(feature["histogram"]) == 12
    assert_close(torch.tensor(feature["quantile_values"]), torch.arange(5.0), "Quarters of 0 to 4.")
