"""The given code of activation patching: what it refuses, and what a sweep gives."""

import pytest
import torch

from tests.grading.assertions import assert_close
from tests.grading.tiny_models import TOKENS

pytestmark = pytest.mark.project
OTHER = torch.tensor([[2, 1, 4, 7, 6], [9, 3, 6, 0, 1], [5, 7, 12, 11, 2]])


def test_a_lone_example_has_no_donor(activation):
    with pytest.raises(ValueError, match="at least 2 examples to resample from, got 1"):
        activation.derangement(1, torch.Generator())


def test_prompts_that_cannot_be_patched_into_each_other_are_refused(activation):
    equal = OTHER.clone()
    equal[1] = TOKENS[1]
    for corrupted, says in (
        (OTHER[:, :4], r"tokens of one shape.* got \[3, 5\] and \[3, 4\]"),
        (OTHER[:2], r"\[3, 5\] and \[2, 5\]"),
        (equal, "got 1 of 3 equal, the first at index 1"),
    ):
        with pytest.raises(ValueError, match=says):
            activation.check_pair(TOKENS, corrupted)


def test_sites_of_a_kind_are_all_there_are(activation, build):
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


def test_a_run_that_is_needed_must_be_given(activation, interventions, Site, build):
    model, change = (
        build("gpt2"),
        interventions.Intervention.patch(Site("hook_resid_mid", 0), "abc"),
    )
    with pytest.raises(KeyError, match="expected tokens of the run 'abc'"):
        activation.run_with_interventions(model, TOKENS, [change], {"abd": OTHER})


def test_what_is_recorded_is_the_whole_activation_at_each_hook(activation, Site, build):
    model = build("llama", n_layers=3)
    asked = [Site("attn.hook_k", 1, head=0), Site("attn.hook_k", 1, head=1), Site("hook_embed")]
    came = activation.cache_sites(model, TOKENS, [*asked, Site("hook_resid_pre", 0, position=2)])
    names = ["blocks.1.attn.hook_k", "hook_embed", "blocks.0.hook_resid_pre"]
    assert sorted(came) == sorted(names)
    _, cache = model.run_with_cache(TOKENS)
    for name in names:
        assert_close(came[name], cache[name], f"{name} is recorded")
    with pytest.raises(ValueError, match="key heads 0..1"):
        activation.cache_sites(model, TOKENS, [Site("attn.hook_k", 1, head=2)])


def test_one_layer_is_recorded_without_those_above_it(activation, Site, build, monkeypatch):
    model = build("gpt2", n_layers=3)
    monkeypatch.setattr(model.blocks[2], "forward", None)
    activation.cache_sites(model, TOKENS, [Site("attn.hook_z", 1)])


@pytest.mark.parametrize("family", ["gpt2", "llama", "attention-only"])
@pytest.mark.parametrize("max_rows", [1, 7, 1024])
def test_a_sweep_is_as_many_interventions(
    activation, metrics, interventions, Site, build, family, max_rows
):
    model = build(family, n_layers=3)
    answer, wrong = torch.tensor([3, 0, 6]), torch.tensor([5, 6, 1])
    versions = [
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
    asked = [change.site for version in versions for change in version]
    runs = {"other": activation.cache_sites(model, OTHER, asked)}
    read = metrics.logit_diff_from_resid(model, answer, wrong)
    came = activation.patch_sweep(model, TOKENS, versions, read, runs, max_rows=max_rows)
    for row, version in zip(came, versions, strict=True):
        with interventions.apply_interventions(model, version, runs):
            logits = model(TOKENS)[:, -1]
        assert_close(row, metrics.logit_diff(logits, answer, wrong), f"{version[0].site}")


def test_a_sweep_over_nothing_is_refused(activation, interventions, Site, build):
    model, read = build("gpt2"), lambda stream: stream.sum(-1)
    outside = interventions.Intervention.zero(Site("hook_embed"))
    for versions, says in (
        ([], "got no patches"),
        ([[]], "at least one intervention per patch"),
        ([[outside]], "inside a block, got hook_embed; use run_with_interventions"),
    ):
        with pytest.raises(ValueError, match=says):
            activation.patch_sweep(model, TOKENS, versions, read)
    unknown = interventions.Intervention.zero(Site("attn.hook_x", 0))
    with pytest.raises(KeyError, match="no hook point"):
        activation.patch_sweep(model, TOKENS, [[unknown]], read)
