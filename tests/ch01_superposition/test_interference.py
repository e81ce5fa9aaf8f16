"""Graders of geometry.py: how much the others disturb a feature, and which of them do."""

import math

import pytest
import torch

from tests.grading import exercise
from tests.grading.assertions import assert_close
from tests.grading.side_effects import assert_no_side_effects

from . import geometry_slips
from .shapes import columns, pairs, ring, rotation, weights

seeds = pytest.mark.parametrize("seed", [0, 1])


def others(W):
    """True for each pair of two different features."""
    return ~torch.eye(W.shape[-1], dtype=torch.bool)


def disturbance(W):
    """The sum of (What_i . W_j)^2 over j other than i, number by number."""
    inst, _, n = W.shape
    along, result = pairs(W), torch.zeros(inst, n, dtype=torch.float64)
    for this in range(n):
        for other in range(n):
            if other != this:
                result[:, this] += along[:, this, other] ** 2
    return result


def interference_mistakes(W):
    """Words -> what the usual mistakes about interference give."""
    mask, along, squares = others(W), pairs(W), W.square().sum(1)
    right = disturbance(W)
    return {
        "The feature itself is counted: the sum leaves out j = i.": along.square().sum(2),
        "Both are at length 1 (cosines): only What_i is, W_j keeps its length.": (
            (mask * pairs(W, "this other").square()).sum(2)
        ),
        "The other feature, W_j, is at length 1 (or the sum runs over the wrong axis): What_i "
        "asks, the sum runs over j.": (mask * along.square()).sum(1),
        "Neither is at length 1: What_i is.": (mask * pairs(W, "").square()).sum(2),
        "The overlaps are not squared.": (mask * along).sum(2),
        "Sizes are summed: sum SQUARES.": (mask * along).abs().sum(2),
        "The sum is squared: sum the squares.": (mask * along).sum(2).square(),
        "That is a mean over the features: sum.": (mask * along.square()).mean(2),
        "That is a mean over the other features: sum.": right / (W.shape[-1] - 1),
        "That is the largest of the others alone: sum.": (mask * along.square()).amax(2),
        "Only positive overlaps are counted: squares count both.": (
            (mask * along.clamp(min=0).square()).sum(2)
        ),
        "That is the share, interference over squared length: it is the sum itself.": (
            right / squares
        ),
        "The feature's whole squared length is taken away from cosines: leave out j = i.": (
            pairs(W, "this other").square().sum(2) - squares
        ),
        "It is averaged over the instances: each has its own.": right.mean(0).expand_as(right),
        "Each pair is counted for one of the two only.": ((mask.triu() * along.square()).sum(2)),
        "That is the square root: the sum of squares itself is asked for.": right.sqrt(),
    } | geometry_slips.disturbing(W)


@exercise("1.8")
def test_interference_of_three_features_worked_by_hand(geometry):
    W = columns([2.0, 0.0], [3.0, 4.0], [0.0, -1.0])
    claim = "W_0 = (2, 0), W_1 = (3, 4), W_2 = (0, -1) meet 3^2, 1.2^2 + .8^2 and 4^2."
    right = torch.tensor([[9.0, 2.08, 16.0]], dtype=torch.float64)
    assert_close(geometry.interference(W), right, claim, interference_mistakes(W))


@exercise("1.8")
@pytest.mark.parametrize("shape", [(3, 4, 6), (4, 4, 4), (1, 6, 2)])
def test_interference_sums_the_squares_of_what_lies_along_a_feature(geometry, shape):
    W = weights(1, *shape)
    with assert_no_side_effects(W=W):
        came = geometry.interference(W)
    claim = "Feature i meets the sum over j != i of (What_i . W_j)^2."
    assert_close(came, disturbance(W), claim, interference_mistakes(W))


@exercise("1.8")
def test_features_at_right_angles_disturb_nobody(geometry):
    lengths = torch.tensor([0.5, 1.0, 1.5, 2.0], dtype=torch.float64)
    W = (rotation(4, seed=4) * lengths)[None]
    claim = "Features at right angles disturb nobody, whatever their lengths."
    right = torch.zeros(1, 4, dtype=torch.float64)
    assert_close(geometry.interference(W), right, claim, interference_mistakes(W))


@exercise("1.8")
def test_an_absent_feature_meets_no_interference_and_makes_none(geometry):
    W = weights(5)
    W[0, :, 1], W[2] = 0.0, 0.0
    came = geometry.interference(W)
    assert not came.isnan().any(), (
        "A feature of length 0 gives NaN: its interference is 0. `unit_directions` gives zeros "
        "for it."
    )
    claim = "A feature of length 0 meets no interference and makes none."
    assert_close(came, disturbance(W), claim, interference_mistakes(W))


