"""The figures' numbers support what the pages of chapter 8 claim, over three seeds."""

import json
from pathlib import Path

import pytest
import torch

FIGURES = Path(__file__).resolve().parents[2] / "docs" / "figures"
pytestmark = pytest.mark.project


def numbers_of(name):
    """The numbers of a figure."""
    loaded = json.loads((FIGURES / f"{name}.json").read_text(encoding="utf-8"))
    assert len(loaded["seeds"]) >= 3, f"{name}: at least three seeds"
    numbers = loaded["numbers"]
    return {key: torch.tensor(value) for key, value in numbers.items() if value is not None}


def test_twice_as_many_latents_find_all_features():
    found = numbers_of("ch08_recovery")
    assert found["recall"][:, 1:].min() == 1, "with two and four times as many latents as features"
    assert 0.9 < found["recall"][:, 0].min() and found["recall"][:, 0].max() < 1
    expected = found["n_features"] / found["latents"]
    assert ((found["precision"] - expected)[:, 1:] == 0).all(), "the others match no feature"
    assert found["dead"].max() < 0.07
    assert found["random recall"].max() == 0
    by_chance = found["mean max cosine, random"]
    assert (by_chance.diff(dim=1) > 0).all() and by_chance.min() > 0.3
    assert found["mean max cosine"].min() > 0.97


def test_no_penalty_gets_sparsity_and_size_right():
    found = numbers_of("ch08_penalty")
    assert (found["l0"].diff(dim=1) < 0).all() and (found["fvu"].diff(dim=1) > 0).all()
    assert (found["gamma"].diff(dim=1) < 0).all()
    near = (found["l0"] - found["true_l0"]).abs().argmin(dim=1)
    gamma = found["gamma"][torch.arange(3), near]
    assert gamma.max() < 0.65, "where L0 is closest, more than a third is missing"
    assert found["recall"][:, 1:4].min() == 1 and found["fvu"][:, -1].min() > 0.6
    assert found["recall"][:, [0, 4]].max() < 0.85


def test_larger_saes_split_groups():
    latents = numbers_of("ch08_splitting")["latents"]  # [seed, width, group]
    assert (latents[:, 0] != 1).sum() == 2 and latents[:, 0].max() == 2
    assert 3.5 < latents[:, 1].mean() < 4.5 and latents[:, 2].mean() > 6
    assert (latents[:, 1].min(), latents[:, 1].max()) == (2, 6)
    assert (latents[:, 2].min(), latents[:, 2].max()) == (3, 9)


def numbers_of_drawing(name):
    """The numbers of a figure of drawn data, which has no trained seeds."""
    return json.loads((FIGURES / f"{name}.json").read_text(encoding="utf-8"))["numbers"]


def test_no_feature_of_the_plane_is_a_neuron():
    found = numbers_of_drawing("ch08_plane")
    directions = torch.tensor(found["directions"])
    assert len(directions) == 5 and directions.abs().min() > 0.25, "each changes both neurons"
    assert 0.45 < 1 - found["one feature"] - found["several features"] < 0.55
    assert (directions @ directions.T).min() < -0.99, "two of them are opposite"


def test_no_ranking_alone_finds_the_drivers():
    found = numbers_of("ch08_rankings")
    predicts, writes, removed = found["share"].mean(dim=0)
    assert len(found["share"]) == 200 and 0.5 < min(predicts, writes) and removed < 0.2
    assert found["all drivers first"].max() < 0.25 and found["all drivers first"][2] == 0
