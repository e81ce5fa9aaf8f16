"""Graders of the share that is recovered, and tests of the given readers of metrics.py."""

import pytest
import torch

from tests.grading import exercise
from tests.grading.assertions import assert_close, is_close, normal

ANSWER, WRONG = torch.tensor([3, 0, 6, 2]), torch.tensor([5, 6, 1, 2])


def share_mistakes(patched, clean, corrupted):
    """Words -> what the usual mistakes about the recovered share give."""
    span, gain = clean - corrupted, patched - corrupted
    ratio = gain.mean(-1) / span.mean(-1)
    return {
        "The way lost its sign: where lower is better, as with KL, clean lies below corrupted.": (
            gain.mean(-1) / span.mean(-1).abs()
        ),
        "The share is cut at 1: above 1 is possible and legitimate.": ratio.clamp(max=1),
        "The share is cut at 0: below 0 is possible and legitimate.": ratio.clamp(min=0),
        "The sign of the share is lost: a patch may lead away from the clean run.": ratio.abs(),
        "This is the mean of ratios: average first, then divide.": (gain / span).mean(-1),
        "This is the median of ratios: average first, then divide.": (
            (gain / span).median(-1).values
        ),
        "Clean and corrupted are exchanged: 1 is the clean run.": 1 - ratio,
        "The sign is turned: is one of the two differences the other way round?": -ratio,
        "The corrupted run is not taken away below: the way is clean minus corrupted.": (
            gain.mean(-1) / clean.mean(-1)
        ),
        "The corrupted run is not taken away above.": patched.mean(-1) / span.mean(-1),
        "This is patched divided by clean: the corrupted run is forgotten.": (
            patched.mean(-1) / clean.mean(-1)
        ),
        "The share is cut to 0..1: below 0 and above 1 are possible and legitimate.": (
            ratio.clamp(0, 1)
        ),
        "The mean is not over prompts, the last axis.": ratio.mean().expand_as(ratio),
        "This is how much came back, not a share of the way.": gain.mean(-1),
    }


@exercise("5.5")
@pytest.mark.parametrize("shape", [(5,), (4, 5), (2, 3, 5)])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_share_is_the_ratio_of_means(metrics, shape, seed):
    patched = 3 * normal(*shape, seed=seed)
    clean, corrupted = normal(5, seed=seed + 10), normal(5, seed=seed + 20)
    clean += 2 if seed < 3 else -2  # a metric of which less is better
    way = sum(clean.tolist()) / 5 - sum(corrupted.tolist()) / 5
    right = [(sum(row) - sum(corrupted.tolist())) / 5 / way for row in patched.view(-1, 5).tolist()]
    right = torch.tensor(right, dtype=torch.float64).reshape(shape[:-1])
    claim = f"The share recovered, of {list(shape)} patched scores, is wrong."
    came = metrics.normalized_recovery(patched, clean, corrupted)
    wrong = {} if is_close(came, right) else share_mistakes(patched, clean, corrupted)
    assert_close(came, right, claim, wrong)


@exercise("5.5")
def test_the_ends_are_exactly_one_and_nought(metrics):
    clean, corrupted = normal(9, seed=1) + 2, normal(9, seed=2)
    for same, right in ((clean, 1.0), (corrupted, 0.0)):
        patched = same.clone()
        came = metrics.normalized_recovery(patched, clean, corrupted)
        claim = "A patch that changes everything recovers 1, one that changes nothing 0, exactly."
        assert_close(came, right, claim, {"Clean and corrupted are exchanged.": 1 - right}, 1e-15)
        assert_close(patched, same, "The patched scores that came in were changed.")


@exercise("5.5")
def test_a_prompt_that_hardly_differs_does_not_outweigh_the_others(metrics):
    clean, corrupted = torch.tensor([2.0, 2.0, 0.01]), torch.zeros(3)
    came = metrics.normalized_recovery(torch.tensor([1.0, 1.0, 0.51]), clean, corrupted)
    words = {"This is the mean of ratios: one prompt of three, with a way of .01, decides.": 52 / 3}
    assert_close(
        came, 2.51 / 4.01, "Two prompts of three go half the way, the third no way.", words, 1e-5
    )


@pytest.mark.project
def test_runs_that_score_the_same_have_nothing_to_recover(metrics):
    with pytest.raises(ValueError, match="no effect to recover"):
        metrics.normalized_recovery(
            torch.ones(2, 3), torch.tensor([1.0, 2, 3]), torch.tensor([3.0, 2, 1])
        )


@pytest.mark.project
@pytest.mark.parametrize("family", ["gpt2", "llama", "attention-only"])
def test_a_read_logit_difference_is_that_of_all_logits(metrics, build, family):
    model, stream = build(family, d_vocab=7), normal(3, 4, 10, seed=1)
    plain = metrics.metric_from_logits(model, lambda x: metrics.logit_diff(x, ANSWER, WRONG))
    assert_close(metrics.logit_diff_from_resid(model, ANSWER, WRONG)(stream), plain(stream), "")
