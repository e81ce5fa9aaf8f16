"""Graders of data.py: independent sparse features (1.1)."""

import pytest
import torch

from tests.grading import exercise
from tests.grading.assertions import assert_close
from tests.grading.side_effects import assert_no_side_effects

from .chance import check_strengths, correlation, far, new, shares, together

BATCH = 6000
PROBABILITY = torch.tensor(
    [[0.1, 0.7, 0.4, 0.9], [0.3, 0.2, 0.8, 0.6], [0.3, 0.2, 0.8, 0.6]], dtype=torch.float64
)
seeds = pytest.mark.parametrize("seed", [0, 1])


def draw(data, seed, probability=PROBABILITY, batch=BATCH):
    """Draw sparse features, and check that the probabilities stay unchanged."""
    with assert_no_side_effects(probability=probability):
        return data.sparse_features(probability, batch, new(seed))


def known_frequencies(p):
    """Words -> the frequencies that common mistakes give."""
    return {
        "These are 1 - p: `probability` is that of being ON (the paper's S is the other one).": (
            1 - p
        ),
        "Each feature has the mean probability of its instance: it has its own.": (
            p.mean(1, keepdim=True).expand_as(p)
        ),
        "Each feature has the first one's probability: it has its own.": p[:, :1].expand_as(p),
        "Each instance has the first one's probabilities: it has its own.": p[:1].expand_as(p),
        "Each feature has its mean over the instances: view and reshape do not move axes, "
        "rearrange and transpose do.": p.mean(0, keepdim=True).expand_as(p),
        "Are examples without any feature drawn again? They are allowed.": (
            p / (1 - (1 - p).prod(1, keepdim=True))
        ),
        "Every feature is on half of the time.": torch.full_like(p, 0.5),
        "Every feature is on all of the time: is the mask missing?": torch.ones_like(p),
        "These are squares: is the mask multiplied twice?": p**2,
        "Every feature is off all of the time.": torch.zeros_like(p),
    }


@exercise("1.1")
@seeds
def test_each_feature_is_on_with_its_own_probability(data, seed):
    actual = shares(draw(data, seed))
    wrong = far(actual, PROBABILITY, BATCH)
    words = [
        text
        for text, p in known_frequencies(PROBABILITY).items()
        if not far(actual, p, BATCH).any()
    ]
    if ((actual == 0) | (actual == 1)).any():
        words.append(
            "A feature is on in all examples or in none: draw a mask for each example, not one for "
            "the whole batch."
        )
    if wrong.any():
        inst, feature = wrong.nonzero()[0].tolist()
        raise AssertionError(
            f"Feature {feature} of instance {inst} is on with probability "
            f"{PROBABILITY[inst, feature]:.1f}; of {BATCH} examples it was on in "
            f"{100 * actual[inst, feature]:.1f} %.\n" + "\n".join(words)
        )


@exercise("1.1")
@seeds
def test_a_batch_of_one_example_has_the_same_probabilities(data, seed):
    wide = PROBABILITY[:1].expand(BATCH, -1).contiguous()
    actual = shares(draw(data, seed + 30, wide, batch=1)).mean(0)
    assert not far(actual, PROBABILITY[0], BATCH).any(), (
        f"In {BATCH} instances with one example each, features with the probabilities "
        f"{PROBABILITY[0].tolist()} are on in the shares "
        f"{[round(share, 2) for share in actual.tolist()]}. Is a fixed share of each batch on? "
        "Draw for each example."
    )


@exercise("1.1")
@seeds
def test_a_feature_that_is_on_has_a_random_strength(data, seed):
    x = draw(data, seed + 2)
    assert x.any(), "No feature is ever on."
    for inst, feature in [(0, 0), (0, 3), (1, 2)]:
        check_strengths(
            x[inst, :, feature], f"Feature {feature} of instance {inst}, when it is on,"
        )
    check_strengths(x)


@exercise("1.1")
@seeds
def test_features_are_independent(data, seed):
    x = draw(data, seed + 4)
    both, p = together(x), shares(x)
    for one, other in [(0, 1), (1, 2), (2, 3), (0, 3)]:
        for inst in range(len(p)):
            actual, wanted = both[inst, one, other], p[inst, one] * p[inst, other]
            error = (wanted * (1 - wanted) / BATCH).sqrt()
            assert (actual - wanted).abs() < 5.5 * error + 1e-4, (
                f"Features {one} and {other} are on together in {100 * actual:.1f} % of examples, "
                f"where independent ones would be in {100 * wanted:.1f} %. Does one number decide "
                "over all features of an example? Draw one for each feature."
            )


