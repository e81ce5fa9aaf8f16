"""Training (given code): batches, learning rate, checkpoints, resuming."""

from dataclasses import replace
from itertools import islice

import pytest
import torch
from safetensors import safe_open

from tests.grading.assertions import assert_close, randomise

pytestmark = pytest.mark.project
TEXT = torch.tensor([3, 1, 4, 5, 9, 2] * 20)
HELD_OUT = TEXT[:50]


@pytest.fixture
def run(train):
    """Settings of a short run: 5 steps, saved after steps 2, 4 and 5."""
    return train.TrainConfig(
        steps=5, batch_size=4, window=6, lr=0.01, warmup=3, eval_every=2, seed=5
    )


@pytest.fixture
def make(request, config, model):
    """Builds the same small model again at every call."""
    sizes = config.TransformerConfig(
        n_layers=1, d_model=8, n_heads=2, d_head=4, d_mlp=12, d_vocab=10, n_ctx=7
    )
    return lambda **other: model.HookedTransformer(
        replace(sizes, **other), getattr(model, getattr(request, "param", "GPT2")), seed=1
    )


def weights_of(model) -> dict[str, torch.Tensor]:
    return {name: weight.detach().clone() for name, weight in model.named_parameters()}


def same(left: dict, right: dict) -> bool:
    return all(torch.equal(left[name], right[name]) for name in left.keys() | right.keys())


@pytest.mark.parametrize("make", ["GPT2", "LLAMA"], indirect=True)
@pytest.mark.parametrize("stop, saved", [(1, 0), (3, 2), (5, 5)])
def test_a_resumed_run_equals_a_run_without_a_stop(train, make, run, tmp_path, stop, saved):
    whole, file = make(), tmp_path / "deep" / "run.safetensors"
    records = list(train.train(whole, TEXT, HELD_OUT, run))
    stopped = train.train(make(), TEXT, HELD_OUT, run, checkpoint=file)
    assert list(islice(stopped, stop)) == records[:stop]
    stopped.close()
    continued = make()
    rest = list(train.train(continued, TEXT, HELD_OUT, run, checkpoint=file))
    assert rest == records[saved:], "the records continue from the last checkpoint, bit for bit"
    assert same(weights_of(continued), weights_of(whole)), "so do the weights"
    assert not list(file.parent.glob("*.part"))


def test_a_checkpoint_does_not_change_the_run(train, make, run, tmp_path):
    with_file, without = make(), make()
    list(train.train(with_file, TEXT, HELD_OUT, run, checkpoint=tmp_path / "a"))
    list(train.train(without, TEXT, HELD_OUT, run))
    assert same(weights_of(with_file), weights_of(without))


def test_an_interrupted_write_leaves_the_old_checkpoint(
    train, checkpoint, make, run, tmp_path, monkeypatch
):
    file, save_file = tmp_path / "run.safetensors", checkpoint.save_file
    first = train.train(make(), TEXT, HELD_OUT, run, checkpoint=file)
    list(islice(first, 2))
    before = file.read_bytes()

    def full_disk(_, path, **__):
        path.write_bytes(before[:500])
        raise OSError("no space left on device")

    monkeypatch.setattr(checkpoint, "save_file", full_disk)
    with pytest.raises(OSError, match="no space"):
        list(first)
    assert file.read_bytes() == before
    monkeypatch.setattr(checkpoint, "save_file", save_file)
    again, whole = make(), make()
    list(train.train(again, TEXT, HELD_OUT, run, checkpoint=file))
    list(train.train(whole, TEXT, HELD_OUT, run))
    assert same(weights_of(again), weights_of(whole))


@pytest.fixture
def on_disk(train, make, run, tmp_path):
    """A checkpoint after two steps."""
    file = tmp_path / "run.safetensors"
    list(islice(train.train(make(), TEXT, HELD_OUT, run, checkpoint=file), 2))
    return file


@pytest.mark.parametrize("change", [{"lr": 0.02}, {"steps": 8}, {"seed": 6}])
def test_a_checkpoint_of_another_run_raises(train, make, run, on_disk, change):
    model = make()
    before, bytes_before = weights_of(model), on_disk.read_bytes()
    with pytest.raises(ValueError, match="belongs to another run") as error:
        next(train.train(model, TEXT, HELD_OUT, replace(run, **change), checkpoint=on_disk))
    assert str(on_disk) in str(error.value)
    assert same(before, weights_of(model)) and on_disk.read_bytes() == bytes_before


@pytest.mark.parametrize("other", [{"d_mlp": 11}, {"n_layers": 0}, {"n_layers": 2}], ids=str)
def test_a_checkpoint_of_another_model_raises(train, make, run, on_disk, other):
    model = make(**other)
    before = weights_of(model)
    with pytest.raises(ValueError, match="another model") as error:
        next(train.train(model, TEXT, HELD_OUT, run, checkpoint=on_disk))
    assert str(on_disk) in str(error.value)
    assert same(before, weights_of(model))


