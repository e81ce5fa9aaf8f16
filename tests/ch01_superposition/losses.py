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
"""Gauss and Legendre's nodes on [0, 1] and their weights, as tables have them."""


class Problem(NamedTuple):
    """Arguments of a loss, all random and none zero."""

    W: Tensor
    b: Tensor
    importance: Tensor
    probability: Tensor


def problem(seed: int, inst: int, d_hidden: int, n_features: int) -> Problem:
    """Draw a toy model's weights, importances and probabilities."""
    costs, chances = (normal(inst, n_features, seed=seed + shift) for shift in (40, 60))
    b = 0.4 * normal(inst, n_features, seed=seed + 20)
    return Problem(weights(seed, inst, d_hidden, n_features), b, costs.exp(), chances.sigmoid())


def sparse(x: Tensor) -> Tensor:
    """Examples as superposition has them: most features 0, and all of the first example's."""
    kept = torch.where(x > 0.5, x, 0.0)
    kept[:, 0] = 0.0
    return kept


def linear_output(W: list, b: list, x: list) -> list[float]:
    """W^T W x + b for one input; W is a list of rows."""
    hidden = [sum(w * value for w, value in zip(row, x, strict=True)) for row in W]
    read = [sum(row[out] * h for row, h in zip(W, hidden, strict=True)) for out in range(len(x))]
    return [value + bias for value, bias in zip(read, b, strict=True)]


def squares(x_hat: list, x: list, importance: list) -> float:
    """Squared errors, weighted and summed."""
    return sum(i * (a - t) ** 2 for i, a, t in zip(importance, x_hat, x, strict=True))


def relu_loss(W: list, b: list, importance: list, x: list) -> float:
    """The loss of ReLU(W^T W x + b) on one input."""
    return squares([max(value, 0.0) for value in linear_output(W, b, x)], x, importance)


def average(task: Problem, nodes: int, loss: Callable = relu_loss) -> Tensor:
    """The expected loss of each instance, as a sum over all combinations of strengths."""
    totals = []
    for W, b, importance, chances in zip(*(value.tolist() for value in task), strict=True):
        total = 0.0
        states = [[(0.0, 1 - p), *((t, p * w) for t, w in NODES[nodes])] for p in chances]
        for chosen in itertools.product(*states):
            weight = math.prod(chance for _, chance in chosen)
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
    """Add the likely cause of an error to its message."""
    try:
        yield
    except NotImplementedError:
        raise
    except (RuntimeError, IndexError) as error:
        raise AssertionError(f"{type(error).__name__}: {error}\n{words}") from error
