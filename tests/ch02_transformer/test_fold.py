"""Graders of fold.py, one weight at a time; test_fold_whole.py folds whole models."""

import pytest
import torch
from torch import Tensor

from tests.grading import exercise
from tests.grading.assertions import assert_close, normal

# A wrong axis only fits where sizes are equal: there it is named, elsewhere it does not go through.
SHAPES = [(4, 5), (3, 4, 5), (4, 4), (4, 4, 4)]


def absorb_inputs(shape: tuple[int, ...]) -> list[Tensor]:
    """W, b, gain and bias, all random."""
    *heads, d_model, d_out = shape
    sizes = [shape, (*heads, d_out), (d_model,), (d_model,)]
    return [normal(*size, seed=len(shape) + number) for number, size in enumerate(sizes)]


def slow_absorb(W: Tensor, b: Tensor, gain: Tensor, bias: Tensor) -> tuple[Tensor, Tensor]:
    """Each row of W times its gain, and its bias times the row added up."""
    if W.ndim == 3:
        heads = [slow_absorb(W[head], b[head], gain, bias) for head in range(len(W))]
        return torch.stack([new for new, _ in heads]), torch.stack([new for _, new in heads])
    new_W, new_b = W.clone(), b.clone()
    for row in range(W.shape[0]):
        for column in range(W.shape[1]):
            new_W[row, column] = W[row, column] * gain[row]
            new_b[column] += bias[row] * W[row, column]
    return new_W, new_b


def absorb_mistakes(W: Tensor, b: Tensor, gain: Tensor, bias: Tensor) -> tuple[dict, dict]:
    """What the usual mistakes make of W and of b."""
    rows = W * gain[:, None]
    of_W = {
        "The gain is missing.": W,
        "W was divided by the gain; x * gain is what it has to stand for.": W / gain[:, None],
        "The gain is counted twice.": rows * gain[:, None],
        "The gain was added, not multiplied.": W + gain[:, None],
        "Only the first head got the gain.": torch.cat([rows[:1], W[1:]]),
    }
    of_b = {
        "The norm's bias is missing: W reads it too.": b,
        "The gain is counted twice: the norm's bias is added after the gain, so it goes "
        "through the old W, not the new one.": b + bias @ rows,
        "The old b is missing.": bias @ W,
        "The norm's bias was taken away, not added.": b - bias @ W,
        "The gain went through W in place of the norm's bias.": b + gain @ W,
        "The first head's share was given to all.": b + (bias @ W)[:1],
    }
    if W.shape[-1] == W.shape[-2]:
        of_W["The gain scales columns; it belongs to the rows, which are what W reads."] = W * gain
        of_b["W is transposed."] = b + bias @ W.mT
        of_b["The norm's bias was added without going through W."] = b + bias
    if W.ndim == 3 and W.shape[0] == W.shape[1]:
        of_W["The gain scales heads; it belongs to the rows of each head."] = (
            W * gain[:, None, None]
        )
    return of_W, of_b


@exercise("2.20")
def test_gain_and_bias_worked_by_hand(fold):
    W, b = torch.tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]), torch.tensor([7.0, 8.0, 9.0])
    gain, bias = torch.tensor([10.0, 100.0]), torch.tensor([2.0, 1.0])
    new_W, new_b = fold.fold_affine(W, b, gain, bias)
    expected = torch.tensor([[10.0, 20.0, 30.0], [400.0, 500.0, 600.0]])
    assert_close(new_W, expected, "Gains 10 and 100 scale the first and the second row of W.")
    expected = torch.tensor([13.0, 17.0, 21.0])
    assert_close(new_b, expected, "b + 2 * (first row) + 1 * (second row) = 13, 17, 21.")


@exercise("2.20")
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_new_weights_take_gain_and_bias_over(fold, shape):
    inputs = absorb_inputs(shape)
    new_W, new_b = fold.fold_affine(*(tensor.clone() for tensor in inputs))
    expected_W, expected_b = slow_absorb(*inputs)
    of_W, of_b = absorb_mistakes(*inputs)
    axes = "[head, d_model, d_out]" if len(shape) == 3 else "[d_model, d_out]"
    assert_close(new_W, expected_W, f"Row i of W {axes} is multiplied by gain[i].")
    assert_close(new_b, expected_b, "b becomes b + bias @ W, with the old W.")