def partnership(W, threshold):
    """Who is whose partner, pair by pair."""
    inst, _, n = W.shape
    cosine, found = pairs(W, "this other").tolist(), torch.zeros(inst, n, n, dtype=torch.bool)
    for place in range(inst):
        for this in range(n):
            for other in range(n):
                near = abs(cosine[place][this][other]) > threshold
                found[place, this, other] = near and this != other
    return found


def partner_mistakes(W, threshold):
    """Words -> what the usual mistakes about partners give."""
    mask, cosine = others(W), pairs(W, "this other")
    right = partnership(W, threshold)
    return {
        "A feature is its own partner here: leave the diagonal out.": cosine.abs() > threshold,
        "Only positive cosines are found: opposites are partners too, the size counts.": (
            mask & (cosine > threshold)
        ),
        "Only opposites are found: features on the same side are partners too.": (
            mask & (cosine < -threshold)
        ),
        "Overlaps are compared with the threshold: cosines know no lengths, both features are at "
        "length 1.": mask & (pairs(W, "").abs() > threshold),
        "Only one of the two is at length 1: a cosine has both.": (
            mask & (pairs(W).abs() > threshold)
        ),
        "Only one of the two is brought to length 1: a cosine has both.": (
            mask & (pairs(W, "other").abs() > threshold)
        ),
        "SQUARED cosines are compared with the threshold.": mask & (cosine.square() > threshold),
        "Those BELOW the threshold are found.": mask & (cosine.abs() <= threshold),
        "All but the partners are found.": ~right,
        "Each pair is found from one side only: partners are partners both ways.": right.triu(),
        "Only the nearest feature is found: all above the threshold are partners.": (
            right & (cosine.abs() == (mask * cosine.abs()).amax(2, keepdim=True))
        ),
        "Partners in any instance are found in all: each is a model by itself.": (
            right.any(0).expand_as(right)
        ),
    } | geometry_slips.pairing(W, threshold)


@exercise("1.8")
def test_partners_of_known_angles(geometry):
    degrees, lengths = [0, 180, 60, 90, 250], [1.0, 0.2, 3.0, 0.5, 2.0]
    vectors = []
    for angle, length in zip(map(math.radians, degrees), lengths, strict=True):
        vectors.append([length * math.cos(angle), length * math.sin(angle)])
    W = columns(*vectors)
    right = torch.zeros(1, 5, 5, dtype=torch.bool)
    for this, other in [(0, 1), (2, 3), (2, 4), (3, 4)]:  # at 180, 30, 190 and 160 degrees
        right[0, this, other] = right[0, other, this] = True
    claim = (
        "Directions at 0, 180, 60, 90 and 250 degrees: above |cosine| .6 are exactly the pairs "
        "0-1, 2-3, 2-4 and 3-4 (1 for a partner)."
    )
    assert_close(geometry.partners(W, 0.6), right, claim, partner_mistakes(W, 0.6))


@exercise("1.8")
@pytest.mark.parametrize("threshold", [0.15, 0.5, 0.8])
def test_partners_are_the_others_whose_cosine_exceeds_the_threshold(geometry, threshold):
    W = weights(9)
    with assert_no_side_effects(W=W):
        came = geometry.partners(W, threshold)
    claim = f"Partners are all other features with |cosine| above {threshold} (1 for a partner)."
    assert_close(came, partnership(W, threshold), claim, partner_mistakes(W, threshold))


@exercise("1.8")
def test_partners_need_more_than_the_threshold_and_a_direction(geometry):
    W = columns([3.0, 0.0, 0.0], [0.0, 2.0, 0.0], [0.0, 0.0, 0.5])
    claim = (
        "At threshold 0 features at right angles, with cosine 0, are still no partners: it has to "
        "be EXCEEDED (>, not >=), and no feature is its own."
    )
    none = torch.zeros(1, 3, 3, dtype=torch.bool)
    assert_close(geometry.partners(W, 0.0), none, claim)
    W[0, :, 1] = torch.tensor([2.0, 2.0, 0.0])
    W[0, :, 2] = 0.0
    came = geometry.partners(W, 0.3)
    assert not came[0, 2].any() and not came[0, :, 2].any(), (
        "A feature of length 0 has a partner, or is one; it has no direction."
    )


@exercise("1.8")
@seeds
def test_neither_turning_nor_stretching_features_changes_their_partners(geometry, seed):
    W = ring(5)[None] * weights(seed, 2, 1, 5).abs().add(0.1)
    W = rotation(2, seed=seed) @ W
    claim = (
        "In a pentagon whose corners have unequal lengths, and which is turned, all are partners "
        "above .3 (the cosines are .309 and -.809), and above .5 each has the two farthest."
    )
    for threshold in (0.3, 0.5):
        came = geometry.partners(W, threshold)
        assert_close(came, partnership(W, threshold), claim, partner_mistakes(W, threshold))
