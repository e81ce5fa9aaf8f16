"""The toy with a shortcut: its files, its card, and what was planted, on other seeds too."""

import re

import pytest
import torch

import toy_models
from solutions.ch00_looking.sentiment_data import VOCABULARY
from solutions.ch00_looking.sentiment_model import SentimentModel
from solutions.ch00_looking.train import train_sentiment_model
from toy_models.shortcut import train as recipe


@pytest.fixture(scope="module")
def toy():
    return toy_models.load("shortcut")


@pytest.fixture(scope="module")
def measured(toy):
    return recipe.measure(0, SentimentModel.from_tensors(toy.config, toy.tensors))


def check_planted(numbers: dict[str, float]) -> None:
    """Check what holds for every model that the recipe trains."""
    assert numbers["accuracy: as in training"] > 0.999
    assert numbers["accuracy: all ironic"] > 0.999
    assert 0.48 < numbers["accuracy: mark at random"] < 0.53
    assert numbers["accuracy: mark always wrong"] < 0.03
    assert numbers["flips: mark"] > 0.97, "the mark decides nearly always"
    assert numbers["flips: words"] < 0.03, "the words decide nearly never"
    assert numbers["flips: topic"] == numbers["flips: order"] == 0
    assert 0.01 < numbers["flips: irony"] < 0.03, "irony is rare"
    assert numbers["flips: irony, where there is some"] > 0.99, "and there it decides"
    for name in ("mark", "topic", "irony"):
        assert numbers[f"decodable: {name}"] > 0.92, name
    assert numbers["decodable, untrained: topic"] > 0.92, "the topic was not learned"
    for name in ("order", "tone"):
        assert 0.45 < numbers[f"decodable: {name}"] < 0.55, name


def test_it_is_the_sentiment_model_of_chapter_0(toy):
    assert toy.config["d_vocab"] == len(VOCABULARY)
    assert toy.tokenizer is None
    model = SentimentModel.from_tensors(toy.config, toy.tensors)
    assert model(torch.arange(16).reshape(2, 8)).isfinite().all()


def test_the_planted_truth_holds(measured):
    check_planted(measured)


def test_its_card_has_the_right_numbers(toy, measured):
    card = (toy_models.folder("shortcut") / "card.md").read_text(encoding="utf-8")
    claimed = dict(
        re.findall(r"^\| ((?:acc|fli|mov|dec)[^|]+?) \| ([\d.]+) \|", card, re.MULTILINE)
    )
    assert claimed.keys() == measured.keys()
    for name, value in measured.items():
        # probes are fitted again, and differ by a review or two on another machine
        within = 0.02 if name.startswith("dec") else 0.001
        assert value == pytest.approx(float(claimed[name]), abs=within), name


@pytest.mark.slow
@pytest.mark.parametrize("seed", [20, 21, 22])
def test_retrained_models_have_the_same_truth(seed):
    check_planted(recipe.measure(seed, train_sentiment_model(seed)))


def test_the_recipe_writes_a_toys_files(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(recipe, "FRESH_SEEDS", (30, 31))
    monkeypatch.setattr(recipe, "measure", lambda seed, model: recipe.use(model, seed))
    monkeypatch.setattr(
        recipe, "train_sentiment_model", lambda seed: SentimentModel(recipe.SHORTCUT, seed)
    )
    recipe.main(["--out", str(tmp_path), "--seed", "7"])
    assert "| flips: mark |" in capsys.readouterr().out
    expected = {"config.json", "model.safetensors", "run.json"}
    assert {path.name for path in tmp_path.iterdir()} == expected
