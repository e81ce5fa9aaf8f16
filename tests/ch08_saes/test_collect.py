"""Graders of collect.py (8.14): which tokens are kept."""

import pytest
import torch

from tests.grading import exercise
from tests.grading.assertions import check, normal

TOKENS = torch.tensor([[9, 4, 4, 7, 2, 0], [9, 0, 3, 4, 5, 1]])


def long_rows(shape=(2, 6, 3)):
    """Rows of length about 1, one of them 4 times and one 40 times as long."""
    acts = normal(*shape, seed=1)
    acts /= acts.norm(dim=-1, keepdim=True)
    acts[0, 2] *= 4
    acts[1, 3] *= 40
    return acts


def kept_by_loop(acts, tokens, special, skip_first, factor):
    """Which tokens are kept, one token at a time."""
    n_texts, n_pos = tokens.shape
    left = [
        (i, p)
        for i in range(n_texts)
        for p in range(n_pos)
        if int(tokens[i, p]) not in special and not (skip_first and p == 0)
    ]
    lengths = {place: float(acts[place].square().sum()) ** 0.5 for place in left}
    keep = torch.zeros(n_texts, n_pos, dtype=torch.bool)
    if left:
        middle = sorted(lengths.values())[(len(left) - 1) // 2]
        for place in left:
            keep[place] = factor is None or lengths[place] <= factor * middle
    return keep


@exercise("8.14")
@pytest.mark.parametrize("special", [(), (9,), (0, 4)])
@pytest.mark.parametrize("skip_first", [True, False])
@pytest.mark.parametrize("factor", [None, 3.0, 10.0])
def test_special_first_and_massive_tokens_are_left_out(collect, special, skip_first, factor):
    config = collect.CollectConfig(
        special_tokens=special, skip_first=skip_first, massive_factor=factor
    )
    expected = kept_by_loop(long_rows(), TOKENS, special, skip_first, factor)
    claim = f"Special {special}, skip_first {skip_first}, massive_factor {factor}: wrong tokens."
    check(collect.keep_mask, long_rows(), TOKENS, config, expected=expected, claim=claim)


@exercise("8.14")
def test_the_median_is_that_of_the_tokens_that_are_left(collect):
    """Special tokens and first positions are massive here, so they would raise the median."""
    acts = torch.ones(2, 6, 3, dtype=torch.float64)
    config = collect.CollectConfig(special_tokens=(4, 9, 7, 2, 0), massive_factor=5.0)
    acts[torch.isin(TOKENS, torch.tensor(config.special_tokens))] = 1000
    acts[1, 5] = 8
    expected = kept_by_loop(acts, TOKENS, config.special_tokens, True, 5.0)
    claim = "The median is taken over the tokens that are left, not over all."
    check(collect.keep_mask, acts, TOKENS, config, expected=expected, claim=claim)


@exercise("8.14")
def test_a_batch_may_keep_nothing(collect):
    config = collect.CollectConfig(special_tokens=tuple(range(10)))
    actual = check(
        collect.keep_mask,
        long_rows(),
        TOKENS,
        config,
        expected=torch.zeros(2, 6, dtype=torch.bool),
        claim="All tokens are special.",
    )
    assert actual.dtype == torch.bool
