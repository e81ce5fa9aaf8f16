"""The claims of chapter 4's pages about their figures, checked on the figures' numbers."""

import json
import math
from pathlib import Path

import pytest

pytestmark = pytest.mark.project
FIGURES = Path(__file__).resolve().parents[2] / "docs/figures"


def numbers(name):
    return json.loads((FIGURES / f"ch04_{name}.json").read_text(encoding="utf-8"))["numbers"]


def mean(values):
    return sum(values) / len(values)


def test_loss_score_and_heads_change_together_with_two_layers():
    windows = numbers("phase_change")["windows"]
    for loss, score, prefix in zip(*(windows[k] for k in ("loss", "in_context", "prefix"))):
        assert prefix["share"] > 0.8 and score["share"] > 0.55 and loss["share"] > 0.6
        begins = [window["start"] for window in (loss, score, prefix)]
        assert max(begins) - min(begins) <= 50
        assert 150 <= min(begins) and max(begins) <= 225


def test_most_of_the_score_forms_in_a_third_of_training():
    facts = numbers("phase_change")
    assert 2 * facts["length"] < 0.31 * facts["steps"][-1]
    assert all(one["share"] > 0.75 for one in facts["windows_twice_as_long"]["in_context"])


def test_one_layer_learns_in_context_without_induction():
    one = numbers("phase_change")["one"]
    assert max(max(run) for run in one["prefix"]) < 0.06
    assert all(-1 < run[-1] < -0.8 for run in one["in_context"])


def test_composition_rises_before_any_head_matches():
    facts = numbers("phase_change")
    at = facts["steps"].index(100)
    assert all(run[at] > 0.09 for run in facts["k_composition_minus_baseline"])
    assert all(run[at] < 0.06 for run in facts["two"]["prefix"])


def test_smeared_keys_bring_induction_forward_and_to_one_layer():
    facts = numbers("smeared")
    first, loss = facts["first_above_0.3"], facts["final_loss"]
    assert first["one layer"] == [None] * 3
    for kind in ("one layer, smeared", "two layers, smeared"):
        assert max(first[kind]) < min(first["two layers"])
    assert max(loss["one layer, smeared"]) < min(loss["two layers"])
    ends = {kind: [run[-1] for run in runs] for kind, runs in facts["prefix"].items()}
    assert max(ends["one layer, smeared"]) < min(ends["two layers"]), "its score stays lower"
    for run in facts["prefix"]["two layers, smeared"]:
        assert run[-1] < max(run) - 0.1, "the score of the best head falls again"


def test_markov_chains_are_learned_late_or_not_at_all():
    facts = numbers("statistical")
    ends = {task: [run[-1] for run in runs] for task, runs in facts["prefix"].items()}
    assert min(ends["repeats"]) > 0.8
    assert [end > 0.7 for end in ends["markov"]] == [True, True, False]
    assert max(run[-1] for run in facts["in_context"]["markov"]) < 0
    at = facts["steps"]["markov"].index(650)
    assert all(run[at] < 0.3 for run in facts["prefix"]["markov"])


def test_the_slope_falls_where_repeats_can_begin():
    facts = numbers("slope")
    before, after = (facts["slope"][facts["steps"].index(step)] for step in (175, 1000))
    one = facts["slope_one_layer"][-1]
    assert all(after[band] < before[band] - 4 for band in (2, 3))
    assert abs(after[0]) < 0.1
    assert min(one) > -1.5


def test_late_losses_rise_with_positions_only():
    ends = numbers("slope")["final_loss_by_index"]
    for kind, least, most in (("two layers", 0.9, 2.0), ("two layers, smeared", 0.0, 0.6)):
        for run in ends[kind]:
            assert mean(run[33:44]) < 0.6
            assert least < mean(run[52:58]) < most
    for run in ends["one layer"]:
        assert 0.2 < mean(run[56:58]) - mean(run[44:54]) < 0.6, "without previous-token heads too"


def test_every_path_turns_in_its_own_components():
    facts = numbers("trajectory")
    turns = facts["turn_at_steepest_degrees"]
    assert min(turns["two layers"]) > 60
    assert min(turns["one layer"]) > 40, "so a turn alone does not show a phase change"
    widest = facts["widest_turn_of_steps_100_to_500_degrees"]
    assert min(widest["one layer"]) > max(widest["two layers"])


def test_joint_components_turn_with_two_layers_only():
    facts = numbers("trajectory")["joint"]
    plain, every = facts["two plain models"], facts["all four models"]
    assert max(plain["turn"]["one layer"]) < 11 and min(plain["turn"]["two layers"]) > 43
    assert min(plain["distance"]["two layers"]) > 3 * max(plain["distance"]["one layer"])
    assert max(max(turns) for turns in every["turn"].values()) < 24
    assert max(every["distance"]["one layer"]) < 13 < 62 < min(every["distance"]["two layers"])


