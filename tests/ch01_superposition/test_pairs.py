"""Graders of data.py: pairs of features, together or never together (1.2)."""

import pytest
import torch

from tests.grading import exercise
from tests.grading.assertions import assert_close
from tests.grading.side_effects import assert_no_side_effects

from .chance import check_strengths, correlation, far, new, shares

BATCH = 6000
#: [inst, n_pairs]; at most 1/2, so that both kinds of pairs can have it
PROBABILITY = torch.tensor(
    [[0.1, 0.4, 0.5], [0.3, 0.2, 0.45], [0.3, 0.2, 0.45]], dtype=torch.float64
)
kinds = pytest.mark.parametrize("kind", ["correlated_pairs", "anticorrelated_pairs"])
seeds = pytest.mark.parametrize("seed", [0, 1])


def draw(data, kind, seed, probability=PROBABILITY, batch=BATCH):
    """Draw pairs, and check their shape and that the probabilities stay unchanged."""
    with assert_no_side_effects(probability=probability):
        x = getattr(data, kind)(probability, batch, new(seed))
    shape = [len(probability), batch, 2 * probability.shape[1]]
    assert list(x.shape) == shape, (
        f"Expected the shape {shape} ({probability.shape[1]} pairs are {shape[2]} features), "
        f"got {list(x.shape)}."
    )
    return x


def partner(x):
    """The features with the two of each pair exchanged."""
    return x.unflatten(-1, (-1, 2)).flip(-1).flatten(-2)


def check_shares(x, kind, each):
    """Fail features whose frequency is not that of their pair."""
    p = PROBABILITY.repeat_interleave(2, 1)
    actual, wrong = shares(x), far(shares(x), p, BATCH)
    flat = PROBABILITY.repeat(1, 2)
    first = torch.tensor([1.0, 0.0]).repeat(3)
    known = {
        "These are halves of it: each feature of a pair keeps the whole probability. A pair whose "
        "two features are never on together is on with 2 p.": p / 2,
        "These are squares of it: one decision for both features, not two.": p**2,
        "These are 1 - p: `probability` is that of being ON.": 1 - p,
        "The features are in another order: pairs are 2i and 2i + 1, so the first two "
        "have the first probability.": flat,
        "The second of each pair is on only where its own draw AND the first one allow it: p (1 - "
        "p).": torch.where(first == 1, p, p * (1 - p)),
        "The first of each pair is on only where its own draw AND the second one allow it: p (1 - "
        "p).": torch.where(first == 1, p * (1 - p), p),
        "Both are drawn, and where both are on one is switched off: that removes p^2 / 2. "
        "One draw says which of the two is on.": p * (1 - p / 2),
        "The pair is on where either of two draws is: one decision.": p * (2 - p),
        "The second is on wherever the first is not: a pair can be off.": (
            torch.where(first == 1, p, 1 - p)
        ),
        "Each is on only where the other one's own draw is off: p (1 - p).": p * (1 - p),
        "Each feature is on twice as often.": 2 * p,
    }
    words = [text for text, value in known.items() if not far(actual, value, BATCH).any()]
    if (actual == 0).any():
        words.append("A feature is on in no example: does a draw lack the batch axis?")
    if wrong.any():
        inst, feature = wrong.nonzero()[0].tolist()
        raise AssertionError(
            f"{kind}: feature {feature} of instance {inst} belongs to pair {feature // 2} and is "
            f"on with probability {p[inst, feature]:.2f}, {each}; of {BATCH} examples it was on in "
            f"{100 * actual[inst, feature]:.1f} %.\n" + "\n".join(words)
        )


@exercise("1.2")
@seeds
@kinds
def test_each_feature_of_a_pair_keeps_its_probability(data, kind, seed):
    check_shares(draw(data, kind, seed), kind, "whatever its partner does")


@exercise("1.2")
@seeds
def test_correlated_pairs_are_on_together(data, seed):
    x = draw(data, "correlated_pairs", seed)
    alone = ((x != 0) & (partner(x) == 0)).sum().item()
    assert alone <= 3, (
        f"In {alone} cases one feature of a pair is on without the other. Features 2i and 2i + 1 "
        "share one decision: are they adjacent, and decided by one mask?"
    )


