"""Graders of scores.py: the previous token, earlier copies, and what came after them."""

import pytest
import torch

from tests.grading import exercise
from tests.grading.assertions import assert_close
from tests.grading.side_effects import assert_no_side_effects

from .patterns import by_loop, causal, looks_at, mistakes, uniform

# tokens in all, period, tokens before the text: whole repeats, a part of one, two start tokens
TEXTS = [(12, 4, 0), (14, 4, 1), (17, 5, 2), (9, 2, 1)]


def along(pattern, offset):
    """[batch, head, query]: what each query spends so many positions after itself."""
    return pattern.diagonal(offset, dim1=2, dim2=3)


def previous_mistakes(pattern, n_bos):
    """Words -> what the usual mistakes give."""
    text, whole = pattern[:, :, n_bos:, n_bos:], along(pattern, -1)
    right, n = along(text, -1).mean((0, 2)), text.shape[-1]
    renormed = text / text.sum(-1, keepdim=True)
    return {
        "This is attention to the token itself: the one before it is asked for.": (
            along(text, 0).mean((0, 2))
        ),
        "This is attention two tokens back: one too far.": along(text, -2).mean((0, 2)),
        "This is attention to the NEXT token: is the diagonal +1, or query and key exchanged?": (
            along(text, 1).mean((0, 2))
        ),
        "The first token is averaged in as a zero: it has none before it and is no query.": (
            right * (n - 1) / n
        ),
        "`n_bos` is ignored: the start token is no query and no key.": whole.mean((0, 2)),
        "The start token counts as a key: attention that rests there is spent on nothing.": (
            whole[:, :, max(n_bos - 1, 0) :].mean((0, 2))
        ),
        "It is divided by all queries, those of the start token too.": (
            right * (n - 1) / whole.shape[-1]
        ),
        "One token too many is left out at the start.": (
            along(pattern, -1)[:, :, n_bos + 1 :].mean((0, 2))
        ),
        "This is the sum over queries: the mean is asked for.": right * (n - 1),
        "This is the sum over texts: the mean is asked for.": right * len(text),
        "The mean is over heads too: each has a score of its own.": right.mean().expand_as(right),
        "What is spent on the start token is shared out to the others: it is simply lost.": (
            along(renormed, -1).mean((0, 2))
        ),
        "The largest attention of any query stands there: the mean is asked for.": (
            along(text, -1).amax((0, 2))
        ),
        "The pattern is rolled round: the first token has none before it, not the last.": (
            along(text.roll(1, -1), 0).mean((0, 2))
        ),
    }


@exercise("4.1")
@pytest.mark.parametrize("n_bos", [0, 1, 3])
@pytest.mark.parametrize("seed", [1, 2])
def test_attention_to_the_previous_token_is_averaged_over_queries_and_texts(scores, n_bos, seed):
    pattern = causal(2, 3, 9, seed)
    with assert_no_side_effects(pattern=pattern):
        came = scores.previous_token_score(pattern, n_bos)
    spent = [
        [pattern[text, head, i, i - 1].item() for text in range(2) for i in range(n_bos + 1, 9)]
        for head in range(3)
    ]
    right = torch.tensor([sum(s) / len(s) for s in spent], dtype=torch.float64)
    claim = f"The previous-token score of random patterns with {n_bos} start tokens is wrong."
    assert_close(came, right, claim, previous_mistakes(pattern, n_bos))


@exercise("4.1")
@pytest.mark.parametrize(
    "pattern, right, what",
    [
        (looks_at(8, 1), 1.0, "looks at the previous token alone"),
        (looks_at(8, 0), 0.0, "looks at itself alone"),
        (looks_at(8, 3), 0.0, "looks three back"),
        (uniform(8), sum(1 / n for n in range(2, 9)) / 7, "looks at all that has been alike"),
    ],
)
def test_heads_of_one_kind_score_what_is_known(scores, pattern, right, what):
    claim = f"A head that {what} has a previous-token score of {right:.4g}."
    came = scores.previous_token_score(pattern)
    right = torch.tensor([right], dtype=torch.float64)
    assert_close(came, right, claim, previous_mistakes(pattern, 0))


@exercise("4.1")
def test_a_sink_at_the_start_token_is_not_counted(scores):
    pattern = looks_at(8, 8, start=True)  # all rest on the start token
    came = scores.previous_token_score(pattern, n_bos=1)
    claim = "A head that rests on the start token looks at no previous token of the text."
    assert_close(came, torch.zeros(1), claim, previous_mistakes(pattern, 1))


