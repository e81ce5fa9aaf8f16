"""Graders of absorption.py (9.15)."""

import pytest
import torch

from tests.grading import exercise
from tests.grading.assertions import assert_close, check, normal

NAN = float("nan")


def best(acts, present):
    """(latent, recall, precision) with the best F1; of equal ones the first."""
    found = []
    for i in range(acts.shape[1]):
        hits = sum(bool(a > 0) and bool(p) for a, p in zip(acts[:, i], present, strict=True))
        active, there = int((acts[:, i] > 0).sum()), int(present.sum())
        recall, precision = hits / there, hits / max(active, 1)
        f1 = 2 * recall * precision / (recall + precision) if hits else 0.0
        found.append((f1, -i, recall, precision))
    _, i, recall, precision = max(found)
    return [-i, recall, precision]


@exercise("9.15")
@pytest.mark.parametrize("seed", range(6))
def test_the_best_detector_is_found(absorption, seed):
    acts = normal(60, 1 + seed * 2, seed=seed).sub(0.5).relu()
    present = (acts[:, seed] > 0.2) | (normal(60, seed=seed + 50) > 1.5)
    check(
        lambda a, p: list(absorption.best_detector(a, p)),
        acts,
        present,
        expected=best(acts, present),
        claim="Latent, recall and precision of the best detector are wrong.",
    )


@exercise("9.15")
def test_recall_and_precision_are_not_exchanged(absorption):
    present = torch.tensor([True, True, True, True, False, False])
    acts = torch.tensor([[1.0], [0.3], [0.0], [0.0], [2.0], [0.0]])
    actual = [*absorption.best_detector(acts, present)]
    assert_close(actual, [0, 0.5, 2 / 3], "Recall is 2 of 4, precision 2 of 3.")


@exercise("9.15")
def test_a_silent_latent_detects_nothing(absorption):
    present = torch.tensor([True, False, True])
    acts = torch.tensor([[0.0, 1.0], [0.0, 0.0], [0.0, 1.0]])
    assert_close(
        [*absorption.best_detector(acts, present)], [1, 1.0, 1.0], "The second latent is perfect."
    )


def active_on(tokens, size=1.0):
    """One latent, active on these of 20 tokens."""
    acts = torch.zeros(20, dtype=torch.float64)
    acts[tokens] = size
    return acts


@exercise("9.15")
def test_f1_decides_among_tempting_latents(absorption):
    """The feature is on tokens 0 to 3."""
    latents = [
        active_on(range(20)),
        active_on([0]),
        active_on([0, 1, *range(4, 14)], size=50.0),
        active_on([0, 1, 2, 4, 5]),
        active_on(range(10)),
        active_on([]),
    ]
    present = torch.arange(20) < 4
    claim = "The latent with the best F1 has recall 3 of 4 and precision 3 of 5."
    actual = [*absorption.best_detector(torch.stack(latents, dim=1), present)]
    assert_close(actual, [3, 0.75, 0.6], claim)


@exercise("9.15")
def test_silence_detects_no_rare_feature(absorption):
    present = torch.arange(20) < 4
    rare = torch.stack([active_on([]), active_on(range(9))], dim=1)
    claim = "A silent latent detects nothing, however rare the feature is."
    assert_close([*absorption.best_detector(rare, present)], [1, 1.0, 4 / 9], claim)


def world(seed=1, n=400):
    """A parent with two children; its latent is silent on 30 % of the first child's tokens."""
    parent = normal(n, seed=seed) > 0
    children = torch.stack([parent & (normal(n, seed=seed + i) > 0.5) for i in (1, 2)], dim=1)
    children[:, 1] &= ~children[:, 0]
    holes = children[:, 0] & (normal(n, seed=seed + 3) > 0.5)
    acts = torch.stack(
        [children[:, 1], parent & ~holes, parent & children.any(dim=1)], dim=1
    ).double()
    return acts * 1.5, parent, children, holes


@exercise("9.15")
@pytest.mark.parametrize("seed", range(3))
def test_the_absorbed_fraction_is_that_of_the_holes(absorption, seed):
    acts, parent, children, holes = world(seed)
    expected = torch.tensor([int(holes.sum()) / int(children[:, 0].sum()), 0.0])
    claim = "The fraction of a child's tokens at which the parent's latent is silent is wrong."
    check(
        absorption.absorbed_fraction,
        acts,
        parent,
        children,
        expected=expected,
        claim=claim,
        tolerance=1e-6,
    )


@exercise("9.15")
def test_the_parents_latent_is_found_where_it_is_alone(absorption):
    """On all tokens the second latent predicts the parent better: 9 of 10 have the first child."""
    parent = torch.arange(40) < 20
    children = (torch.arange(40) < 18)[:, None]
    acts = torch.stack([parent & ~children[:, 0], children[:, 0]], dim=1).double()
    claim = "The parent's latent is the one that is active where the parent is alone."
    assert_close(absorption.absorbed_fraction(acts, parent, children), torch.ones(1), claim)


@exercise("9.15")
def test_a_child_that_never_occurs_has_no_fraction(absorption):
    acts, parent, children, _ = world()
    children = torch.cat([children, torch.zeros(len(parent), 1, dtype=torch.bool)], dim=1)
    actual = absorption.absorbed_fraction(acts, parent, children)
    assert actual[2].isnan() and not actual[:2].isnan().any(), "0 of 0 tokens is NaN, not a share."


@pytest.mark.project
def test_nothing_to_detect_raises(absorption):
    acts, parent, children, _ = world()
    with pytest.raises(ValueError, match="expected the feature on some tokens"):
        absorption.best_detector(acts, torch.zeros(len(acts), dtype=torch.bool))
    with pytest.raises(ValueError, match="expected the feature on some tokens"):
        absorption.absorbed_fraction(acts, parent & children.any(dim=1), children)
