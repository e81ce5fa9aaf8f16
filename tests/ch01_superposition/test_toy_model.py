"""Graders of toy_model.py: the model that filters (1.3) and the loss of each instance (1.4)."""

import pytest
import torch

from tests.grading import exercise
from tests.grading.assertions import assert_close, check, normal, randomise, wrong_gradients
from tests.grading.odd_inputs import check_odd

from .losses import hint, sparse

INST, BATCH, N, M = 3, 5, 6, 2


def build(toy_model, seed, n_features=N, d_hidden=M, inst=INST):
    """The model with random weights and biases in float64."""
    config = toy_model.ToyConfig(n_inst=inst, n_features=n_features, d_hidden=d_hidden)
    return randomise(toy_model.ReluOutputToy(config), seed)


def reconstruction(W, b, x):
    """ReLU(W^T W x + b) of each instance, number by number."""
    out = torch.zeros_like(x)
    for i in range(len(W)):
        for e, example in enumerate(x[i].tolist()):
            hidden = [
                sum(w * v for w, v in zip(row, example, strict=True)) for row in W[i].tolist()
            ]
            for f, column in enumerate(W[i].T.tolist()):
                read = sum(w * h for w, h in zip(column, hidden, strict=True))
                out[i, e, f] = max(read + b[i, f].item(), 0.0)
    return out


@exercise("1.3")
def test_two_opposite_features_in_one_dimension_by_hand(toy_model):
    model = build(toy_model, 0, n_features=2, d_hidden=1, inst=1)
    with torch.no_grad():
        model.W.copy_(torch.tensor([[[2.0, -1.0]]]))
        model.b.copy_(torch.tensor([[0.5, 0.25]]))
    x = torch.tensor([[[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]]]).double()
    expected = torch.tensor([[[4.5, 0.0], [0.0, 1.25], [2.5, 0.0]]])
    claim = (
        "W = (2, -1), b = (.5, .25). Feature 0 alone: h = 2, out = ReLU(4.5, -1.75) = (4.5, 0). "
        "Feature 1 alone: h = -1, out = ReLU(-1.5, 1.25) = (0, 1.25)."
    )
    check(model, x, expected=expected, claim=claim)


@exercise("1.3")
@pytest.mark.parametrize("seed, n, m, is_sparse", [(0, N, M, 0), (1, N, M, 1), (2, 4, 4, 0)])
def test_output_is_relu_of_wtwx_plus_b(toy_model, seed, n, m, is_sparse):
    model, x = build(toy_model, seed, n, m), normal(INST, BATCH, n, seed=seed + 10)
    x = sparse(x) if is_sparse else x
    W, b = model.W.detach().clone(), model.b.detach().clone()
    known = {}
    if n == m:
        gram = {"W is transposed: the hidden vector is W x.": W @ W.mT}
        gram["W is used the same way twice: the output is W^T h, not W h."] = (W @ W).mT
        known = {words: (x @ square + b[:, None]).relu() for words, square in gram.items()}
    with hint("b is [inst, n_features]: b[:, None] broadcasts over [inst, batch, n_features]."):
        actual = model(x.clone())
    claim = f"x' = ReLU(W^T W x + b) with {n} features in {m} dimensions."
    assert_close(actual, reconstruction(W, b, x), claim, known, tolerance=1e-9)
    check(model, x, expected=reconstruction(W, b, x), claim=claim, tolerance=1e-9)


@exercise("1.3")
def test_tiny_features_are_reconstructed_like_large_ones(toy_model):
    model, x = build(toy_model, 4), 1e-9 * normal(INST, BATCH, N, seed=14)
    with torch.no_grad():
        model.b.zero_()
    expected = reconstruction(model.W.detach(), model.b.detach(), x)
    claim = "x' = ReLU(W^T W x) where all features are about 1e-9."
    check(model, x, expected=expected, claim=claim, scale=1e-9)


@exercise("1.3")
def test_gradients_reach_weights_bias_and_features(toy_model):
    model, x = build(toy_model, 3), normal(INST, BATCH, N, seed=13).requires_grad_()
    wrong = wrong_gradients(lambda: model(x), {"x": x, **dict(model.named_parameters())})
    assert not wrong, (
        f"The gradient with respect to {', '.join(wrong)} disagrees with finite differences. Is a "
        "weight used without its graph (data, detach)?"
    )


