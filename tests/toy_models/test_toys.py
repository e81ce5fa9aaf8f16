"""A toy is loaded exactly as it was committed, or refused by name."""

import json

import pytest
import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer, models

import toy_models
from toy_models import toys
from toy_models.__main__ import main


@pytest.fixture
def root(tmp_path):
    """Two toys: one of numbers, one of text."""
    (tmp_path / "checksums.toml").touch()
    for name in ("adder", "talker"):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "config.json").write_text(json.dumps({"parts": "gpt2", "n_layers": 1}))
        save_file({"embed.W_E": torch.ones(3, 2)}, folder / "model.safetensors")
        if name == "talker":
            Tokenizer(models.BPE({"a": 0}, [])).save(str(folder / "tokenizer.json"))
        toys.record(name, tmp_path)
    return tmp_path


def test_load_gives_config_tensors_tokenizer_and_path(root):
    toy = toys.load("talker", root)
    assert toy.config == {"parts": "gpt2", "n_layers": 1}
    assert torch.equal(toy.tensors["embed.W_E"], torch.ones(3, 2))
    assert toy.tokenizer.encode("a").ids == [0]
    assert toy.path == root / "talker"
    assert toys.load("adder", root).tokenizer is None


def test_an_unknown_name_lists_the_known_ones_nearest_first(root):
    with pytest.raises(KeyError, match="no toy model 'talkr'; there are: talker, adder"):
        toys.load("talkr", root)
    with pytest.raises(KeyError, match="there are: adder, talker"):
        toys.load("ader", root)


@pytest.mark.parametrize("file", ["config.json", "model.safetensors", "tokenizer.json"])
def test_a_changed_file_is_named_before_it_is_read(root, file):
    content = bytearray((root / "talker" / file).read_bytes())
    content[len(content) // 2] ^= 1
    (root / "talker" / file).write_bytes(content)
    with pytest.raises(ValueError, match=rf"talker/{file}[\s\S]*git checkout"):
        toys.load("talker", root)
    toys.load("adder", root)


def test_a_missing_file_is_named(root):
    (root / "talker/model.safetensors").unlink()
    with pytest.raises(ValueError, match=r"talker/model\.safetensors is missing"):
        toys.load("talker", root)


def test_recording_one_toy_leaves_the_others_checksums(root):
    before = toys.checksums(root)
    (root / "adder/config.json").write_text("{}")
    toys.record("adder", root)
    after = toys.checksums(root)
    assert after["talker"] == before["talker"]
    assert after["adder"]["config.json"] != before["adder"]["config.json"]
    toys.load("adder", root)


def test_every_committed_toy_loads_and_has_a_card_and_a_recipe():
    names = list(toys.checksums())
    assert "text_4l" in names
    for name in names:
        folder = toy_models.load(name).path
        assert (folder / "card.md").is_file()
        assert (folder / "train.py").is_file()


def test_all_toys_together_stay_small():
    sizes = [p.stat().st_size for p in toys.ROOT.rglob("*") if "__pycache__" not in p.parts]
    assert sum(sizes) < 40_000_000, "DESIGN, section 6"


def test_list_names_every_toy_and_the_real_model(capsys, cache):
    assert main(["list"]) == 0
    printed = capsys.readouterr().out
    for name in [*toys.checksums(), "smollm2-135m", "not fetched"]:
        assert name in printed


def test_a_wrong_name_on_the_command_line_is_one_sentence(capsys):
    assert main(["train", "text_5l"]) == 1
    printed = capsys.readouterr().err
    assert "no toy model 'text_5l'; there are: text_4l" in printed
    assert "Traceback" not in printed


def test_verify_passes_here_and_names_what_was_changed(capsys, cache, monkeypatch, root):
    assert main(["verify"]) == 0
    (root / "talker/config.json").write_text("{}")
    known, check = toys.checksums(root), toys.check
    monkeypatch.setattr(toys, "checksums", lambda *_: known)
    monkeypatch.setattr(toys, "check", lambda name: check(name, root))
    assert main(["verify"]) == 1
    printed = capsys.readouterr()
    assert "adder                as it should be" in printed.out
    assert "talker               CHANGED" in printed.out
    assert "talker/config.json" in printed.err
