"""What the pages say of the real model's circuit holds for the numbers of the long run."""

import json
from pathlib import Path

import pytest

pytestmark = pytest.mark.project
FIGURES = Path(__file__).resolve().parents[2] / "docs/figures"


@pytest.fixture(scope="module")
def run():
    return json.loads((FIGURES / "ch07_circuit.json").read_text(encoding="utf-8"))["numbers"]


def test_partners_hide_the_answer_and_cancel_the_liking_for_names(run):
    for half in ("chosen", "measured"):
        low, middle, high = run[half]["ABC"]
        assert low < 0 < high and abs(middle) < 1e-5, "prompt and mirror image share a partner"
        assert run[half]["clean"][0] > 3.5 and run[half]["accuracy"] >= 0.97


def test_every_class_looks_where_its_name_says_on_prompts_that_did_not_choose_it(run):
    looks = {
        "name mover": "end to io",
        "negative name mover": "end to io",
        "subject suppressor": "end to s2",
        "S-inhibition": "end to s2",
        "induction": "s2 to s1_next",
        "duplicate token": "s2 to s1",
        "previous token": "s1_next to s1",
    }
    assert set(run["classes"]) == {*looks, "unexplained"}
    for name, where in looks.items():
        for head in run["classes"][name]:
            looked = run["heads"][head]
            share, rivals = looked[where][1], [to for to in looked if " to " in to]
            assert share > 0.2, f"{head} is called {name}, and {where} is {share:.2f}"
            role = where.split(" ")[0] + " "
            assert share == max(looked[to][1] for to in rivals if to.startswith(role))


def test_name_movers_copy_and_the_suppressor_would_push_down_what_it_looks_at(run):
    heads = run["heads"]
    assert all(heads[head]["copies"][0] > 0.5 for head in run["classes"]["name mover"])
    assert heads["24.4"]["copies negatively"][1] > 0.9
    assert heads["23.3"]["copies negatively"][1] == 1 and heads["23.3"]["copies"][1] == 0


def test_the_largest_writer_suppresses_the_subject(run):
    writes = {head: of["direct"] for head, of in run["heads"].items()}
    assert max(writes, key=lambda head: writes[head][1]) == "23.3"
    assert run["classes"]["subject suppressor"] == ["23.3"]
    assert all(writes["23.3"][0] > writes[head][2] for head in run["classes"]["name mover"])


def test_s_inhibition_works_through_others(run):
    for head in run["classes"]["S-inhibition"]:
        of = run["heads"][head]
        assert abs(of["direct"][1]) < 0.05 and of["total"][0] > 0.5


def test_taking_the_name_movers_out_costs_nothing_and_the_negative_one_stops(run):
    assert run["without name movers"][1] > run["whole"][1]
    before, after, change = run["backup"]["24.4"]
    assert before[2] < 0 and after[0] < 0 < after[2] and change[0] > 0.5
    assert [head for head, (_, _, rise) in run["backup"].items() if rise[1] > 0.5] == ["24.4"]


def test_the_circuit_is_faithful_and_random_ones_of_its_size_are_not(run):
    whole, heads = run["whole"][1], run["classes"]
    named = sum(len(members) for name, members in heads.items() if name != "unexplained")
    assert (named, run["n_nodes"]) == (13, 17)
    assert round(100 * run["circuit"][1] / whole) == 83
    assert round(100 * run["explained"][1] / whole) == 102
    assert abs(run["nothing"][1]) < 1e-5
    chance = sorted(run["random circuits"])
    assert len(chance) == 20 and chance[-2] < 0.15 and chance[-1] < run["circuit"][0]


def test_the_circuit_is_not_complete(run):
    gaps = {name: abs(one - other) for name, (one, other) in run["completeness"].items()}
    worst = max(gaps.values())
    assert gaps["name mover"] > 1.5 and 0.5 < worst / run["whole"][1] < 0.65
    drawn = [gap for name, gap in gaps.items() if name.startswith("random")]
    assert len(drawn) == 20 and max(drawn) < worst


def test_every_node_counts_for_some_set(run):
    changes = {node: change for node, (change, _) in run["minimality"].items()}
    assert len(changes) == run["n_nodes"]
    assert min(changes, key=lambda node: changes[node]) == "17.0 s2"
    assert min(changes.values()) > 0.05 * run["whole"][1]
