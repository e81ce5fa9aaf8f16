"""Graders of train.py: one step (8.12), and schedules (8.13). Tests of whole runs."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from tests.grading import exercise
from tests.grading.assertions import assert_close, check, normal
from tests.grading.plain_sgd import PlainSGD

from .small_saes import WEIGHTS, weights, with_weights

ROOT = Path(__file__).resolve().parents[2]


def unit(W):
    return W / W.norm(dim=1, keepdim=True)


def updated(x, weights, sparsity_weight, clip, lr, steps, l1_coefficient=0.7):
    """The weights after some steps of plain gradient descent, from formulas."""
    for step in range(steps):
        leaves = [w.clone().requires_grad_() for w in weights]
        W_enc, b_enc, W_dec, b_dec = leaves
        acts = ((x[step] - b_dec) @ W_enc + b_enc).relu()
        error = (acts @ W_dec + b_dec - x[step]).square().sum(1).mean()
        loss = error + sparsity_weight * l1_coefficient * acts.sum(1).mean()
        gradients = list(torch.autograd.grad(loss, leaves))
        rows = weights[2]
        along = (gradients[2] * rows).sum(1, keepdim=True) / rows.square().sum(1, keepdim=True)
        gradients[2] = gradients[2] - along * rows
        norm = sum(g.square().sum() for g in gradients) ** 0.5
        factor = min(1.0, clip / (norm + 1e-6)) if clip is not None else 1.0
        weights = [w - lr * factor * g for w, g in zip(weights, gradients, strict=True)]
        weights[2] = unit(weights[2])
    return weights


@pytest.fixture
def stepped(train, vanilla):
    def stepped(x, weights, sparsity_weight, clip, lr, steps):
        made = with_weights(vanilla.VanillaSAE, tuple(w.clone() for w in weights))
        optimizer = PlainSGD(made, lr=lr)
        for step in range(steps):
            train.train_step(made, x[step], optimizer, sparsity_weight, clip)
        return [getattr(made, name).detach() for name in WEIGHTS]

    return stepped


def start(seed=1, scale=0.5):
    W_enc, b_enc, W_dec, b_dec = weights(4, 6, seed)
    return [scale * W_enc, scale * b_enc, unit(W_dec), scale * b_dec]


@exercise("8.12")
@pytest.mark.parametrize("steps", [1, 3])
@pytest.mark.parametrize("clip", [None, 0.05])
@pytest.mark.parametrize("sparsity_weight", [0.25, 1.0])
def test_weights_after_steps(stepped, steps, clip, sparsity_weight):
    x = normal(3, 9, 4, seed=7)
    arguments = (x, start(), sparsity_weight, clip, 0.1, steps)
    claim = f"After {steps} steps with sparsity weight {sparsity_weight} and clip {clip} "
    check(stepped, *arguments, expected=updated(*arguments), claim=claim + "weights are wrong.")


@pytest.mark.project
def test_two_hundred_steps_equal_plain_formulas(stepped):
    arguments = (normal(200, 32, 4, seed=7), start(), 1.0, None, 0.05, 200)
    claim = "After 200 steps weights differ from plain formulas."
    check(stepped, *arguments, expected=updated(*arguments), claim=claim, tolerance=1e-9)


@exercise("8.12")
def test_the_pass_before_the_update_is_returned(train, vanilla):
    for seed in (8, 9):
        made, x = with_weights(vanilla.VanillaSAE, tuple(start())), normal(9, 4, seed=seed)
        expected = [part.detach() for part in made(x).loss]
        result = train.train_step(made, x, PlainSGD(made, lr=0.1))
        actual = [part.detach() for part in result.loss]
        assert_close(actual, expected, "The loss that is returned is that before the update.")


@pytest.mark.project
def test_active_tokens_are_counted_per_latent(train):
    for rows in (1, 63, 64, 200):
        acts = normal(rows, 5, seed=rows).relu()
        expected = [float(sum(row[i] > 0 for row in acts)) for i in range(5)]
        actual = train.count_active(acts)
        check(train.count_active, acts, expected=torch.tensor(expected), claim=f"{rows} rows")
        assert not actual.requires_grad


@pytest.fixture
def schedule(train):
    def schedule(steps, **phases):
        config = train.SAETrainConfig(steps, lr=2.0, **phases)
        rates = [train.learning_rate(step, config) for step in range(steps)]
        weights = [train.sparsity_weight(step, config) for step in range(steps)]
        return {"learning_rate": rates, "sparsity_weight": weights}

    return schedule


@exercise("8.13")
def test_small_rates_and_weights_are_kept(train):
    rate = train.learning_rate(3, train.SAETrainConfig(10, lr=2e-9))
    assert_close(rate, 2e-9, "A learning rate of 2e-9 without phases is constant.", scale=0.0)
    rate = train.learning_rate(3, train.SAETrainConfig(10, lr=2e5))
    assert_close(rate, 2e5, "A learning rate of 200,000 without phases is constant.")
    config = train.SAETrainConfig(10**10, lr=2.0, sparsity_warmup=10**9)
    claim = "After one step of a billion the sparsity weight is 1e-9."
    assert_close(train.sparsity_weight(1, config), 1e-9, claim, scale=0.0)


@exercise("8.13")
@pytest.mark.parametrize(
    "phases, rates, weights",
    [
        ({}, [2.0] * 6, [1.0] * 6),
        ({"lr_warmup": 4}, [0.5, 1.0, 1.5, 2.0, 2.0, 2.0], [1.0] * 6),
        ({"lr_decay": 4}, [2.0, 2.0, 2.0, 1.5, 1.0, 0.5], [1.0] * 6),
        ({"lr_warmup": 2, "lr_decay": 2}, [1.0, 2.0, 2.0, 2.0, 2.0, 1.0], [1.0] * 6),
        ({"lr_warmup": 3, "lr_decay": 3}, [2 / 3, 4 / 3, 2.0, 2.0, 4 / 3, 2 / 3], [1.0] * 6),
        ({"sparsity_warmup": 4}, [2.0] * 6, [0.0, 0.25, 0.5, 0.75, 1.0, 1.0]),
        ({"sparsity_warmup": 9}, [2.0] * 6, [0.0, 1 / 9, 2 / 9, 3 / 9, 4 / 9, 5 / 9]),
        ({"lr_warmup": 1, "sparsity_warmup": 1}, [2.0] * 6, [0.0] + [1.0] * 5),
    ],
)
def test_schedules_worked_by_hand(schedule, phases, rates, weights):
    expected = {"learning_rate": rates, "sparsity_weight": weights}
    claim = f"In six steps with {phases}, by step:" if phases else "In six steps without phases:"
    assert_close(schedule(6, **phases), expected, claim)


@pytest.fixture
def small(planted, vanilla, train):
    """SAEs, stream and config of a run of a few milliseconds."""

    def make(**settings):
        data = planted.PlantedFeatures(planted.PlantedConfig(12, 6, 0.1, seed=2))
        saes = {
            "narrow": vanilla.VanillaSAE(6, 8, 0.3),
            "wide": vanilla.NormWeightedSAE(6, 20, 0.3, seed=1),
        }
        given = {"steps": 24, "resample_at": (9,), "dead_after": 3, "checkpoint_every": 5}
        config = train.SAETrainConfig(**(given | settings))
        return saes, lambda step: data.batch(step, size=16), config

    return make


def state(saes):
    return {f"{n}.{k}": v.clone() for n, s in saes.items() for k, v in s.state_dict().items()}


def finish(train, saes, stream, config, checkpoint=None):
    for _ in train.train_saes(saes, stream, config, checkpoint):
        pass
    return state(saes)


@pytest.mark.project
def test_a_run_that_stops_twenty_times_ends_the_same(train, small, tmp_path):
    expected = finish(train, *small())
    checkpoint = tmp_path / "run.safetensors"
    for stop in range(20):
        for number, _ in enumerate(train.train_saes(*small(), checkpoint)):
            if number >= 1 + stop % 7:
                break
    saes, stream, config = small()
    actual = finish(train, saes, stream, config, checkpoint)
    assert all(torch.equal(actual[key], expected[key]) for key in expected)


KILLED = """
import sys, time
from pathlib import Path
import torch
from importlib import import_module
saes = import_module(sys.argv[2] + ".ch08_saes")
torch.set_num_threads(1)
data = saes.PlantedFeatures(saes.PlantedConfig(12, 6, 0.1, seed=2))
config = saes.SAETrainConfig(400, checkpoint_every=20)
def stream(step):
    time.sleep(0.002)
    return data.batch(step, size=16)
