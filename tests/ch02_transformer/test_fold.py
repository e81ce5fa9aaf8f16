"""Graders of fold.py, one weight at a time; test_fold_whole.py folds whole models."""

import pytest
import torch
from torch import Tensor

from tests.grading import exercise
from tests.grading.assertions import assert_close, check, normal, randomise
from tests.grading.odd_inputs import check_odd

# Equal sizes let a wrong axis through without an error.
AFFINE = [(4, 5), (3, 4, 5), (4, 4), (4, 4, 4)]
VALUES = [(6, 2, 3, 5), (4, 4, 3, 5), (3, 1, 2, 5), (4, 4, 4, 4)]
"""Heads, key-value heads, d_head, d_model."""


def affine(*shape: int) -> tuple[Tensor, ...]:
    """W, b, gain and bias, all random."""
    *heads, d_model, d_out = shape
    sizes = [shape, (*heads, d_out), (d_model,), (d_model,)]
    return tuple(normal(*size, seed=len(shape) + number) for number, size in enumerate(sizes))


def slow_fold(W: Tensor, b: Tensor, gain: Tensor, bias: Tensor) -> tuple[Tensor, Tensor]:
    """Each row of W times its gain, and its bias times the row added to b."""
    if W.ndim == 3:
        heads = [slow_fold(W[head], b[head], gain, bias) for head in range(len(W))]
        return torch.stack([new for new, _ in heads]), torch.stack([new for _, new in heads])
    new_W, new_b = W.clone(), b.clone()
    for row in range(W.shape[0]):
        new_W[row] = W[row] * gain[row]
        new_b = new_b + bias[row] * W[row]
    return new_W, new_b


@exercise("2.20")
def test_gain_and_bias_worked_by_hand(fold):
    W, b = torch.tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]), torch.tensor([7.0, 8.0, 9.0])
    gain, bias = torch.tensor([10.0, 100.0]), torch.tensor([2.0, 1.0])
    rows = torch.tensor([[10.0, 20.0, 30.0], [400.0, 500.0, 600.0]])
    expected = rows, torch.tensor([13.0, 17.0, 21.0])
    claim = "Gains 10 and 100 scale the rows; b + 2 * (first row) + (second row) = 13, 17, 21."
    check(fold.fold_affine, W, b, gain, bias, expected=expected, claim=claim)


@exercise("2.20")
@pytest.mark.parametrize("shape", AFFINE, ids=str)
def test_gain_and_bias_are_folded_into_w_and_b(fold, shape):
    inputs = affine(*shape)
    claim = "Row i of W is multiplied by gain[i]; b becomes b + bias @ W, with the old W."
    check(fold.fold_affine, *inputs, expected=slow_fold(*inputs), claim=claim)


@exercise("2.20")
def test_fold_affine_on_odd_inputs(fold):
    def make(head: int, d_model: int, d_out: int) -> tuple[Tensor, ...]:
        return affine(head, d_model, d_out)

    check_odd(fold.fold_affine, slow_fold, make, head=2, d_model=4, d_out=5)


def centred_rows(weight: Tensor) -> Tensor:
    """Each row along the last axis without its mean, one row at a time."""
    rows = weight.reshape(-1, weight.shape[-1])
    return torch.stack([row - sum(row.tolist()) / len(row) for row in rows]).reshape(weight.shape)


@exercise("2.21")
@pytest.mark.parametrize("shape", [(7,), (4, 7), (3, 4, 7), (5, 5)], ids=str)
def test_output_weights_lose_their_mean_over_d_model(fold, shape):
    weight = normal(*shape, seed=1) + 3
    claim = f"A weight of shape {list(shape)} loses the mean over its last axis, d_model."
    check(fold.center_output, weight, expected=centred_rows(weight), claim=claim)


@exercise("2.21")
@pytest.mark.parametrize("shape", [(4, 7), (5, 5)], ids=str)
def test_unembedding_loses_its_mean_over_the_vocabulary(fold, shape):
    W_U = normal(*shape, seed=2) + 3
    claim = f"W_U [d_model, d_vocab] of shape {list(shape)} loses the mean over tokens."
    check(fold.center_unembed, W_U, expected=centred_rows(W_U), claim=claim)


@exercise("2.21")
@pytest.mark.parametrize("name", ["center_output", "center_unembed"])
def test_centring_on_odd_inputs(fold, name):
    def make(row: int, column: int) -> tuple[Tensor]:
        return (normal(row, column, seed=3) + 3,)

    check_odd(getattr(fold, name), centred_rows, make, row=4, column=7)


def value_bias(heads: int, kv_heads: int, d_head: int, d_model: int) -> tuple[Tensor, ...]:
    """b_V, W_O and b_O, all random."""
    sizes = [(kv_heads, d_head), (heads, d_head, d_model), (d_model,)]
    return tuple(normal(*size, seed=number) for number, size in enumerate(sizes, start=1))


def slow_value_bias(b_V: Tensor, W_O: Tensor, b_O: Tensor) -> Tensor:
    """Each head's value bias written through its own W_O, number by number."""
    group = len(W_O) // len(b_V)
    result = b_O.clone()
    for head in range(len(W_O)):
        for i in range(b_V.shape[1]):
            result += b_V[head // group, i] * W_O[head, i]
    return result


@exercise("2.22")
@pytest.mark.parametrize("sizes", VALUES, ids=str)
def test_output_bias_gets_the_value_bias_of_each_head(fold, sizes):
    inputs = value_bias(*sizes)
    claim = (
        f"With {sizes[0]} heads on {sizes[1]} key-value heads, the new b_O is b_O plus each "
        "head's value bias through its own W_O."
    )
    check(fold.fold_value_bias, *inputs, expected=slow_value_bias(*inputs), claim=claim)


@exercise("2.22")
def test_fold_value_bias_on_odd_inputs(fold):
    def make(group: int, kv_head: int, d_head: int, d_model: int) -> tuple[Tensor, ...]:
        return value_bias(group * kv_head, kv_head, d_head, d_model)

    sizes = dict(group=2, kv_head=3, d_head=4, d_model=5)
    check_odd(fold.fold_value_bias, slow_value_bias, make, **sizes)


@exercise("2.22")
@pytest.mark.parametrize("kv_heads", [1, 2, 6])
@torch.no_grad()
def test_attention_output_is_the_same_without_value_bias(fold, attention, config, kv_heads):
    sizes = dict(n_layers=1, d_model=5, n_heads=6, n_kv_heads=kv_heads, d_head=4)
    settings = config.TransformerConfig(**sizes, d_mlp=7, d_vocab=9, n_ctx=8)
    attend = randomise(attention.plain_attention(settings, layer=0), seed=kv_heads)
    x = normal(2, 7, 5, seed=4)
    before = attend(x)
    attend.b_O.copy_(fold.fold_value_bias(attend.b_V, attend.W_O, attend.b_O))
    attend.b_V.zero_()
    claim = "With b_V folded into b_O and then zero, the attention output does not change."
    assert_close(attend(x), before, claim)
