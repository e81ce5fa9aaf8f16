"""Graders of geometry.py: how many dimensions a feature has, on average and each by itself."""

import pytest
import torch

from tests.grading import exercise
from tests.grading.assertions import assert_close
from tests.grading.side_effects import assert_no_side_effects

from . import geometry_slips
from .shapes import SHAPES, antiprism, columns, pairs, rotation, weights

seeds = pytest.mark.parametrize("seed", [0, 1])


def average_mistakes(W):
    """Words -> what the usual mistakes about D* give."""
    inst, d_hidden, n_features = W.shape
    squared = W.square().sum((1, 2))
    return {
        "That divides by the norm: the SQUARED norm counts features.": d_hidden / squared.sqrt(),
        "d_hidden is taken from the features' axis: W is [inst, d_hidden, n_features].": (
            n_features / squared
        ),
        "d_hidden is taken from the instances' axis: W is [inst, d_hidden, n_features].": (
            inst / squared
        ),
        "The sum runs over the instances too: each has its own D*.": (
            d_hidden / squared.sum().expand(inst)
        ),
        "It is averaged over the instances: each has its own D*.": (
            (d_hidden / squared).mean().expand(inst)
        ),
        "That is features per dimension, upside down.": squared / d_hidden,
        "That is 1 / ||W||^2: d_hidden is missing.": 1 / squared,
        "That divides by the MEAN of the squares: sum them.": (d_hidden / W.square().mean((1, 2))),
        "Every feature counts as 1 here, however short: its squared length counts.": (
            torch.full((inst,), d_hidden / n_features, dtype=torch.float64)
        ),
        "That is the sum of absolute weights: squares are summed.": (
            d_hidden / W.abs().sum((1, 2))
        ),
        "That adds up lengths: squared lengths count features.": d_hidden / W.norm(dim=1).sum(1),
        "The norm is the largest singular value (ord=2): the Frobenius norm is asked for.": (
            d_hidden / torch.linalg.matrix_norm(W, 2).square()
        ),
        "That averages the features' own dimensionalities: D* is one ratio of two sums.": (
            dimensionality(W).mean(1)
        ),
    } | geometry_slips.averaging(W)


def dimensionality(W):
    """||W_i||^2 over the sum of squares of all that lies along it, number by number."""
    shared = pairs(W).square().sum(2)
    return torch.where(shared > 0, W.square().sum(1) / shared, 0.0)


@exercise("1.6")
def test_dimensions_per_feature_worked_by_hand(geometry):
    W = torch.tensor([[[1.0, 0, 0], [0, 1, 0]], [[1, -1, 0], [0, 0, 2]]], dtype=torch.float64)
    claim = "Two features of length 1 in two dimensions: D* = 2 / 2. Squares 1 + 1 + 4: D* = 2 / 6."
    right = torch.tensor([1, 1 / 3], dtype=torch.float64)
    assert_close(geometry.dimensions_per_feature(W), right, claim, average_mistakes(W))


@exercise("1.6")
@pytest.mark.parametrize("shape", [(3, 4, 6), (2, 5, 3), (1, 7, 7), (4, 4, 4)])
def test_dimensions_per_feature_is_d_hidden_over_the_sum_of_squares(geometry, shape):
    W = weights(2, *shape)
    right = []
    for inst in range(shape[0]):
        right.append(shape[1] / sum(w**2 for row in W[inst].tolist() for w in row))
    with assert_no_side_effects(W=W):
        came = geometry.dimensions_per_feature(W)
    claim = "D* of each instance is d_hidden over the sum of the squares of all its weights."
    assert_close(came, torch.tensor(right, dtype=torch.float64), claim, average_mistakes(W))


def share_mistakes(W):
    """Words -> what the usual mistakes about D_i give."""
    squares, along = W.square().sum(1), pairs(W)
    shared = along.square().sum(2)
    own = squares / shared
    across = torch.nn.functional.normalize(W, dim=2)
    return {
        "In the denominator both are at length 1: only What_i is, W_j keeps its length.": (
            squares / pairs(W, "this other").square().sum(2)
        ),
        "In the denominator the other feature, W_j, is at length 1 (or the sum runs over the "
        "wrong axis): What_i asks, the sum runs over j.": squares / along.square().sum(1),
        "In the denominator neither is at length 1: What_i is. (Or the numerator is 1, which comes "
        "to the same: it is the squared norm of W_i.)": 1 / shared,
        "The denominator is not squared: sum SQUARES of What_i . W_j.": squares / along.sum(2),
        "The denominator sums sizes: sum SQUARES of What_i . W_j.": squares / along.abs().sum(2),
        "The denominator squares the sum: sum the squares.": squares / along.sum(2).square(),
        "The feature itself is left out of the denominator: the sum over j includes i.": (
            squares / (shared - squares)
        ),
        "The numerator is the norm: it is the SQUARED norm.": squares.sqrt() / shared,
        "That is the denominator alone.": shared,
        "Upside down: the squared norm stands above, what is shared below.": shared / squares,
        "The denominator is a mean over j: it is a sum.": squares / along.square().mean(2),
        "It is averaged over the instances: each has its own.": own.mean(0).expand_as(own),
        "All features get the mean: each has its own dimensionality.": (
            own.mean(1, keepdim=True).expand_as(own)
        ),
        "What_i is brought to length 1 along the features: its axis is d_hidden (dim=1).": (
            squares / torch.einsum("imf,img->ifg", across, W).square().sum(2)
        ),
        "Something is added to the denominator against a zero: that takes dimensions from short "
        "features. torch.where leaves all others exact.": squares / (shared + 1e-8),
        "Something is added to the denominator: torch.where leaves all others exact.": (
            squares / (shared + 1e-6)
        ),
        "The result is a square root: D_i is the ratio itself.": own.sqrt(),
    } | geometry_slips.sharing(W)


