"""Graders of what metrics.py reads off logits: logit difference, divergence, rank."""

import math

import pytest
import torch

from tests.grading import exercise
from tests.grading.assertions import assert_close, is_close, normal

from .planted import one_head_against_the_other

ANSWER, WRONG = torch.tensor([3, 0, 6, 2]), torch.tensor([5, 6, 1, 2])
SHAPES = [(4, 7), (3, 4, 7), (2, 5, 4, 7)]


def flat(logits):
    """Every prompt of every version: which prompt it is, and its row."""
    for version in logits.reshape(-1, *logits.shape[-2:]):
        yield from enumerate(version.tolist())


def by_loop(logits, number):
    """A number for each prompt of each version; number(row, prompt) works on a list."""
    found = [number(row, prompt) for prompt, row in flat(logits)]
    return torch.tensor(found, dtype=torch.float64).reshape(logits.shape[:-1])


def softmax(row):
    """Probabilities of a list of logits."""
    top = max(row)
    powers = [math.exp(x - top) for x in row]
    return [x / sum(powers) for x in powers]


def difference_mistakes(logits, right):
    """Words -> what the usual mistakes about a logit difference give."""

    def gap(answer, wrong, of=lambda row: row):
        return by_loop(logits, lambda row, i: of(row)[answer[i]] - of(row)[wrong[i]])

    first, other = ANSWER[:1].expand(4), WRONG[:1].expand(4)
    zero = torch.zeros_like(right)
    return {
        "The sign is turned: it is answer minus wrong.": -right,
        "These are differences of PROBABILITIES: logits are asked for.": (
            gap(ANSWER, WRONG, softmax)
        ),
        "All prompts have the first one's answer: each has its own.": gap(first, other),
        "This is the answer's logit alone: the wrong one's is missing.": (
            by_loop(logits, lambda row, i: row[ANSWER[i]])
        ),
        "This is the wrong answer's logit.": by_loop(logits, lambda row, i: row[WRONG[i]]),
        "The probability of the answer came.": by_loop(logits, lambda r, i: softmax(r)[ANSWER[i]]),
        "The log-probability of the answer came.": (
            by_loop(logits, lambda row, i: math.log(softmax(row)[ANSWER[i]]))
        ),
        "The sign is lost: a difference below 0 says that the wrong answer leads.": right.abs(),
        "The average over prompts came, where each has its own number.": zero + right.mean(),
        "The logits of the best token are compared, not those of the answer.": (
            by_loop(logits, lambda row, i: max(row) - row[WRONG[i]])
        ),
        "This is the lead over the best other token: the wrong answer is given.": (
            by_loop(
                logits,
                lambda row, i: row[ANSWER[i]] - max(x for t, x in enumerate(row) if t != ANSWER[i]),
            )
        ),
    }


@exercise("5.2")
@pytest.mark.parametrize("shape", SHAPES)
def test_a_logit_difference_is_each_prompts_answer_minus_its_wrong_answer(metrics, shape):
    logits = 2 * normal(*shape, seed=len(shape))
    right = by_loop(logits, lambda row, i: row[ANSWER[i]] - row[WRONG[i]])
    came = metrics.logit_diff(logits, ANSWER, WRONG)
    claim = f"Logit differences of logits {list(shape)} are wrong."
    assert_close(
        came, right, claim, {} if is_close(came, right) else difference_mistakes(logits, right)
    )


@exercise("5.2")
def test_a_head_against_the_answer_shows_in_logits_where_a_probability_hides_it(metrics, impl):
    corrupted, clean, patched = one_head_against_the_other(impl)
    answer, wrong = torch.tensor([1]), torch.tensor([0])
    floor = (metrics.probability(x, answer).item() for x in (patched, corrupted))
    assert abs(next(floor) - next(floor)) < 0.02, "the plant is wrong: a probability shows it"
    effect, whole = (
        metrics.logit_diff(x, answer, wrong) - metrics.logit_diff(corrupted, answer, wrong)
        for x in (patched, clean)
    )
    words = {"This is a difference of probabilities, which hides the head.": 0.0}
    effect, whole = effect.item(), whole.item()
    if abs(effect) < 0.3:
        words["This is a difference of probabilities, which hides the head."] = effect
    claim = "Two heads write +2a and -a'. With a' alone put back the answer's logit falls by 1."
    assert_close(effect, -1.0, claim, words | {"Answer and wrong are exchanged.": 1.0})
    assert_close(whole, 1.0, "With both put back it rises by 2 - 1.")


FAR = torch.tensor([[0.0, -3000.0, -2990.0, 5.0]], dtype=torch.float64)
"""Tokens so unlikely that their probabilities are 0 in any precision."""


@exercise("5.2")
def test_logits_that_lie_far_apart_are_subtracted_and_left_as_they_were(metrics):
    logits, one = FAR.clone(), torch.tensor([1])
    came = metrics.logit_diff(logits, one, one + 1)
    words = {"Logarithms of probabilities that underflow are -inf: subtract logits.": torch.nan}
    words = {text: torch.tensor([value]) for text, value in words.items()}
    assert_close(came, torch.tensor([-10.0]), "Two unlikely tokens, 10 apart.", words)
    assert_close(logits, FAR, "The logits that came in were changed: others read them too.")


def divergence(weights, other):
    """KL(weights || other) of two lists of logits, nats."""
    return sum(
        p * (math.log(p) - math.log(q))
        for p, q in zip(softmax(weights), softmax(other), strict=True)
    )


