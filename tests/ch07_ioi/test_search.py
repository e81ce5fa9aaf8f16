"""Test the rule that selects heads: mirror pairs are the draws, MLPs recomputed or frozen."""

import pytest
import torch

from tests.grading.assertions import assert_close, normal

from .ablation_reference import D_VOCAB, N_POS
from .random_prompts import random_prompts

pytestmark = pytest.mark.project
N_PAIRS = 12


def with_copies(prompts, counterfactuals, n=N_PAIRS, seed=1):
    """Draw n prompts of random tokens, and their copies with swapped names after them."""
    drawn = random_prompts(prompts, n, N_POS, D_VOCAB, seed)
    swapped = counterfactuals.swap_names(drawn)
    positions = prompts.RolePositions(*(torch.cat([one, one]) for one in drawn.positions))
    fields = [torch.cat(two) for two in zip(drawn[2:], swapped[2:], strict=True)]
    return prompts.IOIPrompts(torch.cat([drawn.tokens, swapped.tokens]), positions, *fields)


@pytest.fixture
def rule(prompts, counterfactuals, search, build):
    """A search whose clean metric is 2 on every prompt, so an effect of 0.04 is large."""
    model = build("llama", n_layers=3)
    clean = with_copies(prompts, counterfactuals)
    corrupted = counterfactuals.abc_corruption(
        clean, torch.arange(D_VOCAB), torch.Generator().manual_seed(0)
    )
    return search.CircuitSearch(
        model, clean, corrupted, lambda resid: resid.new_full(resid.shape[:-1], 2.0)
    )


def effects_of(search, recomputed, frozen):
    """Make the effects of senders 5, 6, ... from pairs' values."""
    senders = torch.arange(5, 5 + len(recomputed))
    means = torch.zeros(18).index_put((senders,), recomputed.mean(dim=1).float())
    return search.PathEffects(means, senders, recomputed, frozen)


def around(mean, error, seed):
    """Make effects of pairs with exactly this mean and standard error."""
    x = normal(N_PAIRS, seed=seed)
    return mean + error * N_PAIRS**0.5 * (x - x.mean()) / x.std()


def test_a_prompt_and_its_copy_are_one_pair(prompts, counterfactuals):
    both = with_copies(prompts, counterfactuals)
    assert counterfactuals.mirror_pairs(both).tolist() == [*range(N_PAIRS)] * 2
    order = torch.randperm(2 * N_PAIRS, generator=torch.Generator().manual_seed(0))
    pair = counterfactuals.mirror_pairs(both.select(order))
    for i, j in ((i, j) for i in range(2 * N_PAIRS) for j in range(i)):
        assert (pair[i] == pair[j]) == ((order[i] - order[j]) % N_PAIRS == 0)
    assert pair.max() == N_PAIRS - 1 and pair[0] == 0


def test_prompts_without_a_copy_are_pairs_of_one(prompts, counterfactuals):
    drawn = random_prompts(prompts, 7, N_POS, D_VOCAB, 2)
    assert counterfactuals.mirror_pairs(drawn).tolist() == [*range(7)]


def test_pairs_are_averaged_over_the_last_axis(heads):
    values = torch.tensor([[1.0, 2.0, 3.0, 5.0], [0.0, 4.0, 8.0, 2.0]])
    actual = heads.average_pairs(values, torch.tensor([0, 1, 0, 2]))
    assert_close(actual, torch.tensor([[2.0, 2.0, 5.0], [4.0, 4.0, 2.0]]), "Not the pairs' means.")
    assert_close(
        heads.average_pairs(values[0], torch.tensor([0, 0, 1, 1])), torch.tensor([1.5, 4]), ""
    )


def test_a_head_certain_with_frozen_mlps_only_is_found(search, rule):
    """Head 23.1 of the real model: with MLPs recomputed its effect scatters over prompts."""
    recomputed = torch.stack([around(-0.10, 0.08, 1), around(-0.10, 0.08, 2)])
    frozen = torch.stack([around(-0.30, 0.06, 3), around(-0.03, 0.001, 4)])
    assert rule.significant(effects_of(search, recomputed, frozen)) == {5: pytest.approx(-0.30)}


def test_a_head_keeps_its_larger_effect_and_sign(search, rule):
    recomputed = torch.stack([around(0.20, 0.02, 1), around(-0.05, 0.01, 2)])
    frozen = torch.stack([around(0.15, 0.02, 3), around(-0.50, 0.05, 4)])
    found = rule.significant(effects_of(search, recomputed, frozen))
    assert found == {6: pytest.approx(-0.50), 5: pytest.approx(0.20)} and [*found] == [6, 5]


def test_what_cancels_within_a_pair_adds_no_error(search, rule, heads, counterfactuals):
    """A preference for a name has opposite effects on a prompt and on its copy."""
    preference = 0.5 * normal(N_PAIRS, seed=1)
    effect = torch.cat([-0.06 + preference, -0.06 - preference]) + 0.01 * normal(24, seed=2)
    alone = heads.select_significant(effect[None], torch.full((24,), 2.0), 0.02, 3.0)
    pairs = heads.average_pairs(effect[None], counterfactuals.mirror_pairs(rule.clean))
    found = rule.significant(effects_of(search, pairs, torch.zeros_like(pairs)))
    assert not len(alone) and [*found] == [5]


def test_each_step_measures_both_ways(rule, search, heads, counterfactuals):
    linear = normal(rule.model.config.d_model, seed=3)
    real = search.CircuitSearch(
        rule.model, rule.clean, rule.corrupted, lambda resid: resid @ linear, min_effect_share=1e-9
    )
    found = real.effects_on_logits()
    pair = counterfactuals.mirror_pairs(rule.clean)
    senders = heads.senders(rule.model, rule.clean.positions.end)
    for way, actual in (("recomputed", found.recomputed), ("frozen", found.frozen)):
        expected = heads.path_effects(
            rule.model, rule.clean, rule.corrupted, senders, [], real.metric, way
        )
        expected = heads.average_pairs(expected, pair)[found.screened]
        assert_close(actual, expected, f"Not the effects with MLPs {way}.")
    assert len(found.screened) == 18
    assert (found.recomputed - found.frozen).abs().max() > 1e-6
