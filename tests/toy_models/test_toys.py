"""A toy is opened with exactly the committed bytes, or an error names the file."""

import json

import pytest
import torch
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer, models

import toy_models
from toy_models import toys
from toy_models.__main__ import main


@pytest.fixture
def root(tmp_path):
    """Three toys: one of numbers, one of text, one with another seed and with snapshots."""
    (tmp_path / "checksums.toml").touch()
    for name in ("adder", "talker", "trained"):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "config.json").write_text(json.dumps({"parts": "gpt2", "n_layers": 1}))
        save_file({"embed.W_E": torch.ones(3, 2)}, folder / "model.safetensors")
        if name == "talker":
            Tokenizer(models.BPE({"a": 0}, [])).save(str(folder / "tokenizer.json"))
        if name == "trained":
            (folder / "wide_1").mkdir()
            (folder / "wide_1/config.json").write_text("{}")
            save_file({"embed.W_E": torch.zeros(3, 4)}, folder / "wide_1/model.safetensors")
            steps = {"0/5/embed.W_E": 5.0, "0/40/embed.W_E": 40.0, "1/40/embed.W_E": 41.0}
            kept = {key: torch.full((3, 2), value) for key, value in steps.items()}
            save_file(kept, folder / "snapshots.safetensors")
        toys.record_checksums(name, tmp_path)
    return tmp_path


def test_load_gives_config_tensors_and_tokenizer(root):
    toy = toys.load("talker", root=root)
    assert toy.config == {"parts": "gpt2", "n_layers": 1}
    assert torch.equal(toy.tensors["embed.W_E"], torch.ones(3, 2))
    assert toy.tokenizer.encode("a").ids == [0]
    assert toys.load("adder", root=root).tokenizer is None


def test_an_unknown_name_lists_the_known_ones_nearest_first(root):
    with pytest.raises(KeyError, match="no toy model 'talkr'; there are: talker, adder, trained"):
        toys.load("talkr", root=root)
    with pytest.raises(KeyError, match="there are: adder, talker, trained"):
        toys.load("ader", root=root)
    for name in (3, None, ["adder"]):
        with pytest.raises(KeyError, match="there are: "):
            toys.load(name, root=root)


def test_folder_names_the_toy_its_seeds_and_its_variants(root):
    assert toys.folder("adder", root=root) == root / "adder"
    assert toys.folder("trained", 1, variant="wide", root=root) == root / "trained/wide_1"
    with pytest.raises(KeyError, match="has no folder 'wide_0'"):
        toys.folder("trained", variant="wide", root=root)


@pytest.mark.parametrize(
    "seed, step, value", [(0, 5, 5.0), (0, 40, 40.0), (1, 40, 41.0), (1, None, 41.0)]
)
def test_a_snapshot_opens_as_a_model_folder(root, cache, seed, step, value):
    folder = toys.folder("trained", seed, step, root=root)
    assert cache in folder.parents
    assert load_file(folder / "model.safetensors")["embed.W_E"].unique().tolist() == [value]
    assert (folder / "config.json").read_bytes() == (root / "trained/config.json").read_bytes()
    tensors = toys.load("trained", seed, step, root=root).tensors
    assert tensors["embed.W_E"].unique().tolist() == [value]


def test_a_damaged_snapshot_folder_is_written_again(root, cache):
    weights = toys.folder("trained", step=5, root=root) / "model.safetensors"
    whole, changed = weights.read_bytes(), weights.stat().st_mtime_ns
    toys.folder("trained", step=5, root=root)
    assert weights.stat().st_mtime_ns == changed, "whole, so it is kept"
    weights.write_bytes(whole[:-1])
    toys.folder("trained", step=5, root=root)
    assert weights.read_bytes() == whole


@pytest.mark.parametrize(
    "name, seed, step", [("adder", 1, None), ("adder", 0, 5), ("trained", 0, 6)]
)
def test_a_missing_snapshot_lists_those_there_are(root, cache, name, seed, step):
    listed = {"adder": r"\{\}", "trained": r"\{0: \[5, 40\], 1: \[40\]\}"}[name]
    with pytest.raises(KeyError, match=rf"{name} has no seed {seed}.*{listed}"):
        toys.folder(name, seed, step, root=root)


@pytest.mark.parametrize("file", ["config.json", "model.safetensors", "tokenizer.json"])
def test_a_changed_file_is_named_before_it_is_read(root, file):
    content = bytearray((root / "talker" / file).read_bytes())
    content[len(content) // 2] ^= 1
    (root / "talker" / file).write_bytes(content)
    with pytest.raises(ValueError, match=rf"talker/{file}[\s\S]*git checkout"):
        toys.load("talker", root=root)
    toys.load("adder", root=root)


def test_a_missing_file_is_named(root):
    (root / "talker/model.safetensors").unlink()
    with pytest.raises(ValueError, match=r"expected the file .*talker/model\.safetensors"):
        toys.load("talker", root=root)


def test_recording_one_toy_keeps_other_checksums(root):
    before = toys.checksums(root)
    (root / "adder/config.json").write_text("{}")
    toys.record_checksums("adder", root)
    after = toys.checksums(root)
    assert after["talker"] == before["talker"]
    assert after["adder"]["config.json"] != before["adder"]["config.json"]
    toys.load("adder", root=root)


@pytest.mark.parametrize("name", ["nothing", "", ".", "adder/x", "../adder"])
def test_recording_no_toy_changes_no_checksum(root, name):
    before = (root / "checksums.toml").read_bytes()
    with pytest.raises(ValueError, match="expected the name of a toy"):
        toys.record_checksums(name, root)
    assert (root / "checksums.toml").read_bytes() == before


def test_every_committed_toy_loads_and_has_a_card_and_a_recipe():
    names = list(toys.checksums())
    assert "text_4l" in names
    for name in names:
        folder = toy_models.folder(name)
        assert (folder / "card.md").is_file()
        assert (folder / "train.py").is_file()


def test_all_toys_together_are_small():
    sizes = [p.stat().st_size for p in toys.ROOT.rglob("*") if "__pycache__" not in p.parts]
    assert sum(sizes) < 40_000_000, "DESIGN, section 6"


def test_list_names_every_toy_and_the_real_model(capsys, cache):
    assert main(["list"]) == 0
    printed = capsys.readouterr().out
    for name in [*toys.checksums(), "smollm2-135m", "not fetched"]:
        assert name in printed


def test_a_wrong_name_on_the_command_line_prints_an_error(capsys):
    assert main(["train", "text_5l"]) == 1
    printed = capsys.readouterr().err
    assert "no toy model 'text_5l'; there are: text_4l" in printed
    assert "Traceback" not in printed


def test_verify_passes_here_and_names_what_was_changed(capsys, cache, monkeypatch, root):
    assert main(["verify"]) == 0
    (root / "talker/config.json").write_text("{}")
    known, check = toys.checksums(root), toys.check_files
    monkeypatch.setattr(toys, "checksums", lambda *_: known)
    monkeypatch.setattr(toys, "check_files", lambda name: check(name, root))
    assert main(["verify"]) == 1
    printed = capsys.readouterr()
    assert "adder                unchanged" in printed.out
    assert "talker               CHANGED" in printed.out
    assert "talker/config.json" in printed.err
