"""Rarer mistakes than those that stand beside the graders: words -> what such an answer gives."""

import torch
from torch import Tensor
from torch.nn import Module

from .losses import relu_loss

Slips = dict[str, Tensor]
EPSILON = (
    "Something is added against a zero, which changes all others too: choose with torch.where."
)
EPSILONS = (1e-12, 1e-10, 1e-9, 1e-8, 1e-7, 1e-6, 1e-5, 1e-4)


def filtering(W: Tensor, b: Tensor, x: Tensor) -> Slips:
    """Exercise 1.3, x' = ReLU(W^T W x + b)."""
    gram, bias = W.mT @ W, b[:, None]
    out = x @ gram + bias
    return {
        "The bias is added twice: `read` adds it already.": (out + bias).relu(),
        "The bias is added to x: it belongs to the output.": ((x + bias) @ gram).relu(),
        "That is a softplus: a ReLU makes 0 of what is negative.": (1 + out.exp()).log(),
        "The ReLU cuts x: it belongs at the output.": (x.relu() @ gram + bias).relu(),
        "The ReLU cuts W^T W: it belongs at the output.": (x @ gram.relu() + bias).relu(),
        "The overlaps are divided by the root of d_hidden: W^T W x is used as it is.": (
            x @ gram / W.shape[1] ** 0.5 + bias
        ).relu(),
    }


def losing(x_hat: Tensor, x: Tensor, importance: Tensor) -> Slips:
    """Exercise 1.4, the loss of each instance."""
    squares, weight = (x_hat - x).square(), importance[:, None]
    found = {
        "The mean importance weighs all features: each has its own.": (
            squares.sum(2).mean(1) * importance.mean(1)
        ),
        "Errors count only where a feature is on: a guess beside 0 is an error too.": (
            (weight * squares * (x != 0)).sum(2).mean(1)
        ),
        "It is divided by the importance: multiply.": (squares / weight).sum(2).mean(1),
        "The largest error of an example is taken: sum over features.": (
            (weight * squares).amax(2).mean(1)
        ),
    }
    if len(x) == x.shape[1]:
        words = "Each example has an instance's importance: write importance[:, None]."
        found[words] = (importance * squares).sum(2).mean(1)
    return found


def weighing(W: Tensor, importance: Tensor) -> Slips:
    """Exercise 1.10, what is paid before the variance."""
    gram, eye = W.mT @ W, torch.eye(W.shape[-1], dtype=torch.float64)
    squares, costs = (eye - gram).square(), importance[..., None]
    lost = 1 - W.square().sum(1)
    own = (importance * lost.square()).sum(1)
    total = (squares * costs).sum((1, 2))
    return {
        "The overlaps are added to the identity: the error is 1 - W^T W.": (
            ((eye + gram).square() * costs).sum((1, 2))
        ),
        "Nothing is wanted here: the error is 1 - W^T W, not W^T W.": (
            (gram.square() * costs).sum((1, 2))
        ),
        "The errors are summed before they are squared.": (
            ((eye - gram).sum(1).square() * importance).sum(1)
        ),
        "What is lost is not squared: (1 - ||W_i||^2)^2.": total - own + (importance * lost).sum(1),
        "Importances are scaled to add up to 1.": total / importance.sum(1),
        "The mean importance weighs all: each output has its own.": (
            squares.sum((1, 2)) * importance.mean(1)
        ),
        "Every instance has the first one's importance.": (
            (squares * importance[0][:, None]).sum((1, 2))
        ),
        "The root is taken: the loss is the sum of squares.": total.sqrt(),
    }


def first_only(task, average) -> Slips:
    """What a loss gives where all instances use an argument of the first one."""
    names = {"W": "W", "b": "bias", "importance": "importance", "probability": "probability"}
    return {
        f"Every instance has the first one's {word}.": average(
            task._replace(**{name: getattr(task, name)[:1].expand_as(getattr(task, name))})
        )
        for name, word in names.items()
    }


def filtered(W: list, b: list, importance: list, x: list) -> float:
    """The loss with a ReLU at the hidden layer too."""
    hidden = [max(sum(w * v for w, v in zip(row, x, strict=True)), 0.0) for row in W]
    guess = [sum(r[o] * h for r, h in zip(W, hidden, strict=True)) + b[o] for o in range(len(x))]
    errors = [max(g, 0.0) - value for g, value in zip(guess, x, strict=True)]
    return sum(i * e**2 for i, e in zip(importance, errors, strict=True))


def minus(W: list, b: list, importance: list, x: list) -> float:
    """The loss with the bias subtracted."""
    return relu_loss(W, [-bias for bias in b], importance, x)


def serving(W: Tensor) -> Slips:
    """Exercise 1.13, the features of a neuron."""
    squares = W.square()
    total, fourth = squares.sum(2), squares.square().sum(2)
    positive = W.relu().square()
    near = {f"{EPSILON} ({e:g})": total.square() / (fourth + e) for e in EPSILONS}
    return near | {
        "Only positive weights are counted: squares count both.": (
            (positive.sum(2).square() / positive.square().sum(2)).nan_to_num()
        ),
        "The largest w^4 stands below: sum them.": total.square() / squares.square().amax(2),
        "The ratio is squared once more.": (total.square() / fourth).square(),
        "A ratio of norms has to be raised to the fourth power.": (
            (total.square() / fourth) ** 0.25
        ),
        "Weights are summed before their powers are taken: powers first.": (W.sum(2) ** 4 / fourth),
        "Sizes are summed before their powers are taken: powers first.": (
            W.abs().sum(2) ** 4 / fourth
        ),
    }


def listening(model: Module, x: Tensor) -> Slips:
    """Exercise 1.14, the hidden neurons."""
    W = model.W_in.detach()
    heard = x @ W.mT
    return {
        "The ReLU cuts x: it cuts what the neurons hear, W_in x.": (x.relu() @ W.mT).relu(),
        "The ReLU cuts W_in: it cuts W_in x.": x @ W.relu().mT,
        "|x| is fed in: the neurons hear x, with its signs.": (x.abs() @ W.mT).relu(),
        "That is a tanh, not a ReLU.": heard.tanh(),
        "That is a GELU, not a ReLU.": torch.nn.functional.gelu(heard),
        "That is a leaky ReLU: negative numbers become 0.": torch.nn.functional.leaky_relu(heard),
        "W_in x is divided by the root of n_features.": heard.relu() / x.shape[2] ** 0.5,
        "Other instances' features are added in: each has its own.": ((x.sum(0) @ W.mT).relu()),
    }


def speaking(model: Module, x: Tensor) -> Slips:
    """Exercise 1.14, the output."""
    W_in, W_out, bias = model.W_in.detach(), model.W_out.detach(), model.b.detach()[:, None]
    heard = x @ W_in.mT
    out = heard.relu() @ W_out.mT + bias
    return {
        "x is added: nothing goes around the neurons.": out.relu() + x,
        "x is added before the ReLU: nothing goes around the neurons.": (out + x).relu(),
        "It is cut at 1 as well: a ReLU has no upper end.": out.clamp(0, 1),
        "All instances use the first one's W_out.": (heard.relu() @ W_out[0].T + bias).relu(),
        "The ReLU cuts W_out: it cuts the output.": (
            (heard.relu() @ W_out.relu().mT + bias).relu()
        ),
        "The hidden layer takes |W_in x|: it has a ReLU.": (heard.abs() @ W_out.mT + bias).relu(),
        "|x| is fed in: the neurons hear x, with its signs.": (
            ((x.abs() @ W_in.mT).relu() @ W_out.mT + bias).relu()
        ),
    }