def slow_loss(x_hat, x, importance):
    """The loss of each instance, one squared error at a time."""
    losses = []
    for guess, truth, weight in zip(x_hat.tolist(), x.tolist(), importance.tolist(), strict=True):
        total = 0.0
        for row, wanted in zip(guess, truth, strict=True):
            errors = zip(weight, row, wanted, strict=True)
            total += sum(w * (a - t) ** 2 for w, a, t in errors)
        losses.append(total / len(truth))
    return torch.tensor(losses, dtype=torch.float64)


def some_outputs(inst, batch, n_features):
    shape = (inst, batch, n_features)
    importance = normal(inst, n_features, seed=40).abs() + 0.1
    return normal(*shape, seed=0), normal(*shape, seed=20), importance


@exercise("1.4")
def test_loss_of_two_examples_by_hand(toy_model):
    x = torch.tensor([[[0.0, 1.0, 0.5], [0.5, 0.0, 0.0]]])
    x_hat = torch.tensor([[[0.0, 0.0, 0.5], [1.0, 2.0, 1.0]]])
    claim = (
        "Importances 4, 3 and 5. The first example's error is (0, 1, 0): 3. The second's is "
        "(.5, 2, 1): 4 / 4 + 3 * 4 + 5 = 18. The mean of the two is 10.5."
    )
    arguments = x_hat, x, torch.tensor([[4.0, 3.0, 5.0]])
    expected = torch.tensor([10.5])
    check(toy_model.reconstruction_loss, *arguments, expected=expected, claim=claim, tolerance=1e-6)


@exercise("1.4")
@pytest.mark.parametrize("shape", [(3, 5, 6), (2, 7, 4), (4, 4, 4)])
def test_loss_is_a_mean_over_examples_and_a_sum(toy_model, shape):
    x_hat, x, importance = some_outputs(*shape)
    known = {}
    if shape[1] == shape[2]:
        words = "Importance weights the examples here. It belongs to features: importance[:, None]."
        known[words] = (importance[:, :, None] * (x_hat - x) ** 2).sum(2).mean(1)
    claim = f"The loss of {shape[0]} instances, {shape[1]} examples, {shape[2]} features."
    expected = slow_loss(x_hat, x, importance)
    with hint("importance is [inst, n_features]: importance[:, None] broadcasts over the errors."):
        actual = toy_model.reconstruction_loss(x_hat.clone(), x.clone(), importance.clone())
    assert_close(actual, expected, claim, known, tolerance=1e-9)


@exercise("1.4")
def test_loss_on_odd_inputs(toy_model):
    sizes = {"inst": 3, "batch": 5, "n_features": 4}
    check_odd(toy_model.reconstruction_loss, slow_loss, some_outputs, skip="nan", **sizes)


@exercise("1.4")
def test_zeros_score_a_third_of_importance_times_p(toy_model):
    x = torch.linspace(0, 1, 2001, dtype=torch.float64).view(1, -1, 1).repeat(1, 1, 2)
    x[:, 1::2, 1] = 0
    importance = torch.tensor([[1.0, 0.5]]).double()
    actual = toy_model.reconstruction_loss(torch.zeros_like(x), x, importance)
    claim = "Zeros for features with p = 1 and 1/2, importance 1 and 1/2: (1 + 1/4) / 3 = .4167."
    assert_close(actual, torch.tensor([1.25 / 3]), claim, tolerance=2e-3)


@exercise("1.4")
def test_a_nan_stays_in_its_own_instance(toy_model):
    x_hat, x, importance = some_outputs(2, 3, 4)
    x[1, 2, 0] = torch.nan
    claim = "One NaN makes the loss of its own instance NaN, and no other one's."
    arguments = x_hat, x, importance
    check(toy_model.reconstruction_loss, *arguments, expected=slow_loss(*arguments), claim=claim)


@exercise("1.4")
def test_gradients_of_the_loss_reach_the_output(toy_model):
    x_hat, x, importance = some_outputs(3, 5, 6)
    x_hat.requires_grad_()
    with hint("Is something edited in place (e *= e) that backward() still needs?"):
        wrong = wrong_gradients(
            lambda: toy_model.reconstruction_loss(x_hat, x, importance), {"x_hat": x_hat}
        )
    assert not wrong, "The gradient of the loss disagrees with finite differences; is it detached?"
