"""Recipes go on after an interruption: nothing finished is lost, nothing half-written is used."""

import json
import random
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from solutions.ch02_transformer import TransformerConfig
from toy_models import toys
from toy_models.__main__ import main
from toy_models.ioi_shortcut import train as shortcut
from toy_models.recipes import attention_only, induction, ioi
from toy_models.recipes.files import recipe_parser, start_run
from toy_models.text_4l import train as text_4l

from .tiny_recipes import shrink

TINY = TransformerConfig(
    n_layers=1, d_model=8, n_heads=2, d_head=4, d_mlp=16, d_vocab=300, n_ctx=16
)


def contents(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


RUN_TINY = """
import sys
from pathlib import Path
import torch
from solutions.ch02_transformer.train import TrainConfig
from tests.toy_models.test_interrupted_recipes import TINY
from toy_models.text_4l import train as recipe
torch.set_num_threads(1)
recipe.SIZES = TINY
text = torch.randint(300, (500,), generator=torch.Generator().manual_seed(1))
config = TrainConfig(steps=60, batch_size=2, window=16, warmup=2, eval_every=2, seed=3)
recipe.run(Path(sys.argv[1]), text, text, config)
"""


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_run_killed_many_times_ends_in_the_same_bytes(tmp_path):
    """A model of a thousand weights, 60 steps, with a checkpoint at every second one."""
    whole, killed, rng = tmp_path / "whole", tmp_path / "killed", random.Random(5)
    for folder in (whole, killed):
        folder.mkdir()

    def start(folder):
        command = [sys.executable, "-c", RUN_TINY, str(folder)]
        return subprocess.Popen(command, cwd=toys.ROOT.parent, stderr=subprocess.DEVNULL)

    assert start(whole).wait() == 0
    for _ in range(4):
        process, table = start(killed), killed / "loss.csv"
        before = table.stat().st_mtime_ns if table.exists() else None
        while process.poll() is None and (not table.exists() or table.stat().st_mtime_ns == before):
            time.sleep(0.01)
        time.sleep(rng.uniform(0, 0.05))
        process.kill()
        process.wait()
    assert start(killed).wait() == 0
    found = contents(killed)
    parts = [name for name in found if name.endswith(".part")]
    assert {name: found[name] for name in found if name not in parts} == contents(whole)


@pytest.fixture
def tiny_recipes(monkeypatch):
    """Make every recipe a matter of a second: two steps."""
    shrink(monkeypatch.setattr, steps=2)


@pytest.mark.parametrize(
    "name", ["attn_0l", "facts", "induction_1l", "ioi_pointer", "superposition_20"]
)
@pytest.mark.timeout(120)
def test_every_recipe_goes_on_refuses_others_and_restarts(tiny_recipes, tmp_path, name, capsys):
    steps = ["--steps", "2"] if name.startswith("superposition") else []
    call = ["train", name, "--out", str(tmp_path / "out"), *steps]
    assert main(call) == 0, capsys.readouterr().err
    first = contents(tmp_path / "out")
    assert "run.json" in first and not any(".part" in file for file in first)
    assert main(call) == 0, capsys.readouterr().err
    assert contents(tmp_path / "out") == first, "expected a finished run to be kept"
    (tmp_path / "out/run.json").unlink()
    assert main(call) == 1
    assert "another run" in capsys.readouterr().err
    assert main([*call, "--fresh"]) == 0
    assert contents(tmp_path / "out").keys() == first.keys()


@pytest.mark.parametrize("kept", [10, -1])
def test_a_half_written_seed_is_trained_again(tiny_recipes, tmp_path, kept):
    call = ["--out", str(tmp_path)]
    induction.train_toy("induction_1l", 1, smeared=False, arguments=call)
    whole, done = contents(tmp_path), tmp_path / "repeats_0.safetensors"
    for path in (done, done.with_suffix(".json")):
        path.write_bytes(path.read_bytes()[:kept])
        induction.train_toy("induction_1l", 1, smeared=False, arguments=call)
        assert contents(tmp_path) == whole


@pytest.mark.parametrize("damage", ["empty folder", "cut", "no tokenizer"])
def test_a_half_written_folder_of_a_seed_is_trained_again(tiny_recipes, tmp_path, damage):
    call = ["--out", str(tmp_path)]
    ioi.run("ioi_shortcut", shortcut.RECIPE, call)
    whole, folder = contents(tmp_path), tmp_path / "seed_0"
    for file in folder.iterdir():
        if damage == "cut" and file.suffix == ".safetensors":
            file.write_bytes(file.read_bytes()[:-1])
        elif damage == "empty folder" or (damage, file.name) == ("no tokenizer", "tokenizer.json"):
            file.unlink()
    ioi.run("ioi_shortcut", shortcut.RECIPE, call)
    assert contents(tmp_path) == whole


def test_an_attention_only_run_goes_on_from_its_checkpoint(tiny_recipes, tmp_path, monkeypatch):
    from toy_models.attn_0l.train import RECIPE

    longer = replace(RECIPE, training=replace(RECIPE.training, steps=6, eval_every=2))
    attention_only.train_toy(longer, tmp_path / "whole", seed=1)
    original, started = attention_only.train, []

    def stopped(*arguments):
        for record in original(*arguments):
            started.append(record.step)
            if record.step == 5 and started[0] == 1:
                raise KeyboardInterrupt
            yield record

    monkeypatch.setattr(attention_only, "train", stopped)
    with pytest.raises(KeyboardInterrupt):
        attention_only.train_toy(longer, tmp_path / "cut", seed=1)
    started.clear()
    attention_only.train_toy(longer, tmp_path / "cut", seed=1)
    assert started == [5, 6], "expected the steps after the last checkpoint"
    weights = [load_file(tmp_path / name / "model.safetensors") for name in ("whole", "cut")]
    assert all(torch.equal(weights[0][key], weights[1][key]) for key in weights[0])
    assert contents(tmp_path / "cut").keys() == {"config.json", "model.safetensors"}


def test_another_run_is_refused_and_fresh_deletes_only_it(tmp_path):
    parser = recipe_parser("tiny")
    chosen = parser.parse_args(["--out", str(tmp_path)])
    (tmp_path / "notes.txt").write_text("of the user")
    assert not start_run(chosen)
    assert json.loads((tmp_path / "run.json").read_text()) == {"seed": 0}
    for name in ("model.safetensors", "run.safetensors"):
        (tmp_path / name).write_bytes(b"finished")
    assert start_run(chosen)
    assert not (tmp_path / "run.safetensors").exists(), "expected no checkpoint next to the model"
    other = ["--out", str(tmp_path), "--seed", "1"]
    with pytest.raises(ValueError, match="another run .*--fresh"):
        start_run(parser.parse_args(other))
    assert not start_run(parser.parse_args([*other, "--fresh"]))
    assert contents(tmp_path).keys() == {"notes.txt", "run.json"}


def test_no_toy_of_the_repository_is_overwritten(tiny_recipes, capsys):
    out = toys.folder("facts")
    before = contents(out)
    assert main(["train", "facts", "--out", str(out)]) == 1
    assert "another run" in capsys.readouterr().err
    assert contents(out) == before


def test_ctrl_c_advises_the_same_command(monkeypatch, capsys):
    def stop(_):
        raise KeyboardInterrupt

    monkeypatch.setattr(text_4l, "main", stop)
    assert main(["train", "text_4l"]) == 130
    assert "Run the same command again to continue" in capsys.readouterr().err
