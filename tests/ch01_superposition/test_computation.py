"""Graders of computation.py: how many features a neuron serves, and the absolute-value model."""

import pytest
import torch

from tests.grading import exercise
from tests.grading.assertions import assert_close, normal, randomise, wrong_gradients
from tests.grading.side_effects import assert_no_side_effects

from . import slips

INST, BATCH, D_HIDDEN, N_FEATURES = 2, 5, 4, 3


def ratio_mistakes(W):
    """Words -> what the usual mistakes about the participation ratio give."""
    sizes, squares = W.abs(), W.square()
    fourth = squares.square().sum(-1)
    right = participation(W)
    share = squares / squares.sum(-1, keepdim=True)
    columns = squares.sum(1).square() / squares.square().sum(1)
    mistakes = {
        "Sizes stand where squares do: (sum w^2)^2 / sum w^4.": (
            sizes.sum(-1).square() / squares.sum(-1)
        ),
        "The sum of squares is not squared: (sum w^2)^2.": squares.sum(-1) / fourth,
        "The root is missing or one too many: (sum w^2)^2 / sum w^4.": right.sqrt(),
        "Weights are summed with their signs: square each.": (W.sum(-1).square() / squares.sum(-1)),
        "That compares with the largest weight: sum w^2 / max w^2.": (
            squares.sum(-1) / squares.amax(-1)
        ),
        "That compares with the largest weight: sum |w| / max |w|.": (
            sizes.sum(-1) / sizes.amax(-1)
        ),
        "Upside down: (sum w^2)^2 stands above.": fourth / squares.sum(-1).square(),
        "It is divided by n_features: the unit is features.": right / W.shape[-1],
        "It is multiplied by n_features: sums, not a mean, stand in the formula.": (
            right * W.shape[-1]
        ),
        "Weights that are not zero are counted, however small.": (W != 0).sum(-1),
        "That is the exponential of an entropy: another measure.": (
            (-(share * share.clamp(min=1e-300).log()).sum(-1)).exp()
        ),
        "The instances are averaged: each has its own neurons.": right.mean(0).expand_as(right),
        "One number serves for all neurons: each has its own.": (
            squares.sum((1, 2), keepdim=True).square() / squares.square().sum((1, 2), keepdim=True)
        )
        .squeeze(-1)
        .expand_as(right),
    }
    if W.shape[1] == W.shape[2]:
        words = "The sum runs over the neurons: a neuron is a row of W, its sum runs over features."
        mistakes[words] = columns
    return mistakes | slips.serving(W)


def participation(W):
    """(sum w^2)^2 / sum w^4 of each neuron, number by number; 0 without weights."""
    result = torch.zeros(W.shape[:2], dtype=torch.float64)
    for inst, model in enumerate(W.tolist()):
        for neuron, row in enumerate(model):
            fourth = sum(w**4 for w in row)
            result[inst, neuron] = sum(w**2 for w in row) ** 2 / fourth if fourth else 0.0
    return result


@exercise("1.13")
def test_features_of_five_neurons_worked_by_hand(computation):
    rows = [[0, -3, 0, 0], [0.5, -0.5, 0.5, 0], [1, 0.5, 0, 0], [2, 2, -2, -2], [1, -1, 0, 0]]
    claim = (
        "One weight serves 1 feature, three of one size 3, weights 1 and 1/2 serve "
        "1.25^2 / (1 + 1/16) = 1.4706, four of one size 4, +1 and -1 serve 2."
    )
    W = torch.tensor([rows], dtype=torch.float64)
    right = torch.tensor([[1, 3, 1.5625 / 1.0625, 4, 2]], dtype=torch.float64)
    assert_close(computation.features_per_neuron(W), right, claim, ratio_mistakes(W))


@exercise("1.13")
@pytest.mark.parametrize("shape", [(2, 3, 5), (3, 4, 4), (1, 6, 2), (4, 4, 4)])
def test_features_per_neuron_is_the_participation_ratio_of_its_weights(computation, shape):
    W = normal(*shape, seed=1)
    with assert_no_side_effects(W=W):
        came = computation.features_per_neuron(W)
    claim = "A neuron serves (sum w^2)^2 / sum w^4 features; the sums run over its weights."
    assert_close(came, participation(W), claim, ratio_mistakes(W))


