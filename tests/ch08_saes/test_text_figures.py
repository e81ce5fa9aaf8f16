"""The numbers of the experiment on the one-layer text model support what its page claims."""

import json
from pathlib import Path

import pytest

FIGURES = Path(__file__).resolve().parents[2] / "docs" / "figures"
pytestmark = pytest.mark.project


def numbers_of(name):
    """The numbers of a figure."""
    return json.loads((FIGURES / f"ch08_text_{name}.json").read_text(encoding="utf-8"))["numbers"]


def test_features_are_predicted_better_than_neurons():
    groups = numbers_of("units")["groups"]
    features = groups["features"]["correlation"]
    assert len(features["seeds"]) == 3, "two SAE seeds of A, one of B"
    for other in ("neurons", "neurons, strongest", "random dictionary", "shuffled model, neurons"):
        control = groups[other]["correlation"]
        assert features["low"] > control["high"] + 0.08, other
        assert min(features["seeds"]) > max(control["seeds"]) + 0.1, other
    assert all(abs(group["swapped"]["mean"]) < 0.04 for group in groups.values())


def test_features_of_a_shuffled_model_score_nearly_as_high():
    groups = numbers_of("units")["groups"]
    shuffled, features = (groups[name] for name in ("shuffled model, features", "features"))
    gap = features["correlation"]["mean"] - shuffled["correlation"]["mean"]
    assert 0 < gap < 0.1
    assert shuffled["labels"]["token"] > 0.7 > features["labels"]["token"]


def test_strongest_contexts_flatter():
    groups = numbers_of("units")["groups"]
    for name in ("neurons", "features", "shuffled model, features"):
        assert groups[name]["top"]["low"] > groups[name]["firing"]["high"] + 0.1, name


def test_dictionaries_keep_the_loss_with_few_live_latents():
    for name, found in numbers_of("units")["dictionaries"].items():
        if name.startswith(("A 2048", "B 2048")) and name.endswith("TopK"):
            assert found["recovered_from_zero"] > 0.98 and found["fvu"] < 0.07
            assert found["dead"] > 0.6 and abs(found["l0"] - 16) < 0.1


def test_l1_scores_as_topk_does_and_shrinks():
    groups, found = numbers_of("units")["groups"], numbers_of("units")["dictionaries"]
    for prefix in ("", "shuffled model, "):
        topk, l1 = (groups[f"{prefix}features{form}"]["correlation"] for form in ("", ", L1"))
        assert abs(topk["mean"] - l1["mean"]) < 0.03, prefix
    assert len(groups["features, L1"]["correlation"]["seeds"]) == 2, "one of A, one of B"
    for name in ("A", "B"):
        l1, topk = (found[f"{name} 2048 0 {variant}"] for variant in ("L1", "TopK"))
        assert l1["gamma"] < 0.92 and abs(topk["gamma"] - 1) < 0.01
        assert l1["dead"] < topk["dead"] and 10 < l1["l0"] < 16
        assert 0.96 < l1["recovered_from_zero"] < topk["recovered_from_zero"]


def test_latents_of_the_small_dictionary_do_not_split():
    found = numbers_of("splitting")
    assert found["children"].keys() == {"1024", "2048", "4096"}
    same_size = found["of main"]["2048, another seed"]
    assert len(same_size["seeds"]) == 3, "pairs of three SAE seeds"
    for width, counts in found["children"].items():
        assert counts["high"] < 0.35 and counts["none"] > 0.7, width
        assert counts["two or more"] < 0.01 and found["shuffled"][width]["mean"] == 0, width
        assert abs(counts["mean"] - same_size["mean"]) < 0.15, width
    means = [found["children"][width]["mean"] for width in ("1024", "2048", "4096")]
    assert means == sorted(means, reverse=True)
    same_batches, *others = found["of main"]["4096"]["seeds"]
    assert same_batches > max(others) + 0.05


def test_neurons_match_across_models_as_well_as_features():
    found = numbers_of("matching")
    models, seeds = found["models"], found["seeds"]
    assert abs(models["features"]["mean"] - models["neurons"]["mean"]) < 0.05
    assert models["features"]["above .9"] > models["neurons"]["above .9"]
    assert models["features"]["mean"] > models["random dictionaries"]["mean"] + 0.2
    assert abs(models["features, L1"]["mean"] - models["features"]["mean"]) < 0.03
    assert models["features, L1"]["above .9"] > 2 * models["features"]["above .9"]
    assert models["neurons, strongest"]["mean"] < models["random dictionaries"]["high"]
    assert models["another SAE seed of A"]["mean"] > models["features"]["mean"] + 0.05
    assert seeds["SAE seeds"]["above .9"] < 0.005
    assert len(seeds["SAE seeds"]["seeds"]) == 3, "pairs of three SAE seeds"
    assert min(seeds["SAE seeds"]["seeds"]) > max(seeds["shuffled rows"]["seeds"]) + 0.3
    assert max(seeds["SAE seeds"]["seeds"]) < 0.65


def test_removing_a_feature_costs_as_much_as_removing_another():
    found = numbers_of("dashboards")
    removed, control = found["ablation"]["loss"], found["ablation"]["control"]
    assert 0 < removed["mean"] < control["high"] and 0 < control["low"] < removed["high"]
    assert max(removed["high"], control["high"]) < 0.06, "of 16 active features, one matters little"
    assert len(found["features"]) == removed["units"] == 36
    pages = FIGURES.parent / "dashboards"
    for feature in found["features"]:
        assert (pages / f"feature_{int(feature):04d}.html").is_file()
