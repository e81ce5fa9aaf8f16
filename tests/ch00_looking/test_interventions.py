"""Graders of interventions.py: an activation's coordinate along a direction, set to another one."""

import pytest
import torch

from tests.grading import exercise
from tests.grading.assertions import assert_close, normal
from tests.grading.side_effects import assert_no_side_effects

BATCH, WIDTH = 5, 4
#: seed and length of the direction: one of length 1 would hide that it has to be normalised
CASES = [(0, 3.0), (1, 0.2), (2, 1.0)]
each_case = pytest.mark.parametrize("seed, length", CASES)


def the_direction(seed, length):
    way = normal(WIDTH, seed=seed + 10)
    return way / way.norm() * length


def coordinates(acts, unit):
    """The coordinate of each row along a unit vector, number by number."""
    rows = [sum((x * u).item() for x, u in zip(row, unit, strict=True)) for row in acts]
    return torch.tensor(rows, dtype=torch.float64)[:, None]


def geometry_mistakes(acts, wanted, direction):
    """Words -> what the usual mistakes about a direction give; wanted: rows that have the
    coordinate that is to be put in."""
    length = direction.norm()
    unit = direction / length
    own, new = coordinates(acts, unit), coordinates(wanted, unit)
    return {
        "The direction is not normalised: divide it by its length.": (
            acts + (new - own) * length * direction
        ),
        "The direction is not normalised: one of its two factors is a unit vector, the other is "
        "not.": acts + (new - own) * direction,
        "The direction is divided by the square of its length, twice: use direction / "
        "direction.norm().": acts + (new - own) / length**3 * direction / length,
        "The direction is normalised by the sum of its absolute entries, not by its length.": (
            acts + (new - own) * (length / direction.abs().sum()) ** 2 * unit
        ),
        "The coordinate that was there is not taken away first.": acts + new * unit,
        "Only the part along the direction is left: everything at right angles to it must stay.": (
            new * unit.expand_as(acts)
        ),
        "The direction is kept and all else is replaced: it is the other way round.": (
            wanted + (own - new) * unit
        ),
        "All of the activation is replaced: only the coordinate along the direction is.": (
            wanted.expand_as(acts)
        ),
        "Nothing changed.": acts,
        "The change goes the wrong way.": acts - (new - own) * unit,
        "It is changed twice as far (a reflection).": acts + 2 * (new - own) * unit,
        "Every example gets the first one's change.": acts + (new - own)[:1] * unit,
        "Every example gets the mean change.": acts + (new - own).mean() * unit,
        "Every entry gets the change in full: multiply it by the unit direction.": (
            acts + (new - own)
        ),
    }


@exercise("0.13")
def test_ablation_in_the_plane_worked_by_hand(interventions):
    acts = torch.tensor([[7.0, 1.0], [-5.0, 5.0]])
    direction, mean = torch.tensor([3.0, 4.0]), torch.tensor([2.0, 1.0])
    claim = (
        "Along (3, 4) / 5 the mean (2, 1) has coordinate 2, and (7, 1) has 5: it loses 3 of them "
        "and becomes (7, 1) - 3 (.6, .8) = (5.2, -1.4). (-5, 5) has 1 and becomes (-4.4, 5.8)."
    )
    right = torch.tensor([[5.2, -1.4], [-4.4, 5.8]])
    mistakes = ablation_mistakes(acts, direction, mean)
    assert_close(
        interventions.ablate_direction(acts, direction, mean), right, claim, mistakes, 1e-6
    )


def ablation_mistakes(acts, direction, mean):
    """Words -> what the usual mistakes give."""
    length = direction.norm()
    unit = direction / length
    removed = acts - coordinates(acts, unit) * unit
    raw = acts - coordinates(acts, direction) * direction
    return {
        "The mean is forgotten: the coordinate becomes 0, which may be far from anything the model "
        "has ever seen.": removed,
        "The mean is forgotten, and the direction is not normalised.": raw,
        "The whole mean is added: only its coordinate along the direction is.": removed + mean,
        "The mean is subtracted and never added back.": (
            acts - mean - coordinates(acts - mean, unit) * unit
        ),
        "The mean's coordinate is taken away once more, not put in.": (
            removed - coordinates(mean[None], unit) * unit
        ),
        "The coordinate's place is taken by the mean over THIS batch: use the mean that is "
        "given.": removed + coordinates(acts.mean(0, keepdim=True), unit) * unit,
        "The mean's length is put in, not its coordinate along the direction.": (
            removed + mean.norm() * unit
        ),
        "The average of the mean's entries is put in, not its coordinate along the direction.": (
            removed + mean.mean() * unit
        ),
        "The direction is not normalised where the mean's coordinate is put in.": (
            removed + coordinates(mean[None], direction) * direction
        ),
        "The direction is not normalised where the coordinate is taken away.": (
            raw + coordinates(mean[None], unit) * unit
        ),
    } | geometry_mistakes(acts, mean[None], direction)