@exercise("1.13")
def test_a_neuron_without_weights_serves_no_feature(computation):
    W = normal(2, 4, 3, seed=2)
    W[0, 1], W[1, 3] = 0.0, 0.0
    came = computation.features_per_neuron(W)
    assert not came.isnan().any(), (
        "A neuron without weights gives NaN, which is 0 / 0: it serves 0 features. "
        "torch.where(fourth > 0, ..., 0.0) chooses."
    )
    assert_close(
        came, participation(W), "A neuron without weights serves 0 features.", ratio_mistakes(W)
    )


@exercise("1.13")
def test_neither_signs_nor_the_scale_of_a_neuron_matter(computation):
    W = normal(2, 4, 3, seed=3)
    before = computation.features_per_neuron(W)
    assert_close(computation.features_per_neuron(W.abs()), before, "Signs do not matter.")
    scales = torch.tensor([0.01, 1.0, 7.0, 0.1], dtype=torch.float64)[:, None]
    claim = (
        "A neuron whose weights are all multiplied by one number serves as many features as "
        "before. Is something added to the denominator?"
    )
    assert_close(computation.features_per_neuron(W * scales), before, claim, tolerance=1e-4)


def model_of(computation, toy_model, seed, n_features=N_FEATURES, d_hidden=D_HIDDEN):
    """An absolute-value model with random weights, the bias too."""
    config = toy_model.ToyConfig(INST, n_features, d_hidden)
    return randomise(computation.AbsoluteToy(config), seed=seed)


def layer(x, W, bias=None, relu=True):
    """ReLU(W x + bias) for each instance and example, number by number."""
    rows = []
    for inst in range(len(x)):
        for example in x[inst].tolist():
            out = []
            for neuron, row in enumerate(W[inst].tolist()):
                total = sum(w * value for w, value in zip(row, example, strict=True))
                total += 0.0 if bias is None else bias[inst, neuron].item()
                out.append(max(total, 0.0) if relu else total)
            rows.append(out)
    return torch.tensor(rows, dtype=torch.float64).view(*x.shape[:2], W.shape[1])


def neuron_mistakes(model, x):
    """Words -> what the usual mistakes about the hidden layer give."""
    W_in, W_out, b = model.W_in.detach(), model.W_out.detach(), model.b.detach()
    mistakes = {
        "The ReLU of the hidden layer is missing.": layer(x, W_in, relu=False),
        "The absolute value is taken: the hidden layer has a ReLU, which cuts.": (
            layer(x, W_in, relu=False).abs()
        ),
        "W_out reads the features here: W_in does.": layer(x, W_out.mT),
        "All instances use the first one's weights.": layer(x, W_in[:1].expand_as(W_in)),
    }
    if W_in.shape[1] == W_in.shape[2]:
        mistakes |= {
            "W_in is read the wrong way round: it is [inst, d_hidden, n_features].": (
                layer(x, W_in.mT)
            ),
            "W_out stands where W_in does.": layer(x, W_out),
            "The hidden layer has no bias: b belongs to the output.": layer(x, W_in, b),
        }
    return mistakes | slips.listening(model, x)


