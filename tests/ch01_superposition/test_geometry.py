"""Graders of geometry.py: dimensionalities (1.6, 1.7), interference and partners (1.8)."""

import math

import pytest
import torch

from tests.grading import exercise
from tests.grading.assertions import assert_close, check
from tests.grading.odd_inputs import check_odd

from .shapes import SHAPES, antiprism, columns, pairs, ring, rotation, weights

seeds = pytest.mark.parametrize("seed", [0, 1])
UNEQUAL = columns([2.0, 0.0], [3.0, 4.0], [0.0, -1.0])


def some_weights(inst, d_hidden, n_features):
    return (weights(2, inst, d_hidden, n_features),)


def mean_dimensions(W):
    """d_hidden over the sum of squares, number by number."""
    squares = [sum(w**2 for row in model for w in row) for model in W.tolist()]
    ratios = [W.shape[1] / total if total else math.inf for total in squares]
    return torch.tensor(ratios, dtype=torch.float64)


def dimensionality(W):
    """||W_i||^2 over the sum of squares of everything along it, number by number."""
    shared = pairs(W).square().sum(2)
    return torch.where(shared > 0, W.square().sum(1) / shared, 0.0)


def total_interference(W):
    """The sum of (What_i . W_j)^2 over j other than i."""
    along = pairs(W)
    return along.square().sum(2) - along.diagonal(dim1=1, dim2=2).square()


def partnership(W, threshold):
    """Pairs of different features with |cosine| above the threshold, pair by pair."""
    near = pairs(W, "this other").abs() > threshold
    return near & ~torch.eye(W.shape[-1], dtype=torch.bool)


@exercise("1.6")
def test_dimensions_per_feature_by_hand(geometry):
    W = torch.tensor([[[1.0, 0, 0], [0, 1, 0]], [[1, -1, 0], [0, 0, 2]]], dtype=torch.float64)
    claim = "Two features of norm 1 in two dimensions: D* = 2 / 2. Squares 1 + 1 + 4: D* = 2 / 6."
    expected = torch.tensor([1, 1 / 3], dtype=torch.float64)
    check(geometry.dimensions_per_feature, W, expected=expected, claim=claim)


@exercise("1.6")
@pytest.mark.parametrize("shape", [(3, 4, 6), (2, 5, 3), (1, 7, 7), (4, 4, 4)])
def test_dimensions_per_feature_is_d_hidden_over_squares(geometry, shape):
    W = weights(2, *shape)
    claim = "D* of each instance is d_hidden over the sum of the squares of all its weights."
    check(geometry.dimensions_per_feature, W, expected=mean_dimensions(W), claim=claim)


@exercise("1.6")
def test_dimensions_per_feature_on_odd_inputs(geometry):
    answer, sizes = geometry.dimensions_per_feature, {"inst": 3, "d_hidden": 4, "n_features": 6}
    check_odd(answer, mean_dimensions, some_weights, skip="nan", **sizes)


@exercise("1.7")
def test_dimensionality_of_unequal_features_by_hand(geometry):
    claim = (
        "For W_0 = (2, 0), W_1 = (3, 4), W_2 = (0, -1): D_0 = 4 / (4 + 9 + 0), D_1 = "
        "25 / (1.44 + 25 + .64), D_2 = 1 / (0 + 16 + 1)."
    )
    expected = torch.tensor([[4 / 13, 25 / 27.08, 1 / 17]], dtype=torch.float64)
    check(geometry.feature_dimensionality, UNEQUAL, expected=expected, claim=claim)


@exercise("1.7")
@pytest.mark.parametrize("shape", SHAPES)
def test_corners_of_a_polytope_have_their_fraction(geometry, shape):
    corners, fraction = SHAPES[shape]
    size, n = corners.shape
    # The polytope, a digon and a single feature in orthogonal subspaces of a larger space.
    W = torch.block_diag(corners, SHAPES["digon"][0], SHAPES["dedicated"][0])
    W = (rotation(len(W), seed=1) @ W)[None]
    expected = torch.tensor([[fraction] * n + [0.5, 0.5, 1.0]], dtype=torch.float64)
    claim = (
        f"Each corner of a {shape} ({n} in {size} dimensions) has {fraction:.6g} of a dimension; "
        "the orthogonal digon has 1/2 per feature, the orthogonal single feature 1."
    )
    check(geometry.feature_dimensionality, W, expected=expected, claim=claim)