@exercise("1.7")
def test_dimensionality_of_unequal_features_worked_by_hand(geometry):
    W = columns([2.0, 0.0], [3.0, 4.0], [0.0, -1.0])
    claim = (
        "For W_0 = (2, 0), W_1 = (3, 4), W_2 = (0, -1): D_0 = 4 / (4 + 9 + 0), D_1 = "
        "25 / (1.44 + 25 + .64), D_2 = 1 / (0 + 16 + 1)."
    )
    right = torch.tensor([[4 / 13, 25 / 27.08, 1 / 17]], dtype=torch.float64)
    assert_close(geometry.feature_dimensionality(W), right, claim, share_mistakes(W))


@exercise("1.7")
@pytest.mark.parametrize("shape", SHAPES)
def test_corners_of_a_polytope_have_their_fraction(geometry, shape):
    corners, fraction = SHAPES[shape]
    size, n = corners.shape
    # The shape in a corner of a larger space, with a digon and a lone feature at right angles.
    W = torch.block_diag(corners, SHAPES["digon"][0], SHAPES["dedicated"][0])
    W = (rotation(len(W), seed=1) @ W)[None]
    right = torch.tensor([[fraction] * n + [0.5, 0.5, 1.0]], dtype=torch.float64)
    claim = (
        f"Each corner of a {shape} ({n} in {size} dimensions) has {fraction:.6g} of a dimension; "
        "beside it, at right angles, stand a digon (1/2 each) and a feature by itself (1)."
    )
    assert_close(geometry.feature_dimensionality(W), right, claim, share_mistakes(W))


@exercise("1.7")
def test_dimensionalities_of_a_tight_frame_sum_to_the_dimensions(geometry):
    unit = antiprism(1 / 3)[None]
    unequal = rotation(8, seed=3)[:3][None]  # orthonormal rows: tight, with columns of all lengths
    W = torch.cat([unit, 1.7 * unequal])
    came = geometry.feature_dimensionality(W)
    claim = (
        "Features that pack 3 dimensions tightly (a square antiprism; three orthonormal rows) have "
        "3 dimensions in all."
    )
    wrong = {words: value.sum(1) for words, value in share_mistakes(W).items()}
    assert_close(came.sum(1), torch.full((2,), 3.0, dtype=torch.float64), claim, wrong)
    right = W[1].square().sum(0) / 1.7**2
    claim = "In a tight frame with rows of length 1.7 feature i has ||W_i||^2 / 1.7^2."
    assert_close(came[1], right, claim, {w: v[1] for w, v in share_mistakes(W).items()})


@exercise("1.7")
@seeds
def test_dimensionality_is_the_squared_norm_over_what_lies_along_it(geometry, seed):
    W = weights(seed)
    with assert_no_side_effects(W=W):
        came = geometry.feature_dimensionality(W)
    claim = "D_i = ||W_i||^2 / sum_j (What_i . W_j)^2, in every instance."
    assert_close(came, dimensionality(W), claim, share_mistakes(W))


@exercise("1.7")
def test_every_axis_keeps_its_meaning_where_all_are_of_one_size(geometry):
    W = weights(4, 4, 4, 4)
    claim = "With 4 instances of 4 features in 4 dimensions the numbers are others."
    transposed = {"W is read transposed: its columns are the features.": dimensionality(W.mT)}
    assert_close(
        geometry.feature_dimensionality(W), dimensionality(W), claim, share_mistakes(W) | transposed
    )


@exercise("1.7")
def test_neither_turning_the_hidden_space_nor_scaling_it_changes_anything(geometry):
    W = weights(6)
    before = geometry.feature_dimensionality(W)
    turned = geometry.feature_dimensionality(rotation(W.shape[1], seed=2) @ W)
    assert_close(
        turned, before, "The hidden space may be turned: D_i depends on lengths and angles only."
    )
    small = geometry.feature_dimensionality(1e-3 * W)
    claim = (
        "A thousandth of W has the same D_i: it has no scale. Is something added to the "
        "denominator, or a norm not squared?"
    )
    assert_close(small, before, claim, tolerance=1e-4)


@exercise("1.7")
def test_an_absent_feature_has_no_dimension_and_takes_none(geometry):
    W = weights(7)
    W[0, :, 2], W[1, :, 0], W[2] = 0.0, 0.0, 0.0
    came = geometry.feature_dimensionality(W)
    assert not came.isnan().any(), (
        "A feature of length 0 gives NaN, which is 0 / 0: its dimensionality is 0. "
        "torch.where(shared > 0, ..., 0.0) chooses."
    )
    claim = "An absent feature has 0 dimensions, and the others are as if it were not there."
    assert_close(
        came,
        dimensionality(W),
        claim,
        {"It has 1 dimension here.": dimensionality(W) + (W.square().sum(1) == 0)},
    )


@exercise("1.7")
def test_dimensionality_works_in_float32(geometry):
    W = weights(8)
    claim = "Models hold float32 weights; their dimensionality is right to six digits."
    assert_close(
        geometry.feature_dimensionality(W.float()), dimensionality(W), claim, tolerance=1e-5
    )
