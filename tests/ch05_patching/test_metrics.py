"""Graders of metrics.py: logit difference (5.2), divergence (5.3), rank (5.4), recovery (5.5)."""

import math

import pytest
import torch

from tests.grading import exercise
from tests.grading.assertions import assert_close, check, normal
from tests.grading.odd_inputs import check_odd

from .planted import one_head_against_the_other

ANSWER, WRONG = torch.tensor([3, 0, 6, 2]), torch.tensor([5, 6, 1, 2])
SHAPES = [(4, 7), (3, 4, 7), (2, 5, 4, 7)]


def by_loop(logits, number):
    """A number for each prompt of each patch; number(row, prompt) works on a list."""
    patches = logits.double().reshape(-1, *logits.shape[-2:]).tolist()
    found = [number(row, i) for prompts in patches for i, row in enumerate(prompts)]
    return torch.tensor(found, dtype=torch.float64).reshape(logits.shape[:-1])


def log_softmax(row):
    """Log-probabilities of a list of logits."""
    total = math.log(sum(math.exp(x - max(row)) for x in row)) if row == row else math.nan
    return [x - max(row) - total for x in row]


def difference(logits, answer, wrong):
    return by_loop(logits, lambda row, i: row[answer[i]] - row[wrong[i]])


def divergence(patched, clean):
    """KL(clean || patched) in nats."""
    rows = [log_softmax(row) for row in clean.tolist()]

    def one(row, i):
        return sum(math.exp(p) * (p - q) for p, q in zip(rows[i], log_softmax(row), strict=True))

    return by_loop(patched, one)


def rank(logits, answer):
    return by_loop(logits, lambda row, i: sum(x > row[answer[i]] for x in row)).long()


def recovery(patched, clean, corrupted):
    clean, corrupted = (math.fsum(x.tolist()) for x in (clean, corrupted))
    sums = [math.fsum(row) for row in patched.reshape(-1, patched.shape[-1]).tolist()]
    shares = [(total - corrupted) / (clean - corrupted) for total in sums]
    return torch.tensor(shares, dtype=torch.float64).reshape(patched.shape[:-1])


def logits_and_answers(prompts, tokens):
    answers = torch.arange(prompts) * 5 % tokens, torch.arange(prompts) * 3 % tokens
    return 2 * normal(3, prompts, tokens, seed=8), *answers


def two_logits(prompts, tokens):
    return 2 * normal(2, prompts, tokens, seed=8), 2 * normal(prompts, tokens, seed=9)


@exercise("5.2")
@pytest.mark.parametrize("shape", SHAPES)
def test_logit_diff_is_answer_minus_wrong_per_prompt(metrics, shape):
    logits = 2 * normal(*shape, seed=len(shape))
    expected = difference(logits, ANSWER, WRONG)
    claim = f"Logit differences of logits {list(shape)} are wrong."
    check(metrics.logit_diff, logits, ANSWER, WRONG, expected=expected, claim=claim)


@exercise("5.2")
def test_logit_diff_on_odd_inputs(metrics):
    sizes = dict(prompts=4, tokens=7)
    check_odd(metrics.logit_diff, difference, logits_and_answers, skip="nan", half=True, **sizes)


@exercise("5.2")
def test_logit_diff_shows_a_head_against_the_answer(metrics, impl):
    corrupted, clean, patched = one_head_against_the_other(impl)
    answer, wrong = torch.tensor([1]), torch.tensor([0])
    floor = [metrics.probability(x, answer).item() for x in (patched, corrupted)]
    assert abs(floor[0] - floor[1]) < 0.02, "the model is planted wrongly: a probability shows it"
    low, high, between = (metrics.logit_diff(x, answer, wrong) for x in (corrupted, clean, patched))
    effect, whole = (between - low).item(), (high - low).item()
    assert_close(
        effect, -1.0, "Two heads write +2a and -a'. Restoring a' alone lowers the answer by 1."
    )
    assert_close(whole, 1.0, "Restoring both raises the answer by 2 - 1.")


FAR = torch.tensor([[0.0, -3000.0, -2990.0, 5.0]], dtype=torch.float64)
"""Tokens so unlikely that their probabilities are 0 in any precision."""
SECOND, THIRD = torch.tensor([1]), torch.tensor([2])


@exercise("5.2")
def test_logit_diff_of_unlikely_tokens(metrics):
    expected, claim = torch.tensor([-10.0]), "Two unlikely tokens, 10 apart."
    check(metrics.logit_diff, FAR, SECOND, THIRD, expected=expected, claim=claim)


@exercise("5.3")
@pytest.mark.parametrize("shape", SHAPES)
def test_kl_weights_log_ratios_by_the_clean_run(metrics, shape):
    patched, clean = 2 * normal(*shape, seed=3), 2 * normal(4, 7, seed=4) + 3
    claim = f"KL(clean || patched) of logits {list(shape)} is wrong."
    expected = divergence(patched, clean)
    check(metrics.kl_divergence, patched, clean, expected=expected, claim=claim)


@exercise("5.3")
def test_kl_on_odd_inputs(metrics):
    skip = "nan tiny"  # tiny: a divergence of 1e-14 is a sum of terms of size 2
    check_odd(metrics.kl_divergence, divergence, two_logits, skip, prompts=4, tokens=7)


