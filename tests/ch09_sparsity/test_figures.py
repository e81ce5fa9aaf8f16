"""The figures' numbers support what the pages of chapter 9 claim."""

import itertools
import json
from pathlib import Path

import pytest
import torch

FIGURES = Path(__file__).resolve().parents[2] / "docs" / "figures"
pytestmark = pytest.mark.project


def numbers_of(name, seeds=3):
    """The numbers of a figure, which are strict JSON."""

    def refuse(constant):
        raise AssertionError(f"{name}: expected finite numbers, got {constant}")

    text = (FIGURES / f"{name}.json").read_text(encoding="utf-8")
    loaded = json.loads(text, parse_constant=refuse)
    assert len(loaded["seeds"]) >= seeds, f"{name}: at least {seeds} seeds"
    return loaded["numbers"]


def score(numbers, name, key):
    """One score, [seed, level]."""
    return torch.tensor(numbers[name][key])


def test_only_l1_shrinks_on_planted_features():
    topk, gated = numbers_of("ch09_topk"), numbers_of("ch09_gated")
    assert score(topk, "L1", "gamma").max() < 0.9
    for numbers, name in ((topk, "TopK"), (gated, "gated")):
        assert (score(numbers, name, "gamma") - 1).abs().max() < 0.01


def test_recovery_and_error_part():
    numbers = numbers_of("ch09_pareto")
    assert score(numbers, "random dictionary", "recall").max() == 0
    assert score(numbers, "random dictionary", "fvu").max() < 0.65
    gated, k3 = numbers["levels"]["gated"].index(0.5), numbers["levels"]["TopK"].index(3)
    assert score(numbers, "gated", "fvu")[:, gated].max() < 0.08
    assert score(numbers, "gated", "recall")[:, gated].max() < 0.5
    errors = {name: score(numbers, name, "fvu") for name in ("TopK", "Matryoshka")}
    assert errors["Matryoshka"][:, k3].min() > errors["TopK"][:, k3].max()


def test_auxk_leaves_as_many_latents_dead():
    numbers = numbers_of("ch09_auxk")
    dead = {name: torch.tensor(numbers[name]["dead"]) for name in ("with AuxK", "without")}
    assert dead["with AuxK"].min() < dead["without"].max(), "the ranges overlap"
    assert dead["with AuxK"].mean() >= dead["without"].mean()


def test_multi_topk_can_keep_more_latents():
    numbers = numbers_of("ch09_multi_topk")
    topk, multi = (torch.tensor(numbers[name]) for name in ("TopK", "multi-TopK"))
    at = {k: place for place, k in enumerate(numbers["k"])}
    assert (topk[:, at[12]] > topk[:, at[2]]).all() and multi[:, at[12]].max() < 0.11
    assert (multi[:, at[6] :].amax(dim=0) < topk[:, at[6] :].amin(dim=0)).all()


def test_thresholds_follow_the_root_of_the_price_if_near():
    numbers = numbers_of("ch09_price")
    far, near = "JumpReLU", "JumpReLU from .5"
    roots = {name: torch.tensor(numbers["prices"][name]).sqrt() for name in (far, near)}
    assert (score(numbers, near, "threshold") - roots[near]).abs().max() < 0.06
    assert score(numbers, far, "threshold")[:, -1].max() < 0.55 < roots[far][-1]


def test_parents_are_silent_more_often_without_prefixes():
    numbers = numbers_of("ch09_absorption")
    recall = {
        name: score(numbers, name, "recall").mean(dim=-1) for name in ("BatchTopK", "Matryoshka")
    }
    assert recall["Matryoshka"].min() > recall["BatchTopK"].max()


def test_a_random_dictionary_recovers_most_of_the_loss():
    numbers = numbers_of("ch09_text", seeds=2)
    assert 0.7 < score(numbers, "random dictionary", "recovered").min() < 0.85
    for name in ("TopK", "BatchTopK", "Matryoshka"):
        middle = score(numbers, name, "recovered")[:, 1]
        assert middle.min() > 0.94
        assert score(numbers, "L1", "recovered")[:, 1].max() < middle.min()
    assert score(numbers, "L1", "gamma").max() < 0.95


def test_training_gains_more_from_width_than_the_control():
    numbers = numbers_of("ch09_scaling")
    assert numbers["low"] < numbers["exponent"] < numbers["high"] < -0.2
    assert -0.1 < numbers["its low"] and numbers["its high"] < -0.05


def test_variants_on_the_real_model_recover_about_as_much():
    runs = json.loads((FIGURES / "ch09_real_frontier.json").read_text("utf-8"))["numbers"]["runs"]
    topk = sorted((run for run in runs if run["kind"] == "TopK"), key=lambda run: run["l0"])
    jumprelu = next(run for run in runs if run["kind"] == "JumpReLU" and run["level"] == 1)
    assert [round(run["l0"]) for run in topk] == [16, 32, 32, 64]
    assert topk[0]["l0"] < jumprelu["l0"] < topk[1]["l0"]
    assert topk[0]["recovered_low"] < jumprelu["recovered"] < topk[1]["recovered_high"]
    assert topk[0]["fvu"] > topk[1]["fvu"] > topk[-1]["fvu"]
    assert abs(topk[1]["recovered"] - topk[2]["recovered"]) < 0.01, "two seeds"


def test_latents_of_the_shuffled_real_model_are_not_specific():
    found = json.loads((FIGURES / "ch09_real_control.json").read_text("utf-8"))["numbers"]["runs"]
    trained, shuffled = found["TopK"], found["TopK, shuffled weights"]
    assert trained["strongest"]["low"] > 0.3 > trained["random"]["high"]
    assert trained["random"]["low"] > 1.5 * trained["chance"]["high"]
    assert shuffled["strongest"]["high"] < 0.13 and shuffled["random"]["high"] < 0.12


def test_more_minutes_stop_helping_on_held_out_text():
    points = json.loads((FIGURES / "ch09_real_budget.json").read_text("utf-8"))["numbers"]["points"]
    first, *later = (point["recovered"] for point in points)
    assert first < min(later) and max(later) - min(later) < 0.005
    assert all(a["fvu"] > b["fvu"] for a, b in itertools.pairwise(points))
    assert all(a["never"] < b["never"] for a, b in itertools.pairwise(points))
