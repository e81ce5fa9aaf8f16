"""Test what the pages say about the real model's circuit against the figures' numbers."""

import json
from pathlib import Path

import pytest

pytestmark = pytest.mark.project
FIGURES = Path(__file__).resolve().parents[2] / "docs/figures"
MOVERS = ("23.0", "23.1", "23.2", "23.7")


def numbers(name):
    return json.loads((FIGURES / f"ch07_{name}.json").read_text(encoding="utf-8"))["numbers"]


def excludes_zero(interval):
    return interval[0] > 0 or interval[2] < 0


def test_the_model_answers_and_abc_prompts_are_neutral():
    facts = numbers("circuit")
    for half in ("chosen", "measured"):
        assert facts[half]["ABC"] == pytest.approx([0, 0, 0], abs=1e-5), "cancels in each pair"
        assert facts[half]["accuracy"] >= 0.97
        assert facts[half]["clean"][0] > 3.5


def test_found_heads_are_apart_from_all_others():
    facts = numbers("effects")
    for step in ("subject", "keys"):
        assert abs(facts["largest of the others"][step]["loss"]) < facts["least"]
        assert min(facts["found"][step].values()) > facts["least"]
    other = facts["largest of the others"]["direct"]
    assert other["head"] == "20.0" and other["loss"] < facts["found"]["queries"]["20.0"]
    other = facts["largest of the others"]["queries"]
    assert other["head"] == "21.5" and 0 > other["loss"] > -0.5 * facts["found"]["queries"]["19.2"]


def test_pairs_and_frozen_mlps_each_find_a_head():
    steps = numbers("circuit")["steps"]
    mover, last = (steps["direct"]["screened"][head] for head in ("23.1", "29.2"))
    assert mover["selected"] and abs(mover["recomputed"]["z"]) < 2 < 4 < -mover["frozen"]["z"]
    assert last["selected"] and last["recomputed"]["z"] < -3
    for step in steps.values():
        assert step["selected with random signs"]["mean"] < 0.5


def test_a_head_of_step_3_is_large_with_frozen_mlps_only():
    head = numbers("circuit")["steps"]["subject"]["screened"]["16.1"]
    assert head["frozen"]["z"] > 10 and head["frozen"]["mean"] > 5 * head["recomputed"]["mean"]


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
            low, mean, _ = row["attention"]
            edge = facts["others"]["attention"][row["looks"]]["95 %"]
            assert mean > edge and (low > edge or row["head"] == "17.0"), row["head"]
        if row["class"] in ("name mover", "negative name mover", "subject suppressor"):
            assert row["copies"][0] > facts["others"]["copies"]["most"]
    rows = {row["head"]: row for row in facts["rows"]}
    assert rows["24.5"]["copies"][1] > 0.95 and rows["24.5"]["effect"][2] < 0, "copies, yet hurts"


def test_name_movers_write_and_part_of_the_loss_is_repaired():
    facts = numbers("repair")
    for head in MOVERS:
        of = facts["heads"][head]
        assert of["direct"][0] > 0 and of["self-repair"] > 0
    suppressor = facts["heads"]["23.3"]
    assert suppressor["total"][1] > suppressor["direct"][1], "nothing repairs it"


def test_the_negative_head_stops_working_against_the_answer():
    risen = numbers("repair")["risen"]
    before, after, rise = risen.pop("24.4")
    assert before[2] < 0 < after[0] < after[2] < 0.3 and rise[0] > 0.7
    inactive = [one for one in risen.values() if abs(one[0][1]) < 0.5]
    assert max(rise[1] for _, _, rise in inactive) < 0.3 < rise[0]


def test_the_circuit_is_faithful_and_random_ones_are_not():
    facts = numbers("faithful")
    assert facts["share"] > 0.8 and facts["share, explained only"] > 0.95
    chance = sorted(facts["random circuits"])
    assert chance[-1] < 0.8 * facts["circuit"][1]
    assert chance[-3] < 0.1 * facts["circuit"][1], "all but the two that drew 23.3"


def test_the_circuit_is_not_complete():
    facts = numbers("complete")
    gap = facts["incompleteness"]
    assert facts["worst"].startswith("greedy") and gap[facts["worst"]] > 2.5
    chance = [gap[name] for name in gap if name.startswith("random")]
    assert 0.3 < sum(chance) / len(chance) < 1


def test_the_model_misses_every_class_but_the_name_movers():
    facts = numbers("complete")
    change = facts["change of the model, percent"]
    assert not excludes_zero(change["name mover"])
    for name in ("S-inhibition", "subject suppressor", "induction", "duplicate token"):
        assert change[name][2] < -10
        outside = facts["heads outside, percent"][f"outside, as many as {name}"]
        assert change[name][2] < outside[0], "more than heads outside the circuit"
    assert change["negative name mover"][1] > 0


def test_every_node_is_needed_for_something():
    percent = numbers("minimal")["percent"]
    assert len(percent) == numbers("circuit")["n_nodes"] == 19
    assert min(mean for _, mean, _ in percent.values()) > 1


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


def test_23_1_is_a_name_mover_by_every_measurement():
    fourth = numbers("circuit")["heads"]["23.1"]
    assert fourth["direct, MLPs recomputed, standard errors"] < 3
    assert fourth["direct, standard errors"] > 4
    assert fourth["end to io"][0] > 0.45 and fourth["copies"][0] > 0.8


def test_ablations_disagree_about_the_four_name_movers():
    facts = numbers("circuit")["movers"]
    resampled, means = facts["resampling"], facts["means"]
    assert resampled["all"]["change"][2] < -0.5
    for name in ("all", "all but 23.1"):
        assert not excludes_zero(means[name]["change"])
    assert not excludes_zero(resampled["all but 23.1"]["change"])
    assert resampled["23.1 alone"]["change"][0] > 0 < means["23.1 alone"]["change"][0]


def test_the_four_lose_more_than_random_sets():
    facts = numbers("circuit")["movers"]["resampling"]
    assert all(facts["all"]["change"][1] < change for change in facts["random sets"])


def test_a_second_mention_of_io_lowers_the_difference():
    facts = numbers("attack")
    assert facts["change"]["io"][2] < 0 and facts["change"]["io"][1] < facts["change"]["s"][1]
    preferred = facts["S preferred, percent"]
    assert preferred["io"][1] > preferred["s"][1]
