"""Graders of the small parts of a trace: windows of layers, and effects as differences."""

import pytest

from tests.grading import exercise
from tests.grading.assertions import assert_close, normal


@exercise("5.11")
def test_effects_are_differences_from_the_corrupted_run(tracing):
    clean, corrupted = normal(3, seed=1).sigmoid(), normal(3, seed=2).sigmoid()
    restored = normal(2, 4, 3, seed=3).sigmoid()
    trace = tracing.Trace(clean, corrupted, restored)
    words = {
        "This is measured from the CLEAN run: how far the restored run still is from it.": (
            clean - restored
        ),
        "This is restored minus clean: compare with the corrupted run.": restored - clean,
        "The sign is turned: it is restored minus corrupted.": corrupted - restored,
        "The restored probability alone came: take the corrupted away.": restored,
        "This is a share of the total effect: an indirect effect is in probability.": (
            (restored - corrupted) / (clean - corrupted)
        ),
        "The average over texts came: each has its own effect.": (
            (restored - corrupted).mean(-1, keepdim=True)
        ),
    }
    claim = "An indirect effect is the restored minus the corrupted probability."
    assert_close(tracing.indirect_effect(trace), restored - corrupted, claim, words)
    claim = "The total effect is the clean minus the corrupted probability."
    words = {"The sign is turned: it is clean minus corrupted.": corrupted - clean}
    assert_close(tracing.total_effect(trace), clean - corrupted, claim, words)


WINDOWS = {
    (3, 1, 8): [3],
    (3, 4, 8): [1, 2, 3, 4],
    (3, 3, 8): [2, 3, 4],
    (0, 4, 8): [0, 1],
    (7, 4, 8): [5, 6, 7],
    (1, 5, 8): [0, 1, 2, 3],
    (2, 10, 6): [0, 1, 2, 3, 4, 5],
}


@exercise("5.11")
@pytest.mark.parametrize("case", WINDOWS, ids=str)
def test_a_window_lies_around_its_layer_and_ends_where_the_model_ends(tracing, case):
    layer, width, n_layers = case
    came, right = list(tracing.window(*case)), WINDOWS[case]
    half = width // 2
    every = range(n_layers)
    usual = {
        "It is not cut at the ends: layers that do not exist are in it.": (
            list(range(layer - half, layer - half + width))
        ),
        "It is shifted at the ends to keep its width: it is cut there.": [
            *range(s := min(max(0, layer - half), max(0, n_layers - width)), min(s + width, 99))
        ],
        "It has one layer too many: width // 2 on BOTH sides and the layer itself.": [
            x for x in range(layer - half, layer + half + 1) if x in every
        ],
        "It begins at the layer: the layer is to be in the middle.": [
            x for x in range(layer, layer + width) if x in every
        ],
        "Of an even width one more lies BEFORE the layer than behind.": [
            x for x in range(layer - half + 1, layer - half + 1 + width) if x in every
        ],
        "It ends one layer early.": [
            x for x in range(layer - half, layer - half + width - 1) if x in every
        ],
    }
    said = [text for text, value in usual.items() if value == came and value != right]
    assert came == right, (
        f"The window of width {width} around layer {layer} of {n_layers} is {right}; {came} came. "
        + " ".join(said)
    )