def output_mistakes(model, x):
    """Words -> what the usual mistakes about the whole model give."""
    W_in, W_out, b = model.W_in.detach(), model.W_out.detach(), model.b.detach()
    hidden = layer(x, W_in)
    found = {
        "The weights are tied: W_out reads out, not W_in transposed.": layer(hidden, W_in.mT, b),
        "The weights are tied: W_in reads the features, not W_out transposed.": (
            layer(layer(x, W_out.mT), W_out, b)
        ),
        "The ReLU of the hidden layer is missing.": layer(layer(x, W_in, relu=False), W_out, b),
        "The ReLU of the output is missing.": layer(hidden, W_out, b, relu=False),
        "Both ReLUs are missing.": layer(layer(x, W_in, relu=False), W_out, b, relu=False),
        "The bias of the output is missing.": layer(hidden, W_out),
        "The ReLU comes before the bias.": layer(hidden, W_out) + b[:, None],
        "The bias is subtracted.": layer(hidden, W_out, -b),
        "The absolute value of the output is taken: it has a ReLU.": (
            layer(hidden, W_out, b, relu=False).abs()
        ),
        "That is |x|, the target: the model has to guess it.": x.abs(),
        "All instances use the first one's bias.": layer(hidden, W_out, b[:1].expand_as(b)),
    }
    if W_in.shape[1] == W_in.shape[2]:
        found |= {
            "The bias is added to the hidden layer too.": layer(layer(x, W_in, b), W_out, b),
            "The bias is added to the hidden layer, not to the output.": (
                layer(layer(x, W_in, b), W_out)
            ),
            "W_out is read the wrong way round: it is [inst, n_features, d_hidden].": (
                layer(hidden, W_out.mT, b)
            ),
            "W_in is read the wrong way round: it is [inst, d_hidden, n_features].": (
                layer(layer(x, W_in.mT), W_out, b)
            ),
            "The two matrices are exchanged.": layer(layer(x, W_out), W_in, b),
        }
    return found | slips.speaking(model, x)


@exercise("1.14")
def test_two_neurons_give_an_absolute_value_exactly(computation, toy_model):
    model = computation.AbsoluteToy(toy_model.ToyConfig(1, 1, 2))
    with torch.no_grad():
        model.W_in.copy_(torch.tensor([[[1.0], [-1.0]]]))
        model.W_out.copy_(torch.tensor([[[1.0, 1.0]]]))
    x = torch.tensor([[[-0.75], [0.5], [0.0]]])
    claim = "W_in = [[1], [-1]] splits x into its positive and its negative part."
    right = torch.tensor([[[0.0, 0.75], [0.5, 0.0], [0.0, 0.0]]])
    assert_close(model.neurons(x), right, claim, neuron_mistakes(model, x))
    claim = "W_out = [[1, 1]] adds the two parts up to |x|: .75, .5 and 0."
    assert_close(model(x), x.abs(), claim, output_mistakes(model, x))


@exercise("1.14")
@pytest.mark.parametrize("d_hidden", [D_HIDDEN, N_FEATURES, 2])
def test_neurons_are_the_relu_of_what_they_listen_to(computation, toy_model, d_hidden):
    model = model_of(computation, toy_model, seed=1, d_hidden=d_hidden)
    x = normal(INST, BATCH, N_FEATURES, seed=5)
    with assert_no_side_effects(x=x, W_in=model.W_in, W_out=model.W_out, b=model.b):
        came = model.neurons(x)
    claim = "The hidden neurons are ReLU(W_in x), without a bias."
    assert_close(came, layer(x, model.W_in), claim, neuron_mistakes(model, x))


@exercise("1.14")
@pytest.mark.parametrize("d_hidden", [D_HIDDEN, N_FEATURES, 2])
def test_output_is_the_relu_of_what_neurons_say_and_a_bias(computation, toy_model, d_hidden):
    model = model_of(computation, toy_model, seed=2, d_hidden=d_hidden)
    x = normal(INST, BATCH, N_FEATURES, seed=6)
    with assert_no_side_effects(x=x, W_in=model.W_in, W_out=model.W_out, b=model.b):
        came = model(x)
    claim = "The guess is y = ReLU(W_out ReLU(W_in x) + b)."
    right = layer(layer(x, model.W_in), model.W_out, model.b)
    assert_close(came, right, claim, output_mistakes(model, x))


@exercise("1.14")
def test_gradients_reach_both_matrices_and_the_bias(computation, toy_model):
    model = model_of(computation, toy_model, seed=3)
    x = normal(INST, BATCH, N_FEATURES, seed=7).requires_grad_()
    wrong = wrong_gradients(lambda: model(x), {**dict(model.named_parameters()), "x": x})
    assert not wrong, (
        f"Training moves what a gradient reaches; that of {', '.join(wrong)} is wrong or missing. "
        "Is something taken without its graph (detach, .data, no_grad)?"
    )
