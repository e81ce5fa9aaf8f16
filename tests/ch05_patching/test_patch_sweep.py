"""Sweeps, which are given: exact on every kind of site, and an error where they cannot be."""

from dataclasses import replace

import pytest
import torch

from tests.ch05_patching import patching_reference
from tests.ch05_patching.patching_reference import CLEAN, CORRUPTED, Change
from tests.grading.assertions import assert_close, normal, randomise

pytestmark = pytest.mark.project

FAMILIES = ["gpt2", "llama", "attention-only"]
SIZES = {
    "hook_resid_pre": (10,),
    "hook_resid_post": (10,),
    "hook_mlp_out": (10,),
    "attn.hook_z": (4,),
    "attn.hook_q": (4,),
    "attn.hook_k": (4,),
    "attn.hook_v": (4,),
    "attn.hook_pattern": (5,),
    "mlp.hook_post": (7,),
}
KINDS = {
    "residual, position by position": ("hook_resid_pre", [None], [(0,), (1,), (2,), (3,), (4,)]),
    "heads at the last position": ("attn.hook_z", range(6), [(4,)]),
    "queries": ("attn.hook_q", [0, 5], [(3,), (4,)]),
    "keys": ("attn.hook_k", [0, 1], [(0, 1, 2, 3, 4), (2,)]),
    "values": ("attn.hook_v", [0, 1], [(1,), (4,)]),
    "patterns": ("attn.hook_pattern", [1, 4], [(4,), (2, 3)]),
    "MLPs": ("hook_mlp_out", [None], [(2,), (4,), (0, 3)]),
    "neurons of a position": ("mlp.hook_post", [None], [(3,)]),
    "a place of its own for each text": ("attn.hook_z", [2], [((1,), (4,), (2,))]),
    "two places of its own for each text": ("hook_resid_post", [None], [((1, 3), (4, 2), (2, 0))]),
}


def change(hook, layer, head, places, seed):
    """One change to random values."""
    n = len(places[0]) if isinstance(places[0], tuple) else len(places)
    return Change(hook, layer, head, places, normal(len(CLEAN), n, *SIZES[hook], seed=seed))


def compare(impl, model, patches, max_rows=1024, tolerance=1e-10):
    """Compare a sweep with a whole forward per patch."""
    metric = patching_reference.all_logits_metric(model)
    asked = [patching_reference.patch(impl, one) for one in patches]
    sweep = impl("ch05_patching.activation").patch_sweep
    actual = sweep(model, CLEAN, asked, metric, max_rows=max_rows)
    with torch.no_grad():
        ends = [patching_reference.last_resid(model, CLEAN, one)[None, :, -1] for one in patches]
        expected = torch.cat([metric(end) for end in ends])
    assert actual.shape == expected.shape == (len(patches), len(CLEAN))
    size = expected.abs().max().item()
    assert_close(
        actual / size,
        expected / size,
        "A sweep differs from a forward per patch.",
        None,
        tolerance,
    )


EXISTING = [
    (family, kind)
    for family in FAMILIES
    for kind, (hook, _, _) in KINDS.items()
    if family != "attention-only" or "mlp" not in hook
]
"""Every kind of site in every family that has it: one of them has no MLPs."""


@pytest.mark.parametrize("family, kind", EXISTING)
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=["double", "single"])
def test_a_sweep_is_exact(impl, build, family, kind, dtype):
    hook, heads, positions = KINDS[kind]
    model = build(family, n_layers=3).to(dtype)
    patches = [
        [change(hook, layer, head, places, seed=layer)]
        for layer in (0, 2)
        for head in heads
        for places in positions
    ]
    compare(impl, model, patches, tolerance=1e-10 if dtype == torch.float64 else 1e-5)


@pytest.fixture
def many():
    """Patches of several interventions at different hooks, layers and positions, unordered."""
    return [
        [change("attn.hook_z", 2, 3, (4,), 1), change("hook_resid_pre", 1, None, (3,), 2)],
        [change("hook_mlp_out", 0, None, (4,), 3), change("attn.hook_k", 2, 1, (1, 4), 4)],
        [change("attn.hook_z", 1, 5, (3,), 5), change("attn.hook_z", 1, 5, (3,), 6)],
        [change("attn.hook_pattern", 1, 2, (4,), 7), change("attn.hook_v", 0, 0, (2,), 8)],
        [change("mlp.hook_post", 2, None, ((0,), (3,), (4,)), 9)],
        [change("attn.hook_q", 2, 1, (3, 4), 10), change("attn.hook_z", 0, 1, (3,), 11)],
        [change("hook_resid_post", 2, None, (4,), 12)],
    ]


@pytest.mark.parametrize("family", ["gpt2", "llama"])
@pytest.mark.parametrize("max_rows", [1, 3, 6, 100])
def test_patches_of_several_interventions(impl, build, many, family, max_rows):
    compare(impl, build(family, n_layers=3), many, max_rows)


def test_results_are_in_the_order_of_the_patches(impl, build, many):
    compare(impl, build("gpt2", n_layers=3), many[::-1])


