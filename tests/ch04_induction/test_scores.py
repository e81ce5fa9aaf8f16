"""Graders of scores.py: attention scores (4.1 to 4.3), in-context score (4.4), copying (4.5)."""

import pytest
import torch

from tests.grading import exercise
from tests.grading.assertions import assert_close, check, normal
from tests.grading.odd_inputs import check_odd

from .patterns import attends_back, causal, offset_by_loop, uniform

# number of tokens, period, start tokens: whole repeats, a part of one, two start tokens
TEXTS = [(12, 4, 0), (14, 4, 1), (17, 5, 2), (9, 2, 1)]


def one(value):
    return torch.tensor([value], dtype=torch.float64)


def previous_by_loop(pattern, n_bos=0):
    """Average the attention to the previous token, query by query."""
    queries = range(n_bos + 1, pattern.shape[-1])
    return torch.stack([pattern[:, :, i, i - 1].mean(0) for i in queries]).mean(0)


@exercise("4.1")
@pytest.mark.parametrize("n_bos", [0, 1, 3])
def test_previous_score_averages_queries_and_texts(scores, n_bos):
    pattern = causal(2, 3, 9, seed=1)
    claim = f"The previous-token score of random patterns with n_bos={n_bos} is wrong."
    expected = previous_by_loop(pattern, n_bos)
    check(scores.previous_token_score, pattern, n_bos, expected=expected, claim=claim)


@exercise("4.1")
def test_previous_score_on_odd_inputs(scores):
    def make(batch, head):
        return (causal(batch, head, 9, seed=2),)

    check_odd(scores.previous_token_score, previous_by_loop, make, batch=2, head=3)


@exercise("4.1")
def test_previous_score_of_known_heads(scores):
    uniform_score = sum(1 / n for n in range(2, 9)) / 7
    known = [(attends_back(8, 1), 1.0), (attends_back(8, 0), 0.0), (uniform(8), uniform_score)]
    for pattern, expected in known:
        actual = scores.previous_token_score(pattern)
        assert_close(actual, one(expected), "The score of a head with a known pattern is wrong.")
    sink = attends_back(8, 8, start=True)
    claim = "Attention to the start token is not attention to a previous token."
    assert_close(scores.previous_token_score(sink, n_bos=1), one(0.0), claim)


OFFSETS = {"4.2": ("duplicate_token_score", 0), "4.3": ("prefix_matching_score", 1)}
both = pytest.mark.parametrize(
    "number",
    [pytest.param("4.2", marks=exercise("4.2")), pytest.param("4.3", marks=exercise("4.3"))],
)


@both
@pytest.mark.parametrize("pos, period, n_bos", TEXTS)
def test_offset_scores_sum_keys_and_average_queries(scores, number, pos, period, n_bos):
    name, shift = OFFSETS[number]
    pattern = causal(2, 3, pos, seed=1)
    expected = offset_by_loop(pattern, period, n_bos, shift)
    claim = f"The {name} of {pos} tokens with period={period}, n_bos={n_bos} is wrong."
    check(getattr(scores, name), pattern, period, n_bos, expected=expected, claim=claim)


@both
def test_offset_scores_on_odd_inputs(scores, number):
    name, shift = OFFSETS[number]

    def make(batch, head):
        return causal(batch, head, 14, seed=4), 4, 1

    def oracle(pattern, period, n_bos):
        return offset_by_loop(pattern, period, n_bos, shift)

    check_odd(getattr(scores, name), oracle, make, batch=2, head=3)


# positions back, prefix-matching score, duplicate-token score
KINDS = [(12, 0.0, 1.0), (11, 1.0, 0.0), (13, 0.0, 0.0), (10, 0.0, 0.0), (24, 0.0, 0.5)]


@both
@pytest.mark.parametrize("n_bos", [0, 1])
@pytest.mark.parametrize("back, prefix, duplicate", [*KINDS, (1, 0.0, 0.0), (0, 0.0, 0.0)])
def test_offset_scores_of_known_heads(scores, number, n_bos, back, prefix, duplicate):
    pattern = attends_back(36 + n_bos, back, start=bool(n_bos))
    expected = one(duplicate if number == "4.2" else prefix)
    claim = f"Three repeats of 12, n_bos={n_bos}, and a head that attends {back} back."
    assert_close(getattr(scores, OFFSETS[number][0])(pattern, 12, n_bos), expected, claim)


