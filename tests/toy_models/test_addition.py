"""The addition toy: what its card claims on all seeds, and its recipe."""

from dataclasses import replace

import pytest
import torch

from docs._figures.attribution import addition
from solutions.ch02_transformer import load_pretrained
from toy_models import folder
from toy_models.addition import train as recipe

SEEDS = (0, 1, 2)


def test_a_fifth_of_the_pairs_is_held_out():
    pairs = recipe.all_pairs()
    assert len(pairs.tokens.unique(dim=0)) == len(pairs.tokens) == 2_500
    assert int(pairs.held_out.sum()) == 500
    total = pairs.digits @ torch.tensor([1, 10])
    assert torch.equal(total, pairs.tokens.sum(dim=1))


@pytest.mark.parametrize("seed", SEEDS)
def test_held_out_pairs_are_added(seed):
    scores = recipe.report(load_pretrained(folder("addition", seed))[0])
    assert min(scores.values()) > 0.99, scores


def test_explained_share_is_one_for_a_function_of_the_quantity():
    ones = addition.quantities()["the sum's ones digit"][0]
    acts = torch.stack([(ones == 3).float(), torch.randn(len(ones))], dim=1)[:, None]
    share = addition.explained(acts, ones)
    assert share[0, 0] > 0.999 and share[0, 1] < 0.02


def test_the_recipe_goes_on_from_a_finished_run(tmp_path, monkeypatch, capsys):
    settings = recipe.settings
    monkeypatch.setattr(recipe, "settings", lambda seed: replace(settings(seed), steps=3, warmup=1))
    recipe.main(["--out", str(tmp_path / "toy")])
    first = (tmp_path / "toy/model.safetensors").read_bytes()
    recipe.main(["--out", str(tmp_path / "toy")])
    assert (tmp_path / "toy/model.safetensors").read_bytes() == first
    assert capsys.readouterr().out.count("held-out accuracy, ones") == 2
