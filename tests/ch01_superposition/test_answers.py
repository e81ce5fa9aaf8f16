"""Graders of answers.toml: the shapes in `superposition_5`, the partners in `superposition_20`.

Shapes are measured on the weights. A claim about partners is tested on the model: their columns of
W are set to zero, and the variance of feature 7's output is measured while other features vary.
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
"""Shares of the output's variance: partners together remove more than the first, each one more than
the second; other features remove less than the second."""


def read(answers, key, allowed):
    """An entry of the table, which must be one of the allowed words."""
    value = answers("ch01_superposition", "1.9")[key]
    word = value.strip().lower() if isinstance(value, str) else value
    choice = ", ".join(f'"{text}"' for text in allowed)
    assert word in tuple(allowed), f"{key} = {value!r} is not an answer: write one of {choice}."
    return word


def groups(cosine):
    """Size of each feature's group: features that overlap, directly or through others."""
    linked = (cosine.abs() > 0.2).double()
    for _ in range(len(linked)):
        linked = (linked @ linked > 0).double()
    return linked.sum(1)


@exercise("1.9")
@pytest.mark.parametrize("inst", range(4))
def test_shapes_are_those_of_the_represented_features(answers, inst):
    word = read(answers, f"instance_{inst}", SHAPES)
    W = toy_models.load("superposition_5").tensors["W"][inst].double()
    W = W[:, W.norm(dim=0) > 0.5]
    units, size = W / W.norm(dim=0), W.shape[1]
    share = W.square().sum(0) / (units.T @ W).square().sum(1)
    group = groups(units.T @ units)
    dims, corners = SHAPES[word]
    measured = (
        f'instance_{inst} = "{word}", yet it represents {size} features, each with '
        f"{share.min():.2f} to {share.max():.2f} dimensions, in groups of {group.min():.0f} that "
        "overlap"
    )
    assert bool((group == corners).all()), f"{measured}; such a shape has groups of {corners}."
    near = bool(((share - dims / corners).abs() < 0.03).all())
    assert near, f"{measured}; such a shape has {dims}/{corners} dimensions per feature."


@functools.cache
def experiment():
    """W and b of `superposition_20`, and inputs with feature 7 on while others vary."""
    tensors = toy_models.load("superposition_20").tensors
    generator = torch.Generator().manual_seed(1)
    on, strength = torch.rand(2, SAMPLES, N_FEATURES, generator=generator, dtype=torch.float64)
    x = (on < 0.05) * strength
    x[:, FEATURE] = 1.0
    return tensors["W"][0].double(), tensors["b"][0].double(), x


@functools.cache
def output_moments(without=()):
    """Variance and mean of feature 7's output, with the columns of some features set to zero."""
    W, b, x = experiment()
    W = W.index_fill(1, torch.tensor(without, dtype=torch.long), 0.0)
    output = (x @ (W.T @ W[:, FEATURE]) + b[FEATURE]).relu()
    return output.var().item(), output.mean().item()


def removed(features):
    """Share of the output's variance that disappears without these features' columns."""
    return 1 - output_moments(tuple(sorted(features)))[0] / output_moments()[0]


def partners(answers):
    """The claimed partners, as a set of features other than 7."""
    value = answers("ch01_superposition", "1.9")["feature_7_partners"]
    listed = value if isinstance(value, list) else [value]
    for feature in listed:
        number = isinstance(feature, int) and not isinstance(feature, bool)
        assert isinstance(value, list) and number and 0 <= feature < N_FEATURES, (
            f"feature_7_partners = {value!r} is not an answer: write a list of feature indices, "
            f"0 to {N_FEATURES - 1}, as [0, 13]."
        )
    assert FEATURE not in listed, "feature_7_partners contains 7: a feature shares with OTHERS."
    return set(listed)


@exercise("1.9")
def test_superposition_means_interference_by_others(answers):
    word = read(answers, "feature_7_in_superposition", ("yes", "no"))
    (spread, output), (alone, _) = output_moments(), output_moments(tuple(OTHERS))
    shared = spread > 0.05**2 * output**2
    assert word == ("yes" if shared else "no"), (
        f'feature_7_in_superposition = "{word}", yet while feature 7 stays on at strength 1 and '
        f"others vary, its output is {output:.2f} +- {spread**0.5:.2f}; with the columns "
        f"of all others set to zero it varies by {alone**0.5:.2f}."
    )


@exercise("1.9")
def test_each_partner_interferes_with_the_output(answers):
    for other in sorted(partners(answers)):
        assert removed([other]) > FAINT, (
            f"Feature {other} is claimed as a partner, but with its column of W set to zero "
            f"feature 7's output varies as before: {removed([other]):.2%} of its variance "
            "disappears. A direction of almost no norm does not interfere, whatever its cosine."
        )


@exercise("1.9")
def test_no_other_feature_interferes_with_the_output(answers):
    claimed = partners(answers)
    shares = [removed([other]) for other in OTHERS if other not in claimed]
    missed = [share for share in shares if share > FAINT]
    assert not missed, (
        f"Of the features outside of {sorted(claimed)} {len(missed)} interfere with feature 7's "
        f"output too: without one of them {max(missed):.1%} of its variance disappears."
    )


@exercise("1.9")
def test_partners_remove_more_variance_than_random_sets(answers):
    claimed = sorted(partners(answers))
    if not claimed:
        assert removed(OTHERS) < FAINT or output_moments()[0] < 1e-4, (
            "feature_7_partners is empty, yet others interfere with feature 7's output."
        )
        return
    share, generator = removed(claimed), torch.Generator().manual_seed(2)
    assert share > CLEAR, (
        f"With the columns of {claimed} set to zero {share:.0%} of the variance disappears; "
        f"without all partners it would be more than {CLEAR:.0%}."
    )
    drawn = [torch.randperm(len(OTHERS), generator=generator)[: len(claimed)] for _ in range(40)]
    random = [removed([OTHERS[place] for place in places.tolist()]) for places in drawn]
    as_good = sum(value >= share for value in random) / len(random)
    assert as_good < 0.05, (
        f"{as_good:.0%} of random sets of {len(claimed)} features remove as much of the "
        f"variance as {claimed}: such a large claim shows little."
    )
