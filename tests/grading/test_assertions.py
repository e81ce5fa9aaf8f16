"""check, check_odd and assert_close fail what they should, and note what a grader saw."""

import math

import pytest
import torch

from . import mistakes as records
from .assertions import assert_close, check, is_close, normal
from .evidence import SEEN, Differs, Mismatch, Run, alike, compared_with, end_of, same
from .mistakes import SOLUTIONS, Mistake, Variant, edited, in_place, mistakes
from .odd_inputs import KINDS, check_odd


def total(x):
    return x.sum(dim=-1)


def make(rows, columns):
    return (normal(rows, columns, seed=1),)


def oracle(x):
    rows = [sum(row) for row in x.double().tolist()]
    return torch.tensor(rows, dtype=torch.float64)


def test_check_gives_copies_and_wants_them_unchanged():
    x = normal(3, seed=1)
    kept = x.clone()
    with pytest.raises(AssertionError, match="argument 1 is changed in place"):
        check(lambda x: x.mul_(2), x, expected=2 * x, claim="Twice.")
    assert torch.equal(x, kept)
    check(lambda x: 2 * x, x, expected=2 * x, claim="Twice.")


def test_a_right_answer_passes_every_odd_input():
    check_odd(total, oracle, make, rows=3, columns=4)


@pytest.mark.parametrize(
    "wrong, words",
    [
        (lambda x: x[..., :100].sum(-1), "the axis columns has length 300"),
        (lambda x: x.nan_to_num().sum(-1), "the first row is NaN"),
        (lambda x: x.clamp(-100, 100).sum(-1), "the numbers are 1000 times larger"),
        (lambda x: x.squeeze().sum(-1), "the axis rows has length 1"),
        (
            lambda x: x.flatten().as_strided(x.shape, (x.shape[1], 1)).sum(-1) * 0,
            "`total` is wrong\\.",
        ),
    ],
)
def test_odd_inputs_fail_what_ordinary_ones_miss(wrong, words):
    wrong.__name__ = "total"
    with pytest.raises(Mismatch, match=words):
        check_odd(wrong, oracle, make, rows=3, columns=4)


def test_a_kind_that_is_not_promised_is_skipped():
    def skips_nan(x):
        return x.nan_to_num().sum(-1)

    check_odd(skips_nan, oracle, make, skip="nan", rows=3, columns=4)
    assert {"nan", "zeros", "sparse"} <= set(KINDS)


def test_a_difference_is_shown_where_it_is_largest():
    with pytest.raises(Mismatch, match=r"Sums. At \[1\] expected 2, got 7."):
        assert_close(torch.tensor([1.0, 7]), torch.tensor([1.0, 2]), "Sums.")
    with pytest.raises(Mismatch, match=r"Expected shape \[2\], got \[\]."):
        assert_close(1.0, torch.ones(2), "Sums.")
    with pytest.raises(Mismatch, match=r"In entry 'b': Expected 2, got 3."):
        assert_close({"a": 1, "b": 3}, {"a": 1, "b": 2}, "Sums.")


@pytest.mark.parametrize(
    "got, rounded",
    [([1 / 3 + 1e-8, 2.0], True), ([0.3, 2.0], False), ([1 / 3, 2.001], False), ([3e-6, 2], False)],
)
def test_five_digits_are_said_to_agree_only_where_they_do(got, rounded):
    expected = torch.tensor([1 / 3, 2], dtype=torch.float64)
    with pytest.raises(Mismatch) as failure:
        assert_close(torch.tensor(got, dtype=torch.float64), expected, "Thirds.")
    assert ("five digits" in str(failure.value)) == rounded
    with pytest.raises(Mismatch) as failure:
        assert_close(got, expected.tolist(), "Thirds, as a list.")
    assert ("five digits" in str(failure.value)) == rounded


def test_containers_are_compared_part_by_part():
    assert is_close({"a": [1.0, torch.ones(2)]}, {"a": (1.0, torch.ones(2))})
    assert not is_close([1.0], [1.0, 2.0]) and not is_close("a", 1.0) and is_close(None, None)


