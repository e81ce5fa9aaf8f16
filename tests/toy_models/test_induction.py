"""The four induction toys: what their cards claim of the committed weights, on all seeds."""

import json

import pytest
import torch
from safetensors.torch import load_file

from solutions.ch04_induction import head_scores, repeated_segments
from solutions.ch04_induction.phase_change import steepest_window
from solutions.ch04_induction.training import measure, small_model
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
def test_composition_is_measured_wherever_there_are_two_layers(name):
    """Smeared keys too, whose QK circuit is that before mixing."""
    tokens = torch.randint(64, (2, 40), generator=torch.Generator().manual_seed(0))
    found = measure(trained_model(name, 0), tokens, tokens, 20)
    assert (found.k_composition is None) == (KINDS[name][0] == 1)


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


@pytest.fixture(scope="module")
def retrained():
    """Measurements of one and two layers trained from a seed that no figure used, by kind."""
    kinds = {"two layers": (2, False), "one layer, smeared": (1, True)}
    return {
        kind: recipe.train_seed(
            small_model(n_layers, recipe.VOCABULARY["repeats"], 10, smeared=smeared),
            "repeats",
            10,
            keep_steps=(),
        ).records
        for kind, (n_layers, smeared) in kinds.items()
    }


def curve(records, name):
    return torch.tensor([torch.tensor(record[name]).max().item() for record in records])


@pytest.mark.slow
def test_a_new_seed_changes_phase_in_a_third_of_training(retrained):
    records = retrained["two layers"]
    steps = torch.tensor([record["step"] for record in records])
    score, prefix, loss = (curve(records, name) for name in ("in_context", "prefix", "loss"))
    assert steepest_window(steps, score, 300).share > 0.7
    windows = [steepest_window(steps, one, 150) for one in (loss, score, prefix)]
    begins = [window.start for window in windows]
    assert max(begins) - min(begins) <= 75, f"loss, score and heads change together: {begins}"
    start = int((steps >= begins[0]).nonzero()[0])
    end = int((steps >= begins[0] + 150).nonzero()[0])
    before, inside, after = (
        (loss[a] - loss[b]) / (steps[b] - steps[a])
        for a, b in ((0, start), (start, end), (end, -1))
    )
    assert inside > 2 * before and inside > 2 * after, "a bump: steeper than before and after"


@pytest.mark.slow
def test_one_smeared_layer_is_earlier_but_scores_lower(retrained):
    two, smeared = (retrained[kind] for kind in ("two layers", "one layer, smeared"))
    first = [
        next(r["step"] for r in run if max(map(max, r["prefix"])) > 0.3) for run in (two, smeared)
    ]
    assert first[1] < first[0]
    assert smeared[-1]["loss"] < two[-1]["loss"]
    ends = [curve(run, "prefix")[-1] for run in (two, smeared)]
    assert 0.6 < ends[1] < ends[0], "the smeared layer does not reach the two layers' score"
