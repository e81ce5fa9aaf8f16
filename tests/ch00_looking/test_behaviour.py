"""Graders of behaviour.py: accuracy, group by group."""

import math

import pytest
import torch

from tests.grading import exercise
from tests.grading.assertions import check
from tests.grading.side_effects import python_steps


def draw(n, n_groups, seed, empty=()):
    """Predictions, labels and groups of n examples; some groups are empty."""
    generator = torch.Generator().manual_seed(seed)
    label = torch.randint(3, (n,), generator=generator)
    group = torch.randint(n_groups, (n,), generator=generator)
    for index in empty:
        group[group == index] = (index + 1) % n_groups
    wrong = torch.rand(n, generator=generator) < (1 + group) / (2 * n_groups + 1)
    return torch.where(wrong, (label + 1) % 3, label), label, group


def accuracy_by_counting(predicted, label, group, n_groups):
    """Accuracy in each group, counted one example at a time."""
    right, count = [0] * n_groups, [0] * n_groups
    for p, truth, g in zip(predicted.tolist(), label.tolist(), group.tolist(), strict=True):
        right[g] += p == truth
        count[g] += 1
    return torch.tensor(right).double() / torch.tensor(count).double()


@exercise("0.4")
def test_accuracy_of_three_groups_by_hand(behaviour):
    predicted, label = torch.tensor([1, 0, 1, 1, 0]), torch.tensor([1, 0, 0, 1, 1])
    group, expected = torch.tensor([0, 0, 0, 0, 2]), torch.tensor([0.75, math.nan, 0.0])
    claim = "Group 0: three of four correct, .75. Group 1: empty, NaN. Group 2: none of one, 0."
    arguments = predicted, label, group, 3
    check(behaviour.accuracy_by_group, *arguments, expected=expected, claim=claim, tolerance=2e-7)


#: examples, groups drawn from, groups asked for, empty ones
CASES = [(40, 4, 4, ()), (60, 5, 5, (0, 3)), (30, 3, 3, (2,)), (1, 2, 2, ()), (20, 3, 6, ())]
CASES += [(40, 1, 1, ())]


@exercise("0.4")
@pytest.mark.parametrize("n, drawn, n_groups, empty", CASES)
def test_accuracy_is_the_fraction_correct_in_each_group(behaviour, n, drawn, n_groups, empty):
    for seed in (n, n + 1):
        predicted, label, group = draw(n, drawn, seed=seed, empty=empty)
        order = torch.randperm(n, generator=torch.Generator().manual_seed(7))
        expected = accuracy_by_counting(predicted, label, group, n_groups)
        claim = f"{n} examples in groups {sorted(set(group.tolist()))} of {n_groups}."
        for rows in (torch.arange(n), order):
            arguments = predicted[rows], label[rows], group[rows], n_groups
            answer, near = behaviour.accuracy_by_group, 2e-7
            check(answer, *arguments, expected=expected, claim=claim, tolerance=near)


@exercise("0.4")
def test_no_loop_runs_over_the_examples(behaviour):
    few, many = draw(50, 4, seed=8), draw(450, 4, seed=9)
    behaviour.accuracy_by_group(*few, 4)
    steps = [python_steps(lambda: behaviour.accuracy_by_group(*x, 4)) for x in (few, many)]
    assert steps[1] - steps[0] < 200, (
        f"400 examples more take {steps[1] - steps[0]} steps of Python more: a loop over examples "
        "is hundreds of times slower than one comparison of whole tensors, as in "
        "predicted == label. (A loop over the groups is fine.)"
    )
