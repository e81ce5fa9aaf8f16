"""Given code of universality.py and arcs.py: optimal matchings, and pictures of arcs."""

import itertools
import math

import pytest
import torch

from tests.grading.assertions import normal

pytestmark = pytest.mark.project


@pytest.mark.parametrize("rows, columns", [(1, 1), (2, 2), (3, 5), (5, 5), (4, 6)])
def test_no_other_matching_correlates_more(universality, rows, columns):
    for seed in range(10):
        first, second = normal(rows, 9, seed=seed), normal(columns, 9, seed=seed + 100)
        matching = universality.match_units(first, second)
        assert len(set(matching.assignment.tolist())) == rows
        pairs = universality.correlations(first, second)
        every = itertools.permutations(range(columns), rows)
        best = max(sum(pairs[row, way[row]].item() for row in range(rows)) for way in every)
        assert matching.correlation.sum().item() == pytest.approx(best)


def test_a_permutation_of_units_is_recovered(universality):
    curves, order = normal(7, 30, seed=0), torch.randperm(7)
    matching = universality.match_units(curves, 3 * curves[order] + 2)
    assert torch.equal(order[matching.assignment], torch.arange(7))
    torch.testing.assert_close(matching.correlation, torch.ones(7, dtype=torch.float64))


def test_a_constant_unit_has_correlation_zero(universality):
    curves = normal(3, 20, seed=1)
    curves[1] = 0.1
    alike = universality.correlations(curves, normal(4, 20, seed=2))
    assert (alike[1] == 0).all() and alike.isfinite().all()


def test_shifted_curves_keep_their_shape(universality):
    curves = normal(5, 12, seed=3)
    turned = universality.shift_curves(curves, torch.Generator().manual_seed(0))
    torch.testing.assert_close(turned.sort(dim=1).values, curves.sort(dim=1).values)
    turns = [int((turned[unit] == curves[unit, 0]).nonzero()) for unit in range(5)]
    assert len(set(turns)) > 1, "each curve has a turn of its own"
    for unit, turn in enumerate(turns):
        assert torch.equal(turned[unit], curves[unit].roll(turn))


@pytest.mark.parametrize(
    "first, second, words",
    [((3, 8), (2, 8), "at least as many units"), ((2, 8), (3, 8), "NaN")],
)
def test_curves_that_cannot_be_matched_raise(universality, first, second, words):
    curves = normal(*first, seed=4)
    if words == "NaN":
        curves[0, 0] = math.nan
    with pytest.raises(ValueError, match=words):
        universality.match_units(curves, normal(*second, seed=5))


def test_jaccard_index_by_hand(universality):
    first, second = torch.tensor([True, True, False]), torch.tensor([True, False, False])
    assert universality.jaccard(first, second) == 0.5
    assert universality.jaccard(~first & first, ~second & second) == 1


def test_an_arc_lies_on_the_side_of_its_bulge(arcs):
    """The middle of an arc is further out than its ends."""
    ways = 2 * math.pi * torch.arange(8) / 8
    picture = arcs.draw_arcs(ways, torch.ones(8) > 0, torch.Generator().manual_seed(0), noise=0.0)
    ink = picture.picture[:, 0].clamp(min=0)
    place = torch.arange(arcs.SIZE) - (arcs.SIZE - 1) / 2
    right, up = ink.sum(dim=1), ink.sum(dim=2).flip(1)
    for way, across, above in zip(ways, right, up, strict=True):
        mean = torch.stack([(m * place).sum() / m.sum() for m in (across, above)])
        toward = torch.stack([way.cos(), way.sin()])
        grid = place[None] * toward[0] + -place[:, None] * toward[1] - (mean @ toward)
        image = ink[int((ways == way).nonzero())]
        assert (image * grid**3).sum() < 0, "two ends behind, one middle ahead"


def test_dark_arcs_are_negatives_of_light_ones(arcs):
    ways = torch.tensor([0.3, 2.0])
    light, dark = (
        arcs.draw_arcs(ways, torch.tensor([on, on]), torch.Generator().manual_seed(1), noise=0.0)
        for on in (True, False)
    )
    torch.testing.assert_close(light.picture, -dark.picture)


def test_line_detectors_prefer_their_own_lines(arcs):
    kernels = arcs.line_detectors()
    assert kernels.sum(dim=(1, 2, 3)).abs().max() < 1e-6
    torch.testing.assert_close(kernels[4:], -kernels[:4])
    lines = torch.zeros(2, 5, 5)
    lines[0, 2, :], lines[1, :, 2] = 1, 1
    level, upright = (kernels[:4, 0] * lines[:, None]).sum(dim=(2, 3))
    assert level.argmax() == 0 and upright.argmax() == 2