def test_no_score_remains_without_induction_heads():
    facts = numbers("ablation")
    score, loss = facts["in_context"], facts["late_loss"]
    full, held = (score[f"no induction heads, {way}"] for way in ("full", "patterns held"))
    assert full == pytest.approx(held, abs=1e-4), "no head comes after the last layer"
    assert min(full) > 0 > max(score["whole"])
    assert min(loss["no induction heads, full"]) > math.log(64)


def test_previous_token_heads_work_through_patterns_only():
    facts = numbers("ablation")
    loss = facts["late_loss"]
    assert min(loss["no previous-token heads, full"]) > math.log(64)
    for whole, held in zip(loss["whole"], loss["no previous-token heads, patterns held"]):
        assert held - whole < 0.2
    for model in facts["prefix_matching_of_layer_1"]:
        assert max(model["neither"]) < 0.06 and min(model["whole"]) > 0.7


def test_the_score_alone_would_mislead():
    score = numbers("ablation")["in_context"]
    for whole, full, held in zip(
        score["whole"],
        score["no previous-token heads, full"],
        score["no previous-token heads, patterns held"],
    ):
        assert full < 0.3 * whole, "part of it seems to remain, though the loss is above a guess"
        assert held < whole, "it even seems better"


def test_other_heads_and_other_models_are_nulls():
    facts = numbers("ablation")
    for model, whole in zip(facts["one_head_of_layer_0"], facts["late_loss"]["whole"]):
        assert all(abs(head["late"] - whole) < 0.13 for head in model.values())
    assert all(abs(score) < 0.05 for score in facts["untrained_in_context"].values())


def test_composition_is_through_keys_and_all_later_heads_copy():
    facts = numbers("mechanism")
    low, high = facts["random_composition_interval"]
    for model in facts["models"]:
        assert min(model["k"]) > high
        assert max(model["q"] + model["v"]) < low
        best = model["k"].index(max(model["k"]))
        assert model["prefix"][best % 2] == max(model["prefix"])
        assert model["previous"][best // 2] > max(model["previous"]) - 0.02
        assert min(model["copying"][1]) > 0.98 and max(model["copying"][0]) < -0.9
    assert all(low < value < high for value in sum((facts["untrained"][k] for k in "qkv"), []))


def test_the_same_heads_match_partners_and_raise_both():
    facts = numbers("fuzzy")
    for model in facts["mixed"]:
        literal, partners = (model["prefix"][kind] for kind in ("literal", "partners"))
        assert min(literal + partners) > 0.6
        assert all(abs(a - b) < 0.02 for a, b in zip(literal, partners))
        assert 0 < model["loss"]["partners"] - model["loss"]["literal"] < 0.2
        pairs = zip(model["raises_own"], model["raises_partner"])
        assert all(0.96 < partner / own < 1 for own, partner in pairs)
    for model in facts["literal"]:
        assert max(model["prefix"]["partners"]) < 0.05 and min(model["prefix"]["literal"]) > 0.5
        assert model["loss"]["partners"] > math.log(64)


def test_best_heads_of_the_real_model_are_those_of_the_page():
    top = numbers("real_heads")["top"]
    names = {kind: [head["head"] for head in heads] for kind, heads in top.items()}
    assert names["prefix"][:4] == ["18.6", "17.5", "17.4", "17.3"]
    assert (names["previous"][0], names["duplicate"][0]) == ("16.0", "14.3")
    assert all(17 <= int(name.split(".")[0]) <= 24 for name in names["prefix"])


def test_the_second_copy_is_predicted_after_a_few_tokens():
    facts = numbers("repeat_loss")
    for first, second, third in facts["mean"]:
        assert first > facts["uniform"] > 3 * max(second, third)
    for losses in facts["second_copy"]:
        assert losses[0] > facts["uniform"]
        assert 0.35 < losses[1] / losses[0] < 0.55 and losses[5] < 1.9


def test_heads_that_match_best_do_not_copy_directly():
    facts = numbers("copying")
    heads = {name: one["copying"] for name, one in facts["heads"].items()}
    copy = {name for name, scores in heads.items() if mean(scores) > 0.2}
    assert len(heads) == 8 and copy == {"18.6", "20.6", "23.2", "23.7"}
    assert all(abs(x) < 0.15 for name in ("17.3", "17.4", "17.5") for x in heads[name])
    assert max(heads["24.4"]) < -0.7
    low, high = facts["quantiles_of_all_heads"]
    assert -0.2 < low < 0 < high < 0.5


def test_induction_heads_cost_the_real_model_most():
    facts = numbers("real_ablation")
    for size, loss in facts["late_loss"]["without_best"].items():
        assert facts["without_best"][size] > max(facts["without_random"][size])
        assert loss > max(facts["late_loss"]["without_random"][size])
    assert facts["interval_over_texts"]["16"]["low"] > 0.3 * facts["whole"]
