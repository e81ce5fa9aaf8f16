"""Graders of path.py: what is frozen in run C (5.14), and what the receivers get (5.15)."""

import pytest
import torch

from tests.ch05_patching import patching_reference
from tests.ch05_patching.patching_reference import CLEAN, CORRUPTED, Place, path_patched
from tests.grading import exercise
from tests.grading.assertions import assert_close, normal

FAMILIES = ["gpt2", "llama", "attention-only"]
SENDERS = [
    [Place("attn.hook_z", 0, 4)],
    [Place("attn.hook_z", 1, 2, position=4)],
    [Place("attn.hook_z", 0, 1, position=2), Place("attn.hook_z", 0, 5, position=2)],
    [Place("hook_resid_pre", 0)],
    [Place("attn.hook_z", 2, 3, position=4)],
]
RECEIVERS = [
    [Place("attn.hook_q", 2, 1, position=4)],
    [Place("attn.hook_k", 2, 1)],
    [Place("attn.hook_v", 1, 0), Place("attn.hook_v", 2, 1)],
    [Place("attn.hook_q", 1, 3, position=4), Place("attn.hook_q", 2, 2, position=4)],
]


@exercise("5.14")
@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("mlps", ["recomputed", "frozen"])
@pytest.mark.parametrize("layers", [2, 12])
def test_every_z_is_frozen_and_frozen_mlps_too(path, build, family, mlps, layers):
    model = build(family, n_layers=layers)
    hooks = ["attn.hook_z"] + ["hook_mlp_out"] * (mlps == "frozen" and family != "attention-only")
    expected = {f"blocks.{layer}.{hook}" for layer in range(layers) for hook in hooks}
    actual = set(path.frozen_hook_names(model, mlps))
    assert actual == expected, (
        f"MLPs {mlps} in a {family} model of {layers} layers: expected {len(expected)} hook points,"
        f" got {len(actual)}; missing {sorted(expected - actual)[:3]}, too many "
        f"{sorted(actual - expected)[:3]}"
    )


@pytest.mark.project
def test_another_word_for_mlps_raises(path, build):
    with pytest.raises((ValueError, TypeError), match="thawed"):
        path.frozen_hook_names(build("gpt2"), "thawed")


@exercise("5.14")
@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("mlps", ["recomputed", "frozen"])
def test_direct_paths_agree_with_four_forwards(path, build, impl, family, mlps):
    model = build(family, n_layers=3)
    senders = [[place.site(impl) for place in sender] for sender in SENDERS]
    metric = patching_reference.all_logits_metric(model)
    actual = path.path_patch(model, CLEAN, CORRUPTED, senders, [], metric, mlps=mlps)
    runs, frozen = (CLEAN, CORRUPTED), mlps == "frozen"
    ends = [path_patched(model, runs, sender, [], frozen)[None, :, -1] for sender in SENDERS]
    expected = torch.cat([metric(end) for end in ends])
    assert_close(actual, expected, f"5 senders to the logits, MLPs {mlps}, in a {family} model.")


@pytest.fixture
def recorded(impl):
    """Three receivers and their inputs from three senders, of which some reach only the first."""
    Site = impl("ch02_transformer.sites").Site
    receivers = [
        Site("attn.hook_q", 2, head=1, position=4),
        Site("mlp.hook_pre", 1, position=(1, 3)),
        Site("attn.hook_v", 0, head=0),
    ]
    shapes = [(3, 2, 1, 1, 4), (2, 2, 2, 7), (0, 5, 10)]
    return receivers, [normal(*shape, seed=i) for i, shape in enumerate(shapes)]


@exercise("5.15")
@pytest.mark.parametrize("sender", [0, 1, 2])
@pytest.mark.parametrize("order", [1, -1], ids=["late-first", "early-first"])
def test_each_receiver_gets_its_input_from_this_sender(path, recorded, sender, order):
    receivers, inputs = (part[::order] for part in recorded)
    reached = [i for i in range(3) if sender < len(inputs[i])]
    actual = list(path.patch_receivers(inputs, receivers, sender))
    assert len(actual) == len(reached), (
        f"expected {len(reached)} interventions for sender {sender}, whose inputs of the receivers "
        f"have {[len(x) for x in inputs]} senders; got {len(actual)}"
    )
    for i, one in zip(reached, actual, strict=True):
        assert one.site == receivers[i], f"expected {receivers[i]}, in this order, got {one.site}"
        assert one.action == "replace" and one.value is not None, (
            f"expected the input to be replaced by a value, got the action {one.action!r}"
        )
        claim = f"The value for {one.site.name} and sender {sender} of {len(inputs[i])} is wrong."
        assert_close(one.value, inputs[i][sender], claim)


@exercise("5.15")
def test_no_receivers_give_no_interventions(path):
    actual = list(path.patch_receivers([], [], 0))
    assert actual == [], f"expected no interventions without receivers, got {actual}"


@exercise("5.15")
@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("receivers", RECEIVERS, ids=["q", "k", "v", "two-q"])
def test_paths_agree_with_four_forwards(path, build, impl, family, receivers):
    model = build(family, n_layers=3)
    metric = patching_reference.all_logits_metric(model)
    senders = [[place.site(impl) for place in sender] for sender in SENDERS]
    sites = [place.site(impl) for place in receivers]
    actual = path.path_patch(model, CLEAN, CORRUPTED, senders, sites, metric)
    runs = (CLEAN, CORRUPTED)
    ends = [path_patched(model, runs, sender, receivers)[None, :, -1] for sender in SENDERS]
    expected = torch.cat([metric(end) for end in ends])
    claim = f"5 senders to {[place.name for place in receivers]} in a {family} model."
    assert_close(actual, expected, claim)
