"""Graders of 7.6: which effects are large, and certain."""

import pytest
import torch

from tests.grading import exercise
from tests.grading.assertions import normal

N = 36
CLEAN = torch.tensor([6.0, -2.0] * (N // 2), dtype=torch.float64)
"""Mean 2; the mean size is 4."""


def sender(mean, error, seed=0):
    """Effects of one sender on N prompts with exactly this mean and this standard error."""
    x = normal(N, seed=seed)
    x = (x - x.mean()) / x.std()
    return mean + error * N**0.5 * x


def listed(found):
    """Numbers, whatever came."""
    return [int(number) for number in found]


def sizes_mistaken(order, effects, clean, share, certain):
    """Words -> the list that another measure of size, or another limit, gives."""
    size = effects.mean(1).abs()
    return {
        "The share is of the clean metric's mean SIZE: its mean is meant.": (
            order((size >= share * clean.abs().mean()) & certain)
        ),
        "The share is not of the clean metric: the limit is share x its mean.": (
            order((size >= share) & certain)
        ),
        "The share is of the largest effect: it is of the clean metric.": (
            order((size >= share * size.max()) & certain)
        ),
        "Sizes are averaged: effects that cancel over prompts count as large.": (
            order((effects.abs().mean(1) >= share * clean.mean()) & certain)
        ),
    }


def rules(effects, clean, share, sure):
    """Words -> the list that the usual mistakes of the two conditions give."""
    mean = effects.mean(1)
    size, error = mean.abs(), effects.std(1) / effects.shape[1] ** 0.5
    large, certain = size >= share * clean.mean(), size >= sure * error

    def order(kept, by=size, descending=True):
        numbers = kept.nonzero()[:, 0]
        return listed(numbers[by[numbers].argsort(descending=descending)])

    return sizes_mistaken(order, effects, clean, share, certain) | {
        "Large OR certain heads are listed: both are asked for.": order(large | certain),
        "Large heads are listed, certain or not.": order(large),
        "Certain heads are listed, large or not.": order(certain),
        "Heads with a negative effect are missing: the sign does not matter.": (
            order(large & certain & (mean > 0))
        ),
        "Heads with a positive effect are missing: one that works against the answer counts too.": (
            order(large & certain & (mean < 0))
        ),
        "The smallest comes first: the largest must.": order(large & certain, descending=False),
        "They are ordered by sign, not by size.": order(large & certain, by=mean),
        "They are ordered by sign, the most negative first, not by size.": (
            order(large & certain, by=mean, descending=False)
        ),
        "They are in the order of the heads: the largest must come first.": (
            listed((large & certain).nonzero()[:, 0])
        ),
        "Standard deviations are taken for standard errors: divide by the root of n.": (
            order(large & (size >= sure * effects.std(1)))
        ),
        "Variances are taken for standard errors.": order(large & (size >= sure * effects.var(1))),
        "The standard error is divided by n, not by its root.": (
            order(large & (size >= sure * effects.std(1) / effects.shape[1]))
        ),
        "The standard error is divided by the root of how many heads there are, not of prompts.": (
            order(large & (size >= sure * effects.std(1) / len(effects) ** 0.5))
        ),
    }


def compare(came, right, effects, share, sure):
    came = listed(came)
    if came == right:
        return
    named = [words for words, list_ in rules(effects, CLEAN, share, sure).items() if list_ == came]
    raise AssertionError(
        "\n".join(
            [
                f"share={share}, sure={sure}: the heads {right} are expected in this order, "
                f"{came} came.",
                *named,
            ]
        )
    )


EFFECTS = torch.stack(
    [
        sender(0.30, 0.02, 1),  # large, certain, against the answer
        sender(-0.50, 0.30, 2),  # large, not certain
        sender(-0.10, 0.01, 3),  # certain, not large
        sender(-0.90, 0.10, 4),  # large, certain
        sender(0.00, 0.40, 5),  # neither, though each prompt's effect is large
        sender(-0.40, 0.10, 6),  # large, certain
        sender(0.25, 0.05, 7),  # large, certain
        sender(0.70, 0.02, 8),  # large, certain
        sender(0.15, 0.12, 9),  # neither
    ]
)


@exercise("7.6")
@pytest.mark.parametrize(
    "share, sure, right",
    [
        (0.1, 3.0, [3, 7, 5, 0, 6]),
        (0.1, 10.0, [7, 0]),
        (0.3, 3.0, [3, 7]),
        (0.1, 1.0, [3, 7, 1, 5, 0, 6]),
        (0.03, 3.0, [3, 7, 5, 0, 6, 2]),
        (0.6, 3.0, []),
    ],
)
def test_heads_are_listed_whose_effect_is_large_and_certain(heads, share, sure, right):
    compare(heads.select_significant(EFFECTS, CLEAN, share, sure), right, EFFECTS, share, sure)


@exercise("7.6")
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_among_random_senders_the_two_conditions_decide(heads, seed):
    generator = torch.Generator().manual_seed(seed)
    means, errors = torch.randn(2, 40, generator=generator, dtype=torch.float64) * 0.4
    effects = torch.stack(
        [
            sender(m.item(), abs(e.item()), i)
            for i, (m, e) in enumerate(zip(means, errors, strict=True))
        ]
    )
    ratio = means.abs() / errors.abs()
    clear = ((means.abs() / 0.2).log().abs() > 0.05) & ((ratio / 2).log().abs() > 0.05)
    effects, size, ratio = effects[clear], means[clear].abs(), ratio[clear]
    kept = [i for i in range(len(size)) if size[i] > 0.2 and ratio[i] > 2]
    right = sorted(kept, key=lambda i: -size[i].item())
    compare(heads.select_significant(effects, CLEAN, 0.1, 2.0), right, effects, 0.1, 2.0)
