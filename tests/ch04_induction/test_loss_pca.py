"""Graders of loss_pca: the path of snapshots among their per-token losses."""

import pytest
import torch

from tests.grading import exercise
from tests.grading.assertions import assert_close, normal
from tests.grading.side_effects import assert_no_side_effects

SHAPES = [(7, 20, 2), (9, 5, 3), (5, 12, 1)]


def planted(snapshots, tokens, n, seed):
    """A path of known components, turned into losses at random: (losses, path)."""
    start = normal(snapshots, n, seed=seed)
    path = torch.linalg.qr(start - start.mean(0)).Q * torch.tensor([9.0, 4.0, 2.0])[:n]
    path = torch.where(path[-1] < path[0], -path, path).double()
    directions = torch.linalg.qr(normal(tokens, n, seed=seed + 1)).Q
    return path @ directions.mT + 3 * normal(1, tokens, seed=seed + 2), path


def by_covariance(losses, n):
    """Coordinates along the first eigenvectors of the tokens' covariance."""
    centred = losses - losses.mean(0)
    vectors = torch.linalg.eigh(centred.mT @ centred).eigenvectors.flip(-1)[:, :n]
    path = centred @ vectors
    return torch.where(path[-1] < path[0], -path, path)


def ends_above(path):
    return torch.where(path[-1] < path[0], -path, path)


def mistakes(losses, n):
    """Words -> what the usual mistakes give."""
    right = by_covariance(losses, n)
    length = right.square().sum(0) ** 0.5

    def from_svd(matrix, scaled=True):
        U, S, _ = torch.linalg.svd(matrix, full_matrices=False)
        return ends_above(U[:, :n] * (S[:n] if scaled else 1))

    centred = losses - losses.mean(0)
    low = torch.linalg.eigh(centred.mT @ centred).eigenvectors[:, :n]
    spread = centred / centred.std(0)
    return {
        "Each snapshot's mean over tokens is taken away: each TOKEN's over snapshots is asked.": (
            from_svd(losses - losses.mean(1, keepdim=True))
        ),
        "Both means are taken away: only each token's over the snapshots is to go.": (
            from_svd(centred - centred.mean(1, keepdim=True))
        ),
        "One mean of all is taken away: each token has its own.": from_svd(losses - losses.mean()),
        "The losses are not centred.": from_svd(losses),
        "The first snapshot is taken away: each token's mean is asked for.": (
            from_svd(losses - losses[0])
        ),
        "Each token is divided by its spread: the losses keep their size.": from_svd(spread),
        "The coordinates are not multiplied by S: each component has its own length.": (
            right / length
        ),
        "The coordinates are multiplied by S twice.": right * length,
        "The smallest components are taken: the largest are asked for.": ends_above(centred @ low),
        "The components come in the wrong order: the largest comes first.": right.flip(1),
        "Each component ends BELOW where it began: the sign is turned round.": -right,
        "The path is moved to begin at zero: its mean is zero.": right - right[0],
        "The uncentred losses are projected: take the means away first.": (
            ends_above(losses @ torch.linalg.pinv(centred) @ right)
        ),
        "This is divided by the root of the number of snapshots.": right / len(losses) ** 0.5,
        "This is divided by the root of the number of snapshots minus 1.": (
            right / (len(losses) - 1) ** 0.5
        ),
    }


def other_signs(got, right, tolerance):
    """Whether some components are right but for their sign."""
    return (
        got.shape == right.shape
        and torch.allclose(got.abs().double(), right.abs(), atol=tolerance)
        and not torch.allclose(got.double(), right, atol=tolerance)
    )


def compare(got, right, claim, losses, n, tolerance=1e-8):
    """Signs are a matter of their own; all else through `match`."""
    assert not other_signs(got, right, tolerance), (
        f"{claim} The sizes are right and signs are not: each component by itself is to end above "
        f"where it began. First to last the components move by "
        f"{[round(x, 3) for x in (got[-1] - got[0]).tolist()]}."
    )
    assert_close(got, right, claim, mistakes(losses, n), tolerance)


@exercise("4.8")
@pytest.mark.parametrize("snapshots, tokens, n", SHAPES)
@pytest.mark.parametrize("seed", [1, 5, 9])
def test_a_planted_path_is_found(phase_change, snapshots, tokens, n, seed):
    losses, path = planted(snapshots, tokens, n, seed)
    with assert_no_side_effects(losses=losses):
        came = phase_change.loss_pca(losses, n)
    claim = f"Losses {list(losses.shape)} of a path with {n} components, at right angles:"
    compare(came, path, claim, losses, n)


@exercise("4.8")
@pytest.mark.parametrize("snapshots, tokens, n", SHAPES)
@pytest.mark.parametrize("seed", [2, 3, 4])
def test_coordinates_are_along_the_directions_of_largest_spread(
    phase_change, snapshots, tokens, n, seed
):
    losses = 2 + normal(snapshots, tokens, seed=seed)
    came = phase_change.loss_pca(losses, n)
    claim = f"Random losses {list(losses.shape)}, {n} components:"
    compare(came, by_covariance(losses, n), claim, losses, n)


@exercise("4.8")
def test_two_components_are_given_unless_asked_otherwise(phase_change):
    losses = normal(6, 11, seed=6)
    came = phase_change.loss_pca(losses)
    compare(came, by_covariance(losses, 2), "Without n_components:", losses, 2)


@exercise("4.8")
def test_all_components_together_keep_every_distance(phase_change):
    losses = normal(5, 9, seed=7)
    came = phase_change.loss_pca(losses, 5)
    right = torch.cdist(losses, losses)
    claim = "With as many components as snapshots, snapshots lie as far apart as their losses do."
    assert_close(torch.cdist(came, came), right, claim, None, 1e-6)
