"""Graders of evidence.py: what chance alone would give (permutations, random sets)."""

from itertools import combinations

import pytest
import torch

from tests.grading import exercise
from tests.grading.assertions import assert_close, normal
from tests.grading.side_effects import assert_no_side_effects

N = 4000
#: groups for which every mistake gives another value, .039 or more from the next
PAIRS = [([-3, 6], [-1, -1, 0, 3, -2]), ([-3, 5], [-1, 1, 4, -2, 5]), ([-3, 6, 5, 0, 0], [0, -3])]


def new(seed):
    return torch.Generator().manual_seed(seed)


def mean(values):
    return sum(values) / len(values)


def exact_p(a, b):
    """The fraction of all divisions into groups of these sizes whose means differ as much."""
    both, counted = [*a, *b], []
    for chosen in combinations(range(len(both)), len(a)):
        rest = [both[i] for i in range(len(both)) if i not in chosen]
        gap = abs(mean([both[i] for i in chosen]) - mean(rest))
        counted.append(gap >= abs(mean(a) - mean(b)) - 1e-9)
    return mean(counted)


@exercise("0.11")
@pytest.mark.parametrize("scale", [1.0, 0.1])
@pytest.mark.parametrize("a, b", PAIRS)
def test_p_value_is_the_fraction_of_all_divisions(evidence, a, b, scale):
    one, other = torch.tensor(a).double() * scale, torch.tensor(b).double() * scale
    with assert_no_side_effects(a=one, b=other):
        actual = evidence.permutation_p_value(one, other, N, new(1))
    expected = exact_p(a, b)
    assert abs(actual - expected) < 0.04, (
        f"Of all divisions of {[*a, *b]} into {len(a)} and {len(b)}, {expected:.3f} have means as "
        f"far apart as {a} and {b} (times {scale}); got {actual:.3f}."
    )


@exercise("0.11")
@pytest.mark.parametrize("sign", [1, -1])
def test_p_value_is_never_zero(evidence, sign):
    a, b = normal(20, seed=2) + 50 * sign, normal(25, seed=3)
    actual = evidence.permutation_p_value(a, b, 499, new(4))
    claim = (
        "No division of two groups this far apart is found again, so of 499 permutations and the "
        "observed one, 1 in 500 is as far apart."
    )
    assert_close(actual, 1 / 500, claim)


@exercise("0.11")
def test_p_value_of_equal_values_is_one(evidence):
    actual = evidence.permutation_p_value(torch.ones(4), torch.ones(3), 99, new(5))
    assert_close(actual, 1.0, "All values are 1, so every division is as far apart as any.")


@exercise("0.11")
def test_the_generator_decides_the_permutations(evidence):
    a, b = normal(6, seed=6), normal(5, seed=7)
    with assert_no_side_effects(a=a, b=b):
        values = [evidence.permutation_p_value(a, b, 200, new(seed)) for seed in (8, 8, 9, 10, 11)]
    assert values[0] == values[1], "The same generator state must give the same value."
    assert len(set(values)) > 1, "Four generators give one value: is it seeded inside?"
    generator = new(12)
    values = {evidence.permutation_p_value(a, b, 200, generator) for _ in range(4)}
    assert len(values) > 1, "Four calls with one generator give one value: it must advance."


def draw_sets(evidence, n_items, size, n_sets, seed, exclude=None):
    """Draw random sets, check their members, and return each as a sorted tuple."""
    banned = exclude or []
    kept = {} if exclude is None else {"exclude": torch.tensor(exclude)}
    with assert_no_side_effects(**kept):
        drawn = evidence.random_sets(n_items, size, n_sets, new(seed), **kept)
    assert list(drawn.shape) == [n_sets, size], (
        f"Expected {n_sets} sets of {size}, got a table of shape {list(drawn.shape)}."
    )
    sets = [tuple(sorted(row)) for row in drawn.tolist()]
    for members in sets:
        assert len(set(members)) == size, f"The set {list(members)} has a member twice."
        assert 0 <= members[0] and members[-1] < n_items, (
            f"The set {list(members)} has a member that does not exist: items are 0 to "
            f"{n_items - 1}."
        )
        seen = sorted(set(members) & set(banned))
        assert not seen, f"The set {list(members)} has the excluded {seen}; excluded are {banned}."
    return sets


CASES = [(7, 3, None), (9, 4, [0, 5]), (6, 6, None), (8, 4, [3])]


@exercise("0.12")
@pytest.mark.parametrize("n_items, size, exclude", CASES)
def test_members_exist_are_distinct_and_not_excluded(evidence, n_items, size, exclude):
    sets = draw_sets(evidence, n_items, size, 200, seed=1, exclude=exclude)
    missing = set(range(n_items)) - set(exclude or []) - {item for row in sets for item in row}
    assert not missing, f"In 200 sets of {size} the allowed items {sorted(missing)} never occur."


@exercise("0.12")
def test_the_only_allowed_set_is_always_drawn(evidence):
    sets = draw_sets(evidence, 6, 3, 20, seed=2, exclude=[5, 0, 2, 2, 0])
    assert set(sets) == {(1, 3, 4)}, (
        f"Of 6 items without 0, 2 and 5 (two of them given twice) 1, 3, 4 remain; got {sets[0]}."
    )


@exercise("0.12")
@pytest.mark.parametrize("n_items, size, exclude", [(5, 2, None), (7, 3, [2, 6]), (4, 1, None)])
def test_every_allowed_set_is_equally_likely(evidence, n_items, size, exclude):
    n_sets = 3000
    sets = draw_sets(evidence, n_items, size, n_sets, seed=3, exclude=exclude)
    allowed = [item for item in range(n_items) if item not in (exclude or [])]
    every = list(combinations(allowed, size))
    expected = n_sets / len(every)
    for members in every:
        count = sets.count(members)
        assert abs(count - expected) < 5.5 * expected**0.5, (
            f"Expected each of the {len(every)} allowed sets about {expected:.0f} times in "
            f"{n_sets}, got {list(members)} {count} times."
        )
    again = mean([one == other for one, other in zip(sets, sets[1:], strict=False)])
    assert abs(again - 1 / len(every)) < 0.05, (
        f"A set is followed by itself {100 * again:.0f} % of the time; independent draws give "
        f"{100 / len(every):.0f} %."
    )


@exercise("0.12")
def test_sets_differ_and_the_generator_decides_them(evidence):
    one, same, other = (draw_sets(evidence, 30, 5, 12, seed=seed) for seed in (4, 4, 5))
    assert len(set(one)) == 12, "Of 142,506 sets, 12 are not all different: draw each by itself."
    assert one == same, "The same generator state must give the same sets: generator=generator."
    assert one != other, "Two generators give the same sets: is it seeded inside?"
    generator = new(6)
    first, second = (evidence.random_sets(30, 5, 12, generator) for _ in range(2))
    assert not torch.equal(first.sort(1).values, second.sort(1).values), (
        "Two calls with one generator give the same sets: it must advance."
    )
