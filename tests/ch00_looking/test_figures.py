"""The numbers of the pages are those of the figures, and a new training run agrees."""

import json
from pathlib import Path

import pytest
import torch

ROOT = Path(__file__).resolve().parents[2]
NAMES = sorted(path.stem for path in (ROOT / "docs/figures").glob("ch00_*.json"))
SEEDS = (40, 41, 42)

pytestmark = pytest.mark.project


def metadata(name: str) -> dict:
    return json.loads((ROOT / f"docs/figures/ch00_{name}.json").read_text(encoding="utf-8"))


def numbers(name: str) -> dict:
    return metadata(name)["numbers"]


@pytest.mark.parametrize("name", NAMES)
def test_figures_show_at_least_five_models(name):
    assert len(metadata(name.removeprefix("ch00_"))["seeds"]) >= 5


def test_the_shortcut_is_perfect_until_the_mark_disagrees():
    shortcut, control = numbers("behaviour")["means"].values()
    assert shortcut == pytest.approx([1, 1, 1, 0, 0.09], abs=0.005)
    assert control == pytest.approx([1] * 5, abs=0.005)
    corners = numbers("behaviour")["values"]["trained with the shortcut"][4]
    assert (round(min(corners), 2), round(max(corners), 2)) == (0.00, 0.25)


def test_the_mark_is_salient_only_in_trained_models():
    means = numbers("saliency")["means"]
    assert means["trained"] == pytest.approx([0, 0.61, 0.98, 0.67], abs=0.006)
    assert means["random weights"] == pytest.approx([0, 0.14, 0.10, 0.14], abs=0.006)


def test_the_gradient_is_zero_where_all_neurons_are_off():
    measured = numbers("saliency")
    length, times_input, integrated, smooth = (
        torch.tensor(values[1]) for values in measured["shown"]["trained"]
    )
    assert measured["neurons_on"] == [32, 0]
    assert length.abs().max() == times_input.abs().max() == 0
    assert integrated.abs().max() == pytest.approx(3.3, abs=0.05)
    assert integrated[0] < -3 and integrated[-1] > 3, (
        "the mark opposes the prediction, /s supports it"
    )
    assert smooth.abs().max() == pytest.approx(0.15, abs=0.005)
    off = measured["ironic_with_no_neuron_on"]
    assert off["shipped"] == pytest.approx(0.41, abs=0.005) and off["fresh"] == [0] * 5


def test_only_integrated_gradients_are_complete():
    measured = numbers("saturation")
    way, explained = torch.tensor(measured["probability"]), torch.tensor(measured["explained"])
    by_steps = dict(zip(measured["steps"], explained.T, strict=True))
    assert way[:, 0].mean() == pytest.approx(0.50, abs=0.005)
    assert way[:, 20].mean() == pytest.approx(0.99, abs=0.005)
    assert by_steps[1].mean() == pytest.approx(0.20, abs=0.005)
    assert by_steps[4].mean() == pytest.approx(0.98, abs=0.005)
    assert all((by_steps[n] - 1).abs().max() < 0.02 for n in (8, 16, 32, 64, 128))
    assert max(measured["explained_by_gradient_times_input"]) < 0.002


def test_a_linear_probe_decodes_all_but_order_and_tone():
    trained, untrained = numbers("probes")["linear"].values()
    expected = {"mark": 1, "topic": 0.97, "irony": 1, "order": 0.49, "words": 0.93, "tone": 0.5}
    assert trained == pytest.approx(expected, abs=0.006)
    assert untrained["topic"] == pytest.approx(0.97, abs=0.005)


def test_the_stronger_probe_is_less_selective():
    trained, untrained = numbers("probes")["probes"].values()

    def selectivity(probe: str, means: dict[str, float]) -> float:
        return means[f"topic, {probe} probe"] - means[f"40 random labels, {probe} probe"]

    assert selectivity("linear", trained) == pytest.approx(0.24, abs=0.005)
    assert selectivity("MLP", trained) == pytest.approx(0.16, abs=0.005)
    assert selectivity("linear", untrained) == pytest.approx(0.25, abs=0.005)
    assert selectivity("MLP", untrained) == pytest.approx(0.14, abs=0.005)
    assert trained["tone, MLP probe"] == pytest.approx(1.00, abs=0.005)
    assert untrained["tone, MLP probe"] == pytest.approx(0.96, abs=0.005)


def test_only_the_signed_choice_of_neurons_beats_random_sets():
    measured = numbers("evidence")
    covered = measured["coverage"]
    assert covered["40"] == pytest.approx(0.91, abs=0.005)
    assert covered["160"] == pytest.approx(0.95, abs=0.005)
    assert measured["observed"] == pytest.approx({"topic": 0.3, "mark": 22.4}, abs=0.05)
    assert measured["p"] == pytest.approx({"topic": 0.90, "mark": 0.0005}, abs=0.006)
    aside, signed = measured["percentiles"].values()
    assert signed == [1] * 6
    assert aside[0] == pytest.approx(0.78, abs=0.006) and min(aside) < 0.53
    without = measured["moves_chosen"]
    assert list(without.values()) == pytest.approx([3.0, 5.9], abs=0.06)
    assert measured["moves_random"]["mean"] == pytest.approx(2.2, abs=0.06)


