"""Graders of computation.py: features per neuron (1.13) and the absolute-value model (1.14)."""

import pytest
import torch

from tests.grading import exercise
from tests.grading.assertions import assert_close, check, normal, randomise, wrong_gradients
from tests.grading.odd_inputs import check_odd

from .losses import sparse

INST, BATCH, D_HIDDEN, N_FEATURES = 2, 5, 4, 3
sizes = pytest.mark.parametrize("d_hidden", [D_HIDDEN, N_FEATURES, 2])


def participation(W):
    """(sum w^2)^2 / sum w^4 of each neuron, number by number; 0 without weights."""
    result = torch.zeros(W.shape[:2], dtype=torch.float64)
    for inst, model in enumerate(W.tolist()):
        for neuron, row in enumerate(model):
            fourth = sum(w**4 for w in row)
            result[inst, neuron] = sum(w**2 for w in row) ** 2 / fourth if fourth else 0.0
    return result


def some_weights(inst, d_hidden, n_features):
    return (normal(inst, d_hidden, n_features, seed=1),)


@exercise("1.13")
def test_features_of_five_neurons_by_hand(computation):
    rows = [[0, -3, 0, 0], [0.5, -0.5, 0.5, 0], [1, 0.5, 0, 0], [2, 2, -2, -2], [1, -1, 0, 0]]
    claim = (
        "One weight gives 1, three equal ones 3, weights 1 and 1/2 give 1.25^2 / (1 + 1/16) = "
        "1.4706, four equal ones 4, +1 and -1 give 2."
    )
    W = torch.tensor([rows], dtype=torch.float64)
    expected = torch.tensor([[1, 3, 1.5625 / 1.0625, 4, 2]], dtype=torch.float64)
    check(computation.features_per_neuron, W, expected=expected, claim=claim)


@exercise("1.13")
@pytest.mark.parametrize("shape", [(2, 3, 5), (3, 4, 4), (1, 6, 2), (4, 4, 4)])
def test_features_per_neuron_is_the_participation_ratio(computation, shape):
    W = normal(*shape, seed=1)
    claim = "A neuron represents (sum w^2)^2 / sum w^4 features; sum over its weights."
    known, columns = {}, W.square().sum(1)
    if shape[1] == shape[2]:
        words = "The sum runs over the neurons. A neuron is a row of W: sum over features."
        known[words] = columns.square() / W.square().square().sum(1)
    actual = computation.features_per_neuron(W.clone())
    assert_close(actual, participation(W), claim, known)


@exercise("1.13")
def test_a_neuron_without_weights_has_no_features(computation):
    W = normal(2, 4, 3, seed=2)
    W[0, 1], W[1, 3] = 0.0, 0.0
    actual = computation.features_per_neuron(W)
    assert not actual.isnan().any(), (
        "A neuron whose weights are all zero gives NaN, which is 0 / 0. It represents 0 features: "
        "use torch.where, with 0 where the denominator is 0."
    )
    assert_close(actual, participation(W), "A neuron without weights represents 0 features.")


@exercise("1.13")
def test_signs_and_scale_of_a_neuron_do_not_matter(computation):
    W = normal(2, 4, 3, seed=3)
    before = computation.features_per_neuron(W)
    assert_close(computation.features_per_neuron(W.abs()), before, "Signs do not matter.")
    scales = torch.tensor([0.01, 1.0, 7.0, 0.1], dtype=torch.float64)[:, None]
    claim = (
        "Scaling all weights of a neuron does not change its number of features. Is something "
        "added to the denominator?"
    )
    assert_close(computation.features_per_neuron(W * scales), before, claim, tolerance=1e-4)


@exercise("1.13")
def test_features_per_neuron_on_odd_inputs(computation):
    answer, axes = computation.features_per_neuron, {"inst": 2, "d_hidden": 4, "n_features": 5}
    check_odd(answer, participation, some_weights, skip="nan small", **axes)


