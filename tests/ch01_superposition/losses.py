"""Losses of a toy model by plain arithmetic: one input at a time, and averaged over all cases."""

import contextlib
import itertools
import math
from collections.abc import Callable, Iterator
from typing import NamedTuple

import torch
from torch import Tensor

from tests.grading.assertions import normal

from .shapes import weights

NODES = {
    1: [(0.5, 1.0)],
    2: [(0.5 - math.sqrt(1 / 12), 0.5), (0.5 + math.sqrt(1 / 12), 0.5)],
    3: [(0.5 - math.sqrt(0.15), 5 / 18), (0.5, 8 / 18), (0.5 + math.sqrt(0.15), 5 / 18)],
}
"""Gauss and Legendre's points of [0, 1] and their weights, as tables have them."""


class Problem(NamedTuple):
    """Arguments of a loss, all random and none zero."""

    W: Tensor
    b: Tensor
    importance: Tensor
    probability: Tensor


def problem(seed: int, inst: int, d_hidden: int, n_features: int) -> Problem:
    """A toy model's weights, what errors cost, and how often features are on."""
    costs, chances = (normal(inst, n_features, seed=seed + shift) for shift in (40, 60))
    b = 0.4 * normal(inst, n_features, seed=seed + 20)
    return Problem(weights(seed, inst, d_hidden, n_features), b, costs.exp(), chances.sigmoid())


def guess(W: list, b: list, x: list) -> list[float]:
    """W^T W x + b for one input, without a ReLU; W is a list of rows."""
    hidden = [sum(w * value for w, value in zip(row, x, strict=True)) for row in W]
    read = [sum(row[out] * h for row, h in zip(W, hidden, strict=True)) for out in range(len(x))]
    return [value + bias for value, bias in zip(read, b, strict=True)]


def relu(values: list[float]) -> list[float]:
    """What is not negative."""
    return [max(value, 0.0) for value in values]


def cost(x_hat: list, x: list, importance: list) -> float:
    """Squared errors, weighed and summed."""
    return sum(i * (a - t) ** 2 for i, a, t in zip(importance, x_hat, x, strict=True))


def relu_loss(W: list, b: list, importance: list, x: list) -> float:
    """The loss of ReLU(W^T W x + b) on one input."""
    return cost(relu(guess(W, b, x)), x, importance)


def no_relu(W: list, b: list, importance: list, x: list) -> float:
    """The loss of W^T W x + b on one input."""
    return cost(guess(W, b, x), x, importance)


def relu_before_the_bias(W: list, b: list, importance: list, x: list) -> float:
    """The loss of ReLU(W^T W x) + b on one input."""
    read = relu(guess(W, [0.0] * len(b), x))
    return cost([r + bias for r, bias in zip(read, b, strict=True)], x, importance)


def cases(chance: float, nodes: int) -> list[tuple[float, float]]:
    """What one feature can be, (strength, probability): off, or on at a node."""
    return [(0.0, 1 - chance), *((node, chance * weight) for node, weight in NODES[nodes])]


def average(
    task: Problem,
    nodes: int,
    options: Callable = cases,
    loss: Callable = relu_loss,
    weigh: Callable = math.prod,
) -> Tensor:
    """The expected loss of each instance, as a sum over all combinations of the features' cases.

    weigh: the probabilities of one combination -> its weight.
    """
    totals = []
    for W, b, importance, chances in zip(*(value.tolist() for value in task), strict=True):
        total = 0.0
        for chosen in itertools.product(*(options(chance, nodes) for chance in chances)):
            weight = weigh([chance for _, chance in chosen])
            total += weight * loss(W, b, importance, [strength for strength, _ in chosen])
        totals.append(total)
    return torch.tensor(totals, dtype=torch.float64)


def on_subsets(W: list, b: list, importance: list, n_on: int, nodes: int) -> float:
    """L_k: the mean loss over strengths with exactly the features of a set on, over all sets."""
    n, total = len(b), 0.0
    for members in itertools.combinations(range(n), n_on):
        for chosen in itertools.product(NODES[nodes], repeat=n_on):
            x = [0.0] * n
            for feature, (strength, _) in zip(members, chosen, strict=True):
                x[feature] = strength
            total += math.prod(w for _, w in chosen) * relu_loss(W, b, importance, x)
    return total


@contextlib.contextmanager
def hint(words: str) -> Iterator[None]:
    """Adds what an error probably means to its own words."""
    try:
        yield
    except NotImplementedError:
        raise
    except (RuntimeError, IndexError) as error:
        raise AssertionError(f"{type(error).__name__}: {error}\n{words}") from error
