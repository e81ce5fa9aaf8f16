"""The two-hop toy: its world, what its card claims on all seeds, and its recipe."""

from dataclasses import replace

import pytest
import torch

from solutions.ch02_transformer import load_pretrained
from solutions.ch11_transcoders import geography
from solutions.ch11_transcoders.formats import load_transcoders
from solutions.ch11_transcoders.state_swaps import measure_swaps
from toy_models import folder
from toy_models.two_hop import train as recipe

WORLD = geography.make_geography()


def test_answers_are_a_latin_square():
    answer = WORLD.answer
    assert all(len(row.unique()) == geography.N_RELATIONS for row in answer)
    assert all(len(column.unique()) == geography.N_STATES for column in answer.T)


def test_every_city_has_one_held_out_question():
    held_out, others = WORLD.questions(held_out=True), WORLD.questions(held_out=False)
    assert torch.equal(held_out[:, 0], torch.arange(geography.N_CITIES))
    assert len(others) == geography.N_CITIES * (geography.N_RELATIONS - 1)
    together = torch.cat([held_out, others])
    assert len(together.unique(dim=0)) == len(together)
    assert (WORLD.state_of.bincount() == geography.N_CITIES // geography.N_STATES).all()


@pytest.fixture(scope="module", params=(0, 1, 2))
def toy(request):
    path = folder("two_hop", request.param)
    return load_pretrained(path)[0].requires_grad_(False), load_transcoders(path / "clt")


def test_held_out_questions_are_answered_by_both(toy):
    scores = recipe.report(*toy, WORLD)
    assert scores["held-out accuracy"] == 1.0
    assert scores["replacement, same most likely token"] > 0.98
    assert scores["replacement, divergence"] < 0.02


def test_swapped_latents_give_the_other_states_answer(toy):
    swaps = measure_swaps(*toy, WORLD)
    assert swaps.swapped > 0.9
    assert swaps.held_out > 0.9
    assert max(swaps.other_latents, swaps.random_direction) < 0.1


def test_layer_0_has_no_attention(toy):
    model, _ = toy
    assert not any(weight.any() for weight in model.blocks[0].attn.parameters())


def test_the_recipe_goes_on_from_a_saved_model(tmp_path, monkeypatch, capsys):
    settings = recipe.settings
    monkeypatch.setattr(recipe, "settings", lambda seed: replace(settings(seed), steps=3))
    monkeypatch.setattr(recipe, "CLT_STEPS", 10)
    trained = []
    train = recipe.train_model
    monkeypatch.setattr(recipe, "train_model", lambda *given: trained.append(1) or train(*given))
    recipe.main(["--out", str(tmp_path)])
    first = capsys.readouterr().out
    assert "held-out accuracy" in first and trained == [1]
    (tmp_path / "clt" / "config.yaml").unlink()
    recipe.main(["--out", str(tmp_path)])
    assert capsys.readouterr().out == first and trained == [1]
