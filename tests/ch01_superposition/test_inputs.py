"""Given code of chapter 1: drawing, models and training, and their errors."""

import math

import pytest
import torch

from tests.grading.assertions import assert_close, normal, randomise

from .chance import new

pytestmark = pytest.mark.project
DRAWS = ["sparse_features", "correlated_pairs", "anticorrelated_pairs"]
each_draw = pytest.mark.parametrize("name", DRAWS)
SIZES = {"n_inst": 2, "n_features": 3, "d_hidden": 2}


@each_draw
@pytest.mark.parametrize("value", [-0.1, 1.5, math.nan])
def test_a_probability_outside_0_and_1_raises(data, name, value):
    with pytest.raises(ValueError, match=r"expected probabilities in \[0, "):
        getattr(data, name)(torch.tensor([[0.3, value]]), 4, new(0))


def test_anticorrelated_pairs_share_at_most_one(data):
    with pytest.raises(ValueError, match=r"\[0, 0.5\], got 0.2 to 0.6"):
        data.anticorrelated_pairs(torch.tensor([[0.2, 0.6]]), 4, new(0))


@each_draw
@pytest.mark.parametrize("shape", [(0, 3), (2, 0)])
def test_no_features_or_no_instances_raise(data, name, shape):
    with pytest.raises(ValueError, match=r"\[inst, n_features\], at least one of each"):
        getattr(data, name)(torch.zeros(shape), 4, new(0))


@each_draw
@pytest.mark.parametrize("batch", [0, -2])
def test_a_batch_without_examples_raises(data, name, batch):
    with pytest.raises(ValueError, match=f"at least 1, got {batch}"):
        getattr(data, name)(torch.full((2, 3), 0.5), batch, new(0))


@pytest.mark.parametrize("size", sorted(SIZES))
def test_a_toy_of_size_zero_raises(toy_model, size):
    with pytest.raises(ValueError, match=f"expected {size} to be at least 1, got 0"):
        toy_model.ToyConfig(**SIZES | {size: 0})


def some_training(data, toy_model, train, importance, draw=None, **changes):
    """Train briefly: (model, records)."""
    model = toy_model.ReluOutputToy(toy_model.ToyConfig(**SIZES), seed=1)
    probability = torch.full((2, 3), 0.5)

    def features(batch, generator):
        return data.sparse_features(probability, batch, generator)

    config = train.ToyTrainConfig(**{"steps": 3, "batch_size": 5} | changes)
    return model, list(train.train(model, draw or features, importance, config))


@pytest.mark.parametrize("shape", [(2, 4), (1, 3), (3, 3)])
def test_importance_of_another_length_raises(data, toy_model, train, shape):
    with pytest.raises(ValueError, match=r"expected importance .* \[2, 3\]"):
        some_training(data, toy_model, train, torch.ones(shape))


@pytest.mark.parametrize("value", [-1.0, math.nan])
def test_a_negative_importance_raises(data, toy_model, train, value):
    with pytest.raises(ValueError, match="got a negative number or NaN"):
        some_training(data, toy_model, train, torch.full((2, 3), value))


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_data_with_nan_raises(data, toy_model, train, value):
    def draw(batch, generator):
        return torch.full((2, batch, 3), value)

    with pytest.raises(ValueError, match="expected finite features from `draw`, got 30 NaN"):
        some_training(data, toy_model, train, torch.ones(2, 3), draw)


def test_training_reports_every_step_and_learns(data, toy_model, train):
    _, records = some_training(data, toy_model, train, torch.ones(2, 3), steps=300, lr=0.02)
    assert [record.step for record in records] == list(range(1, 301))
    assert records[0].losses.shape == (2,)
    assert (records[-1].losses < records[0].losses).all()


def test_training_repeats_itself_and_another_seed_differs(data, toy_model, train):
    ends = [
        some_training(data, toy_model, train, torch.ones(2, 3), seed=seed)[0].W
        for seed in (0, 0, 1)
    ]
    assert torch.equal(ends[0], ends[1]) and not torch.equal(ends[0], ends[2])


def test_a_decaying_rate_takes_smaller_steps(data, toy_model, train):
    slow, _ = some_training(data, toy_model, train, torch.ones(2, 3), steps=40, linear_decay=True)
    fast, _ = some_training(data, toy_model, train, torch.ones(2, 3), steps=40)
    start = toy_model.ReluOutputToy(toy_model.ToyConfig(**SIZES), seed=1)
    assert (slow.W - start.W).norm() < (fast.W - start.W).norm()


def test_schedules(data):
    p = data.density_schedule(3, 0.01, 4)
    assert_close(
        p, torch.tensor([[1.0], [0.1], [0.01]]).expand(3, 4), "Evenly on a log scale.", {}, 1e-6
    )
    assert_close(
        data.importance_schedule(3, 0.5), torch.tensor([1.0, 0.5, 0.25]), "Powers of decay."
    )
    for arguments in [(3, 0.0, 4), (3, 0.5, 4, 0.2), (3, 0.5, 4, 1.5), (0, 0.5, 4), (3, 0.5, 0)]:
        with pytest.raises(ValueError, match="expected"):
            data.density_schedule(*arguments)
    for arguments in [(0, 0.5), (3, 0.0), (3, -1.0)]:
        with pytest.raises(ValueError, match="expected n_features >= 1 and decay > 0"):
            data.importance_schedule(*arguments)


def test_signs_are_random_and_magnitudes_stay(data):
    x = data.sparse_features(torch.full((1, 2), 0.5), 4000, new(2))
    actual = data.random_signs(x, new(3))
    assert torch.equal(actual.abs(), x)
    assert 0.45 < (actual[actual != 0] > 0).double().mean() < 0.55


def test_the_other_toys_follow_their_formulas(toy_model):
    x = normal(2, 5, 3, seed=4)
    linear = randomise(toy_model.LinearToy(toy_model.ToyConfig(**SIZES)), 5)
    square, b = linear.W.mT @ linear.W, linear.b[:, None]
    assert_close(linear(x), x @ square + b, "x' = W^T W x + b.")
    neurons = randomise(toy_model.ReluHiddenToy(toy_model.ToyConfig(**SIZES)), 6)
    hidden = (x @ neurons.W.mT).clamp(min=0)
    right = (hidden @ neurons.W + neurons.b[:, None]).clamp(min=0)
    assert_close(neurons(x), right, "h = ReLU(W x), x' = ReLU(W^T h + b).")


def test_a_toy_is_built_from_tensors(toy_model):
    made = randomise(toy_model.ReluOutputToy(toy_model.ToyConfig(**SIZES)), 7).float()
    again = toy_model.ReluOutputToy.from_tensors(SIZES, made.state_dict())
    x = normal(2, 5, 3, seed=8).float()
    assert_close(again(x), made(x), "A copy has the same outputs.")
    assert not any(weight.requires_grad for weight in again.parameters())
