"""Graders of evidence.py: what chance alone would give (permutations, random sets)."""

from itertools import combinations

import pytest
import torch

from tests.grading import exercise
from tests.grading.assertions import assert_close, normal
from tests.grading.side_effects import assert_no_side_effects

N = 4000
#: groups for which every usual mistake gives another value, .039 or more from the next
PAIRS = [([-3, 6], [-1, -1, 0, 3, -2]), ([-3, 5], [-1, 1, 4, -2, 5]), ([-3, 6, 5, 0, 0], [0, -3])]


def new(seed):
    return torch.Generator().manual_seed(seed)


def mean(values):
    return sum(values) / len(values)


def median(values):
    return sorted(values)[(len(values) - 1) // 2]


def divisions(a, b):
    """Every way to divide all values into groups of the two sizes."""
    both = [*a, *b]
    for chosen in combinations(range(len(both)), len(a)):
        rest = [both[i] for i in range(len(both)) if i not in chosen]
        yield [both[i] for i in chosen], rest


def exact_p(a, b, gap, counts):
    """The share of all divisions whose gap counts as far as the observed one."""
    seen = gap(a, b)
    return mean([counts(gap(one, other), seen) for one, other in divisions(a, b)])


def bootstrapped_p(a, b):
    """The share that drawing with replacement tends to."""
    both = torch.tensor([*a, *b], dtype=torch.float64)
    drawn = both[torch.randint(len(both), (N, len(both)), generator=new(77))]
    gaps = drawn[:, : len(a)].mean(1) - drawn[:, len(a) :].mean(1)
    return (gaps.abs() >= abs(mean(a) - mean(b)) - 1e-9).double().mean().item()


def unsigned_p(a, b):
    """The share where the means' absolute values are subtracted."""
    gap = abs(mean(a) - mean(b)) - 1e-9
    return mean([abs(abs(mean(x)) - abs(mean(y))) >= gap for x, y in divisions(a, b)])


def p_mistakes(a, b):
    """Words -> the share that usual mistakes tend to."""

    def gap(one, other):
        return mean(one) - mean(other)

    sign = 1 if gap(a, b) > 0 else -1
    same = exact_p(a, b, gap, lambda now, then: sign * now >= abs(then) - 1e-9)
    other = exact_p(a, b, gap, lambda now, then: sign * now <= -abs(then) + 1e-9)
    less = exact_p(a, b, gap, lambda now, then: sign * now <= abs(then) + 1e-9)

    def far(now, then):
        return abs(now) >= abs(then) - 1e-9

    return {
        "It is one-sided: a difference as large in the OTHER direction counts too.": same,
        "Only differences in the direction opposite to the observed one are counted: those in "
        "either direction count. Is an abs() missing?": other,
        "It is one-sided, on the wrong side: count what is as large in either direction.": less,
        "It is twice the smaller one-sided value: count differences whose absolute value is as "
        "large.": min(1.0, 2 * min(same, less)),
        "Equal differences are left out (>): as far apart OR farther (>=).": (
            exact_p(a, b, gap, lambda now, then: abs(now) > abs(then) + 1e-9)
        ),
        "Sums are compared: groups differ in size, so compare means.": (
            exact_p(a, b, lambda one, other: sum(one) - sum(other), far)
        ),
        "Medians are compared: compare means.": (
            exact_p(a, b, lambda one, other: median(one) - median(other), far)
        ),
        "Is it drawn with replacement (a bootstrap)? A permutation uses every value once.": (
            bootstrapped_p(a, b)
        ),
        "The means' absolute values are subtracted: take the absolute value of the difference.": (
            unsigned_p(a, b)
        ),
        "Is it 1 minus the value? Count the divisions that are as far apart, not the others.": (
            1 - exact_p(a, b, gap, far)
        ),
        "Is every group shuffled by itself? Values have to change groups.": 1.0,
    }


@exercise("0.11")
@pytest.mark.parametrize("scale", [1.0, 0.1])
@pytest.mark.parametrize("a, b", PAIRS)
def test_p_value_is_the_share_of_all_divisions(evidence, a, b, scale):
    one, other = torch.tensor(a).double() * scale, torch.tensor(b).double() * scale
    with assert_no_side_effects(a=one, b=other):
        came = evidence.permutation_p_value(one, other, N, new(1))
    right = exact_p(
        a, b, lambda x, y: mean(x) - mean(y), lambda now, then: abs(now) >= abs(then) - 1e-9
    )
    words = [text for text, value in p_mistakes(a, b).items() if abs(came - value) < 0.018]
    assert abs(came - right) < 0.04, "\n".join(
        [
            f"Of all divisions of {[*a, *b]} into {len(a)} and {len(b)}, {right:.3f} have means as "
            f"far apart as {a} and {b} (times {scale}); {came:.3f} came.",
            *words,
        ]
    )


@exercise("0.11")
@pytest.mark.parametrize("sign", [1, -1])
def test_p_value_is_never_zero(evidence, sign):
    a, b = normal(20, seed=2) + 50 * sign, normal(25, seed=3)
    came = evidence.permutation_p_value(a, b, 499, new(4))
    mistakes = {
        "The division that was observed counts as one of them: add 1 above and below.": 0.0,
        "The 1 is added above only: divide by 1 + n_permutations.": 1 / 499,
        "The 1 is added below only: add it to the count as well.": 0.0,
        "Every division counts. Is it one-sided, on the wrong side?": 1.0,
    }
    claim = (
        "No division of two groups this far apart will be found again, so of 499 permutations and "
        "the observed one, 1 in 500 is as far apart."
    )
    assert_close(came, 1 / 500, claim, mistakes)


@exercise("0.11")
def test_where_all_values_are_equal_every_division_is_as_far_apart(evidence):
    came = evidence.permutation_p_value(torch.ones(4), torch.ones(3), 99, new(5))
    mistakes = {
        "Equal differences count as well: >=, not >.": 1 / 100,
        "The 1 is added below only: add it to the count as well.": 99 / 100,
        "The 1 is added above only: divide by 1 + n_permutations.": 100 / 99,
    }
    assert_close(
        came, 1.0, "All values are 1, so no division is less far apart than any.", mistakes
    )


@exercise("0.11")
def test_the_generator_decides_the_permutations(evidence):
    a, b = normal(6, seed=6), normal(5, seed=7)
    with assert_no_side_effects(a=a, b=b):
        values = [evidence.permutation_p_value(a, b, 200, new(seed)) for seed in (8, 8, 9, 10, 11)]
    assert values[0] == values[1], "The same generator state must give the same value."
    assert len(set(values)) > 1, "Four generators give one value: is it seeded anew inside?"
    generator = new(12)
    values = {evidence.permutation_p_value(a, b, 200, generator) for _ in range(4)}
    assert len(values) > 1, "A generator goes on from where it is, and four calls differ."


def some_sets(evidence, n_items, size, n_sets, seed, exclude=None):
    """Random sets, each as a sorted tuple, after the plain rules have been looked at."""
    banned = [] if exclude is None else exclude.tolist()
    kept = {} if exclude is None else {"exclude": exclude}
    with assert_no_side_effects(**kept):
        drawn = evidence.random_sets(n_items, size, n_sets, new(seed), exclude)
    assert list(drawn.shape) == [n_sets, size], (
        f"{n_sets} sets of {size} are asked for; a table of shape {list(drawn.shape)} came."
    )
    sets = [tuple(sorted(row)) for row in drawn.tolist()]
    places = all(row[-1] < n_items - len(set(banned)) for row in sets)
    ask = "Are these places in a shorter list, not the items themselves?"
    ask = ask if places else "Are the excluded left in? They must be taken out of what is drawn."
    for members in sets:
        assert len(set(members)) == size, (
            f"The set {list(members)} has a member twice: the members of a set are distinct. Is it "
            "drawn with replacement?"
        )
        assert 0 <= members[0] and members[-1] < n_items, (
            f"The set {list(members)} has a member that does not exist: items are 0 to "
            f"{n_items - 1}."
        )
        seen = set(members) & set(banned)
        assert not seen, (
            f"The set {list(members)} has the excluded {sorted(seen)}; excluded are {banned}. "
            + ask
        )
    return sets


@exercise("0.12")
@pytest.mark.parametrize("n_items, size, exclude", [(7, 3, None), (9, 4, [0, 5]), (6, 6, None)])
def test_members_exist_are_distinct_and_none_is_excluded(evidence, n_items, size, exclude):
    excluded = None if exclude is None else torch.tensor(exclude)
    sets = some_sets(evidence, n_items, size, 200, seed=1, exclude=excluded)
    missing = set(range(n_items)) - set(exclude or []) - {item for row in sets for item in row}
    assert not missing, (
        f"In 200 sets of {size} the items {sorted(missing)} never occur, though they are allowed."
    )


@exercise("0.12")
def test_the_only_set_there_is_holds_all_that_is_allowed(evidence):
    sets = some_sets(evidence, 6, 3, 20, seed=2, exclude=torch.tensor([5, 0, 2, 2, 0]))
    assert set(sets) == {(1, 3, 4)}, (
        f"Of 6 items without 0, 2 and 5 (two of them named twice) only 1, 3, 4 are left; {sets[0]} "
        "came."
    )


@exercise("0.12")
@pytest.mark.parametrize("n_items, size, exclude", [(5, 2, None), (7, 3, [2, 6]), (4, 1, None)])
def test_every_allowed_set_is_equally_likely(evidence, n_items, size, exclude):
    n_sets, banned = 3000, exclude or []
    excluded = None if exclude is None else torch.tensor(exclude)
    sets = some_sets(evidence, n_items, size, n_sets, seed=3, exclude=excluded)
    allowed = [item for item in range(n_items) if item not in banned]
    every = list(combinations(allowed, size))
    wanted = n_sets / len(every)
    for members in every:
        count = sets.count(members)
        assert abs(count - wanted) < 5.5 * wanted**0.5, (
            f"Each of the {len(every)} allowed sets should come about {wanted:.0f} times in "
            f"{n_sets}; {list(members)} came {count} times."
        )
    again = mean([one == other for one, other in zip(sets, sets[1:], strict=False)])
    assert abs(again - 1 / len(every)) < 0.05, (
        f"A set is followed by itself {100 * again:.0f} % of the time, where independent draws "
        f"give {100 / len(every):.0f} %. Is one order of the items cut into sets, or one set "
        "repeated? Each is drawn by itself."
    )


@exercise("0.12")
def test_sets_differ_and_the_generator_decides_them(evidence):
    one, same, other = (some_sets(evidence, 30, 5, 12, seed=seed) for seed in (4, 4, 5))
    assert len(set(one)) > 1, "All sets are the same one: draw each by itself."
    assert one == same, "The same generator state must give the same sets: generator=generator."
    assert one != other, "Two generators give the same sets: is it seeded anew inside?"
    generator = new(6)
    first, second = (evidence.random_sets(30, 5, 12, generator) for _ in range(2))
    assert not torch.equal(first.sort(1).values, second.sort(1).values), (
        "Two calls with one generator give the same sets: a generator goes on from where it is."
    )
