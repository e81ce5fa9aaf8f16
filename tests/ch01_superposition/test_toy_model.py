"""Graders of toy_model.py: the model that filters (1.3) and the loss of each instance (1.4)."""

import pytest
import torch

from tests.grading import exercise
from tests.grading.assertions import assert_close, normal, randomise, wrong_gradients
from tests.grading.side_effects import assert_no_side_effects

from . import slips
from .losses import hint

INST, BATCH, N, M = 3, 5, 6, 2
seeds = pytest.mark.parametrize("seed", [0, 1])


def build(toy_model, seed, n_features=N, d_hidden=M, inst=INST):
    """The model with random weights and biases in float64."""
    config = toy_model.ToyConfig(n_inst=inst, n_features=n_features, d_hidden=d_hidden)
    return randomise(toy_model.ReluOutputToy(config), seed)


def before_the_cut(W, b, x):
    """W^T W x + b of each instance, number by number."""
    inst, m, n = W.shape
    out = torch.zeros_like(x)
    for i in range(inst):
        for e in range(x.shape[1]):
            hidden = [sum((W[i, h, f] * x[i, e, f]).item() for f in range(n)) for h in range(m)]
            for f in range(n):
                back = sum(W[i, h, f].item() * hidden[h] for h in range(m))
                out[i, e, f] = back + b[i, f].item()
    return out


def model_mistakes(W, b, x):
    """Words -> what the usual mistakes give."""
    hidden, bias = torch.einsum("imf,ibf->ibm", W, x), b[:, None]
    back = torch.einsum("imf,ibm->ibf", W, hidden)
    filtered = torch.einsum("imf,ibm->ibf", W, hidden.relu())
    unit = W / W.norm(dim=1, keepdim=True)
    found = {
        "The ReLU is forgotten: negative numbers come out.": back + bias,
        "The bias is forgotten.": back.relu(),
        "Bias and ReLU are forgotten.": back,
        "The bias is added after the ReLU: it belongs inside.": back.relu() + bias,
        "The bias is subtracted.": (back - bias).relu(),
        "The ReLU stands at the hidden layer: here it stands at the output alone.": filtered + bias,
        "There is a ReLU at the hidden layer as well: only the output has one.": (
            filtered + bias
        ).relu(),
        "The absolute value is taken: ReLU cuts negative numbers to 0.": (back + bias).abs(),
        "Every instance uses the first one's W.": (
            torch.einsum("mf,mg,ibg->ibf", W[0], W[0], x) + bias
        ).relu(),
        "Every instance uses the first one's bias.": (back + b[:1, None]).relu(),
        "The directions are scaled to length 1: W is used as it is.": (
            torch.einsum("imf,img,ibg->ibf", unit, unit, x) + bias
        ).relu(),
        "It is cut at 1 as well: ReLU has no upper end.": (back + bias).clamp(0, 1),
        "That is a sigmoid, not a ReLU.": (back + bias).sigmoid(),
        "x itself is added: nothing goes around the bottleneck.": (back + bias + x).relu(),
        "The instances are added up.": (back.sum(0, keepdim=True) + bias).relu(),
    }
    if W.shape[1] == W.shape[2]:
        words = "W is used transposed: the hidden layer is W x, and the output W^T h."
        found[words] = (torch.einsum("ifm,igm,ibg->ibf", W, W, x) + bias).relu()
        words = "W is used the same way round twice: the output is W^T h, not W h."
        found[words] = (torch.einsum("ifm,ibm->ibf", W, hidden) + bias).relu()
    return found | slips.filtering(W, b, x)


