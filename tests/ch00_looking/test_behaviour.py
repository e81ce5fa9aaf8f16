"""Graders of behaviour.py: accuracy, group by group."""

import math

import pytest
import torch

from tests.grading import exercise
from tests.grading.assertions import assert_close
from tests.grading.side_effects import assert_no_side_effects, python_steps


def draw(n, n_groups, seed, empty=()):
    """Predictions, labels and groups of n examples; some groups have none."""
    generator = torch.Generator().manual_seed(seed)
    label = torch.randint(3, (n,), generator=generator)
    group = torch.randint(n_groups, (n,), generator=generator)
    for number in empty:
        group[group == number] = (number + 1) % n_groups
    wrong = torch.rand(n, generator=generator) < (1 + group) / (2 * n_groups + 1)
    return torch.where(wrong, (label + 1) % 3, label), label, group


def by_counting(predicted, label, group, n_groups):
    """(right, all) in each group, counted one example at a time."""
    right, count = [0] * n_groups, [0] * n_groups
    for p, truth, g in zip(predicted.tolist(), label.tolist(), group.tolist(), strict=True):
        right[g] += p == truth
        count[g] += 1
    return torch.tensor(right).double(), torch.tensor(count).double()


def mistakes(predicted, label, group, n_groups):
    """Words -> what the usual mistakes give."""
    right, count = by_counting(predicted, label, group, n_groups)
    n, share = len(label), right / count
    hit = (predicted == label).double()
    per_label = [hit[label == g].mean() for g in range(n_groups)]
    return {
        "Each group is divided by ALL examples: divide by the group's own.": right / n,
        "This is the accuracy over all examples, for every group the same.": (
            hit.mean().expand(n_groups)
        ),
        "A group without examples has accuracy nan (nobody was asked), not 0.": (
            share.nan_to_num(nan=0.0)
        ),
        "A group without examples has accuracy nan (nobody was asked), not 1.": (
            share.nan_to_num(nan=1.0)
        ),
        "These are counts of right answers: divide by the group's size.": right,
        "These are the groups' sizes.": count,
        "These are the shares of WRONG answers.": 1 - share,
        "These are shares of all right answers: divide by the group's size instead.": (
            right / right.sum()
        ),
        "These are accuracies by label, not by group.": torch.stack(per_label),
        "These are shares of the group that is predicted, not of answers that are right.": (
            torch.stack([(predicted == g)[group == g].double().mean() for g in range(n_groups)])
        ),
        "The prediction is compared with the group: compare it with the label.": torch.stack(
            [(predicted == group)[group == g].double().mean() for g in range(n_groups)]
        ),
        "Each group is divided by n / n_groups, as if groups had one size.": right * n_groups / n,
        "One empty group makes every group nan.": torch.full((n_groups,), math.nan),
        "Each is divided by one more than the group's size.": right / (count + 1),
    }


@exercise("0.4")
def test_accuracy_of_three_groups_worked_by_hand(behaviour):
    predicted, label = torch.tensor([1, 0, 1, 1, 0]), torch.tensor([1, 0, 0, 1, 1])
    group = torch.tensor([0, 0, 0, 0, 2])
    claim = "Group 0: three right of four, .75. Group 1: no example, nan. Group 2: none of one, 0."
    right = torch.tensor([0.75, math.nan, 0.0])
    came = behaviour.accuracy_by_group(predicted, label, group, 3)
    assert_close(came, right, claim, mistakes(predicted, label, group, 3), tolerance=1e-6)


CASES = [(40, 4, ()), (60, 5, (0, 3)), (30, 3, (2,)), (1, 2, ())]


@exercise("0.4")
@pytest.mark.parametrize("n, n_groups, empty", CASES)
def test_accuracy_is_the_share_of_right_answers_in_each_group(behaviour, n, n_groups, empty):
    predicted, label, group = draw(n, n_groups, seed=n, empty=empty)
    right, count = by_counting(predicted, label, group, n_groups)
    with assert_no_side_effects(predicted=predicted, label=label, group=group):
        came = behaviour.accuracy_by_group(predicted, label, group, n_groups)
    claim = f"{n} examples in {n_groups} groups, of which {list(empty) or 'none'} stay empty."
    assert_close(came, right / count, claim, mistakes(predicted, label, group, n_groups), 1e-6)


@exercise("0.4")
def test_groups_at_the_end_without_an_example_are_listed_too(behaviour):
    predicted, label, group = draw(20, 3, seed=5)
    right, count = by_counting(predicted, label, group, 6)
    came = behaviour.accuracy_by_group(predicted, label, group, 6)
    claim = "Six groups are asked for and examples stand in the first three: the rest are nan."
    assert_close(came, right / count, claim, mistakes(predicted, label, group, 6), tolerance=1e-6)


@exercise("0.4")
def test_the_order_of_the_examples_does_not_matter(behaviour):
    predicted, label, group = draw(50, 4, seed=6)
    before = behaviour.accuracy_by_group(predicted, label, group, 4)
    order = torch.randperm(50, generator=torch.Generator().manual_seed(7))
    came = behaviour.accuracy_by_group(predicted[order], label[order], group[order], 4)
    assert_close(
        came, before, "The same examples in another order give another accuracy.", {}, 1e-6
    )


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