def test_all_actions_work_in_a_sweep(impl, build):
    activation, interventions = (
        impl("ch05_patching.activation"),
        impl("ch05_patching.interventions"),
    )
    Site, Intervention = impl("ch02_transformer.sites").Site, interventions.Intervention
    model = build("llama", n_layers=3)
    metric = patching_reference.all_logits_metric(model)
    head, pre = Site("attn.hook_z", 1, head=2, position=-2), Site("hook_resid_pre", 2, position=-1)
    patches = [
        [Intervention.zero(head)],
        [Intervention.scale(head, 0.5), Intervention.add(pre, normal(10, seed=1))],
        [Intervention.patch(head, "other"), Intervention.mean(pre, "other")],
    ]
    runs = {"other": activation.cache_sites(model, CORRUPTED, [head, pre])}
    actual = activation.patch_sweep(model, CLEAN, patches, metric, runs)
    for numbers, patch in zip(actual, patches, strict=True):
        with interventions.apply_interventions(model, patch, runs), torch.no_grad():
            end = model(CLEAN, stop_at_layer=3)[None, :, -1]
        assert_close(
            numbers, metric(end)[0], "A sweep and the same interventions in a whole forward."
        )


def test_patches_without_effect_raise(impl, build):
    activation = impl("ch05_patching.activation")
    Intervention = impl("ch05_patching.interventions").Intervention
    Site = impl("ch02_transformer.sites").Site
    model = build("gpt2")
    metric = patching_reference.all_logits_metric(model)
    good = [Intervention.zero(Site("attn.hook_z", 1, head=0, position=-1))]
    for patches, words in (
        ([], "no patches"),
        ([good, []], "at least one intervention"),
        ([good, [Intervention.zero(Site("hook_embed"))]], "expected a site inside a block"),
        (
            [[*good, Intervention.zero(Site("ln_final.hook_normalized"))]],
            "expected a site inside a block",
        ),
        ([[Intervention.zero(Site("attn.hook_z", 1, head=6))]], "heads in 0..5"),
        ([[Intervention.zero(Site("hook_resid_pre", 0, position=5))]], "positions in -5..4"),
        ([[replace(good[0], during="generated")]], "generates no tokens"),
    ):
        with pytest.raises(ValueError, match=words):
            activation.patch_sweep(model, CLEAN, patches, metric)
    with pytest.raises(KeyError, match="hook_z"):
        activation.patch_sweep(model, CLEAN, [[Intervention.zero(Site("attn.hook_y", 0))]], metric)


@pytest.fixture
def smeared(impl):
    """A model whose keys mix with those before them."""
    config = impl("ch02_transformer.config").TransformerConfig(
        n_layers=2, d_model=10, n_heads=6, n_kv_heads=2, d_head=4, d_mlp=7, d_vocab=13, n_ctx=9
    )
    parts = impl("ch04_induction.smeared").SMEARED
    return randomise(impl("ch02_transformer.model").HookedTransformer(config, parts), 1)


def test_a_model_that_mixes_positions_raises(impl, smeared):
    activation, path = impl("ch05_patching.activation"), impl("ch05_patching.path")
    Site = impl("ch02_transformer.sites").Site
    metric = patching_reference.all_logits_metric(smeared)
    patches = [patching_reference.patch(impl, [change("attn.hook_z", 1, 3, (4,), 1)])]
    for dtype in (torch.float64, torch.float32):
        smeared.to(dtype)
        with pytest.raises(ValueError, match="cannot run from a KV cache"):
            activation.patch_sweep(smeared, CLEAN, patches, metric)
    head, query = Site("attn.hook_z", 0, head=0), Site("attn.hook_q", 1, head=1, position=-1)
    for sender, receivers in (([Site("attn.hook_z", 0, position=-1)], []), ([head], [query])):
        with pytest.raises(ValueError, match="cannot run from a KV cache"):
            path.path_patch(smeared, CLEAN, CORRUPTED, [sender], receivers, metric)


def test_sweeps_over_all_positions_need_no_cache(impl, smeared):
    every = (0, 1, 2, 3, 4)
    patches = [
        [change("attn.hook_z", 0, 1, every, 1)],
        [change("attn.hook_k", 0, 1, (0, 2), 3)],
        [change("hook_resid_post", 1, None, every, 2), change("attn.hook_z", 1, 1, (4,), 1)],
    ]
    compare(impl, smeared, patches)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("size", [0.2, 1.0, 6.0])
def test_rounding_does_not_raise(impl, build, family, dtype, size):
    activation, sweep = impl("ch05_patching.activation"), impl("ch05_patching.sweep")
    model = build(family, n_layers=4)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(size)
    model.to(dtype)
    patches = [patching_reference.patch(impl, [change("attn.hook_z", 1, 3, (4,), 1)])]
    activation.check_kv_cache_exact(model, sweep.cache_prompt(model, CLEAN), patches)


def test_more_patches_need_no_more_walks_over_modules(impl, build, monkeypatch):
    model, walks, counts = build("gpt2"), [], []
    modules, sweep = type(model).named_modules, impl("ch05_patching.activation").patch_sweep

    def counted(self, *arguments):
        walks.append(self)
        return modules(self, *arguments)

    monkeypatch.setattr(type(model), "named_modules", counted)
    for heads in ([0], range(6)):
        changes = [change("attn.hook_z", 1, head, (4,), seed=1) for head in heads]
        patches = [patching_reference.patch(impl, [one]) for one in changes]
        sweep(model, CLEAN, patches, patching_reference.all_logits_metric(model))
        counts.append(len(walks))
        walks.clear()
    assert counts[0] == counts[1], f"1 and 6 patches walk over all modules {counts} times."