def test_the_difference_of_means_carries_the_mark():
    means = numbers("directions")["means"]
    assert means["mark swapped in the input"] == pytest.approx(0.998, abs=0.0005)
    assert means["mark, along the difference of means"] == pytest.approx(0.999, abs=0.0006)
    assert means["mark, along a probe's direction"] == pytest.approx(0.85, abs=0.006)
    assert means["mark's direction ablated"] == pytest.approx(0.28, abs=0.005)
    assert means["cosine of probe and means"] == pytest.approx(0.88, abs=0.005)
    assert means["after ablation: prediction follows the words"] == pytest.approx(0.72, abs=0.005)
    assert means["after ablation: prediction follows the mark"] == pytest.approx(0.49, abs=0.005)
    nothing = ["mark, along random directions", *(name for name in means if "topic" in name)]
    assert all(means[name] == 0 for name in nothing)


def test_decodable_and_used_are_independent():
    means = numbers("decodable_used")["means"]
    corners = {name: (found["decodable"] > 0.9, found["flips"]) for name, found in means.items()}
    assert corners["mark"][0] and corners["mark"][1] > 0.99
    assert corners["topic"] == (True, 0) and corners["order"] == (False, 0)
    assert not corners["tone"][0] and corners["tone"][1] > 0.99
    assert corners["irony"][0] and corners["irony"][1] == pytest.approx(0.02, abs=0.005)
    assert corners["irony, in\nironic reviews"][1] == 1
    assert corners["words"] == (True, pytest.approx(0.002, abs=0.0005))


def test_the_words_move_the_score_a_third_as_much():
    card = (ROOT / "toy_models/shortcut/card.md").read_text(encoding="utf-8")
    rows = [line.strip("| ").split(" | ") for line in card.splitlines() if "| moves:" in line]
    of_five_models = {name.removeprefix("moves: "): float(mean) for name, _, mean, *_ in rows}
    expected = {"mark": 16.9, "words": 5.4, "topic": 0.8}
    assert {name: of_five_models[name] for name in expected} == pytest.approx(expected, abs=0.06)


@pytest.mark.slow
@pytest.mark.parametrize("seed", SEEDS)
def test_retrained_models_learn_the_same_shortcut(impl, seed):
    interventions = impl("ch00_looking.interventions")
    sentiment_data = impl("ch00_looking.sentiment_data")
    model = impl("ch00_looking.train").train_sentiment_model(seed)
    drawn = sentiment_data.draw_reviews(5000, torch.Generator().manual_seed(1000 + seed))
    used = {
        name: interventions.flips_when_swapped(model, drawn, name).mean().item()
        for name in sentiment_data.PROPERTIES
    }
    assert used["mark"] == used["tone"] > 0.97
    assert used["topic"] == used["order"] == 0
    assert used["words"] < 0.03 and 0.01 < used["irony"] < 0.03
    ironic = interventions.flips_when_swapped(model, drawn, "irony")[drawn.irony == 1]
    assert ironic.mean() > 0.99
    for name in ("mark", "topic", "irony"):
        assert interventions.decodability(model, name) > 0.92, name
    for name in ("order", "tone"):
        assert 0.45 < interventions.decodability(model, name) < 0.55, name


@pytest.mark.slow
def test_linear_probes_of_new_models_are_more_selective(impl):
    """The mean over new models; the difference varies much from model to model."""
    probe, training = impl("ch00_looking.probe"), impl("ch00_looking.train")
    found = {"linear": [], "MLP": []}
    for seed in SEEDS:
        model = training.train_sentiment_model(seed).requires_grad_(False)
        generator = torch.Generator().manual_seed(seed)
        reviews = impl("ch00_looking.sentiment_data").draw_reviews(4000, generator, 0.5, 0.5)
        acts = impl("ch00_looking.interventions").pooled_acts(model, reviews)
        width = acts.shape[1]
        for kind, new_probe in (
            ("linear", lambda width=width: probe.LinearProbe(width)),
            ("MLP", lambda width=width: probe.MLPProbe(width, 128)),
        ):
            result = probe.selectivity(new_probe, acts, reviews.topic, reviews.product, generator)
            found[kind].append(result.task - result.control)
    linear, mlp = (sum(values) / len(values) for values in found.values())
    assert linear == pytest.approx(0.24, abs=0.05)
    assert linear - mlp > 0.1, f"linear {linear:.2f}, MLP {mlp:.2f}"