@exercise("4.3")
@pytest.mark.parametrize("shift", [0, 1, 2])
@pytest.mark.parametrize("pos, period, n_bos", TEXTS[:3])
def test_offset_adds_the_shift(scores, shift, pos, period, n_bos):
    pattern = causal(1, 2, pos, 3)
    expected = offset_by_loop(pattern, period, n_bos, shift)
    claim = f"attention_to_offset with shift={shift}, period={period}, n_bos={n_bos} is wrong."
    check(scores.attention_to_offset, pattern, period, n_bos, shift, expected=expected, claim=claim)


@exercise("4.4")
@pytest.mark.parametrize("early, late", [(2, 9), (0, 5), (6, 10), (1, 3)])
def test_in_context_score_is_late_minus_early(scores, early, late):
    losses = normal(5, 11, seed=early + late).exp()
    expected = (sum(losses[:, late].tolist()) - sum(losses[:, early].tolist())) / 5
    claim = f"The in-context score of the indices {early} and {late} is wrong."
    check(scores.in_context_score, losses, early, late, expected=expected, claim=claim)


@exercise("4.4")
def test_in_context_score_uses_two_indices_only(scores):
    losses = torch.full((2, 9), torch.nan)
    losses[:, 3], losses[:, 7] = torch.tensor([2.0, 4.0]), torch.tensor([1.0, 1.5])
    claim = "Losses 2 and 4 at early=3, 1 and 1.5 at late=7, nan elsewhere: -1.75."
    assert_close(scores.in_context_score(losses, 3, 7), -1.75, claim)


def copying_by_loop(raised, tokens):
    """Compare the logit of each key's own token with the text's others, key by key."""
    out = []
    for head in range(raised.shape[2]):
        found = []
        for text, words in zip(raised[:, :, head].tolist(), tokens.tolist(), strict=True):
            for row, word in zip(text, words, strict=True):
                level = sum(row) / len(row)
                others = [row[token] - level for token in words if token != word]
                own = row[word] - level
                size = abs(own) + sum(map(abs, others)) / len(others)
                found.append((own - sum(others) / len(others)) / max(size, 1e-12))
        out.append(sum(found) / len(found))
    return torch.tensor(out, dtype=torch.float64)


def logits_and_tokens(batch, key, head):
    """Logits of a vocabulary of 11 with a level of their own, and texts of distinct tokens."""
    tokens = torch.stack([(torch.arange(key) * 3 + 5 * text) % 11 for text in range(batch)])
    return normal(batch, key, head, 11, seed=batch) + 0.7, tokens


@exercise("4.5")
@pytest.mark.parametrize("sizes", [(2, 4, 3), (4, 4, 4), (1, 2, 5)])
def test_copying_compares_own_with_other_tokens(scores, sizes):
    raised, tokens = logits_and_tokens(*sizes)
    expected = copying_by_loop(raised, tokens)
    claim = f"Copying scores of {sizes[2]} random heads on {sizes[0]} texts are wrong."
    check(scores.copying_score_on_text, raised, tokens, expected=expected, claim=claim)
    check(scores.copying_score_on_text, 1e-9 * raised, tokens, expected=expected, claim=claim)


@exercise("4.5")
def test_copying_on_odd_inputs(scores):
    skip = "key=1 key=300 ones zeros close nan batch=300"
    sizes = dict(batch=2, key=4, head=3)
    check_odd(scores.copying_score_on_text, copying_by_loop, logits_and_tokens, skip, **sizes)


@exercise("4.5")
def test_copying_of_heads_that_copy_or_suppress(scores):
    _, tokens = logits_and_tokens(2, 4, 3)
    size = torch.tensor([0.3, -5.0, 2.0], dtype=torch.float64)
    raised = torch.eye(11, dtype=torch.float64)[tokens][:, :, None, :] * size[:, None]
    claim = "Heads that add c to the attended token, c = 0.3, -5 and 2, score 1, -1 and 1."
    expected = torch.tensor([1.0, -1.0, 1.0])
    check(scores.copying_score_on_text, raised, tokens, expected=expected, claim=claim)
    raised = raised + 10 * normal(2, 4, 3, 1, seed=5)
    claim = "A number added to all logits of a key changes no probability and no score."
    check(scores.copying_score_on_text, raised, tokens, expected=expected, claim=claim)
