"""Graders of answers.toml: the shapes in `superposition_5`, the partners in `superposition_20`.

Shapes are measured on the weights. A claim about partners is put to the model: their columns of W
are set to zero, and feature 7's output is watched while other features come and go.
"""

import functools

import pytest
import torch

import toy_models
from tests.grading import exercise

SHAPES = {
    "dedicated": (1, 1),
    "tetrahedron": (3, 4),
    "triangle": (2, 3),
    "digon": (1, 2),
    "pentagon": (2, 5),
    "square antiprism": (3, 8),
}
"""Name -> dimensions and corners."""
FEATURE, N_FEATURES, SAMPLES = 7, 20, 6000
OTHERS = [feature for feature in range(N_FEATURES) if feature != FEATURE]
CLEAR, FAINT = 0.95, 0.02
"""Shares of the disturbance: partners together remove more than the first, each more than the
second; features that are none remove less than the second."""


def read(answers, key, allowed):
    """A word of the table, which must be one of those that are asked for."""
    value = answers("ch01_superposition", "1.9")[key]
    word = value.strip().lower() if isinstance(value, str) else value
    choice = ", ".join(f'"{text}"' for text in allowed)
    assert word in allowed, f"{key} = {value!r} is no answer: write one of {choice}."
    return word


def groups(cosine):
    """Features that overlap, directly or through others: the size of each one's group."""
    linked = (cosine.abs() > 0.2).double()
    for _ in range(len(linked)):
        linked = (linked @ linked > 0).double()
    return linked.sum(1)


@exercise("1.9")
@pytest.mark.parametrize("inst", range(4))
def test_shapes_are_those_of_the_kept_features(answers, inst):
    word = read(answers, f"instance_{inst}", SHAPES)
    W = toy_models.load("superposition_5").tensors["W"][inst].double()
    W = W[:, W.norm(dim=0) > 0.5]
    units, size = W / W.norm(dim=0), W.shape[1]
    share = W.square().sum(0) / (units.T @ W).square().sum(1)
    group = groups(units.T @ units)
    dims, corners = SHAPES[word]
    measured = (
        f'instance_{inst} = "{word}", yet it keeps {size} features, each with {share.min():.2f} to '
        f"{share.max():.2f} dimensions, in groups of {group.min():.0f} that overlap"
    )
    assert bool((group == corners).all()), f"{measured}; such a shape has groups of {corners}."
    near = bool(((share - dims / corners).abs() < 0.03).all())
    assert near, f"{measured}; such a shape has {dims}/{corners} dimensions a feature."


@functools.cache
def experiment():
    """W and b of `superposition_20`, and inputs in which feature 7 is on and others come and go."""
    tensors = toy_models.load("superposition_20").tensors
    generator = torch.Generator().manual_seed(1)
    on, strength = torch.rand(2, SAMPLES, N_FEATURES, generator=generator, dtype=torch.float64)
    x = (on < 0.05) * strength
    x[:, FEATURE] = 1.0
    return tensors["W"][0].double(), tensors["b"][0].double(), x


@functools.cache
def disturbance(without=()):
    """Variance and mean of feature 7's output, with the columns of some features set to zero."""
    W, b, x = experiment()
    W = W.index_fill(1, torch.tensor(without, dtype=torch.long), 0.0)
    output = (x @ (W.T @ W[:, FEATURE]) + b[FEATURE]).relu()
    return output.var().item(), output.mean().item()


def removed(features):
    """Share of the disturbance that goes when these features' columns do."""
    return 1 - disturbance(tuple(sorted(features)))[0] / disturbance()[0]


def partners(answers):
    """The partners that are claimed, as a set of features other than 7."""
    value = answers("ch01_superposition", "1.9")["feature_7_partners"]
    listed = value if isinstance(value, list) else [value]
    for feature in listed:
        number = isinstance(feature, int) and not isinstance(feature, bool)
        assert isinstance(value, list) and number and 0 <= feature < N_FEATURES, (
            f"feature_7_partners = {value!r} is no answer: write a list of the features' numbers, "
            f"0 to {N_FEATURES - 1}, as [0, 13]."
        )
    assert FEATURE not in listed, "feature_7_partners has 7 in it: a feature shares with OTHERS."
    return set(listed)


@exercise("1.9")
def test_a_feature_is_in_superposition_if_others_disturb_its_output(answers):
    word = read(answers, "feature_7_in_superposition", ("yes", "no"))
    (spread, output), (alone, _) = disturbance(), disturbance(tuple(OTHERS))
    shared = spread > 0.05**2 * output**2
    assert word == ("yes" if shared else "no"), (
        f'feature_7_in_superposition = "{word}", yet while feature 7 stays on at strength 1 and '
        f"others come and go, its output is {output:.2f} +- {spread**0.5:.2f}; with the columns "
        f"of all others set to zero it varies by {alone**0.5:.2f}."
    )


@exercise("1.9")
def test_each_partner_disturbs_the_features_output(answers):
    for other in sorted(partners(answers)):
        assert removed([other]) > FAINT, (
            f"Feature {other} is claimed as a partner, but with its column of W set to zero "
            f"feature 7's output varies as before: {removed([other]):.2%} of the disturbance goes. "
            "A direction of almost no length disturbs nobody, whatever its cosine."
        )


@exercise("1.9")
def test_nobody_outside_the_claim_disturbs_the_features_output(answers):
    claimed = partners(answers)
    shares = [removed([other]) for other in OTHERS if other not in claimed]
    missed = [share for share in shares if share > FAINT]
    assert not missed, (
        f"Of the features outside of {sorted(claimed)} {len(missed)} disturb feature 7's output "
        f"too: without one of them {max(missed):.1%} of the disturbance goes."
    )


@exercise("1.9")
def test_without_the_partners_the_disturbance_is_gone_as_with_no_random_set(answers):
    claimed = sorted(partners(answers))
    if not claimed:
        assert removed(OTHERS) < FAINT or disturbance()[0] < 1e-4, (
            "feature_7_partners is empty, yet others disturb feature 7's output."
        )
        return
    share, generator = removed(claimed), torch.Generator().manual_seed(2)
    assert share > CLEAR, (
        f"With the columns of {claimed} set to zero {share:.0%} of the disturbance goes; without "
        f"all partners it would be more than {CLEAR:.0%}."
    )
    drawn = [torch.randperm(len(OTHERS), generator=generator)[: len(claimed)] for _ in range(40)]
    random = [removed([OTHERS[place] for place in places.tolist()]) for places in drawn]
    as_good = sum(value >= share for value in random) / len(random)
    assert as_good < 0.05, (
        f"{as_good:.0%} of random sets of {len(claimed)} features remove as much of the "
        f"disturbance as {claimed}: such a large claim says little."
    )
