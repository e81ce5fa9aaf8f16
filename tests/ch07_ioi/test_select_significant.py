"""Graders of 7.6: which effects are large and certain."""

import pytest
import torch

from tests.grading import exercise
from tests.grading.assertions import check, normal

N = 36
CLEAN = torch.tensor([6.0, -2.0] * (N // 2), dtype=torch.float64)
"""Mean 2; the mean size is 4."""


def sender(mean, error, seed=0):
    """Make effects of one sender on N prompts with exactly this mean and standard error."""
    x = normal(N, seed=seed)
    x = (x - x.mean()) / x.std()
    return mean + error * N**0.5 * x


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


def check_selected(heads, effects, clean, share, z, expected):
    """expected: the senders in their order."""

    def select(*arguments):
        return [int(sender) for sender in heads.select_significant(*arguments)]

    def in_index_order(*arguments):
        return str(sorted(select(*arguments)))

    limits, arguments = f"min_effect_share={share}, min_z={z}", (effects, clean, share, z)
    claim = f"{limits}: other senders are selected."
    check(in_index_order, *arguments, expected=str(sorted(expected)), claim=claim)
    claim = f"{limits}: the right senders are selected, in another order."
    check(lambda *given: str(select(*given)), *arguments, expected=str(expected), claim=claim)


@exercise("7.6")
@pytest.mark.parametrize(
    "share, z, expected",
    [
        (0.1, 3.0, [3, 7, 5, 0, 6]),
        (0.1, 10.0, [7, 0]),
        (0.3, 3.0, [3, 7]),
        (0.32, 3.0, [3, 7]),
        (0.1, 1.0, [3, 7, 1, 5, 0, 6]),
        (0.03, 3.0, [3, 7, 5, 0, 6, 2]),
        (0.4, 3.0, [3]),
        (0.6, 3.0, []),
    ],
)
def test_large_and_certain_effects_are_selected(heads, share, z, expected):
    check_selected(heads, EFFECTS, CLEAN, share, z, expected)


@exercise("7.6")
@pytest.mark.parametrize("share, z", [(0.1, 3.0), (0.5, 1.5), (1.5, 6.0)])
def test_the_limits_are_where_they_should_be(heads, share, z):
    """Of senders from very small to very large, the number selected tells where the limit is."""
    clean = 2 + 3 * normal(N, seed=20) + torch.arange(N) / 5
    sizes = clean.mean().item() * 10.0 ** torch.linspace(-2, 3, 300, dtype=torch.float64)

    def count(*arguments):
        return len(heads.select_significant(*arguments))

    certain = torch.stack([sender((-1) ** i * size, size / 50, i) for i, size in enumerate(sizes)])
    expected = int((sizes > share * clean.mean()).sum())
    claim = f"min_effect_share={share}: of 300 certain effects another number is selected."
    check(count, certain, clean, share, z, expected=expected, claim=claim)
    means = 2 * share * clean.mean() * torch.linspace(1, 2, 300) * torch.tensor([1, -1]).repeat(150)
    large = [sender(mean, mean.abs() * size, i) for i, (mean, size) in enumerate(zip(means, sizes))]
    large = torch.stack(large)
    expected = int((1 > z * sizes).sum())
    claim = f"min_z={z}: of 300 large effects another number is selected."
    check(count, large, clean, share, z, expected=expected, claim=claim)


@exercise("7.6")
def test_a_negative_clean_metric_counts_by_its_size(heads):
    check_selected(heads, EFFECTS, -CLEAN, 0.1, 3.0, [3, 7, 5, 0, 6])
    check_selected(heads, EFFECTS.flip(0), -CLEAN, 0.1, 3.0, [5, 1, 3, 8, 2])


@exercise("7.6")
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_both_conditions_decide_among_random_senders(heads, seed):
    generator = torch.Generator().manual_seed(seed)
    means, errors = torch.randn(2, 40, generator=generator, dtype=torch.float64) * 0.4
    size, z = means.abs(), means.abs() / errors.abs()
    clear = ((size / 0.2).log().abs() > 0.05) & ((z / 2).log().abs() > 0.05)
    numbers = enumerate(zip(means.tolist(), errors.abs().tolist(), strict=True))
    effects = torch.stack([sender(mean, error, i) for i, (mean, error) in numbers])[clear]
    size, z = size[clear], z[clear]
    chosen = [i for i in range(len(size)) if size[i] > 0.2 and z[i] > 2]
    expected = sorted(chosen, key=lambda i: -size[i].item())
    check_selected(heads, effects, CLEAN, 0.1, 2.0, expected)