@exercise("1.1")
@seeds
def test_instances_and_examples_are_independent(data, seed):
    x = draw(data, seed + 6)
    on = (x != 0).double()
    for feature in range(x.shape[2]):
        across = correlation(on[1, :, feature], on[2, :, feature])
        assert abs(across) < 0.08, (
            f"Feature {feature} is on in the same examples of two instances (correlation "
            f"{across:.2f}): each instance has its own data. Does the draw have an inst axis?"
        )
        after = correlation(on[1, 1:, feature], on[1, :-1, feature])
        assert abs(after) < 0.08, (
            f"Feature {feature} is on in one example and the next (correlation {after:.2f}): draw "
            "for each example. Does the draw have a batch axis?"
        )


@exercise("1.1")
@seeds
def test_strengths_are_independent(data, seed):
    x = draw(data, seed + 8, torch.ones(2, 3, dtype=torch.float64), 4000)
    pairs = {
        "two features of an example": (x[0, :, 0], x[0, :, 1]),
        "an example and the next": (x[0, 1:, 0], x[0, :-1, 0]),
        "one instance and the next": (x[0, :, 2], x[1, :, 2]),
    }
    for name, (one, other) in pairs.items():
        actual = correlation(one, other) if one.std() > 0 and other.std() > 0 else 1.0
        assert abs(actual) < 0.09, (
            f"The strengths of {name} have correlation {actual:.2f}: strengths are "
            "independent, so the draw needs all of [inst, batch, n_features]."
        )


@exercise("1.1")
@seeds
def test_strengths_do_not_depend_on_other_features(data, seed):
    x = draw(data, seed + 20)
    on = (x != 0).double()
    for one in range(4):
        lit = x[1, :, one] != 0
        elsewhere = {f"feature {other}": on[1, :, other] for other in range(4) if other != one} | {
            "the same feature of the example before": on[1].roll(1, 0)[:, one],
            "the same feature of the next example": on[1].roll(-1, 0)[:, one],
            "the same feature, in the batch read backwards,": on[1].flip(0)[:, one],
            "the same feature of instance 0": on[0, :, one],
            "the same feature of instance 2": on[2, :, one],
        }
        for name, where in elsewhere.items():
            actual = correlation(x[1, lit, one], where[lit])
            assert abs(actual) < 6 / lit.sum().item() ** 0.5, (
                f"Feature {one} is {'weaker' if actual < 0 else 'stronger'} where {name} is on "
                f"(correlation {actual:.2f}): is a number used for both, a strength here and being "
                "on there?"
            )


@exercise("1.1")
def test_probability_0_is_never_and_1_is_always(data):
    p = torch.tensor([[0.0, 1.0, 0.5]]).double()
    x = draw(data, 10, p, 500)
    assert not x.isnan().any(), "There are NaN: is something divided by a probability of 0?"
    assert not x[0, :, 0].any(), "A feature of probability 0 is on."
    off = (x[0, :, 1] == 0).sum().item()
    assert off <= 1, f"A feature of probability 1 is off in {off} of 500 examples."
    assert 150 < (x[0, :, 2] != 0).sum().item() < 350, (
        "A feature of probability 1/2 is on in half of the examples."
    )


@exercise("1.1")
def test_the_shape_is_inst_batch_n_features(data):
    shape = list(data.sparse_features(PROBABILITY, 7, new(11)).shape)
    assert shape == [3, 7, 4], (
        f"Expected the shape [3, 7, 4] for 3 instances, 7 examples and 4 features, got {shape}."
    )


@exercise("1.1")
def test_the_generator_determines_the_features(data):
    one, same, other = (draw(data, seed, batch=50) for seed in (12, 12, 13))
    claim = "The same generator state must give the same features: pass generator on to each draw."
    assert_close(one, same, claim)
    assert not torch.equal(one, other), (
        "Two generators give the same features: is `generator` used, and not seeded inside?"
    )
    generator = new(14)
    first, second = (data.sparse_features(PROBABILITY, 50, generator) for _ in range(2))
    assert not torch.equal(first, second), (
        "Two calls with one generator give the same features: a generator continues from its state."
    )