print("started", flush=True)
trained = {"a": saes.VanillaSAE(6, 8, 0.3)}
saes.train_in_folder(trained, stream, config, Path(sys.argv[1]), log_every=10)
"""


@pytest.mark.project
@pytest.mark.slow
def test_a_killed_process_is_continued(tmp_path, pytestconfig):
    tree = pytestconfig.getoption("impl")

    def run(folder, seconds=None):
        command = [sys.executable, "-c", KILLED, str(folder), tree]
        process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
        process.stdout.readline()
        if seconds is None:
            assert process.wait(300) == 0
            return
        time.sleep(seconds)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()

    run(tmp_path / "whole")
    for number in range(20):
        run(tmp_path / "killed", 0.1 + 0.05 * number)
    run(tmp_path / "killed")
    files = [(tmp_path / name / "log.jsonl").read_text() for name in ("whole", "killed")]
    assert files[0] == files[1] and len(files[0].splitlines()) == 40


@pytest.mark.project
def test_resampling_replaces_the_dead_and_only_then(train, small):
    saes, stream, config = small(steps=10, dead_after=3)
    with torch.no_grad():
        saes["narrow"].b_enc[2] = -100
    before = saes["narrow"].W_dec[2].clone()
    list(train.train_saes(saes, stream, small(steps=9, resample_at=())[2]))
    assert saes["narrow"].silent_for[2] == 9
    saes, stream, config = small(steps=10)
    with torch.no_grad():
        saes["narrow"].b_enc[2] = -100
    records = list(train.train_saes(saes, stream, config))
    assert records[8].results["narrow"].dead >= 1
    assert saes["narrow"].b_enc[2] > -1 and not torch.equal(saes["narrow"].W_dec[2], before)


@pytest.mark.project
def test_a_folder_has_log_checkpoint_and_picture(training_folder, small, tmp_path):
    saes, stream, config = small()
    rows = training_folder.train_in_folder(saes, stream, config, tmp_path, log_every=10)
    assert [(row["step"], row["sae"]) for row in rows] == [
        (step, name) for step in (10, 20, 24) for name in ("narrow", "wide")
    ]
    assert [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()] == rows
    assert "narrow</text>" in (tmp_path / "losses.svg").read_text()
    again = training_folder.train_in_folder(saes, stream, config, tmp_path, log_every=10)
    assert again == rows, "a finished run is not trained again"


@pytest.mark.project
def test_bad_streams_and_runs_raise(train, small, tmp_path):
    saes, stream, config = small()
    nan = torch.full((4, 6), torch.nan)
    for bad, words in (
        (lambda step: nan, "finite activations at step 0"),
        (lambda step: torch.zeros(0, 6), "at least one row at step 0"),
        (lambda step: torch.zeros(4, 5), "rows of 6 numbers for 'narrow', got 5"),
        (lambda step: torch.zeros(6), "of shape .batch, d_in."),
        (lambda step: 1e30 * torch.ones(4, 6), "finite loss of 'narrow' at step"),
    ):
        with pytest.raises(ValueError, match=words):
            list(train.train_saes(small()[0], bad, config))
    with pytest.raises(ValueError, match="warm-up and decay within"):
        small(lr_warmup=20, lr_decay=20)
    checkpoint = tmp_path / "run.safetensors"
    finish(train, saes, stream, config, checkpoint)
    with pytest.raises(ValueError, match="belongs to another run"):
        finish(train, *small(lr=0.5), checkpoint)
    with safe_open(checkpoint, framework="pt") as file:
        meta = file.metadata()
    save_file({"other": torch.zeros(1)}, checkpoint, metadata=meta)
    with pytest.raises(ValueError, match="lacks .*narrow/exp_avg"):
        finish(train, *small(), checkpoint)
    checkpoint.write_bytes(b"cut off")
    with pytest.raises(ValueError, match="is damaged"):
        finish(train, *small(), checkpoint)


@pytest.mark.project
def test_the_sum_of_saes_on_one_stream_is_each_alone(train, small):
    together = finish(train, *small())
    saes, stream, config = small()
    alone = finish(train, {"wide": saes["wide"]}, stream, config)
    assert all(torch.equal(alone[key], together[key]) for key in alone)
