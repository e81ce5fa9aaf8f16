"""Test what the pages say about the real model's circuit against the figures' numbers."""

import json
from pathlib import Path

import pytest

pytestmark = pytest.mark.project
FIGURES = Path(__file__).resolve().parents[2] / "docs/figures"
MOVERS = ("23.0", "23.2", "23.7")


def numbers(name):
    return json.loads((FIGURES / f"ch07_{name}.json").read_text(encoding="utf-8"))["numbers"]


def excludes_zero(interval):
    return interval[0] > 0 or interval[2] < 0


def test_the_model_answers_and_abc_prompts_are_neutral():
    facts = numbers("circuit")
    for half in ("chosen", "measured"):
        low, _, high = facts[half]["ABC"]
        assert low < 0 < high and facts[half]["accuracy"] >= 0.97
        assert facts[half]["clean"][0] > 3.5


def test_found_heads_are_apart_from_all_others():
    facts = numbers("effects")
    for step in ("queries", "subject", "keys"):
        assert abs(facts["largest of the others"][step]["loss"]) < facts["least"]
        assert min(facts["found"][step].values()) > facts["least"]
    other = facts["largest of the others"]["direct"]
    assert other["head"] == "20.0" and other["loss"] < facts["found"]["queries"]["20.0"]


def test_every_path_replicates_on_the_other_prompts():
    chosen, measured = numbers("effects")["found"], numbers("paths")["paths"]
    for step, effects in chosen.items():
        assert set(effects) == set(measured[step])
        for head, effect in effects.items():
            assert excludes_zero(measured[step][head])
            assert effect * measured[step][head][1] > 0, head


def test_heads_attend_where_their_class_says():
    facts = numbers("roles")
    for row in facts["rows"]:
        if row["attention"] is not None:
            assert row["attention"][0] > facts["others"]["attention"][row["looks"]]["95 %"]
        if row["class"] in ("name mover", "negative name mover", "subject suppressor"):
            assert row["copies"][0] > facts["others"]["copies"]["most"]
    rows = {row["head"]: row for row in facts["rows"]}
    assert rows["24.5"]["copies"][1] > 0.95 and rows["24.5"]["effect"][2] < 0, "copies, yet hurts"


def test_name_movers_write_and_their_loss_is_repaired():
    facts = numbers("repair")
    for head in MOVERS:
        assert facts["heads"][head]["direct"][0] > 0
    for head in ("23.0", "23.2"):
        low, _, high = facts["heads"][head]["total"]
        assert low < 0 < high
    assert facts["without name movers"][1] > facts["whole"][1]
    suppressor = facts["heads"]["23.3"]
    assert suppressor["total"][1] > suppressor["direct"][1], "nothing repairs it"


def test_the_negative_head_becomes_inactive():
    risen = numbers("repair")["risen"]
    before, after, rise = risen.pop("24.4")
    assert before[2] < 0 and after[0] < 0 < after[2] and rise[0] > 0.7
    inactive = [one for one in risen.values() if abs(one[0][1]) < 0.5]
    assert max(rise[1] for _, _, rise in inactive) < 0.2 < rise[0]


def test_the_circuit_is_faithful_and_random_ones_are_not():
    facts = numbers("faithful")
    assert facts["share"] > 0.8 and facts["share, explained only"] > 0.95
    chance = sorted(facts["random circuits"])
    assert chance[-1] < 0.8 * facts["circuit"][1]
    assert chance[-2] < 0.1 * facts["circuit"][1], "all but the one that drew 23.3"


def test_the_circuit_is_not_complete():
    facts = numbers("complete")
    gap = facts["incompleteness"]
    assert facts["worst"].startswith("greedy") and gap[facts["worst"]] > 2.5
    chance = [gap[name] for name in gap if name.startswith("random")]
    assert sum(chance) / len(chance) == pytest.approx(0.57, abs=0.005)


def test_the_model_misses_every_class_but_the_name_movers():
    change = numbers("complete")["change of the model, percent"]
    assert abs(change.pop("name mover")) < 5
    assert change.pop("unexplained") == pytest.approx(10, abs=0.5)
    assert all(abs(one) > 10 for one in change.values())
    helpful = ("S-inhibition", "subject suppressor", "induction", "duplicate token")
    assert all(change[name] < -20 for name in helpful) and change["negative name mover"] > 0


def test_every_node_is_needed_for_something():
    percent = numbers("minimal")["percent"]
    assert len(percent) == numbers("circuit")["n_nodes"] == 17
    assert min(percent, key=percent.get) == "17.0 s2" and percent["17.0 s2"] > 5


def test_s_inhibition_carries_the_position_only():
    facts = numbers("signals")
    alone, both = facts["table"]["S-inhibition"], facts["table"]["and subject suppressors"]
    clean = alone["original original"]
    for token in ("random", "inverted"):
        assert abs(alone[f"{token} original"][1] - clean[1]) < 0.2
        assert abs(alone[f"{token} inverted"][1] - alone["original inverted"][1]) < 0.25
        assert both[f"{token} original"][2] < clean[0]
    assert alone["original inverted"][2] < 0.2 and both["inverted inverted"][2] < -4
    for kept, turned in zip(*(facts["seeds"][f"original {p}"] for p in ("original", "inverted"))):
        assert kept - turned > 4


def test_random_pairs_of_heads_change_little():
    facts = numbers("signals")
    clean = facts["table"]["S-inhibition"]["original original"][1]
    change = sorted(abs(one - clean) for one in facts["random heads, inverted inverted"])
    assert change[-1] < 0.6 and change[-3] < 0.05


def test_23_1_is_certain_with_frozen_mlps_only():
    facts = numbers("fourth_mover")
    for half in ("on the choosing prompts", "on the measuring prompts"):
        fourth = facts[half]["23.1"]
        assert fourth["direct, MLPs recomputed, standard errors"] < 3
        assert fourth["direct, MLPs frozen, standard errors"] > 4
        assert fourth["end to io"][0] > 0.45 and fourth["copies"][0] > 0.8


def test_ablations_disagree_about_the_four_name_movers():
    facts = numbers("fourth_mover")
    assert facts["resampling"]["four"]["change"][2] < -0.5
    assert not excludes_zero(facts["resampling"]["three"]["change"])
    for name in ("three", "four"):
        assert not excludes_zero(facts["means"][name]["change"])
    assert facts["means"]["circuit, with 23.1"][1] < facts["means"]["circuit"][1]
