"""Graders of fold.py: the bias of the values, which every pattern passes on whole."""

import pytest
import torch
from torch import Tensor

from tests.grading import exercise
from tests.grading.assertions import assert_close, normal, randomise

# heads, key-value heads, d_head, d_model; equal sizes let a wrong axis through, to be named.
SIZES = [(6, 2, 3, 5), (4, 4, 3, 5), (3, 1, 2, 5), (4, 4, 4, 4)]


def inputs(sizes: tuple[int, ...]) -> tuple[Tensor, Tensor, Tensor]:
    """b_V, W_O and b_O, all random."""
    heads, kv_heads, d_head, d_model = sizes
    return (
        normal(kv_heads, d_head, seed=1),
        normal(heads, d_head, d_model, seed=2),
        normal(d_model, seed=3),
    )


def slow_carry(b_V: Tensor, W_O: Tensor, b_O: Tensor) -> Tensor:
    """Each head's value bias written through its own W_O, number by number."""
    group = len(W_O) // len(b_V)
    result = b_O.clone()
    for head in range(len(W_O)):
        for i in range(b_V.shape[1]):
            result += b_V[head // group, i] * W_O[head, i]
    return result


def mistakes_of(b_V: Tensor, W_O: Tensor, b_O: Tensor) -> dict[str, Tensor]:
    """What the usual mistakes give."""
    heads, kv_heads = len(W_O), len(b_V)
    written = slow_carry(b_V, W_O, b_O) - b_O
    shared = torch.stack([b_V[head * kv_heads // heads] for head in range(heads)])
    cycled = torch.stack([b_V[head % kv_heads] for head in range(heads)])
    each = torch.einsum("hi,him->hm", shared, W_O)
    mistakes = {
        "The old b_O is missing.": written,
        "The values' bias is missing.": b_O,
        "The values' bias was taken away, not added.": b_O - written,
        "b_O was counted once for each head; all heads share it.": heads * b_O + written,
        "The heads' shares were averaged; heads add up.": b_O + written / heads,
        "Only the first head is there.": b_O + each[0],
        "Only the last head is there.": b_O + each[-1],
        "Heads were added up before W_O; each goes through its own W_O first.": (
            b_O + shared.sum(0) @ W_O.sum(0)
        ),
        "All heads went through the first head's W_O.": b_O + shared.sum(0) @ W_O[0],
        "Only one head of each group is there: every query head passes the bias on.": (
            b_O + torch.einsum("hi,him->m", b_V, W_O[:: heads // kv_heads])
        ),
        "Only the first heads are there: every query head passes the bias on.": (
            b_O + torch.einsum("hi,him->m", b_V, W_O[:kv_heads])
        ),
        "Query heads take turns (0 1 0 1); neighbours share a key head (0 0 1 1).": (
            b_O + torch.einsum("hi,him->m", cycled, W_O)
        ),
    }
    if len(set(W_O.shape)) == 1:
        mistakes["W_O is missing: a bias of values has to be written to the stream."] = (
            b_O + shared.sum(0)
        )
        mistakes["W_O is transposed."] = b_O + torch.einsum("hi,hmi->m", shared, W_O)
    return mistakes


@exercise("2.22")
@pytest.mark.parametrize("sizes", SIZES, ids=str)
def test_output_bias_takes_each_heads_value_bias_over(fold, sizes):
    b_V, W_O, b_O = inputs(sizes)
    got = fold.fold_value_bias(b_V.clone(), W_O.clone(), b_O.clone())
    claim = (
        f"With {sizes[0]} heads on {sizes[1]} key-value heads, the new b_O is b_O plus each "
        f"head's value bias through its own W_O."
    )
    assert_close(got, slow_carry(b_V, W_O, b_O), claim)


@exercise("2.22")
def test_output_bias_worked_by_hand(fold):
    b_V, b_O = torch.tensor([[1.0, 2.0]]), torch.tensor([100.0, 200.0, 300.0])
    W_O = torch.tensor([[[1.0, 0.0, 2.0], [0.0, 3.0, 0.0]], [[5.0, 0.0, 0.0], [0.0, 0.0, 7.0]]])
    claim = "Head 0 writes (1 6 2), head 1 writes (5 0 14), b_O is (100 200 300)."
    expected = torch.tensor([106.0, 206.0, 316.0])
    assert_close(fold.fold_value_bias(b_V, W_O, b_O), expected, claim)


@exercise("2.22")
@pytest.mark.parametrize("kv_heads", [1, 2, 6])
def test_attention_writes_the_same_without_value_bias(fold, attention, config, kv_heads):
    sizes = config.TransformerConfig(
        n_layers=1,
        d_model=5,
        n_heads=6,
        d_head=4,
        d_mlp=7,
        d_vocab=9,
        n_ctx=8,
        n_kv_heads=kv_heads,
    )
    attend = randomise(attention.plain_attention(sizes, layer=0), seed=kv_heads)
    x = normal(2, 7, 5, seed=4)
    with torch.no_grad():
        before = attend(x)
        attend.b_O.copy_(fold.fold_value_bias(attend.b_V, attend.W_O, attend.b_O))
        attend.b_V.zero_()
        claim = "With b_V carried into b_O and then zero, attention writes what it wrote before."
        assert_close(attend(x), before, claim)


@exercise("2.22")
def test_carrying_leaves_the_old_biases_alone(fold):
    tensors = inputs(SIZES[0])
    fold.fold_value_bias(*tensors)
    for name, tensor, before in zip(("b_V", "W_O", "b_O"), tensors, inputs(SIZES[0]), strict=True):
        assert_close(tensor, before, f"A new b_O is asked for, but {name} was edited in place.")
