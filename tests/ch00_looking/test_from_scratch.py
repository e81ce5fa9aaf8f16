"""Graders of from_scratch.py (0.18), by claims alone."""

import pytest
import torch

from tests.grading import exercise
from tests.grading.assertions import normal

BATCH, D_MODEL, N_TYPES = 400, 12, 10


def draw(seed, d_model=D_MODEL, n_types=N_TYPES):
    """Noise, most of it in the last direction, and a direction per type; and the types."""
    generator = torch.Generator().manual_seed(seed)
    types = torch.randint(n_types, (BATCH,), generator=generator)
    acts = 0.1 * normal(BATCH, d_model, seed=seed)
    acts[:, -1] *= 5
    acts[:, :n_types] += torch.eye(n_types, dtype=acts.dtype)[types]
    return acts, types


def report(module, acts, labels, types, seed=0):
    found = module.probe_with_control(acts, labels, types, torch.Generator().manual_seed(seed))
    assert all(isinstance(value, float) for value in found), "Expected plain numbers."
    return found


@exercise("0.18")
@pytest.mark.parametrize("scale, shift", [(1.0, 0.0), (1e3, 0.0), (1e-3, 5.0)])
def test_what_is_separable_is_decoded(from_scratch, scale, shift):
    acts, types = draw(1)
    labels = (acts[:, -1] > 0.1).long()  # independent of the type
    found = report(from_scratch, scale * acts + shift, labels, types)
    assert found.accuracy > 0.95, (
        f"A hyperplane separates the labels, and the accuracy is {found.accuracy:.2f}. Activations "
        f"are {scale:g} times some of size 1, plus {shift:g}."
    )


@exercise("0.18")
def test_an_xor_of_two_directions_is_not_decoded(from_scratch):
    acts = normal(BATCH, D_MODEL, seed=3)
    labels = ((acts[:, 0] > 0) ^ (acts[:, 1] > 0)).long()
    accuracy = report(from_scratch, acts, labels, torch.arange(BATCH) % 7).accuracy
    assert accuracy < 0.62, f"An XOR is decoded with accuracy {accuracy:.2f}: is the probe linear?"


@exercise("0.18")
def test_accuracies_are_of_the_second_half(from_scratch):
    """With more dimensions than examples a probe memorises the first half, of random labels too."""
    acts = normal(200, 250, seed=4)
    labels = (normal(200, seed=5) > 0).long()
    for found in report(from_scratch, acts, labels, torch.arange(200)):
        assert 0.33 < found < 0.67, f"Random labels are decoded with accuracy {found:.2f}."


@exercise("0.18")
def test_the_first_half_is_fitted_and_the_second_judged(from_scratch):
    """The second half has one label only: fitted to it, a probe always predicts this label."""
    acts = normal(BATCH, D_MODEL, seed=12)
    acts[BATCH // 2 :, 0] = acts[BATCH // 2 :, 0].abs() + 0.5
    labels = (acts[:, 0] > 0).long()
    accuracy = report(from_scratch, acts, labels, torch.arange(BATCH) % 7).accuracy
    assert accuracy > 0.85, (
        f"Fitted on the first half, a probe is right on the second; accuracy {accuracy:.2f}. "
        "Are the halves exchanged?"
    )


@exercise("0.18")
def test_control_labels_belong_to_types(from_scratch):
    """Types are separable, so a probe memorises one label per type, and none per example."""
    acts, types = draw(7)
    labels = (types % 2).long()
    controls = [report(from_scratch, acts, labels, types, seed).control for seed in range(3)]
    assert min(controls) > 0.95, (
        f"Each type has a direction of its own, and its control has accuracy {min(controls):.2f}: "
        "does each type get one label?"
    )
    hidden = normal(BATCH, D_MODEL, seed=8)
    unknown = [report(from_scratch, hidden, labels, types, seed).control for seed in range(3)]
    assert max(unknown) < 0.85, "Types that the activations do not contain are decoded."


@exercise("0.18")
def test_control_labels_have_the_frequencies_of_the_task(from_scratch):
    """Nine of ten labels are 1; without information the best guess is right as often."""
    acts = normal(BATCH, 2, seed=9)
    labels = (torch.arange(BATCH) % 10 > 0).long()
    types = torch.arange(BATCH) % 200
    found = report(from_scratch, acts, labels, types)
    for name, value in found._asdict().items():
        assert 0.84 < value < 0.95, (
            f"{name} is {value:.2f}; always guessing 1 gives .90. Control labels are drawn with "
            "the frequencies of the labels."
        )


@exercise("0.18")
def test_chance_comes_from_the_generator_and_arguments_stay(from_scratch):
    acts, types = draw(10)
    acts.requires_grad_()
    labels = (types % 2).long()
    before, copy = torch.random.get_rng_state(), acts.detach().clone()
    blurred = normal(BATCH, 6, seed=11) + acts[:, :6]
    reports = [report(from_scratch, blurred, labels, types, seed) for seed in (0, 0, 1, 2)]
    assert torch.equal(before, torch.random.get_rng_state()), (
        "torch's global random state has changed; draw from the generator that is passed in."
    )
    assert torch.equal(acts.detach(), copy) and acts.grad is None, "The activations have changed."
    assert reports[0] == reports[1], "The same generator must give the same report."
    assert len({found.control for found in reports}) > 1, "Another generator, the same control."
