"""The blind measure: how well does the best of a fixed list of phrases predict a unit?

1. On training text, choose for each unit the phrase whose truth correlates most with its
   activation.
2. On held-out documents, correlate again. This is the unit's score: 1 when the unit is a multiple
   of the phrase, 0 when the phrase does not predict it.

The rule does not know whether a unit is a neuron, a feature or a control. What it misses: any
meaning that no phrase of the list names (topics, syntax, longer contexts), and alternatives ("`of`
or `from`"). So a low score does not show that a unit means nothing; and single-token units score
high whatever the model does with them.
Axes: row (token positions), unit.
"""

from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from docs._figures.monosemanticity.contexts import MIN_COUNT, Partition

Acts = Float[Tensor, "row unit"]
TOP = 20
"""Strongest positions of a unit on which a label is checked."""


class Labels(NamedTuple):
    """The chosen phrase of each unit."""

    partition: Int[Tensor, " unit"]
    """Index of its partition."""
    cell: Int[Tensor, " unit"]
    """Its cell."""
    correlation: Float[Tensor, " unit"]
    """Correlation where the label was found."""

    def text(self, unit: int, partitions: list[Partition]) -> str:
        """Write the phrase of a unit."""
        return partitions[int(self.partition[unit])].phrase(int(self.cell[unit]))


class Scores(NamedTuple):
    """How well labels hold on held-out text, per unit."""

    correlation: Float[Tensor, " unit"]
    """Correlation of the phrase's truth with the activation: the score."""
    top: Float[Tensor, " unit"]
    """Share of the TOP strongest positions at which the phrase is true; NaN if never active."""
    firing: Float[Tensor, " unit"]
    """Share of all positions with an activation at which it is true; NaN if never active."""
    token: Float[Tensor, " unit"]
    """Share of the activation's variance that the current token explains."""
    density: Float[Tensor, " unit"]
    """Share of positions at which the unit is active."""


def find_labels(acts: Acts, partitions: list[Partition]) -> Labels:
    """Choose for each unit the phrase that correlates most with its activation."""
    mean, deviation = acts.mean(dim=0), acts.std(dim=0, correction=0)
    best = acts.new_full((acts.shape[1],), -2.0)
    which, cell = (torch.zeros(acts.shape[1], dtype=torch.long) for _ in range(2))
    for number, partition in enumerate(partitions):
        counts = partition.cell.bincount(minlength=partition.n_cells)
        sums = acts.new_zeros(partition.n_cells, acts.shape[1])
        sums.index_add_(0, partition.cell, acts)
        share = (counts / len(acts))[:, None]
        covariance = sums / len(acts) - share * mean
        found = covariance / ((share * (1 - share)).sqrt() * deviation)
        possible = (counts >= MIN_COUNT) & (counts < len(acts))
        if partition.name == "pair":
            possible[-1] = False  # all other pairs
        found[~possible] = -2.0
        largest, place = found.nan_to_num(-2.0).max(dim=0)
        better = largest > best
        best[better], which[better], cell[better] = largest[better], number, place[better]
    return Labels(which, cell, best)


def score_labels(acts: Acts, partitions: list[Partition], labels: Labels) -> Scores:
    """Check labels on other text than that on which they were found."""
    truth = torch.empty_like(acts)
    for number, partition in enumerate(partitions):
        mine = labels.partition == number
        truth[:, mine] = (partition.cell[:, None] == labels.cell[mine]).to(acts.dtype)
    strongest = acts.topk(TOP, dim=0).indices
    fires = (acts > 0).to(acts.dtype)
    never = fires.sum(dim=0) == 0
    nan = torch.tensor(float("nan"))
    return Scores(
        correlations(acts, truth),
        torch.where(never, nan, truth.gather(0, strongest).mean(dim=0)),
        torch.where(never, nan, (truth * fires).sum(dim=0) / fires.sum(dim=0)),
        explained_by(acts, partitions[0]),
        fires.mean(dim=0),
    )


def correlations(x: Acts, y: Acts) -> Float[Tensor, " unit"]:
    """Correlate two tables column by column; 0 where one is constant."""
    x, y = x - x.mean(dim=0), y - y.mean(dim=0)
    sizes = x.norm(dim=0) * y.norm(dim=0)
    return torch.where(sizes > 0, (x * y).sum(dim=0) / sizes, 0.0)


def explained_by(acts: Acts, partition: Partition) -> Float[Tensor, " unit"]:
    """Compute the share of variance between the cells of a partition, without its chance part.

    The chance part is corrected as in adjusted R squared. NaN where a unit is constant.
    """
    sums = acts.new_zeros(partition.n_cells, acts.shape[1])
    sums.index_add_(0, partition.cell, acts)
    counts = partition.cell.bincount(minlength=partition.n_cells)
    used = counts > 0
    between = (sums[used].square() / counts[used, None]).sum(dim=0)
    total = acts.square().sum(dim=0)
    around_mean = total - acts.sum(dim=0).square() / len(acts)
    unexplained = (total - between) / around_mean
    return 1 - unexplained * (len(acts) - 1) / (len(acts) - int(used.sum()))
