"""Graders of probe.py: the labels of a control task."""

import pytest
import torch

from tests.grading import exercise
from tests.grading.assertions import assert_close
from tests.grading.side_effects import assert_no_side_effects

seeds = pytest.mark.parametrize("seed", [0, 1])


def new(seed):
    return torch.Generator().manual_seed(seed)


def a_task(seed, n=400, n_types=60):
    """Types (numbers with gaps) and labels (0, 2 or 3) of n examples."""
    types = 3 * torch.randint(n_types, (n,), generator=new(seed)) + 1
    labels = torch.tensor([0, 2, 2, 3])[torch.randint(4, (n,), generator=new(seed + 1))]
    return types, labels


@exercise("0.9")
@seeds
def test_a_type_has_the_same_control_label_wherever_it_occurs(probe, seed):
    types, labels = a_task(seed)
    with assert_no_side_effects(types=types, labels=labels):
        control = probe.control_labels(types, labels, new(seed))
    for kind in types.unique():
        own = control[types == kind].unique().tolist()
        assert len(own) == 1, (
            f"Type {int(kind)} got the labels {own}. Is a label drawn for each EXAMPLE? Each "
            "TYPE has one, the same wherever it occurs: only that can be learned by heart."
        )
    strange = set(control.tolist()) - set(labels.tolist())
    assert not strange, (
        f"The control has labels {sorted(strange)}, which never occur in the task: draw with the "
        "task's own label frequencies, not evenly among 0..max."
    )
    assert len(control.unique()) > 1, "All types got the same label: draw one for each type."


@exercise("0.9")
@seeds
def test_control_labels_have_the_frequencies_of_the_tasks_labels(probe, seed):
    n = 2000
    types = torch.cat([torch.arange(n), torch.arange(n, 2 * n).repeat_interleave(9)])
    labels = (types >= n).long() * 2
    control = probe.control_labels(types, labels, new(seed + 1))
    of_type = torch.zeros(2 * n, dtype=torch.long)
    of_type[types] = control
    share = (of_type == 2).double().mean().item()
    known = {
        "Is it drawn evenly among the labels? Use the task's own frequencies.": 0.5,
        "Is it drawn evenly among 0..max?": 1 / 3,
        "Are frequencies counted over types, or types' labels shuffled? Count over the examples, "
        "whose labels they are.": 0.5,
        "Are the frequencies turned round?": 0.1,
        "Does each type get the commonest label?": 1.0,
    }
    words = [text for text, value in known.items() if abs(share - value) < 0.025]
    assert abs(share - 0.9) < 0.025, "\n".join(
        [
            "90 % of the task's labels are 2, so a type's control label is 2 with probability "
            f".9; of 4000 types {100 * share:.1f} % have it.",
            *words,
        ]
    )


@exercise("0.9")
def test_a_control_label_has_nothing_to_do_with_the_types_own_label(probe):
    n = 1500
    types = torch.arange(n).repeat(2)
    labels = (types % 2).long()
    control = probe.control_labels(types, labels, new(3))
    same = (control == labels).double().mean().item()
    assert abs(same - 0.5) < 0.08, (
        "Two labels, equally frequent: half of the types should keep their own label by chance, "
        f"yet {100 * same:.0f} % do. Is a type's label drawn from its own examples, or swapped "
        "for another? It is drawn from all."
    )
    near = (control[: n - 1] == control[1:n]).double().mean().item()
    assert abs(near - 0.5) < 0.08, (
        f"Neighbouring types share their control label {100 * near:.0f} % of the time, where "
        "independent draws give 50 %: draw each type's label by itself."
    )


@exercise("0.9")
def test_the_generator_decides_the_control_labels(probe):
    types, labels = a_task(5)
    one, same = (probe.control_labels(types, labels, new(6)) for _ in range(2))
    assert_close(
        one, same, "The same generator state must give the same labels: generator=generator."
    )
    other = probe.control_labels(types, labels, new(7))
    assert not torch.equal(one, other), (
        "Two generators give the same labels: is `generator` used, and not seeded anew inside?"
    )
    generator = new(8)
    first, second = (probe.control_labels(types, labels, generator) for _ in range(2))
    assert not torch.equal(first, second), (
        "Two calls with one generator give the same labels: a generator goes on from where it is."
    )
