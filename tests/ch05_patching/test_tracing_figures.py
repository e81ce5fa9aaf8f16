"""The claims of the page on causal tracing, checked on the numbers of its figures."""

import json
from pathlib import Path

import pytest

pytestmark = pytest.mark.project
FIGURES = Path(__file__).resolve().parents[2] / "docs/figures"
NAME, END = 3, 5


def numbers(name):
    return json.loads((FIGURES / f"ch05_{name}.json").read_text(encoding="utf-8"))["numbers"]


def inside(low, high, values):
    """Whether values, rounded as on the page, reach exactly from low to high."""
    return (round(min(values), 2), round(max(values), 2)) == (low, high)


def test_the_mlp_of_layer_0_restores_most_of_all_mlps():
    models = numbers("tracing")["models"]
    assert inside(0.32, 0.37, [one["corrupted"] for one in models])
    assert inside(0.63, 0.68, [one["total"] for one in models])
    peaks, others = [], []
    for one in models:
        mlp = one["indirect"]["mlp_out"]
        peaks.append(mlp[0].pop(NAME))
        others.append(max(max(row) for row in mlp))
        assert others[-1] == mlp[2][END]
    assert inside(0.39, 0.44, peaks) and inside(0.13, 0.17, others)
    interval = models[0]["mlp_peak_interval"]
    assert (round(interval["low"], 2), round(interval["high"], 2)) == (0.34, 0.46)


def test_attention_at_the_last_name_restores_more():
    models = numbers("tracing")["models"]
    assert inside(0.46, 0.53, [one["indirect"]["attn_out"][0][NAME] for one in models])


def test_a_window_is_not_more_than_the_sum_of_its_layers_here():
    models = numbers("tracing")["models"]
    window = [one["mlp_windows_of_3"][NAME] for one in models]
    single = [one["mlp_sum_of_single_layers"][NAME] for one in models]
    assert inside(0.40, 0.45, window) and inside(0.39, 0.47, single)
    assert all(w < 1.05 * s for w, s in zip(window, single, strict=True))


def test_other_noise_gives_other_effects_and_no_training_none():
    facts = numbers("tracing")
    models = facts["models"]
    assert inside(0.14, 0.22, [one["noise_everywhere"]["mlp_out"][0][NAME] for one in models])
    assert inside(0.09, 0.11, [one["noise_of_one_deviation"] for one in models])
    ten = [one["noise_of_ten_deviations"] for one in models]
    assert inside(0.82, 0.86, [one["total"] for one in ten])
    assert inside(0.26, 0.38, [one["mlp_out"][0][NAME] for one in ten])
    for null in facts["untrained"]:
        assert abs(null["total"]) < 1e-4
        assert max(abs(x) for row in null["mlp_out"] for x in row) < 1e-4


def test_edits_work_and_each_part_is_necessary():
    facts = numbers("rome")
    ways = facts["ways"]
    assert all(one["success"] == 1 for one in ways["ROME"])
    assert all(one["paraphrases"] > 0.95 for one in ways["ROME"])
    assert all(one["neighbors"] > 0.99 for one in ways["ROME"])
    assert inside(0.94, 0.96, [one["other_facts"] for one in ways["ROME"]])
    for with_c, without in zip(ways["ROME"], ways["C left out"], strict=True):
        assert all(without[score] < with_c[score] for score in with_c)
    for null in ways["random key"]:
        assert (null["success"], null["paraphrases"], null["neighbors"]) == (0, 0, 1)
    assert round(min(facts["worst_edit"]), 2) == 0.31


def test_the_trace_does_not_predict_where_edits_work():
    facts = numbers("rome")
    assert inside(0.48, 0.56, facts["correlation"])
    at = [{tuple(one["place"]): one for one in model} for model in facts["places"]]
    quiet = [model[(1, -1)] for model in at]
    assert inside(0.01, 0.02, [one["indirect"] for one in quiet])
    assert inside(0.90, 1.00, [one["paraphrases"] for one in quiet])
    assert inside(0.98, 0.99, [one["neighbors"] for one in quiet])
    assert all(one["other_facts"] == 1 for one in quiet)
    traced = [model[(0, -3)] for model in at]
    assert inside(0.86, 1.00, [one["paraphrases"] for one in traced])
    late = [model[(2, -1)] for model in at]
    assert inside(0.98, 1.00, [one["paraphrases"] for one in late])
    for model in at:
        assert all(model[(2, position)]["success"] == 0 for position in (-4, -3, -2))
