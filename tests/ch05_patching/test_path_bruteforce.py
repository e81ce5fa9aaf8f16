"""Graders of path_bruteforce.py (5.13): which run each component is taken from."""

import pytest
import torch

from tests.ch05_patching.patching_reference import Place, path_patched
from tests.grading import exercise
from tests.grading.assertions import assert_close

CLEAN = torch.tensor([[3, 1, 4], [9, 2, 6]])
CORRUPTED = torch.tensor([[8, 1, 2], [5, 7, 6]])
SENDER, HEADS = (1, 2), [(0, 0), (0, 2), (1, 1), (1, 2), (2, 1), (2, 2)]
RECEIVERS = frozenset({(2, 1, "q"), (1, 0, "v"), (1, 0, "mlp")})
OTHERS = [(2, 1, "k"), (2, 1, "v"), (2, 0, "q"), (1, 1, "v"), (2, 0, "mlp"), (0, 0, "mlp")]
RUNS = ("clean", "corrupted", "sender_patched", "receivers_patched")
SMALL = dict(n_heads=2, n_kv_heads=1, d_model=6, d_head=4, d_mlp=5)


@pytest.fixture
def tree(path_bruteforce, build):
    """Make a tree of a small model."""

    def make(model=None, receivers=RECEIVERS, through_mlps=True, sender=SENDER):
        arguments = model or build("gpt2"), CLEAN, CORRUPTED, sender, frozenset(receivers)
        return path_bruteforce.ComputationTree(*arguments, through_mlps)

    return make


@exercise("5.13")
@pytest.mark.parametrize("run", RUNS)
@pytest.mark.parametrize("layer, head", HEADS)
def test_in_sender_patched_only_the_sender_is_corrupted(tree, run, layer, head):
    expected = run
    if run == "sender_patched":
        expected = "corrupted" if (layer, head) == SENDER else "clean"
    actual = tree().run_of_head(layer, head, run)
    assert actual == expected, (
        f"head {layer}.{head} in run {run!r}, with head 1.2 as the sender: expected its output "
        f"from run {expected!r}, got {actual!r}"
    )


@exercise("5.13")
@pytest.mark.parametrize("run", RUNS)
@pytest.mark.parametrize("through_mlps", [True, False])
def test_in_sender_patched_mlps_are_passed_or_clean(tree, run, through_mlps):
    expected = "clean" if run == "sender_patched" and not through_mlps else run
    actual = tree(through_mlps=through_mlps).run_of_mlp(run)
    assert actual == expected, (
        f"an MLP in run {run!r}, with through_mlps={through_mlps}: expected its output from run "
        f"{expected!r}, got {actual!r}"
    )


@exercise("5.13")
@pytest.mark.parametrize("run", RUNS)
@pytest.mark.parametrize("reader", [*sorted(RECEIVERS), *OTHERS], ids=str)
def test_in_receivers_patched_receivers_read_sender_patched(tree, run, reader):
    receives = run == "receivers_patched" and reader in RECEIVERS
    expected = "sender_patched" if receives else run
    actual = tree().run_of_input(reader, run)
    assert actual == expected, (
        f"{reader} in run {run!r}, with the receivers {sorted(RECEIVERS)}: expected it to read run "
        f"{expected!r}, got {actual!r}"
    )


WHOLE = [
    ((0, 0), []),
    ((1, 1), []),
    ((0, 1), [(1, 0, "q")]),
    ((0, 1), [(1, 0, "k")]),
    ((0, 0), [(1, 0, "v")]),
    ((0, 1), [(1, 0, "mlp")]),
    ((0, 0), [(1, 1, "q"), (1, 0, "v"), (0, 0, "mlp")]),
]

TREES = [
    # A tree takes most of a second: each receiver with one family, with the other if heavy.
    pytest.param(*ends, *model, marks=[pytest.mark.heavy] * ((i + j) % 2))
    for i, ends in enumerate(WHOLE)
    for j, model in enumerate([("gpt2", False), ("llama", True)])
]


def place_of(layer, index, kind):
    """The receiver as a place for path patching by whole forwards."""
    if kind == "mlp":
        return Place("ln2.hook_normalized", layer)
    return Place(f"attn.hook_{kind}", layer, head=index)


@exercise("5.13")
@pytest.mark.parametrize("sender, receivers, family, through_mlps", TREES)
def test_the_tree_agrees_with_four_forwards(tree, build, family, through_mlps, sender, receivers):
    model = build(family, **SMALL)
    actual = tree(model, receivers, through_mlps, sender).logits()
    ends = [Place("attn.hook_z", *sender)], [place_of(*receiver) for receiver in receivers]
    resid = path_patched(model, (CLEAN, CORRUPTED), *ends, frozen=not through_mlps)
    claim = (
        f"Logits for the paths from head {sender} to {receivers or 'the logits'}, "
        f"through_mlps={through_mlps}, in a {family} model of two layers and two heads."
    )
    assert_close(actual, model.unembed_resid(resid), claim)
