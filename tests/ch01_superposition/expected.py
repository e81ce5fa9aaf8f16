"""Mistakes about the expected loss: words -> what such an answer gives."""

import math

import torch

from . import slips
from .losses import NODES, average, cases, no_relu, relu_before_the_bias, relu_loss


def options(change):
    """Another way to list what a feature can be, from its probability and the nodes' table."""
    return lambda chance, nodes: change(chance, NODES[nodes])


def on_or_off(strength):
    """A feature that is off, or on with one strength."""
    return options(lambda p, table: [(0.0, 1 - p), (strength, p)])


OPTIONS = {
    "Density and sparsity are exchanged: p is the probability to be ON.": options(
        lambda p, table: [(0.0, p), *((t, (1 - p) * w) for t, w in table)]
    ),
    "The nodes' weights are forgotten: all nodes count alike here.": options(
        lambda p, table: [(0.0, 1 - p), *((t, p / len(table)) for t, _ in table)]
    ),
    "Every node has probability p: they share it, p times the node's weight.": options(
        lambda p, table: [(0.0, 1 - p), *((t, p) for t, _ in table)]
    ),
    "The nodes lie on [-1, 1], not on [0, 1].": options(
        lambda p, table: [(0.0, 1 - p), *((2 * t - 1, p * w) for t, w in table)]
    ),
    "The weights are those of [-1, 1], which sum to 2.": options(
        lambda p, table: [(0.0, 1 - p), *((t, 2 * p * w) for t, w in table)]
    ),
    "Nodes and weights are those of [-1, 1], not of [0, 1].": options(
        lambda p, table: [(0.0, 1 - p), *((2 * t - 1, 2 * p * w) for t, w in table)]
    ),
    "Features are never off: the case 0, with probability 1 - p, is missing.": options(
        lambda p, table: [(t, p * w) for t, w in table]
    ),
    "Features are always on: p plays no part.": options(
        lambda p, table: [(t, w) for t, w in table]
    ),
    "A feature that is on has its mean strength, 1/2, alone.": on_or_off(0.5),
    "A feature that is on has strength 1 alone.": on_or_off(1.0),
    "The weight of being off is 1: it is 1 - p.": options(
        lambda p, table: [(0.0, 1.0), *((t, p * w) for t, w in table)]
    ),
}
NEARLY = {
    "A feature that is on has the nodes' weights alone: they share p, p times the weight.": options(
        lambda p, table: [(0.0, 1 - p), *((t, w) for t, w in table)]
    ),
    "The mean input stands for all: average the loss, not x.": lambda p, nodes: [(p / 2, 1.0)],
    "Nodes lie evenly: `quadrature_nodes` gives Gauss and Legendre's and their weights.": (
        lambda p, n: [(0.0, 1 - p), *((i / max(n - 1, 1), p / n) for i in range(n))]
    ),
    "Nodes lie evenly, half a step from the ends: `quadrature_nodes` gives others.": (
        lambda p, n: [(0.0, 1 - p), *(((i + 0.5) / n, p / n) for i in range(n))]
    ),
}
COUNTED = {
    "Inputs with several features on are left out.": lambda n_on: n_on <= 1,
    "The input without any feature is left out: its biases cost too.": lambda n_on: n_on > 0,
}
MAPS = {
    "The probabilities of a combination are added up: multiply them.": sum,
    "The mean of the probabilities of a combination is taken: multiply them.": (
        lambda chances: sum(chances) / len(chances)
    ),
    "Combinations are added up without their probabilities.": lambda chances: 1.0,
    "The first feature's probability weighs the combination: multiply all.": lambda c: c[0],
}


def same_node(task, nodes):
    """All features that are on have the same strength."""
    shares = [w * average(task, nodes, on_or_off(t)) for t, w in NODES[nodes]]
    return torch.stack(shares).sum(0)


def diagonal(task, nodes, weigh=math.prod):
    """All features are in the same case: all off, or all on at the same node."""
    totals = []
    for W, b, importance, chances in zip(*(value.tolist() for value in task), strict=True):
        total = 0.0
        for case in range(nodes + 1):
            chosen = [cases(chance, nodes)[case] for chance in chances]
            loss = relu_loss(W, b, importance, [t for t, _ in chosen])
            total += weigh([c for _, c in chosen]) * loss
        totals.append(total)
    return torch.tensor(totals, dtype=torch.float64)


def counted(which):
    """The loss of inputs with certain numbers of features on; others cost nothing."""

    def loss(W, b, importance, x):
        n_on = sum(value != 0 for value in x)
        return relu_loss(W, b, importance, x) if which(n_on) else 0.0

    return loss


def rarer_mistakes(task, nodes):
    """Words -> what rarer mistakes give."""
    n = task.b.shape[1]
    alone = torch.zeros(len(task.b), dtype=torch.float64)
    for feature in range(n):
        chances = task.probability * (torch.arange(n) == feature)
        alone += average(task._replace(probability=chances), nodes)
    chances = task.probability
    swapped = torch.cat([chances[:, :2].flip(1), chances[:, 2:]], dim=1)
    words = "Strengths and probabilities belong to other features: take both from one list"
    return {
        **{words: average(task, nodes, way) for words, way in NEARLY.items()},
        **{words: average(task, nodes, loss=counted(way)) for words, way in COUNTED.items()},
        **slips.first_only(task, lambda changed: average(changed, nodes)),
        f"{words}.": average(task._replace(probability=chances.flip(1)), nodes),
        f"{words} (meshgrid has two orders, indexing).": (
            average(task._replace(probability=swapped), nodes)
        ),
        "Features are on one at a time, and the losses added up: several can be on.": alone,
        "There is a ReLU at the hidden layer too.": average(task, nodes, loss=slips.filtered),
        "It is divided by the number of instances.": average(task, nodes) / len(task.b),
    }


def mistakes(task, nodes):
    """Words -> what the usual mistakes about the expected loss give."""
    inst, n = task.b.shape
    right = average(task, nodes)
    alike = task.probability.mean(1, keepdim=True).expand(inst, n)
    diagonals = "All features are in the same case: list every combination of their cases."
    return {
        **{words: average(task, nodes, way) for words, way in OPTIONS.items()},
        **{words: average(task, nodes, weigh=way) for words, way in MAPS.items()},
        "That is a plain mean over the combinations: their probabilities are the mean.": (
            average(task, nodes, weigh=lambda chances: (nodes + 1) ** -n)
        ),
        "The weighed sum is divided by the number of combinations: the probabilities are the "
        "mean.": right / (nodes + 1) ** n,
        "All features share one node: each has a strength of its own.": same_node(task, nodes),
        diagonals: diagonal(task, nodes),
        f"{diagonals} ": diagonal(task, nodes, lambda chances: chances[0]),
        "The ReLU is missing.": average(task, nodes, loss=no_relu),
        "The ReLU comes before the bias.": average(task, nodes, loss=relu_before_the_bias),
        "The bias is ignored.": average(task._replace(b=0 * task.b), nodes),
        "Importance is not applied.": average(
            task._replace(importance=torch.ones_like(task.b)), nodes
        ),
        "The importance is squared.": average(
            task._replace(importance=task.importance.square()), nodes
        ),
        "The first feature's probability serves for all.": average(
            task._replace(probability=task.probability[:, :1].expand(inst, n)), nodes
        ),
        "The mean probability serves for all features.": average(
            task._replace(probability=alike), nodes
        ),
        "That is a mean over the features: sum.": right / n,
        "The instances are averaged: each has its own loss.": right.mean().expand(inst),
    }
