"""Graders of SweepBatch (5.7): rows are appended at their layer, and share the keys before them."""

from typing import Any

import pytest
import torch

from tests.ch05_patching import patching_reference
from tests.ch05_patching.patching_reference import CLEAN, Change
from tests.grading import exercise
from tests.grading.assertions import assert_close, check, normal

BATCH, POS, WIDTH, LAYERS, KV, D_HEAD = 3, 6, 5, 4, 2, 7
FIRST_LAYERS = [[0, 1, 1, 3], [1, 1, 1, 2, 3, 3], [2, 2], [0, 0, 2, 2, 2]]


def drawn(*shape, seed):
    """Random numbers; those of the second prompt are small, some of the third NaN."""
    x = normal(*shape, seed=seed)
    x[1] *= 1e-9
    x[2, [0, -1]] = torch.nan
    return x


@pytest.fixture
def make_batch(impl, sweep):
    """Make a SweepBatch of patches that begin at these layers, with a random cached prompt."""

    def make(layers: list[int], start: int, seed: int = 1) -> Any:
        Site = impl("ch02_transformer.sites").Site
        Intervention = impl("ch05_patching.interventions").Intervention
        kv_cache = impl("ch02_transformer.kv_cache").KVCache(LAYERS)
        for i, layer in enumerate(kv_cache.layers):
            layer.k = drawn(BATCH, POS, KV, D_HEAD, seed=100 * seed + i)
            layer.v = drawn(BATCH, POS, KV, D_HEAD, seed=100 * seed + 50 + i)
        resids = [drawn(BATCH, POS, WIDTH, seed=seed + 10 * i) for i in range(LAYERS + 1)]
        sites = [Site("hook_mlp_out", layer, position=start) for layer in layers]
        patches = [[Intervention.zero(site)] for site in sites]
        return sweep.SweepBatch(sweep.CachedPrompt(resids, kv_cache), patches, start, {}, {})

    return make


@exercise("5.7")
@pytest.mark.parametrize("layers", FIRST_LAYERS)
@pytest.mark.parametrize("start", [0, 2, POS - 1])
def test_patches_are_appended_at_their_first_layer(make_batch, layers, start):
    batch, resid = make_batch(layers, start), normal(0, POS - start, WIDTH, seed=0)
    for layer in range(min(layers), LAYERS):
        clean = batch.prompt.resids[layer]
        new = [clean[prompt, start:] for _ in range(layers.count(layer)) for prompt in range(BATCH)]
        expected = torch.stack([*resid, *new])
        claim = (
            f"Patches begin at layers {layers} and position {start}, of {BATCH} prompts: the "
            f"rows before block {layer} are wrong."
        )
        check(batch.append_new, resid, layer, expected=expected, claim=claim)
        resid = normal(*expected.shape, seed=7 + layer)  # what the block and the patches make of it


@exercise("5.7")
@pytest.mark.parametrize("start", [0, 1, 3, POS - 1])
@pytest.mark.parametrize("layer", [0, 2])
def test_keys_and_values_before_the_start_are_shared(make_batch, start, layer):
    batch = make_batch([0, 1, 1], start)
    shared, cached = batch.shared_kv(layer), batch.prompt.kv_cache.layers[layer]
    for name, actual, whole in (("k", shared.k, cached.k), ("v", shared.v, cached.v)):
        claim = f"The shared {name} of layer {layer}, for a start at position {start}, is wrong."
        assert_close(actual, whole[:, :start], claim)


@exercise("5.7")
def test_a_sweep_batch_agrees_with_a_forward_per_patch(impl, sweep, build):
    model = build("llama", n_layers=3)
    changes = [
        [Change("hook_resid_pre", 0, None, (2, 4), normal(2, 2, 10, seed=1))],
        [Change("attn.hook_z", 1, 4, (2,), normal(2, 1, 4, seed=2))],
        [
            Change("attn.hook_k", 1, 1, (3,), normal(2, 1, 4, seed=3)),
            Change("hook_mlp_out", 2, None, (2,), normal(2, 1, 10, seed=4)),
        ],
        [Change("hook_resid_post", 2, None, (2,), normal(2, 1, 10, seed=5))],
    ]
    patches = [patching_reference.patch(impl, one) for one in changes]
    prompt = sweep.cache_prompt(model, CLEAN[:2])
    actual, _ = sweep.run_sweep_batch(model, sweep.SweepBatch(prompt, patches, 2, {}, {}))
    ends = [patching_reference.last_resid(model, CLEAN[:2], one)[:, 2:] for one in changes]
    claim = "Patches that begin at layers 0, 1, 1 and 2, two prompts: the residual stream at last."
    assert_close(actual, torch.cat(ends), claim)