@exercise("2.20")
@pytest.mark.parametrize("shape", [(6, 2), (2, 6, 3)], ids=str)
def test_new_weights_do_to_x_what_the_old_did_to_x_gain_bias(fold, shape):
    W, b, gain, bias = absorb_inputs(shape)
    x = normal(7, 6, seed=20)
    new_W, new_b = fold.fold_affine(W.clone(), b.clone(), gain.clone(), bias.clone())
    before = (x * gain + bias) @ W + b[..., None, :]
    claim = "x @ new W + new b must equal (x * gain + bias) @ W + b for every x."
    assert_close(x @ new_W + new_b[..., None, :], before, claim)


@exercise("2.20")
def test_absorb_leaves_the_old_weights_alone(fold):
    inputs = absorb_inputs((3, 4, 5))
    fold.fold_affine(*inputs)
    for name, tensor, before in zip(
        "W b gain bias".split(), inputs, absorb_inputs((3, 4, 5)), strict=True
    ):
        assert_close(tensor, before, f"New weights are asked for, but {name} was edited in place.")


def mean_by_hand(row: Tensor) -> float:
    """The mean of one row."""
    return sum(row.tolist()) / len(row)


def centred_rows(weight: Tensor) -> Tensor:
    """Each row along the last axis without its mean, one row at a time."""
    rows = weight.reshape(-1, weight.shape[-1])
    return torch.stack([row - mean_by_hand(row) for row in rows]).reshape(weight.shape)


def centring_mistakes(weight: Tensor, axis: str) -> dict[str, Tensor]:
    """What the usual mistakes give."""
    right = centred_rows(weight)
    mistakes = {
        "Nothing was taken away.": weight,
        f"One mean of all numbers was taken away; each row has its own mean over {axis}.": (
            weight - weight.mean()
        ),
        "This is the part to take away.": weight - right,
        "The mean was added.": 2 * weight - right,
        "The sum was taken away, not the mean.": weight - weight.sum(-1, keepdim=True),
        "It was divided by the standard deviation too; only the mean goes.": (
            right / right.pow(2).mean(-1, keepdim=True).sqrt()
        ),
        "It was divided by the standard deviation as well; only the mean goes.": (
            right / weight.std(-1, keepdim=True)
        ),
        "It was divided by its length too; only the mean goes.": (
            right / right.norm(dim=-1, keepdim=True)
        ),
    }
    for dim in range(weight.ndim - 1):
        words = f"The mean runs over axis {dim}; it must run over {axis}, the last axis."
        mistakes[words] = weight - weight.mean(dim, keepdim=True)
    if weight.ndim > 1 and weight.shape[-1] == weight.shape[-2]:
        words = "The means of rows were taken from columns: keepdim=True keeps them in their rows."
        mistakes[words] = weight - weight.mean(-1)
    if weight.ndim > 2:
        words = f"One mean a head was taken away; each row has its own mean over {axis}."
        mistakes[words] = weight - weight.mean((-2, -1), keepdim=True)
    return mistakes


@exercise("2.21")
@pytest.mark.parametrize("shape", [(7,), (4, 7), (3, 4, 7), (5, 5)], ids=str)
def test_writer_loses_its_mean_over_d_model_and_nothing_else(fold, shape):
    weight = normal(*shape, seed=1) + 3
    got = fold.center_output(weight.clone())
    claim = f"A writer of shape {list(shape)} loses the mean over its last axis, d_model."
    assert_close(got, centred_rows(weight), claim)


@exercise("2.21")
@pytest.mark.parametrize("shape", [(4, 7), (5, 5)], ids=str)
def test_unembedding_loses_its_mean_over_the_vocabulary_and_nothing_else(fold, shape):
    W_U = normal(*shape, seed=2) + 3
    claim = f"W_U [d_model, d_vocab] of shape {list(shape)} loses the mean over tokens."
    assert_close(fold.center_unembed(W_U.clone()), centred_rows(W_U), claim)


@exercise("2.21")
def test_centring_worked_by_hand(fold):
    weight = torch.tensor([[1.0, 2.0, 6.0], [0.0, 0.0, 3.0]]).double()
    expected = torch.tensor([[-2.0, -1.0, 3.0], [-1.0, -1.0, 2.0]])
    for centre in (fold.center_output, fold.center_unembed):
        claim = "Rows (1 2 6) and (0 0 3) have means 3 and 1, and become (-2 -1 3) and (-1 -1 2)."
        assert_close(centre(weight.clone()), expected, claim)


@exercise("2.21")
def test_centring_leaves_the_old_weights_alone(fold):
    weight = normal(4, 7, seed=3)
    for centre in (fold.center_output, fold.center_unembed):
        centre(weight)
        assert_close(
            weight, normal(4, 7, seed=3), "A new weight is asked for, but the old was edited."
        )