@exercise("5.3")
def test_kl_ignores_a_shift_of_all_logits(metrics):
    clean = normal(4, 7, seed=5)
    claim = "A patch that shifts all logits alike changes no probability: the divergence is 0."
    check(metrics.kl_divergence, clean + 7, clean, expected=torch.zeros(4), claim=claim)


@exercise("5.3")
def test_kl_of_a_small_change_is_small_and_not_zero(metrics):
    patched, clean = (
        x + 1e-4 * normal(4, 7, seed=i) for i, x in enumerate([normal(4, 7, seed=5)] * 2)
    )
    expected, claim = divergence(patched, clean), "All logits change by about 1e-4."
    near = {"tolerance": 1e-5, "scale": 0.0}
    check(metrics.kl_divergence, patched, clean, expected=expected, claim=claim, **near)


@exercise("5.3")
def test_kl_of_an_impossible_token_is_finite(metrics):
    clean = torch.zeros(1, 3, dtype=torch.float64)
    patched = torch.tensor([[0.0, 0.0, -3000.0]], dtype=torch.float64)
    claim = "A logit of -3000 is unlikely, not impossible."
    check(metrics.kl_divergence, patched, clean, expected=divergence(patched, clean), claim=claim)


@exercise("5.4")
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("steps", [0, 2])
def test_rank_counts_the_tokens_with_higher_logits(metrics, shape, steps):
    logits = normal(*shape, seed=7)
    logits = (logits * steps).round() / steps if steps else logits
    claim = f"Ranks of the answers{', many logits tied,' if steps else ''} are wrong."
    expected = rank(logits, ANSWER)
    check(metrics.rank_of_answer, logits, ANSWER, expected=expected, claim=claim)


@exercise("5.4")
def test_rank_on_odd_inputs(metrics):
    def make(prompts, tokens):
        return logits_and_answers(prompts, tokens)[:2]

    check_odd(metrics.rank_of_answer, rank, make, skip="nan", half=True, prompts=4, tokens=7)


@exercise("5.4")
def test_rank_of_an_unlikely_token(metrics):
    expected, claim = torch.tensor([3]), "The last of four tokens, none of them tied."
    check(metrics.rank_of_answer, FAR, SECOND, expected=expected, claim=claim)


@exercise("5.5")
@pytest.mark.parametrize("shape", [(5,), (4, 5), (2, 3, 5)])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_recovery_is_the_ratio_of_means(metrics, shape, seed):
    patched = 3 * normal(*shape, seed=seed)
    clean, corrupted = normal(5, seed=seed + 10), normal(5, seed=seed + 20)
    clean += 2 if seed < 3 else -2  # a metric of which less is better
    expected = recovery(patched, clean, corrupted)
    claim = f"The share recovered, of {list(shape)} patched scores, is wrong."
    check(metrics.normalized_recovery, patched, clean, corrupted, expected=expected, claim=claim)


@exercise("5.5")
def test_recovery_on_odd_inputs(metrics):
    def make(prompts, patches):
        clean = normal(prompts, seed=2) + 3
        return 3 * normal(patches, prompts, seed=1), clean, normal(prompts, seed=3)

    skip = "nan zeros close float32"  # clean and corrupted hardly differ
    check_odd(metrics.normalized_recovery, recovery, make, skip=skip, prompts=5, patches=4)


@exercise("5.5")
def test_recovery_is_exactly_one_or_zero_at_the_ends(metrics):
    clean, corrupted = normal(9, seed=1) + 2, normal(9, seed=2)
    claim = "A patch that changes everything recovers exactly 1, one that changes nothing 0."
    for patched, expected in ((clean, 1.0), (corrupted, 0.0)):
        arguments = patched, clean, corrupted
        check(metrics.normalized_recovery, *arguments, expected=expected, claim=claim)


@exercise("5.5")
def test_a_small_recovery_is_not_zero(metrics):
    clean, corrupted = normal(9, seed=1) + 2, normal(9, seed=2)
    arguments = corrupted + 1e-8 * (clean - corrupted), clean, corrupted
    near = {"tolerance": 1e-5, "scale": 0.0}
    claim = "A patch that closes a hundred-millionth of the gap recovers 1e-8."
    check(metrics.normalized_recovery, *arguments, expected=1e-8, claim=claim, **near)


@exercise("5.5")
def test_recovery_is_not_dominated_by_one_prompt(metrics):
    clean, corrupted = torch.tensor([2.0, 2.0, 0.01]), torch.zeros(3)
    arguments = torch.tensor([1.0, 1.0, 0.51]), clean, corrupted
    claim = "Two prompts of three go half the way. The third has a gap of .01."
    check(
        metrics.normalized_recovery, *arguments, expected=2.51 / 4.01, claim=claim, tolerance=1e-5
    )


@pytest.mark.project
def test_equal_clean_and_corrupted_scores_raise(metrics):
    with pytest.raises(ValueError, match="no effect to recover"):
        metrics.normalized_recovery(
            torch.ones(2, 3), torch.tensor([1.0, 2, 3]), torch.tensor([3.0, 2, 1])
        )


@pytest.mark.project
@pytest.mark.parametrize("family", ["gpt2", "llama", "attention-only"])
def test_logit_diff_from_resid_equals_that_of_all_logits(metrics, build, family):
    model, resid = build(family, d_vocab=7), normal(3, 4, 10, seed=1)
    whole = metrics.metric_from_logits(model, lambda x: metrics.logit_diff(x, ANSWER, WRONG))
    assert_close(metrics.logit_diff_from_resid(model, ANSWER, WRONG)(resid), whole(resid), "")
