"""Graders of interventions.py: replace the coordinate of activations along a direction."""

import pytest
import torch

from tests.grading import exercise
from tests.grading.assertions import check, normal
from tests.grading.odd_inputs import check_odd
from tests.grading.side_effects import assert_no_side_effects

BATCH, WIDTH = 5, 4
#: a direction of norm 1 would hide that it has to be normalised
norms = pytest.mark.parametrize("norm", [3.0, 0.2, 1.0])


def a_direction(width, seed, norm=1.7):
    way = normal(width, seed=seed)
    return way / way.norm() * norm


def replaced(acts, new, direction):
    """Each row with the coordinate of its row of `new`, number by number."""
    length = sum(x * x for x in direction.tolist()) ** 0.5
    unit = [x / length for x in direction.tolist()]
    rows = []
    for row, other in zip(acts.tolist(), new.tolist(), strict=True):
        gap = sum((b - a) * u for a, b, u in zip(row, other, unit, strict=True))
        rows.append([a + gap * u for a, u in zip(row, unit, strict=True)])
    return torch.tensor(rows, dtype=torch.float64)


def ablated(acts, direction, mean):
    return replaced(acts, mean.expand_as(acts), direction)


def swapped(acts, source, direction):
    return replaced(acts, source, direction)


@exercise("0.13")
def test_ablation_in_the_plane_by_hand(interventions):
    acts = torch.tensor([[7.0, 1.0], [-5.0, 5.0]])
    direction, mean = torch.tensor([3.0, 4.0]), torch.tensor([2.0, 1.0])
    claim = (
        "Along (3, 4) / 5 the mean (2, 1) has coordinate 2, and (7, 1) has 5: it becomes "
        "(7, 1) - 3 (.6, .8) = (5.2, -1.4). (-5, 5) has 1 and becomes (-4.4, 5.8)."
    )
    expected = torch.tensor([[5.2, -1.4], [-4.4, 5.8]])
    arguments = acts, direction, mean
    check(
        interventions.ablate_direction, *arguments, expected=expected, claim=claim, tolerance=1e-6
    )


@exercise("0.13")
@norms
def test_ablation_sets_the_coordinate_of_the_mean(interventions, norm):
    acts, mean = normal(BATCH, WIDTH, seed=0), normal(WIDTH, seed=20)
    direction = a_direction(WIDTH, 10, norm)
    expected = ablated(acts, direction, mean)
    claim = f"Ablating a direction of norm {norm}: each coordinate along it becomes the mean's."
    with assert_no_side_effects(acts=acts, direction=direction, mean=mean):
        interventions.ablate_direction(acts, direction, mean)
    for factor in (1, -0.01):
        arguments = acts, factor * direction, mean
        check(interventions.ablate_direction, *arguments, expected=expected, claim=claim)
    claim = "A second ablation changes nothing."
    check(interventions.ablate_direction, expected, direction, mean, expected=expected, claim=claim)


@exercise("0.13")
def test_ablation_on_odd_inputs(interventions):
    def make(batch, d_model):
        mean = normal(d_model, seed=31)
        return normal(batch, d_model, seed=30), a_direction(d_model, 32), mean

    skip = "zeros nan"  # a direction without a norm
    check_odd(interventions.ablate_direction, ablated, make, skip=skip, batch=5, d_model=4)


@exercise("0.14")
def test_a_swap_in_the_plane_by_hand(interventions):
    acts, source = torch.tensor([[7.0, 1.0], [1.0, 1.0]]), torch.tensor([[0.0, 0.0], [4.0, 7.0]])
    direction, expected = torch.tensor([3.0, 4.0]), torch.tensor([[4.0, -3.0], [4.96, 6.28]])
    claim = (
        "Along (3, 4) / 5: (7, 1) has coordinate 5 and its source (0, 0) has 0, so it becomes "
        "(7, 1) - 5 (.6, .8) = (4, -3). (1, 1) has 1.4, its source (4, 7) has 8: (4.96, 6.28)."
    )
    arguments = acts, source, direction
    check(interventions.swap_direction, *arguments, expected=expected, claim=claim, tolerance=1e-6)


@exercise("0.14")
@norms
def test_a_swap_sets_the_coordinate_of_the_source(interventions, norm):
    acts, source = normal(BATCH, WIDTH, seed=40), normal(BATCH, WIDTH, seed=50)
    direction = a_direction(WIDTH, 11, norm)
    expected = swapped(acts, source, direction)
    with assert_no_side_effects(acts=acts, source=source, direction=direction):
        interventions.swap_direction(acts, source, direction)
    swap, claim = interventions.swap_direction, f"Swapping along a direction of norm {norm}."
    check(swap, acts, source, direction, expected=expected, claim=claim)
    claim = "Swapping back with the old activation as source restores it."
    check(swap, expected, acts, direction, expected=acts, claim=claim)


@exercise("0.14")
def test_a_swap_on_odd_inputs(interventions):
    def make(batch, d_model):
        source = normal(batch, d_model, seed=31)
        return normal(batch, d_model, seed=30), source, a_direction(d_model, 32)

    skip = "zeros nan"  # a direction without a norm
    check_odd(interventions.swap_direction, swapped, make, skip=skip, batch=5, d_model=4)


@exercise("0.14")
def test_swaps_along_every_axis_give_the_source(interventions):
    acts, source = normal(BATCH, WIDTH, seed=63), normal(BATCH, WIDTH, seed=64)
    axes, _ = torch.linalg.qr(normal(WIDTH, WIDTH, seed=65))
    *others, last = axes.T
    for axis in others:
        acts = interventions.swap_direction(acts, source, 1.9 * axis)
    claim = "After swaps along all directions of an orthonormal basis, the source is left."
    check(interventions.swap_direction, acts, source, last, expected=source, claim=claim)