@exercise("1.7")
def test_dimensionalities_of_a_tight_frame_sum_to_d_hidden(geometry):
    unit = antiprism(1 / 3)[None]
    unequal = rotation(8, seed=3)[:3][None]  # orthonormal rows: tight, with unequal columns
    W = torch.cat([unit, 1.7 * unequal])
    actual = geometry.feature_dimensionality(W)
    claim = "Features of a tight frame in 3 dimensions have 3 dimensions in all."
    assert_close(actual.sum(1), torch.full((2,), 3.0, dtype=torch.float64), claim)
    claim = "In a tight frame with rows of norm 1.7 feature i has ||W_i||^2 / 1.7^2."
    assert_close(actual[1], W[1].square().sum(0) / 1.7**2, claim)


@exercise("1.7")
@pytest.mark.parametrize("shape", [(3, 4, 6), (4, 4, 4)])
def test_dimensionality_is_the_squared_norm_over_its_share(geometry, shape):
    W = weights(4, *shape)
    claim = "D_i = ||W_i||^2 / sum_j (What_i . W_j)^2, in every instance."
    check(geometry.feature_dimensionality, W, expected=dimensionality(W), claim=claim)


@exercise("1.7")
def test_rotation_and_scale_do_not_change_dimensionality(geometry):
    W = weights(6)
    before = geometry.feature_dimensionality(W)
    rotated = geometry.feature_dimensionality(rotation(W.shape[1], seed=2) @ W)
    assert_close(rotated, before, "Rotating the hidden space must not change D_i.")
    claim = (
        "A thousandth of W has the same D_i. Is something added to the denominator, or a norm not "
        "squared?"
    )
    assert_close(geometry.feature_dimensionality(1e-3 * W), before, claim, tolerance=1e-4)


@exercise("1.7")
def test_an_absent_feature_has_no_dimension(geometry):
    W = weights(7)
    W[0, :, 2], W[1, :, 0], W[2] = 0.0, 0.0, 0.0
    actual = geometry.feature_dimensionality(W)
    assert not actual.isnan().any(), (
        "A feature of norm 0 gives NaN, which is 0 / 0. Its dimensionality is 0: use torch.where, "
        "with 0 where the denominator is 0."
    )
    claim = "An absent feature has 0 dimensions, and the others are as without it."
    assert_close(actual, dimensionality(W), claim)


@exercise("1.7")
def test_dimensionality_on_odd_inputs(geometry):
    answer, sizes = geometry.feature_dimensionality, {"inst": 2, "d_hidden": 4, "n_features": 5}
    skip = "nan small tiny n_features=300 d_hidden=300 inst=300"
    check_odd(answer, dimensionality, some_weights, skip=skip, **sizes)


@exercise("1.8")
def test_interference_of_three_features_by_hand(geometry):
    claim = "W_0 = (2, 0), W_1 = (3, 4), W_2 = (0, -1) have 3^2, 1.2^2 + .8^2 and 4^2."
    expected = torch.tensor([[9.0, 2.08, 16.0]], dtype=torch.float64)
    check(geometry.interference, UNEQUAL, expected=expected, claim=claim)


@exercise("1.8")
@pytest.mark.parametrize("shape", [(3, 4, 6), (4, 4, 4), (1, 6, 2)])
def test_interference_sums_squares_of_the_other_features(geometry, shape):
    W = weights(1, *shape)
    claim = "The interference of feature i is the sum over j != i of (What_i . W_j)^2."
    check(geometry.interference, W, expected=total_interference(W), claim=claim)


