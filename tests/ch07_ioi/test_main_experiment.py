"""Test what the index and papers pages say about the circuit, by the main experiment's numbers."""

import json
from pathlib import Path

import pytest

pytestmark = pytest.mark.project
FIGURES = Path(__file__).resolve().parents[2] / "docs/figures"


@pytest.fixture(scope="module")
def run():
    return json.loads((FIGURES / "ch07_circuit.json").read_text(encoding="utf-8"))["numbers"]


def test_the_largest_writer_suppresses_the_subject(run):
    writes = {head: of["direct"] for head, of in run["heads"].items()}
    assert max(writes, key=lambda head: writes[head][1]) == "23.3"
    assert run["classes"]["subject suppressor"] == ["23.3"]
    assert all(writes["23.3"][0] > writes[head][2] for head in run["classes"]["name mover"])


def test_s_inhibition_works_through_others(run):
    for head in run["classes"]["S-inhibition"]:
        of = run["heads"][head]
        assert abs(of["direct"][1]) < 0.05 and of["total"][0] > 0.5


def test_the_circuit_has_the_size_and_share_of_the_pages(run):
    full, heads = run["whole"][1], run["classes"]
    named = sum(len(members) for name, members in heads.items() if name != "unexplained")
    assert heads["name mover"] == ["23.0", "23.2", "23.1", "23.7"]
    assert (named, run["n_nodes"]) == (14, 19) == (run["n_explained"], run["n_nodes"])
    assert round(100 * run["circuit"][1] / full) == 81
    assert round(100 * run["explained"][1] / full) == 98