def run(outcome="failed", seen=(), end=""):
    return Run(outcome, "", list(seen), end, 0.0)


def test_runs_are_alike_up_to_rounding():
    assert alike(run(seen=[1 / 3]), run(seen=[0.1 / 0.3]))
    assert not alike(run(seen=[1 / 3]), run(seen=[1 / 3, 1.0]))
    assert alike(run(end="got 0.333333"), run(end="got 0.333334"))
    assert not alike(run(end="got 0.3"), run(end="got 0.4"))
    assert not alike(run(end=None), run(end=None)), "a time limit proves nothing"
    assert not same(torch.ones(2), torch.ones(2).double()) and same(math.nan, math.nan)


def test_a_grader_ends_at_the_first_value_that_differs():
    SEEN.clear()
    with compared_with([1.0, 2.0]):
        assert_close(1.0, 1.0, "")
        with pytest.raises(Differs):
            assert_close(3.0, 3.0, "")
        SEEN[1:] = [2.0]
        with pytest.raises(Differs):
            assert_close(4.0, 4.0, "One more than the other run judged.")
    assert_close(5.0, 5.0, "")


def test_a_judged_value_is_kept_as_it_was():
    SEEN.clear()
    x = torch.ones(2)
    assert_close(x, torch.ones(2), "")
    x.zero_()
    assert same(SEEN[0], torch.ones(2))
    assert end_of(Mismatch("x"), "x") == "" and end_of(KeyError("x"), "x") == "KeyError: x"
    assert end_of(SystemExit(), "") is None


def test_edits_apply_at_once_and_only_where_they_are_unique():
    assert edited("a + b", {"a": "b", "b": "a"}) == "b + a"
    with pytest.raises(ValueError, match="'a' once in the answer, got 2 times"):
        edited("a + a", {"a": "b"})
    with pytest.raises(ValueError, match="do not overlap"):
        edited("abc", {"ab": "", "bc": ""})


def test_each_text_is_parsed_once(monkeypatch):
    read, parsed = records.answers_in, []

    def counted(*arguments):
        parsed.append(arguments)
        return read(*arguments)

    monkeypatch.setattr(records, "answers_in", counted)
    for number in ("5.2", "5.3", "5.2"):
        with in_place("solutions", [Variant(number, "", records.answers_of(SOLUTIONS, number))]):
            pass
    assert len(parsed) == len(set(parsed)), "expected the answers of a text to be kept"


def test_a_table_of_mistakes_makes_one_record_for_each_form():
    made = mistakes("9.1", "f", {"One.": "return 1", "Two.": ["a", {"x": "y"}]}, {"claim": "b"})
    assert [(one.words, one.named) for one in made] == [
        ("One.", True),
        ("Two.", True),
        ("Two.", True),
        ("claim", False),
    ]
    assert made[0].changes == {"f": "return 1"} and made[2].changes == {"x": "y"}
    (based,) = mistakes("9.1", "f", {"One.": {"2": "3"}}, base="return 2")
    assert based.changes == {"f": "return 3"} and isinstance(based, Mistake)


MANY = dict.fromkeys(["one", "two", "three"], torch.tensor([1.0]))


@pytest.mark.parametrize(
    "actual, given",
    [
        (torch.tensor([1.0]), MANY),
        (torch.full((2,), torch.nan), {"one": torch.full((2,), torch.nan)}),
        (torch.zeros(0), {"one": torch.zeros(0)}),
        ([], {"one": []}),
    ],
    ids=["three mistakes", "NaN", "empty", "empty list"],
)
def test_a_value_that_proves_nothing_names_no_mistake(actual, given):
    with pytest.raises(AssertionError) as failure:
        assert_close(actual, torch.tensor([5.0, 6.0]), "A claim.", given)
    assert not any(word in str(failure.value) for word in given)


def test_one_value_of_one_mistake_is_named():
    with pytest.raises(AssertionError, match="one"):
        assert_close(torch.tensor([1.0]), torch.tensor([5.0]), "A claim.", {"one": torch.ones(1)})