@exercise("0.13")
@each_case
def test_ablation_gives_every_activation_the_means_coordinate(interventions, seed, length):
    acts, mean = normal(BATCH, WIDTH, seed=seed), normal(WIDTH, seed=seed + 20)
    direction = the_direction(seed, length)
    unit = direction / length
    with assert_no_side_effects(acts=acts, direction=direction, mean=mean):
        came = interventions.ablate_direction(acts, direction, mean)
    right = acts - (coordinates(acts, unit) - coordinates(mean[None], unit)) * unit
    claim = f"Ablating a direction of length {length}: each coordinate along it becomes the mean's."
    assert_close(came, right, claim, ablation_mistakes(acts, direction, mean))


@exercise("0.13")
def test_ablating_twice_or_along_a_longer_or_opposite_direction_is_the_same(interventions):
    acts, mean = normal(BATCH, WIDTH, seed=30), normal(WIDTH, seed=31)
    direction = the_direction(32, 1.7)
    once = interventions.ablate_direction(acts, direction, mean)
    claim = "A second ablation changes nothing: the coordinate is the mean's already."
    assert_close(interventions.ablate_direction(once, direction, mean), once, claim)
    for factor in (100.0, -0.01):
        claim = f"{factor} times the direction is the same line, so the result is the same."
        words = {
            "Is the direction normalised?": interventions.ablate_direction(acts, direction, mean)
            * 0
        }
        assert_close(
            interventions.ablate_direction(acts, factor * direction, mean), once, claim, words
        )


def swap_mistakes(acts, source, direction):
    """Words -> what the usual mistakes give."""
    unit = direction / direction.norm()
    own, theirs = coordinates(acts, unit), coordinates(source, unit)
    raw = coordinates(source - acts, direction)
    removed = acts - own * unit
    return {
        "The coordinate of acts is put into the source: it is the other way round, the result is "
        "acts with the SOURCE's coordinate.": source + (own - theirs) * unit,
        "The direction is removed, and the source's coordinate is not put in.": removed,
        "The whole source is added: only its coordinate along the direction is.": removed + source,
        "The mean over the sources is put in: each activation has its own source.": (
            removed + theirs.mean() * unit
        ),
        "The first source's coordinate is put into every activation.": removed + theirs[:1] * unit,
        "The sources are in another order: row i of acts gets row i of source.": (
            removed + theirs.flip(0) * unit
        ),
        "The direction is not normalised: the change is (source - acts) . direction times "
        "direction, which is length squared times too much.": acts + raw * direction,
        "It goes half way only.": acts + (theirs - own) / 2 * unit,
        "The source's coordinate is turned round.": removed - theirs * unit,
    } | geometry_mistakes(acts, source, direction)


@exercise("0.14")
def test_a_swap_in_the_plane_worked_by_hand(interventions):
    acts, source = torch.tensor([[7.0, 1.0], [1.0, 1.0]]), torch.tensor([[0.0, 0.0], [4.0, 7.0]])
    direction = torch.tensor([3.0, 4.0])
    claim = (
        "Along (3, 4) / 5: (7, 1) has coordinate 5 and its source (0, 0) has 0, so it becomes "
        "(7, 1) - 5 (.6, .8) = (4, -3). (1, 1) has 1.4, its source (4, 7) has 8: (4.96, 6.28)."
    )
    right = torch.tensor([[4.0, -3.0], [4.96, 6.28]])
    mistakes = swap_mistakes(acts, source, direction)
    assert_close(
        interventions.swap_direction(acts, source, direction), right, claim, mistakes, 1e-6
    )


@exercise("0.14")
@each_case
def test_a_swap_gives_each_activation_its_sources_coordinate(interventions, seed, length):
    acts, source = normal(BATCH, WIDTH, seed=seed + 40), normal(BATCH, WIDTH, seed=seed + 50)
    direction = the_direction(seed, length)
    unit = direction / length
    with assert_no_side_effects(acts=acts, source=source, direction=direction):
        came = interventions.swap_direction(acts, source, direction)
    right = acts + (coordinates(source, unit) - coordinates(acts, unit)) * unit
    claim = f"Swapping along a direction of length {length}."
    assert_close(came, right, claim, swap_mistakes(acts, source, direction))


@exercise("0.14")
def test_swapping_back_restores_the_activation(interventions):
    acts, source = normal(BATCH, WIDTH, seed=60), normal(BATCH, WIDTH, seed=61)
    direction = the_direction(62, 2.3)
    there = interventions.swap_direction(acts, source, direction)
    claim = "With the old activation as source, a second swap brings the old one back."
    assert_close(interventions.swap_direction(there, acts, direction), acts, claim)
    claim = "An activation that is its own source stays as it is."
    assert_close(interventions.swap_direction(acts, acts, direction), acts, claim)


@exercise("0.14")
def test_swaps_along_every_axis_make_the_source(interventions):
    acts, source = normal(BATCH, WIDTH, seed=63), normal(BATCH, WIDTH, seed=64)
    axes, _ = torch.linalg.qr(normal(WIDTH, WIDTH, seed=65))
    for axis in axes.T:
        acts = interventions.swap_direction(acts, source, 1.9 * axis)
    claim = "Swapped along all directions of a right-angled frame, nothing of the old one is left."
    assert_close(acts, source, claim)
