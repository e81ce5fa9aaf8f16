"""Graders of in_context_score: how much easier a late token is than an early one."""

import pytest
import torch

from tests.grading import exercise
from tests.grading.assertions import assert_close, normal
from tests.grading.side_effects import assert_no_side_effects


def offsets(losses, early, late):
    """Mistakes about one index alone, or both."""
    flat, n = losses.mean(0), losses.shape[1]
    found = {
        "Both indices are one too small: losses[:, i] is indexed by early and late.": (-1, -1),
        "Both indices are one too large: losses[:, i] is indexed by early and late.": (1, 1),
        "The late index is one too small: losses[:, late] is meant.": (0, -1),
        "The late index is one too large: losses[:, late] is meant.": (0, 1),
        "The early index is one too small: losses[:, early] is meant.": (-1, 0),
        "The early index is one too large: losses[:, early] is meant.": (1, 0),
    }
    return {
        words: flat[min(late + there, n - 1)] - flat[early + here]
        for words, (here, there) in found.items()
    }


def mistakes(losses, early, late):
    """Words -> what the usual mistakes give."""
    first, last = losses[:, early].mean(), losses[:, late].mean()
    flat = losses.mean(0)
    return offsets(losses, early, late) | {
        "The sign is turned round: late minus early, negative when context helps.": first - last,
        "Means over all tokens before and from there stand where two tokens are asked for.": (
            flat[late:].mean() - flat[: early + 1].mean()
        ),
        "Everything up to each index is averaged: two tokens are asked for.": (
            flat[: late + 1].mean() - flat[: early + 1].mean()
        ),
        "Everything before each index is averaged: two tokens are asked for.": (
            flat[:late].mean() - (flat[:early].mean() if early else 0.0)
        ),
        "The mean of all losses stands where the loss at `early` is asked for.": last - flat.mean(),
        "Only the first text is taken: the mean is over all.": losses[0, late] - losses[0, early],
        "The sum over texts is taken: the mean is asked for.": (last - first) * len(losses),
        "This is a ratio: the difference is asked for.": last / first,
        "The difference is divided by the early loss: nats are asked for.": (last - first) / first,
        "The difference is divided by the distance: nats are asked for.": (
            (last - first) / (late - early)
        ),
        "The median over texts is taken: the mean is asked for.": (
            losses[:, late].median() - losses[:, early].median()
        ),
        "Sizes of the differences are averaged: they keep their signs.": (
            (losses[:, late] - losses[:, early]).abs().mean()
        ),
        "Batch and position are exchanged.": (
            losses[late].mean() - losses[early].mean() if late < len(losses) else last
        ),
    }


@exercise("4.4")
@pytest.mark.parametrize("early, late", [(2, 9), (0, 5), (6, 10), (1, 3)])
def test_the_score_is_the_loss_late_minus_the_loss_early(scores, early, late):
    losses = normal(5, 11, seed=early + late).exp()
    with assert_no_side_effects(losses=losses):
        came = scores.in_context_score(losses, early, late)
    a, b = losses[:, early].tolist(), losses[:, late].tolist()
    claim = f"The in-context score of indices {early} and {late} is wrong."
    assert_close(came, sum(b) / 5 - sum(a) / 5, claim, mistakes(losses, early, late))


@exercise("4.4")
def test_a_model_that_learns_from_its_text_scores_below_zero(scores):
    index = torch.arange(1, 65, dtype=torch.float64)
    losses = (4 / index).expand(3, -1)
    claim = "Losses 4 / (i + 1): 4/50 at late=49 minus 4/5 at early=4 is -0.72."
    assert_close(scores.in_context_score(losses, 4, 49), -0.72, claim, mistakes(losses, 4, 49))


@exercise("4.4")
def test_nothing_between_the_two_indices_counts(scores):
    losses = torch.full((2, 9), torch.nan)
    losses[:, 3], losses[:, 7] = torch.tensor([2.0, 4.0]), torch.tensor([1.0, 1.5])
    claim = "Losses 2 and 4 at early=3, 1 and 1.5 at late=7, and no number anywhere else: -1.75."
    assert_close(scores.in_context_score(losses, 3, 7), -1.75, claim, mistakes(losses, 3, 7))
