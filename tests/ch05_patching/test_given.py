"""The given code of activation patching: errors, cached sites, and sweeps."""

import pytest
import torch

from tests.grading.assertions import assert_close
from tests.grading.tiny_models import TOKENS

pytestmark = pytest.mark.project
OTHER = torch.tensor([[2, 1, 4, 7, 6], [9, 3, 6, 0, 1], [5, 7, 12, 11, 2]])


def test_a_single_example_has_no_derangement(activation):
    with pytest.raises(ValueError, match="at least 2 examples to resample from, got 1"):
        activation.derangement(1, torch.Generator())


def test_prompts_that_cannot_be_paired_raise(activation):
    equal = OTHER.clone()
    equal[1] = TOKENS[1]
    for corrupted, says in (
        (OTHER[:, :4], r"tokens of one shape.* got \[3, 5\] and \[3, 4\]"),
        (OTHER[:2], r"\[3, 5\] and \[2, 5\]"),
        (equal, "got 1 of 3 equal, the first at index 1"),
    ):
        with pytest.raises(ValueError, match=says):
            activation.check_pair(TOKENS, corrupted)


def test_site_lists_are_complete(activation, build):
    model = build("llama")
    assert len(activation.head_sites(model)) == 12
    assert len(activation.head_sites(model, hook="attn.hook_v")) == 4
    assert len(activation.residual_sites(model, 5)) == 10
    for site in (
        *activation.head_sites(model, -1, "attn.hook_rot_k"),
        *activation.mlp_sites(model, 2),
        *activation.neuron_sites(1, range(7)),
    ):
        site.check(model)


def test_missing_tokens_of_a_run_raise(activation, interventions, Site, build):
    model, change = (
        build("gpt2"),
        interventions.Intervention.patch(Site("hook_resid_mid", 0), "abc"),
    )
    with pytest.raises(KeyError, match="expected tokens of the run 'abc'"):
        activation.run_with_interventions(model, TOKENS, [change], {"abd": OTHER})


def test_cache_sites_returns_whole_activations(activation, Site, build):
    model = build("llama", n_layers=3)
    asked = [Site("attn.hook_k", 1, head=0), Site("attn.hook_k", 1, head=1), Site("hook_embed")]
    actual = activation.cache_sites(model, TOKENS, [*asked, Site("hook_resid_pre", 0, position=2)])
    names = ["blocks.1.attn.hook_k", "hook_embed", "blocks.0.hook_resid_pre"]
    assert sorted(actual) == sorted(names)
    _, cache = model.run_with_cache(TOKENS)
    for name in names:
        assert_close(actual[name], cache[name], f"{name} is recorded")
    with pytest.raises(ValueError, match="key heads in 0..1"):
        activation.cache_sites(model, TOKENS, [Site("attn.hook_k", 1, head=2)])


def test_cache_sites_stops_after_the_last_site(activation, Site, build, monkeypatch):
    model = build("gpt2", n_layers=3)
    monkeypatch.setattr(model.blocks[2], "forward", None)
    activation.cache_sites(model, TOKENS, [Site("attn.hook_z", 1)])


@pytest.mark.parametrize("family", ["gpt2", "llama", "attention-only"])
@pytest.mark.parametrize("max_rows", [1, 7, 1024])
def test_a_sweep_equals_single_interventions(
    activation, metrics, interventions, Site, build, family, max_rows
):
    model = build(family, n_layers=3)
    answer, wrong = torch.tensor([3, 0, 6]), torch.tensor([5, 6, 1])
    patches = [
        [interventions.Intervention.patch(Site("attn.hook_z", 1, head=3, position=-1), "other")],
        [interventions.Intervention.zero(Site("attn.hook_v", 0, head=1))],
        [
            interventions.Intervention.mean(
                Site("hook_resid_pre", 2, position=((1,), (4,), (3,))), "other"
            )
        ],
        [
            interventions.Intervention.scale(
                Site("attn.hook_z", 2, head=(5, 0), position=(3, 1)), -2.0
            ),
            interventions.Intervention.patch(
                Site("attn.hook_pattern", 0, head=2, position=3), "other"
            ),
        ],
        [interventions.Intervention.add(Site("hook_resid_post", 0, position=2), torch.ones(()))],
    ]
    asked = [change.site for patch in patches for change in patch]
    runs = {"other": activation.cache_sites(model, OTHER, asked)}
    metric = metrics.logit_diff_from_resid(model, answer, wrong)
    actual = activation.patch_sweep(model, TOKENS, patches, metric, runs, max_rows=max_rows)
    for row, patch in zip(actual, patches, strict=True):
        with interventions.apply_interventions(model, patch, runs):
            logits = model(TOKENS)[:, -1]
        assert_close(row, metrics.logit_diff(logits, answer, wrong), f"{patch[0].site}")


def test_a_sweep_over_nothing_raises(activation, interventions, Site, build):
    model, metric = build("gpt2"), lambda stream: stream.sum(-1)
    outside = interventions.Intervention.zero(Site("hook_embed"))
    for patches, says in (
        ([], "got no patches"),
        ([[]], "at least one intervention per patch"),
        ([[outside]], "inside a block, got hook_embed; use run_with_interventions"),
    ):
        with pytest.raises(ValueError, match=says):
            activation.patch_sweep(model, TOKENS, patches, metric)
    unknown = interventions.Intervention.zero(Site("attn.hook_x", 0))
    with pytest.raises(KeyError, match="no hook point"):
        activation.patch_sweep(model, TOKENS, [[unknown]], metric)
