"""Graders of probe.py: the labels of a control task."""

import pytest
import torch

from tests.grading import exercise
from tests.grading.assertions import assert_close
from tests.grading.side_effects import assert_no_side_effects

seeds = pytest.mark.parametrize("seed", [0, 1])


def new(seed):
    return torch.Generator().manual_seed(seed)


def draw_task(seed, n=400, n_types=60):
    """Types (indices with gaps) and labels (0, 2 or 3) of n examples."""
    types = 3 * torch.randint(n_types, (n,), generator=new(seed)) + 1
    labels = torch.tensor([0, 2, 2, 3])[torch.randint(4, (n,), generator=new(seed + 1))]
    return types, labels


@exercise("0.9")
@seeds
def test_a_type_has_one_control_label(probe, seed):
    types, labels = draw_task(seed)
    with assert_no_side_effects(types=types, labels=labels):
        control = probe.control_labels(types, labels, new(seed))
    for kind in types.unique():
        own = control[types == kind].unique().tolist()
        assert len(own) == 1, (
            f"Type {int(kind)} got the labels {own}. Each type has one label, the same wherever it "
            "occurs: only that can be memorised."
        )
    strange = set(control.tolist()) - set(labels.tolist())
    assert not strange, (
        f"The control has labels {sorted(strange)}, which never occur in the task: draw with the "
        "frequencies of the task's labels."
    )
    assert len(control.unique()) > 1, "All types got the same label: draw one for each type."


@exercise("0.9")
@seeds
def test_control_labels_have_the_frequencies_of_the_labels(probe, seed):
    n = 2000
    types = torch.cat([torch.arange(n), torch.arange(n, 2 * n).repeat_interleave(9)])
    labels = (types >= n).long() * 2
    control = probe.control_labels(types, labels, new(seed + 1))
    of_type = torch.zeros(2 * n, dtype=torch.long)
    of_type[types] = control
    share = (of_type == 2).double().mean().item()
    assert abs(share - 0.9) < 0.025, (
        "90 % of the task's labels are 2, so a type's control label is 2 with probability .9; of "
        f"4000 types {100 * share:.1f} % have it."
    )


@exercise("0.9")
def test_a_control_label_is_independent_of_the_types_own(probe):
    n = 1500
    types = torch.arange(n).repeat(2)
    labels = (types % 2).long()
    control = probe.control_labels(types, labels, new(3))
    same = (control == labels).double().mean().item()
    assert abs(same - 0.5) < 0.08, (
        "Two labels are equally frequent, so half of the types should keep their own label by "
        f"chance, yet {100 * same:.0f} % do."
    )
    near = (control[: n - 1] == control[1:n]).double().mean().item()
    assert abs(near - 0.5) < 0.08, (
        f"Neighbouring types share their control label {100 * near:.0f} % of the time; independent "
        "draws give 50 %: draw each type's label by itself."
    )


@exercise("0.9")
@pytest.mark.parametrize("last", [1, 50])
def test_control_labels_are_drawn_with_replacement(probe, last):
    types, labels, generator = torch.tensor([0, last]), torch.tensor([0, 1]), new(9)
    drawn = [probe.control_labels(types, labels, generator).unique() for _ in range(200)]
    share = sum(len(one) == 1 for one in drawn) / 200
    assert abs(share - 0.5) < 0.15, (
        f"Two examples, of the types 0 and {last}, have the labels 0 and 1. Each type draws from "
        f"both labels, so they get the same one half of the time; here {100 * share:.0f} %."
    )


@exercise("0.9")
def test_the_generator_decides_the_control_labels(probe):
    types, labels = draw_task(5)
    one, same = (probe.control_labels(types, labels, new(6)) for _ in range(2))
    assert_close(
        one, same, "The same generator state must give the same labels: generator=generator."
    )
    other = probe.control_labels(types, labels, new(7))
    assert not torch.equal(one, other), "Two generators give the same labels."
    generator = new(8)
    first, second = (probe.control_labels(types, labels, generator) for _ in range(2))
    assert not torch.equal(first, second), (
        "Two calls with one generator give the same labels: it must advance."
    )