def model_of(computation, toy_model, seed, d_hidden=D_HIDDEN):
    """An absolute-value model with random weights, the bias too."""
    config = toy_model.ToyConfig(INST, N_FEATURES, d_hidden)
    return randomise(computation.AbsoluteToy(config), seed=seed)


def layer(x, W, bias=None):
    """ReLU(W x + bias) for each instance and example, number by number."""
    rows = []
    for inst in range(len(x)):
        for example in x[inst].tolist():
            out = []
            for neuron, row in enumerate(W[inst].tolist()):
                total = sum(w * value for w, value in zip(row, example, strict=True))
                out.append(max(total + (0.0 if bias is None else bias[inst, neuron].item()), 0.0))
            rows.append(out)
    return torch.tensor(rows, dtype=torch.float64).view(*x.shape[:2], W.shape[1])


@exercise("1.14")
def test_two_neurons_give_an_absolute_value_exactly(computation, toy_model):
    model = computation.AbsoluteToy(toy_model.ToyConfig(1, 1, 2))
    with torch.no_grad():
        model.W_in.copy_(torch.tensor([[[1.0], [-1.0]]]))
        model.W_out.copy_(torch.tensor([[[1.0, 1.0]]]))
    x = torch.tensor([[[-0.75], [0.5], [0.0]]])
    claim = "W_in = [[1], [-1]] splits x into its positive and its negative part."
    expected = torch.tensor([[[0.0, 0.75], [0.5, 0.0], [0.0, 0.0]]])
    check(model.neurons, x, expected=expected, claim=claim)
    claim = "W_out = [[1, 1]] adds the two parts to |x|: .75, .5 and 0."
    check(model, x, expected=x.abs(), claim=claim)


@exercise("1.14")
@sizes
def test_neurons_are_relu_of_w_in_x(computation, toy_model, d_hidden):
    model = model_of(computation, toy_model, seed=1, d_hidden=d_hidden)
    x = sparse(normal(INST, BATCH, N_FEATURES, seed=5))
    claim = "The hidden neurons are ReLU(W_in x), without a bias."
    check(model.neurons, x, expected=layer(x, model.W_in), claim=claim)


@exercise("1.14")
@sizes
def test_output_is_relu_of_w_out_h_plus_b(computation, toy_model, d_hidden):
    model = model_of(computation, toy_model, seed=2, d_hidden=d_hidden)
    x = sparse(normal(INST, BATCH, N_FEATURES, seed=6))
    before = {name: weight.detach().clone() for name, weight in model.named_parameters()}
    expected = layer(layer(x, before["W_in"]), before["W_out"], before["b"])
    check(model, x, expected=expected, claim="The output is y = ReLU(W_out ReLU(W_in x) + b).")
    after = dict(model.named_parameters())
    assert_close(after, before, "The model's weights stay unchanged.", tolerance=0.0)


@exercise("1.14")
def test_tiny_features_are_computed_like_large_ones(computation, toy_model):
    model = model_of(computation, toy_model, seed=4)
    x = 1e-9 * normal(INST, BATCH, N_FEATURES, seed=8)
    with torch.no_grad():
        model.b.zero_()
    hidden, out = layer(x, model.W_in), layer(layer(x, model.W_in), model.W_out)
    claim = "The model where all features are about 1e-9."
    with torch.no_grad():
        check(model.neurons, x, expected=hidden, claim=claim, scale=1e-9)
        check(model, x, expected=out, claim=claim, scale=1e-9)


@exercise("1.14")
def test_gradients_reach_both_matrices_and_the_bias(computation, toy_model):
    model = model_of(computation, toy_model, seed=3)
    x = normal(INST, BATCH, N_FEATURES, seed=7).requires_grad_()
    wrong = wrong_gradients(lambda: model(x), {**dict(model.named_parameters()), "x": x})
    assert not wrong, (
        f"Training needs gradients; that of {', '.join(wrong)} is wrong or missing. Is something "
        "used without its graph (detach, .data, no_grad)?"
    )