@exercise("1.3")
def test_two_opposite_features_in_one_dimension_by_hand(toy_model):
    model = build(toy_model, 0, n_features=2, d_hidden=1, inst=1)
    with torch.no_grad():
        model.W.copy_(torch.tensor([[[2.0, -1.0]]]))
        model.b.copy_(torch.tensor([[0.5, 0.25]]))
    x = torch.tensor([[[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]]]).double()
    right = torch.tensor([[[4.5, 0.0], [0.0, 1.25], [2.5, 0.0]]])
    claim = (
        "W = (2, -1), b = (.5, .25). Feature 0 alone: h = 2, out = ReLU(4.5, -1.75) = (4.5, 0). "
        "Feature 1 alone: h = -1, out = ReLU(-1.5, 1.25) = (0, 1.25)."
    )
    assert_close(model(x), right, claim, model_mistakes(model.W.detach(), model.b.detach(), x))


@exercise("1.3")
@pytest.mark.parametrize("seed, n, m", [(0, N, M), (1, N, M), (2, 4, 4)])
def test_output_is_relu_of_wtwx_plus_b_in_each_instance(toy_model, seed, n, m):
    model, x = build(toy_model, seed, n, m), normal(INST, BATCH, n, seed=seed + 10)
    W, b = model.W.detach().clone(), model.b.detach().clone()
    right = before_the_cut(W, b, x).clamp(min=0)
    words = "b is [inst, n_features]: b[:, None] stands beside [inst, batch, n_features]."
    with hint(words), assert_no_side_effects(x=x, W=model.W, b=model.b):
        came = model(x)
    claim = f"x' = ReLU(W^T W x + b) with {n} features in {m} dimensions."
    assert_close(came, right, claim, model_mistakes(W, b, x), tolerance=1e-9)


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
    for guess, truth, weight in zip(x_hat, x, importance, strict=True):
        total = 0.0
        for row, wanted in zip(guess, truth, strict=True):
            for f in range(len(weight)):
                total += weight[f].item() * (row[f].item() - wanted[f].item()) ** 2
        losses.append(total / len(truth))
    return torch.tensor(losses, dtype=torch.float64)


def square_mistakes(error, weight):
    """Words -> what squares and roots in the wrong place give."""
    right = (weight * error**2).sum(2)
    return {
        "Errors are not squared (absolute values).": (weight * error.abs()).sum(2).mean(1),
        "Errors are not squared, so that they cancel.": (weight * error).sum(2).mean(1),
        "The root is taken: the loss is the squared error itself.": right.mean(1).sqrt(),
        "The root of each example's error is taken.": right.sqrt().mean(1),
        "The errors are added up before they are squared.": ((weight * error).sum(2) ** 2).mean(1),
    }


def size_mistakes(costs):
    """Words -> what dividing an instance's costs by another number gives."""
    inst, batch = costs.shape
    words = {
        batch - 1: "It is divided by batch - 1.",
        inst: "It is divided by the number of instances: the mean is over examples.",
        1: "That is the sum over the batch: examples are averaged.",
    }
    return {text: costs.sum(1) / size for size, text in words.items() if size}


def loss_mistakes(x_hat, x, importance):
    """Words -> what the usual mistakes give."""
    error, weight = x_hat - x, importance[:, None]
    right = (weight * error**2).sum(2)
    batch, n = right.shape[1], x.shape[2]
    share = weight / weight.sum(2, keepdim=True)
    found = slips.losing(x_hat, x, importance) | size_mistakes(right)
    if batch == n:
        words = "Importance weighs the examples here: it belongs to features, importance[:, None]."
        found[words] = (importance[:, :, None] * error**2).sum(2).mean(1)
    return found | {
        **square_mistakes(error, weight),
        "The importance is not applied.": (error**2).sum(2).mean(1),
        "The importance is squared: multiply the SQUARED error, not the error.": (
            (weight * error) ** 2
        )
        .sum(2)
        .mean(1),
        "The importance's root is taken.": (weight.sqrt() * error**2).sum(2).mean(1),
        "That is the mean over features: they are summed.": right.mean(1) / n,
        "That is the mean over features and the sum over the batch: it is the other way round.": (
            right.sum(1) / n
        ),
        "Importances are scaled to add up to 1.": (share * error**2).sum(2).mean(1),
        "Every instance has the first one's importance.": (
            (importance[:1, None] * error**2).sum(2).mean(1)
        ),
        "Importance multiplies the features instead of the error.": (
            ((x_hat - weight * x) ** 2).sum(2).mean(1)
        ),
        "The instances are averaged: each keeps its own loss.": (
            right.mean(1).mean().expand(len(x))
        ),
        "The instances are added up: each keeps its own loss.": right.mean(1).sum().expand(len(x)),
        "It is halved.": right.mean(1) / 2,
        "The mean over the batch comes before the square, so that errors cancel.": (
            importance * error.mean(1) ** 2
        ).sum(1),
    }