@exercise("1.8")
def test_interference_on_odd_inputs(geometry):
    skip, sizes = "tiny inst=300 d_hidden=300 n_features=300", {"inst": 2, "d_hidden": 4}
    check_odd(geometry.interference, total_interference, some_weights, skip, n_features=5, **sizes)


@exercise("1.8")
def test_orthogonal_features_have_no_interference(geometry):
    norms = torch.tensor([0.5, 1.0, 1.5, 2.0], dtype=torch.float64)
    W, expected = (rotation(4, seed=4) * norms)[None], torch.zeros(1, 4, dtype=torch.float64)
    claim = "Orthogonal features have no interference, whatever their norms."
    check(geometry.interference, W, expected=expected, claim=claim)


@exercise("1.8")
def test_an_absent_feature_has_and_causes_no_interference(geometry):
    W = weights(5)
    W[0, :, 1], W[2] = 0.0, 0.0
    actual = geometry.interference(W)
    assert not actual.isnan().any(), (
        "A feature of norm 0 gives NaN: its interference is 0. `unit_directions` gives zeros."
    )
    claim = "A feature of norm 0 has no interference and causes none."
    assert_close(actual, total_interference(W), claim)


@exercise("1.8")
def test_partners_of_known_angles(geometry):
    degrees, norms = [0, 180, 60, 90, 250], [1.0, 0.2, 3.0, 0.5, 2.0]
    angles = list(zip(map(math.radians, degrees), norms, strict=True))
    W = columns(*[[norm * math.cos(angle), norm * math.sin(angle)] for angle, norm in angles])
    expected = torch.zeros(1, 5, 5, dtype=torch.bool)
    for this, other in [(0, 1), (2, 3), (2, 4), (3, 4)]:  # at 180, 30, 190 and 160 degrees
        expected[0, this, other] = expected[0, other, this] = True
    claim = (
        "Directions at 0, 180, 60, 90 and 250 degrees: above |cosine| .6 are exactly the pairs "
        "0-1, 2-3, 2-4 and 3-4 (1 for a partner)."
    )
    check(geometry.partners, W, 0.6, expected=expected, claim=claim)


@exercise("1.8")
@pytest.mark.parametrize("threshold, seed", [(0.15, 9), (0.5, 9), (0.8, 9), (0.5, 10)])
def test_partners_have_a_cosine_above_the_threshold(geometry, threshold, seed):
    W = weights(seed)
    claim = f"Partners are all other features with |cosine| above {threshold} (1 for a partner)."
    check(geometry.partners, W, threshold, expected=partnership(W, threshold), claim=claim)


@exercise("1.8")
def test_partners_need_more_than_the_threshold_and_a_norm(geometry):
    W = columns([3.0, 0.0, 0.0], [0.0, 2.0, 0.0], [0.0, 0.0, 0.5])
    claim = (
        "At threshold 0 orthogonal features, with cosine 0, are not partners: the threshold has to "
        "be EXCEEDED (>, not >=), and a feature is not its own partner."
    )
    check(geometry.partners, W, 0.0, expected=torch.zeros(1, 3, 3, dtype=torch.bool), claim=claim)
    W[0, :, 1] = torch.tensor([2.0, 2.0, 0.0])
    W[0, :, 2] = 0.0
    actual = geometry.partners(W, 0.3)
    assert not actual[0, 2].any() and not actual[0, :, 2].any(), (
        "A feature of norm 0 has a partner, or is one; it has no direction."
    )


@exercise("1.8")
@seeds
def test_rotation_and_norms_do_not_change_partners(geometry, seed):
    W = ring(5)[None] * weights(seed, 2, 1, 5).abs().add(0.1)
    W = rotation(2, seed=seed) @ W
    claim = (
        "In a rotated pentagon with unequal norms all are partners above .3 (the cosines are .309 "
        "and -.809), and above .5 each has the two farthest."
    )
    for threshold in (0.3, 0.5):
        check(geometry.partners, W, threshold, expected=partnership(W, threshold), claim=claim)
