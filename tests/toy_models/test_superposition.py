"""The two superposition toys: what their cards claim, and what their recipes write."""

import json

import pytest
import torch
from safetensors.torch import load_file

import toy_models
from solutions.ch01_superposition import ReluOutputToy, sparse_features
from solutions.ch01_superposition.geometry import feature_dimensionality, interference
from solutions.ch01_superposition.toy_model import reconstruction_loss
from toy_models.superposition_5 import train as recipe_5
from toy_models.superposition_20 import train as recipe_20

SHAPES = {0: (5, 2 / 5), 1: (2, 1.0), 2: (4, 1 / 2), 3: (3, 2 / 3)}
"""Of each instance of superposition_5: features kept, and the dimensionality of each."""


@pytest.fixture(scope="module")
def five():
    return toy_models.load("superposition_5")


@pytest.fixture(scope="module")
def twenty():
    return toy_models.load("superposition_20")


def losses_and_baselines(toy):
    """Compute each instance's loss on new data, and that of always predicting the mean."""
    model = ReluOutputToy.from_tensors(toy.config, toy.tensors)
    n_inst, n_features = toy.config["n_inst"], toy.config["n_features"]
    probability = torch.tensor(toy.config["probability"])[:, None].repeat(1, n_features)
    importance = torch.tensor(toy.config["importance"])
    assert probability.shape == importance.shape == (n_inst, n_features)
    x = sparse_features(probability, 50_000, torch.Generator().manual_seed(5))
    mean = (probability / 2)[:, None].expand_as(x)
    return (reconstruction_loss(guess, x, importance).tolist() for guess in (model(x), mean))


@pytest.mark.parametrize("instance", SHAPES)
def test_an_instance_of_five_has_the_shape_on_its_card(five, instance):
    kept, dimensionality = SHAPES[instance]
    W = five.tensors["W"][[instance]]
    D = feature_dimensionality(W)[0]
    strong = W[0].norm(dim=0) > 0.5
    assert strong.sum() == kept
    assert D[strong].tolist() == pytest.approx([dimensionality] * kept, abs=0.015)
    assert D.sum().item() == pytest.approx(2, abs=0.005)


def test_the_pentagons_directions_are_72_degrees_apart(five):
    x, y = five.tensors["W"][0]
    angles = torch.atan2(y, x).rad2deg().sort().values
    turns = torch.cat([angles.diff(), angles[:1] + 360 - angles[-1:]])
    assert turns.tolist() == pytest.approx([72] * 5, abs=2)


def test_cards_have_the_right_losses(five, twenty):
    actual, baseline = losses_and_baselines(five)
    assert actual == pytest.approx([0.0071, 0.1832, 0.1019, 0.0965], rel=0.1)
    assert baseline == pytest.approx([0.0657, 0.3413, 0.3174, 0.3322], rel=0.05)
    (actual,), (baseline,) = losses_and_baselines(twenty)
    assert actual == pytest.approx(0.00078, abs=0.00015)
    assert baseline == pytest.approx(0.0219, rel=0.1)


def test_feature_7_shares_a_pentagon_with_its_partners(twenty):
    W = twenty.tensors["W"]
    norm = W[0].norm(dim=0)
    overlap = (W[0, :, 7] / norm[7]) @ W[0]
    others = [j for j in range(20) if j != 7]
    assert {j for j in others if overlap[j].abs() > 0.25} == {5, 8, 9, 10}
    assert max(overlap[j].abs() for j in others if j not in {5, 8, 9, 10}) < 0.08
    assert (norm > 0.5).nonzero().flatten().tolist() == list(range(11))
    D = feature_dimensionality(W)[0]
    assert D[[0, 1, 2, 3, 4, 6]].tolist() == pytest.approx([0.5] * 6, abs=0.01)
    assert D[7].item() == pytest.approx(0.42, abs=0.005)
    assert D.sum().item() == pytest.approx(5, abs=0.01)
    assert interference(W)[0, 7] > 1


@pytest.mark.parametrize("recipe, name", [(recipe_5, "five"), (recipe_20, "twenty")])
def test_a_recipe_writes_files_like_the_committed_ones(recipe, name, tmp_path, request):
    committed = request.getfixturevalue(name)
    recipe.run(tmp_path, steps=3, seed=1)
    tensors = load_file(tmp_path / "model.safetensors")
    assert json.loads((tmp_path / "config.json").read_text(encoding="utf-8")) == committed.config
    shapes = {key: value.shape for key, value in committed.tensors.items()}
    assert {key: value.shape for key, value in tensors.items()} == shapes
