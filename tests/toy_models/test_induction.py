"""The four induction toys: what their cards claim of the committed weights, on all seeds."""

import json

import pytest
import torch
from safetensors.torch import load_file

from solutions.ch04_induction import head_scores, repeated_segments
from solutions.ch04_induction.training import small_model
from toy_models import toys
from toy_models.recipes import induction as recipe
from toy_models.snapshots import snapshot_steps, snapshot_tensors

KINDS = {
    "induction_1l": (1, False),
    "induction_2l": (2, False),
    "induction_1l_smeared": (1, True),
    "induction_2l_smeared": (2, True),
}
LAST = recipe.STEPS["repeats"]


def trained_model(name, seed):
    """The last snapshot of a seed as a model."""
    n_layers, smeared = KINDS[name]
    model = small_model(n_layers, recipe.VOCABULARY["repeats"], seed, smeared=smeared)
    tensors = toys.load(name, seed, LAST).tensors
    model.load_state_dict({weight: values.float() for weight, values in tensors.items()})
    return model.requires_grad_(False)


@pytest.mark.parametrize("name", KINDS)
def test_every_seed_scores_as_recorded(name):
    steps = snapshot_steps(toys.ROOT / name / "snapshots.safetensors")
    runs = json.loads((toys.ROOT / name / "runs.json").read_text(encoding="utf-8"))["repeats"]
    repeats = repeated_segments(64, 32, 20, 3, torch.Generator().manual_seed(8))
    for seed, run in zip(recipe.SEEDS, runs, strict=True):
        assert LAST in steps[seed]
        found = head_scores(trained_model(name, seed), repeats, 20)
        measured = torch.tensor(run[-1]["prefix"])
        assert found.prefix.tolist() == [pytest.approx(row, abs=0.04) for row in measured.tolist()]


@pytest.mark.parametrize("name", KINDS)
def test_the_toy_is_its_first_seed_at_the_last_step(name):
    toy = toys.load(name)
    snapshot = snapshot_tensors(toys.ROOT / name / "snapshots.safetensors", 0, LAST)
    assert toy.tensors.keys() == snapshot.keys()
    for weight, values in toy.tensors.items():
        assert torch.equal(values, snapshot[weight])
    smeared = toy.config["parts"] == "smeared"
    assert (toy.config["n_layers"], smeared) == KINDS[name]


def test_only_one_plain_layer_has_no_induction_head():
    best = {}
    for name in KINDS:
        runs = json.loads((toys.ROOT / name / "runs.json").read_text(encoding="utf-8"))["repeats"]
        best[name] = [max(map(max, run[-1]["prefix"])) for run in runs]
    assert max(best.pop("induction_1l")) < 0.1
    assert min(map(min, best.values())) > 0.6


def test_the_four_toys_are_small():
    size = sum(path.stat().st_size for name in KINDS for path in (toys.ROOT / name).iterdir())
    assert size < 5_000_000


def test_losses_of_the_same_tokens_at_every_measured_step():
    for name in KINDS:
        runs = json.loads((toys.ROOT / name / "runs.json").read_text(encoding="utf-8"))
        losses = load_file(toys.ROOT / name / "token_losses.safetensors")
        for task, seeds in runs.items():
            for seed, run in enumerate(seeds):
                assert losses[f"{task}/{seed}"].shape == (len(run), recipe.N_TOKENS)


def test_a_finished_recipe_trains_nothing_again(tmp_path, monkeypatch):
    monkeypatch.setattr(recipe, "STEPS", {"repeats": 2, "markov": 2})
    monkeypatch.setattr(recipe, "SEEDS", (0,))
    recipe.train_toy("induction_1l", 1, smeared=False, arguments=["--out", str(tmp_path)])
    written = {name: (tmp_path / name).read_bytes() for name in toys.checksums_of("induction_1l")}
    monkeypatch.setattr(recipe, "train_seed", None)
    recipe.train_toy("induction_1l", 1, smeared=False, arguments=["--out", str(tmp_path)])
    assert {name: (tmp_path / name).read_bytes() for name in written} == written
