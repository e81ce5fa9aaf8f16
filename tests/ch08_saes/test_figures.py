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


def test_planted_features_are_found_at_every_width():
    found = numbers_of("ch08_recovery")
    assert found["recall"].min() > 0.95, "also with twice as many latents as features"
    expected = found["n_features"] / found["latents"]
    assert (found["precision"] - expected).abs().max() < 0.05, "the others match no feature"
    assert found["dead"].max() < 0.07
    assert found["random recall"].max() == 0
    by_chance = found["mean max cosine, random"]
    assert (by_chance.diff(dim=1) > 0).all() and by_chance.min() > 0.3
    assert found["mean max cosine"].min() > 0.99


def test_no_penalty_gets_sparsity_and_size_right():
    found = numbers_of("ch08_penalty")
    assert (found["l0"].diff(dim=1) < 0).all() and (found["fvu"].diff(dim=1) > 0).all()
    assert (found["gamma"].diff(dim=1) < 0).all()
    near = (found["l0"] - found["true_l0"]).abs().argmin(dim=1)
    gamma = found["gamma"][torch.arange(3), near]
    assert gamma.max() < 0.7, "where L0 is right, the reconstruction is a third too small"
    assert found["recall"].min() > 0.95 and found["fvu"][:, -1].min() > 0.6


def test_larger_saes_split_groups():
    latents = numbers_of("ch08_splitting")["latents"]  # [seed, width, group]
    assert (latents[:, 0] == 1).all() and (latents[:, 2] == 5).all()
    assert 3.5 < latents[:, 1].mean() < 4.5
    assert latents[:, 1].min() == 2 and latents[:, 1].max() == 5