def divergence_mistakes(patched, clean):
    """Words -> what the usual mistakes about a divergence give."""
    rows = clean.tolist()

    def summed(term):
        def one(row, i):
            return sum(term(p, q) for p, q in zip(softmax(rows[i]), softmax(row), strict=True))

        return by_loop(patched, one)

    right = summed(lambda p, q: p * math.log(p / q))
    back = summed(lambda p, q: q * math.log(q / p))
    return {
        "This is KL(patched || clean): the clean distribution weighs.": back,
        "The sign is turned.": -right,
        "Both directions are added or averaged: only the clean one weighs.": (right + back) / 2,
        "Both directions are added: only the clean one weighs.": right + back,
        "The mean over tokens came: a divergence is a sum over them.": right / clean.shape[-1],
        "This is in bits: nats are asked for.": right / math.log(2),
        "This is the cross-entropy: the clean run's own entropy is not taken away.": (
            summed(lambda p, q: -p * math.log(q))
        ),
        "Nothing weighs: these are plain differences of log-probabilities.": (
            summed(lambda p, q: math.log(p / q))
        ),
        "These are logits, not log-probabilities: what shifts all of them must drop out.": (
            by_loop(
                patched,
                lambda row, i: sum(
                    p * (x - y) for p, x, y in zip(softmax(rows[i]), rows[i], row, strict=True)
                ),
            )
        ),
        "Absolute or squared differences of probabilities are no divergence.": (
            summed(lambda p, q: (p - q) ** 2)
        ),
        "The mean over prompts came, where each has its own.": torch.zeros_like(right)
        + right.mean(),
    }


@exercise("5.3")
@pytest.mark.parametrize("shape", SHAPES)
def test_the_clean_distribution_weighs_what_the_patch_changed(metrics, shape):
    patched, clean = 2 * normal(*shape, seed=3), 2 * normal(4, 7, seed=4) + 3
    rows = clean.tolist()
    right = by_loop(patched, lambda row, i: divergence(rows[i], row))
    came = metrics.kl_divergence(patched, clean)
    claim = f"KL(clean || patched) of logits {list(shape)} is wrong."
    assert_close(
        came, right, claim, {} if is_close(came, right) else divergence_mistakes(patched, clean)
    )


@exercise("5.3")
def test_nothing_changed_costs_nothing_and_a_shift_of_all_logits_changes_nothing(metrics):
    clean = normal(4, 7, seed=5)
    claim = "A patch that shifts all logits alike changes no probability: the divergence is 0."
    patched, kept = clean + 7, clean.clone()
    assert_close(metrics.kl_divergence(patched, clean), torch.zeros(4), claim)
    for x, before in ((patched, kept + 7), (clean, kept)):
        assert_close(x, before, "The logits that came in were changed: others read them too.")


@exercise("5.3")
def test_a_token_made_impossible_costs_a_finite_amount(metrics):
    clean = torch.zeros(1, 3, dtype=torch.float64)
    patched = torch.tensor([[0.0, 0.0, -3000.0]], dtype=torch.float64)
    right = [math.log(2 / 3) * 2 / 3 + (math.log(2) + 3000 - math.log(3)) / 3]
    claim = "A logit of -3000 is unlikely, not impossible."
    words = "The logarithm of a probability that underflows is -inf: stay in log_softmax."
    came = metrics.kl_divergence(patched, clean)
    if came.isfinite().all() and (came < 900).all():
        claim += " Is something added inside the logarithm, or is it cut off there?"
    assert_close(came, torch.tensor(right), claim, {words: torch.inf * torch.ones(1)}, 1e-6)


def rank_mistakes(logits):
    """Words -> what the usual mistakes about a rank give."""

    def count(condition):
        return by_loop(logits, lambda row, i: sum(condition(x, row[ANSWER[i]]) for x in row))

    def place(reverse):
        def one(row, i):
            return sorted(range(len(row)), key=row.__getitem__, reverse=reverse)[ANSWER[i]]

        return by_loop(logits, one)

    right = count(lambda x, own: x > own)
    return {
        "Ranks are counted from 1, but the best is 0.": right + 1,
        "Ties are counted, the answer with itself among them: only higher logits count.": (
            count(lambda x, own: x >= own)
        ),
        "Tokens that tie with the answer are counted.": count(lambda x, own: x >= own) - 1,
        "These are the tokens BELOW the answer.": count(lambda x, own: x < own),
        "argsort says which token stands at a place, not at which place a token stands.": (
            place(True)
        ),
        "argsort from below says which token stands at a place.": place(False),
        "This is whether the answer is the best token, not its rank.": (right > 0).double(),
    }


@exercise("5.4")
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("steps", [0, 2])
def test_the_rank_is_how_many_tokens_have_a_higher_logit(metrics, shape, steps):
    logits = normal(*shape, seed=7)
    logits = (logits * steps).round() / steps if steps else logits
    right = by_loop(logits, lambda row, i: sum(x > row[ANSWER[i]] for x in row))
    came = metrics.rank_of_answer(logits, ANSWER)
    claim = f"Ranks of the answers{', many logits tied,' if steps else ''} are wrong."
    assert_close(came, right, claim, {} if is_close(came, right) else rank_mistakes(logits))


@exercise("5.4")
def test_unlikely_tokens_have_ranks_too(metrics):
    came = metrics.rank_of_answer(FAR, torch.tensor([1]))
    words = {"Probabilities that underflow all tie at 0: compare logits.": torch.tensor([2])}
    assert_close(came, torch.tensor([3]), "The last of four tokens, none of them tied.", words)