@pytest.mark.parametrize("keep", [0, 100, -1])
def test_a_damaged_checkpoint_raises(train, make, run, on_disk, keep):
    on_disk.write_bytes(on_disk.read_bytes()[:keep])
    with pytest.raises(ValueError, match="damaged") as error:
        next(train.train(make(), TEXT, HELD_OUT, run, checkpoint=on_disk))
    assert str(on_disk) in str(error.value)


def test_a_checkpoint_is_safetensors_and_holds_no_code(make, on_disk):
    with safe_open(on_disk, framework="pt") as file:
        assert file.metadata()["step"] == "2"
        names = set(file.keys())
    expected = {name for name, _ in make().named_parameters()}
    assert {name.split("/")[1] for name in names} == expected


def test_loss_falls_on_a_periodic_text(train, make, run):
    long = replace(run, steps=40, lr=0.05, warmup=5, eval_every=20)
    records = list(train.train(make(), TEXT, HELD_OUT, long))
    assert [record.step for record in records] == list(range(1, 41))
    assert abs(records[0].loss - 2.303) < 0.1, (
        "at the start the loss is that of guessing among ten: log(10)"
    )
    measured = {record.step: record.eval_loss for record in records if record.eval_loss}
    assert list(measured) == [20, 40]
    assert measured[40] < measured[20] < 2 and measured[40] < 0.2, f"{measured}"


def test_training_keeps_the_state_of_torchs_generator(train, make, run):
    torch.manual_seed(11)
    expected = torch.rand(3).tolist()
    torch.manual_seed(11)
    list(train.train(make(), TEXT, HELD_OUT, run))
    assert torch.rand(3).tolist() == expected


def test_learning_rate_warms_up_and_decays_to_a_tenth(train, run):
    run = replace(run, steps=1000, warmup=100, lr=0.5)
    rates = [train.learning_rate(step, run) for step in range(1001)]
    assert_close(
        torch.tensor(rates[:100]), torch.arange(1, 101) * 0.005, "A straight line.", None, 1e-6
    )
    falls = [later <= earlier for earlier, later in zip(rates[100:], rates[101:], strict=False)]
    assert all(falls) and rates[100] == 0.5
    assert_close(
        rates[550], 0.5 * 0.55, "Half way down the cosine, half way between 1 and a tenth."
    )
    assert_close(rates[1000], 0.05, "At the end, a tenth.")


def test_weight_decay_acts_on_matrices_only(train, make, run):
    model = randomise(make(), seed=2)
    before = weights_of(model)
    optimizer = train.make_optimizer(model, replace(run, weight_decay=0.5))
    for weight in model.parameters():
        weight.grad = torch.zeros_like(weight)
    optimizer.step()
    for name, weight in weights_of(model).items():
        factor = 1 - 0.01 * 0.5 if ".W_" in name else 1.0
        assert_close(weight, before[name] * factor, f"{name} is multiplied by {factor}.")


def test_a_batch_has_windows_of_the_text_and_no_others(train, run):
    text, windows = torch.arange(9), set()
    for step in range(40):
        batch = train.draw_batch(text, step, run)
        assert batch.shape == (4, 6)
        assert torch.equal(batch, train.draw_batch(text, step, run)), (
            "the same step must draw the same batch"
        )
        windows |= {tuple(row) for row in batch.tolist()}
    assert windows == {tuple(range(start, start + 6)) for start in range(4)}
    other = [train.draw_batch(text, step, replace(run, seed=6)).tolist() for step in range(9)]
    assert other != [train.draw_batch(text, step, run).tolist() for step in range(9)]


def test_held_out_loss_is_the_mean_over_consecutive_windows(train, make, run):
    model = randomise(make(), seed=3)
    losses = []
    with torch.no_grad():
        for start in range(0, 48, 6):
            window = HELD_OUT[None, start : start + 6]
            losses.append(train.next_token_loss(model(window), window))
    for batch_size in (4, 3, 8):
        actual = train.held_out_loss(model, HELD_OUT, replace(run, batch_size=batch_size))
        assert_close(actual, sum(losses) / 8, "Every window counts alike, whatever the batch size.")


@pytest.mark.parametrize(
    "window, text, held_out, words",
    [
        (1, 50, 50, "2 to n_ctx=7 tokens, got 1"),
        (8, 50, 50, "2 to n_ctx=7 tokens, got 8"),
        (6, 5, 50, "expected text of at least one window, 6 tokens, got 5"),
        (6, 50, 5, "expected held_out of .* got 5"),
    ],
)
def test_texts_that_do_not_fit_raise(train, make, run, window, text, held_out, words):
    with pytest.raises(ValueError, match=words):
        next(train.train(make(), TEXT[:text], TEXT[:held_out], replace(run, window=window)))