@exercise("1.2")
@seeds
def test_anticorrelated_pairs_are_never_on_together(data, seed):
    x = draw(data, "anticorrelated_pairs", seed)
    both = ((x != 0) & (partner(x) != 0)).sum().item() // 2
    assert both == 0, (
        f"In {both} cases both features of a pair are on: at most one may be. Are they decided by "
        "two draws, or do the two ranges of one draw overlap? Are 2i and 2i + 1 adjacent?"
    )


@exercise("1.2")
@seeds
@kinds
def test_strengths_in_pairs_are_uniform(data, kind, seed):
    x = draw(data, kind, seed + 2)
    assert x.any(), f"{kind}: no feature is ever on."
    check_strengths(x[0, :, 0], f"{kind}: the first feature of a rare pair, when on,")
    check_strengths(x[0, :, 1], f"{kind}: the second feature of a rare pair, when on,")
    check_strengths(x, f"{kind}: a feature that is on")


@exercise("1.2")
@seeds
def test_correlated_pairs_have_independent_strengths(data, seed):
    x = draw(data, "correlated_pairs", seed + 4)
    on = (x[1, :, 0] != 0) & (x[1, :, 1] != 0)
    actual = correlation(x[1, on, 0], x[1, on, 1])
    assert abs(actual) < 0.14, (
        f"Where both are on, their strengths have correlation {actual:.2f}. Being on is shared, "
        "the strength is not: two draws. (The same strength for both would make them one feature.)"
    )


@exercise("1.2")
@seeds
@kinds
def test_pairs_instances_and_examples_are_independent(data, kind, seed):
    x = draw(data, kind, seed + 6)
    on = (x != 0).double()
    cases = {
        "two pairs of an example (does one draw decide over all pairs?)": (
            on[1, :, 0],
            on[1, :, 2],
        ),
        "an example and the next (is there a batch axis in the draw?)": (
            on[1, 1:, 0],
            on[1, :-1, 0],
        ),
        "one instance and the next (is there an inst axis in the draw?)": (
            on[1, :, 0],
            on[2, :, 0],
        ),
    }
    for name, (one, other) in cases.items():
        actual = correlation(one, other) if one.std() > 0 and other.std() > 0 else 1.0
        assert abs(actual) < 0.08, f"{kind}: being on has correlation {actual:.2f} between {name}."
    strength = x.unflatten(-1, (-1, 2)).amax(-1)
    cases = {
        "two pairs of an example": (strength[0, :, 1], strength[0, :, 2]),
        "an example and the next": (strength[1, 1:, 2], strength[1, :-1, 2]),
        "one instance and the next": (strength[1, :, 2], strength[2, :, 2]),
    }
    for name, (one, other) in cases.items():
        lit = (one != 0) & (other != 0)
        actual = correlation(one[lit], other[lit])
        assert abs(actual) < 0.16, (
            f"{kind}: the strengths of {name} have correlation {actual:.2f}; they are independent."
        )


@exercise("1.2")
@pytest.mark.parametrize(
    "kind, highest", [("correlated_pairs", 1.0), ("anticorrelated_pairs", 0.5)]
)
def test_pairs_of_the_lowest_and_highest_probability(data, kind, highest):
    x = draw(data, kind, 8, torch.tensor([[0.0, highest]]).double(), 400)
    assert not x.isnan().any(), f"{kind}: there are NaN. Is something divided by a probability?"
    assert not x[..., :2].any(), f"{kind}: a pair of probability 0 is on."
    neither = (x[..., 2:] == 0).all(-1).sum().item()
    assert neither <= 1, (
        f"{kind}: at probability {highest} there is always one of the pair on; in {neither} of 400 "
        "examples there is none."
    )


@exercise("1.2")
@kinds
def test_the_generator_determines_the_pairs(data, kind):
    one, same, other = (draw(data, kind, seed, batch=50) for seed in (12, 12, 13))
    assert_close(one, same, f"{kind}: the same generator state must give the same features.")
    assert not torch.equal(one, other), (
        f"{kind}: two generators give the same features: is `generator` used, not seeded inside?"
    )
    generator = new(14)
    first, second = (getattr(data, kind)(PROBABILITY, 50, generator) for _ in range(2))
    assert not torch.equal(first, second), (
        f"{kind}: two calls with one generator give the same: it continues from its state."
    )
