"""The figures' numbers support what the pages on neurons, swaps and attention claim."""

import json
from pathlib import Path

import pytest
import torch

FIGURES = Path(__file__).resolve().parents[2] / "docs" / "figures"
CONTROLS = ("random 5", "random 30", "as strong 30", "other behaviour 30")
pytestmark = pytest.mark.project


def numbers(name):
    return json.loads((FIGURES / f"{name}.json").read_text(encoding="utf-8"))["numbers"]


@pytest.fixture(scope="module")
def splits():
    found = numbers("ch12_swaps")["splits"]
    assert all(len(some) >= 4 for some in found.values())
    return found


def least(splits, name, kind, group):
    return min(one[kind][group]["switched"] for one in splits[name])


def test_five_neurons_switch_gender_and_thirty_switch_number(splits):
    assert least(splits, "gender", "held out", "top 5") >= 0.85
    assert least(splits, "gender", "new frames", "top 5") >= 0.75
    assert least(splits, "number", "held out", "top 30") >= 0.95


@pytest.mark.parametrize("kind", ["held out", "new frames"])
def test_controls_switch_at_most_one_answer_in_twenty(splits, kind):
    for name, some in splits.items():
        for control in CONTROLS:
            most = max(one[kind][control]["switched"] for one in some)
            assert most <= 0.05, f"{name}, {kind}, {control}: {most:.3f}"


def test_neurons_ranked_by_size_switch_fewer(splits):
    for one in splits["gender"]:
        assert one["held out"]["by size 5"]["switched"] < one["held out"]["top 5"]["switched"]


@pytest.fixture(scope="module")
def prompts():
    found = numbers("ch12_attention")
    assert len(found["tried"]) == 3 and len(found["new"]) >= 3
    return [*found["tried"], *found["new"]]


def test_predictions_match_patching_on_every_prompt(prompts):
    for one in prompts:
        assert one["23.0"]["agreement"]["correlation"] >= 0.95, one["text"]


def test_changes_are_exact_sums(prompts):
    for one in prompts:
        assert one["gap"] < 1e-3
        assert abs(sum(one["parts"].values()) - one["total"]) < 2e-3


def test_two_heads_move_the_name_movers(prompts):
    for one in prompts:
        assert set(one["23.0"]["best"]) == {"20.0", "19.2"}, one["text"]


@pytest.mark.weights
@pytest.mark.heavy
def test_most_of_the_flow_of_a_graph_of_neurons_is_unaccounted(impl, contrast, relp, graph, logits):
    model, tokenizer = impl("ch02_transformer").load_pretrained("smollm2-135m")
    texts = ("The capital of France is", "The capital of Italy is")
    rows = torch.tensor([tokenizer.encode(text).ids for text in texts])
    answers = torch.tensor([tokenizer.encode(word).ids[0] for word in (" Paris", " Rome")])
    scores = contrast.contrast_scores(model, contrast.Pair(rows, answers))
    local = impl("ch12_graphs.local").freeze(model, rows[:1])
    basis = relp.neuron_basis(model, local, contrast.largest_nodes(scores, 300))
    made = graph.attribution_graph(local, basis, logits.logit_targets(local))
    found = impl("ch12_graphs.scores").graph_scores(made).unaccounted
    assert 0.975 < found < 0.98


@pytest.mark.parametrize("name", ["gender", "number"])
def test_random_neurons_carry_nothing(name):
    curves = numbers("ch12_faithful")["curves"][name]
    assert max(curves["kept, random"]["mean"]) < 0.1
    assert min(curves["removed, random"]["mean"]) > 0.9