@exercise("4.2")
@pytest.mark.parametrize("pos, period, n_bos", TEXTS)
@pytest.mark.parametrize("seed", [1, 2])
def test_attention_to_earlier_copies_is_summed_and_averaged(scores, pos, period, n_bos, seed):
    pattern = causal(2, 3, pos, seed)
    with assert_no_side_effects(pattern=pattern):
        came = scores.duplicate_token_score(pattern, period, n_bos)
    claim = f"The duplicate-token score of {pos} tokens, period {period}, n_bos={n_bos}, is wrong."
    right = by_loop(pattern, period, n_bos, shift=0)
    assert_close(came, right, claim, mistakes(pattern, period, n_bos, shift=0))


@exercise("4.3")
@pytest.mark.parametrize("pos, period, n_bos", TEXTS)
@pytest.mark.parametrize("seed", [1, 2])
def test_attention_to_what_came_next_is_summed_and_averaged(scores, pos, period, n_bos, seed):
    pattern = causal(2, 3, pos, seed)
    with assert_no_side_effects(pattern=pattern):
        came = scores.prefix_matching_score(pattern, period, n_bos)
    claim = f"The prefix-matching score of {pos} tokens, period {period}, n_bos={n_bos}, is wrong."
    right = by_loop(pattern, period, n_bos, shift=1)
    assert_close(came, right, claim, mistakes(pattern, period, n_bos, shift=1))


@exercise("4.3")
@pytest.mark.parametrize("shift", [0, 1, 2])
@pytest.mark.parametrize("pos, period, n_bos", TEXTS[:3])
def test_the_keys_are_so_many_periods_back_plus_the_shift(scores, pos, period, n_bos, shift):
    pattern = causal(1, 2, pos, 3)
    came = scores.attention_to_offset(pattern, period, n_bos, shift)
    claim = f"attention_to_offset with shift={shift}, {pos} tokens, period {period}, n_bos={n_bos}:"
    right = by_loop(pattern, period, n_bos, shift)
    assert_close(came, right, claim, mistakes(pattern, period, n_bos, shift))


KINDS = [
    (12, 0.0, 1.0, "looks one period back, at the copy of its own token"),
    (11, 1.0, 0.0, "looks at what came after that copy"),
    (13, 0.0, 0.0, "looks at what came before that copy"),
    (10, 0.0, 0.0, "looks at what came two after that copy"),
    (24, 0.0, 0.5, "looks two periods back, which half of the queries can"),
    (1, 0.0, 0.0, "looks at the previous token"),
    (0, 0.0, 0.0, "looks at itself"),
]
BOTH = pytest.mark.parametrize(
    "number", [pytest.param(n, marks=exercise(n)) for n in ("4.2", "4.3")]
)


def scored(scores, number, pattern, period, n_bos=0):
    """The score that an exercise is about, and its shift."""
    functions = {"4.2": scores.duplicate_token_score, "4.3": scores.prefix_matching_score}
    return functions[number](pattern, period, n_bos), 0 if number == "4.2" else 1


@pytest.mark.parametrize("n_bos", [0, 1])
@BOTH
def test_heads_that_look_at_one_place_score_what_is_known(scores, number, n_bos):
    for back, prefix, duplicate, what in KINDS:
        right = duplicate if number == "4.2" else prefix
        pattern = looks_at(36 + n_bos, back, start=bool(n_bos))
        came, shift = scored(scores, number, pattern, 12, n_bos)
        known = f"Three repeats of 12, n_bos={n_bos}: a head that {what} scores {right}."
        wrong = mistakes(pattern, 12, n_bos, shift)
        assert_close(came, torch.tensor([right], dtype=torch.float64), known, wrong)


@BOTH
def test_attention_split_over_all_earlier_repeats_is_worth_as_much(scores, number):
    shift = 0 if number == "4.2" else 1
    pattern = torch.zeros(1, 1, 20, 20, dtype=torch.float64)
    for query in range(5, 20):
        keys = [query - 5 * k + shift for k in range(1, 5) if query - 5 * k >= 0]
        pattern[0, 0, query, keys] = 1 / len(keys)
    came, _ = scored(scores, number, pattern, 5)
    claim = "Four repeats of 5, and a head that shares its attention among all the right keys: 1."
    assert_close(came, torch.ones(1), claim, mistakes(pattern, 5, 0, shift))


@BOTH
def test_uniform_attention_scores_the_number_of_keys_over_the_number_seen(scores, number):
    shift, pattern = 0 if number == "4.2" else 1, uniform(12)
    came, _ = scored(scores, number, pattern, 4)
    spent = [(p + shift) // 4 / (p + 1) for p in range(4, 12)]  # so many of p + 1 positions
    claim = "Three repeats of 4; attention to all that has been, alike."
    right = torch.tensor([sum(spent) / 8], dtype=torch.float64)
    assert_close(came, right, claim, mistakes(pattern, 4, 0, shift))