@exercise("1.4")
def test_loss_of_two_examples_by_hand(toy_model):
    x = torch.tensor([[[0.0, 1.0, 0.5], [0.5, 0.0, 0.0]]])
    x_hat = torch.tensor([[[0.0, 0.0, 0.5], [1.0, 2.0, 1.0]]])
    claim = (
        "Importances 4, 3 and 5. The first example is off by (0, 1, 0): 3. The second by "
        "(.5, 2, 1): 4 / 4 + 3 * 4 + 5 = 18. The mean over the two is 10.5."
    )
    importance = torch.tensor([[4.0, 3.0, 5.0]])
    came = toy_model.reconstruction_loss(x_hat, x, importance)
    assert_close(came, torch.tensor([10.5]), claim, loss_mistakes(x_hat, x, importance), 1e-6)


@exercise("1.4")
@pytest.mark.parametrize("seed, shape", [(0, (3, 5, 6)), (1, (2, 7, 4)), (2, (4, 4, 4))])
def test_loss_is_a_mean_over_examples_and_a_sum_over_features(toy_model, seed, shape):
    x_hat, x = normal(*shape, seed=seed), normal(*shape, seed=seed + 20)
    importance = normal(shape[0], shape[2], seed=seed + 40).abs() + 0.1
    words = "importance is [inst, n_features]: importance[:, None] stands beside the errors."
    with hint(words), assert_no_side_effects(x_hat=x_hat, x=x, importance=importance):
        came = toy_model.reconstruction_loss(x_hat, x, importance)
    claim = f"The loss of {shape[0]} instances, {shape[1]} examples, {shape[2]} features."
    mistakes = loss_mistakes(x_hat, x, importance)
    assert_close(came, slow_loss(x_hat, x, importance), claim, mistakes, tolerance=1e-9)


@exercise("1.4")
def test_zeros_score_a_third_of_importance_times_probability(toy_model):
    x = torch.linspace(0, 1, 2001, dtype=torch.float64).view(1, -1, 1).repeat(1, 1, 2)
    x[:, 1::2, 1] = 0
    importance = torch.tensor([[1.0, 0.5]]).double()
    came = toy_model.reconstruction_loss(torch.zeros_like(x), x, importance)
    claim = "Zeros for features with p = 1 and 1/2, importance 1 and 1/2: (1 + 1/4) / 3 = .4167."
    assert_close(came, torch.tensor([1.25 / 3]), claim, tolerance=2e-3)


@exercise("1.4")
def test_a_nan_shows_in_its_own_instance(toy_model):
    x_hat, x, importance = normal(2, 3, 4, seed=8), normal(2, 3, 4, seed=9), torch.ones(2, 4)
    x[1, 2, 0] = torch.nan
    right = slow_loss(x_hat, x, importance)
    claim = "One NaN makes the loss of its instance NaN, so that it is seen, and no other one's."
    assert_close(toy_model.reconstruction_loss(x_hat, x, importance.double()), right, claim)


@exercise("1.4")
def test_gradients_of_the_loss_reach_the_guess(toy_model):
    x_hat, x = normal(3, 5, 6, seed=5).requires_grad_(), normal(3, 5, 6, seed=6)
    importance = normal(3, 6, seed=7).abs()
    with hint("Is something edited in place (e *= e) that backward() still needs?"):
        wrong = wrong_gradients(
            lambda: toy_model.reconstruction_loss(x_hat, x, importance), {"x_hat": x_hat}
        )
    assert not wrong, "The gradient of the loss disagrees with finite differences; is it detached?"
