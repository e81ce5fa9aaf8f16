"""Graders of sweep.py: versions are born at their layer, and look back at the text's past."""

from typing import Any

import pytest
import torch

from tests.ch05_patching import patching_reference
from tests.ch05_patching.patching_reference import CLEAN, Change
from tests.grading import exercise
from tests.grading.assertions import assert_close, is_close, normal

BATCH, POS, WIDTH, LAYERS, KV, D_HEAD = 3, 6, 5, 4, 2, 7
BORN = [[0, 1, 1, 3], [1, 1, 1, 2, 3, 3], [2, 2], [0, 0, 2, 2, 2]]


@pytest.fixture
def together(impl, sweep):
    """Makes a SweepBatch of versions that begin at these layers, on a text of random numbers."""

    def make(layers: list[int], start: int, seed: int = 1) -> Any:
        Site = impl("ch02_transformer.sites").Site
        Intervention = impl("ch05_patching.interventions").Intervention
        past = impl("ch02_transformer.kv_cache").KVCache(LAYERS)
        for i, layer in enumerate(past.layers):
            layer.k = normal(BATCH, POS, KV, D_HEAD, seed=100 * seed + i)
            layer.v = normal(BATCH, POS, KV, D_HEAD, seed=100 * seed + 50 + i)
        streams = [normal(BATCH, POS, WIDTH, seed=seed + 10 * i) for i in range(LAYERS + 1)]
        versions = [
            [Intervention.zero(Site("hook_mlp_out", layer, position=start))] for layer in layers
        ]
        return sweep.SweepBatch(sweep.CachedPrompt(streams, past), versions, start, {}, {})

    return make


def newborn(walk: Any, layer: int, count: int, start: int | None = None) -> list:
    """The rows of so many versions, version by version and text by text."""
    start = walk.start if start is None else start
    texts = walk.prompt.resids[layer]
    return [texts[text, start:] for _ in range(count) for text in range(BATCH)]


def join_mistakes(walk: Any, stream: torch.Tensor, layer: int, count: int) -> dict:
    """Words -> what the usual mistakes give."""
    fresh = torch.stack(newborn(walk, layer, count)) if count else stream[:0]
    texts, new = walk.prompt.resids, POS - walk.start
    born = len(stream) // BATCH + count
    both = lambda rows: torch.cat([stream, rows])  # noqa: E731
    found = {
        "Versions that begin at this layer do not join: they must be there BEFORE the block "
        "runs, so that it changes them.": stream,
        "The new rows stand before those on their way: later versions join BEHIND them.": (
            torch.cat([fresh, stream])
        ),
        "All versions start anew from the text: those on their way keep their own rows.": (
            torch.stack(newborn(walk, layer, born))
        ),
        "The new rows take the first positions: they begin at `start`.": both(
            texts[layer][:, :new].repeat(count, 1, 1)
        ),
        "Rows are ordered text by text: a row is (version batch), version first.": both(
            fresh.unflatten(0, (count, BATCH)).transpose(0, 1).flatten(0, 1)
        ),
        "Each version gets rows of the first text only: it has one row for each text.": both(
            fresh[:1].repeat(count * BATCH, 1, 1)
        ),
        "One version joins, but several begin at this layer.": both(fresh[:BATCH]),
    }
    rest = len(walk.patches) - len(stream) // BATCH
    found["All versions that are left join: only those that begin at this layer do."] = both(
        texts[layer][:, walk.start :].repeat(rest, 1, 1)
    )
    for other, words in ((layer + 1, "behind this layer"), (layer - 1, "before the layer below")):
        found[f"The new rows are the text's stream {words}: streams[layer] stands before it."] = (
            both(torch.stack(newborn(walk, other, count)))
        )
    first = [version[0].site.layer for version in walk.patches]
    for number, words in ((1, "above"), (-1, "below")):
        wrong = sum(one <= layer + number for one in first) - len(stream) // BATCH
        found[f"Versions that begin at the layer {words} join here."] = both(
            torch.cat([stream[:0], *(texts[layer][:, walk.start :] for _ in range(wrong))])
        )
    return found


@exercise("5.7")
@pytest.mark.parametrize("layers", BORN)
@pytest.mark.parametrize("start", [0, 2, POS - 1])
def test_versions_join_at_the_layer_of_their_first_change(together, layers, start):
    walk = together(layers, start)
    stream = normal(0, POS - start, WIDTH, seed=0)
    for layer in range(min(layers), LAYERS):
        count = layers.count(layer)
        right = torch.cat([stream, *(row[None] for row in newborn(walk, layer, count))])
        claim = (
            f"Versions begin at the layers {layers} and from position {start} on, of {BATCH} texts;"
            f" what goes into block {layer} is wrong."
        )
        came = walk.append_new(stream, layer)
        if not is_close(came, right):
            wrong = join_mistakes(walk, stream, layer, count) if count else {}
            wrong = {words: value for words, value in wrong.items() if not is_close(value, right)}
            assert_close(came, right, claim, wrong)
        stream = normal(*right.shape, seed=7 + layer)  # the block, and their changes


@exercise("5.7")
@pytest.mark.parametrize("start", [0, 1, 3, POS - 1])
@pytest.mark.parametrize("layer", [0, 2])
def test_the_past_is_what_stands_before_the_start(together, start, layer):
    walk = together([0, 1, 1], start)
    past, read = walk.shared_kv(layer), walk.prompt.kv_cache.layers
    for came, side, other in ((past.k, "k", "v"), (past.v, "v", "k")):
        whole = getattr(read[layer], side)
        right = torch.stack([whole[:, i] for i in range(start)], 1) if start else whole[:, :0]
        claim = f"The past of layer {layer} for versions that start at position {start}: {side}."
        wrong = {
            "The past is not cut: positions from the start on are the versions' own.": whole,
            "The past ends one position too late: the start itself is the versions' own.": (
                whole[:, : start + 1]
            ),
            "The past ends one position too early: all before the start is past.": (
                whole[:, : max(start - 1, 0)]
            ),
            "The past begins at the start: it is what stands BEFORE it.": whole[:, start:],
            "The last positions are taken: the past is the first `start` ones.": (
                whole[:, POS - start :]
            ),
            "These are the last layer's: each layer has its own.": getattr(read[-1], side)[
                :, :start
            ],
            "These are the first layer's: each layer has its own.": getattr(read[0], side)[
                :, :start
            ],
            "Keys and values are exchanged.": getattr(read[layer], other)[:, :start],
            "A copy is made for every version: they share one past.": right.repeat(3, 1, 1, 1),
        }
        assert_close(came, right, claim, {w: x for w, x in wrong.items() if not is_close(x, right)})


@pytest.fixture
def patched_batch(impl, build):
    """Three versions of a small model's texts that begin at different layers, from position 2."""
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
    return model, changes, [patching_reference.version(impl, one) for one in changes]


@exercise("5.7")
def test_a_walk_ends_where_a_forward_of_each_version_ends(sweep, patched_batch):
    model, changes, versions = patched_batch
    walk = sweep.SweepBatch(sweep.cache_prompt(model, CLEAN[:2]), versions, 2, {}, {})
    end, _ = sweep.run_sweep_batch(model, walk)
    right = torch.cat([patching_reference.stream(model, CLEAN[:2], one)[:, 2:] for one in changes])
    assert_close(
        end,
        right,
        "Versions that begin at layers 0, 1, 1 and 2 go on together from position 2; their streams "
        "behind the last block must be those of a whole forward for each. Are streams[layer] and "
        "the past cut at the same position, and the number of texts taken from the text?",
    )
