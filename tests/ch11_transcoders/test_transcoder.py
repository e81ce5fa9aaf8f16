"""Graders of transcoder.py and skip.py: encode and decode (11.1), the loss (11.2), a transcoder
without error (11.3), the bypass (11.4) and the best affine map (11.5)."""

import pytest
import torch
from torch import nn

from tests.grading import exercise
from tests.grading.assertions import assert_close, check, normal, wrong_gradients
from tests.grading.odd_inputs import check_odd

SIZES = {"batch": 5, "d_in": 3, "d_out": 4, "d_sae": 7}
WEIGHTS = ("W_enc", "b_enc", "W_dec", "b_dec")


def dot(x, W):
    """x @ W as products that are added, without a matrix product."""
    return (x[..., :, None] * W).sum(dim=-2)


def weights(d_in, d_out, d_sae):
    shapes = ((d_in, d_sae), (d_sae,), (d_sae, d_out), (d_out,))
    return [normal(*shape, seed=seed) for seed, shape in enumerate(shapes, 20)]


def with_weights(kind, given, *settings, **more):
    """A transcoder with these weights."""
    made = kind(given[0].shape[0], given[2].shape[1], given[0].shape[1], *settings)
    for name, value in {**dict(zip(WEIGHTS, given, strict=True)), **more}.items():
        setattr(made, name, nn.Parameter(value))
    return made


def x_and_weights(batch, d_in, d_out, d_sae):
    return normal(batch, d_in, seed=9), *weights(d_in, d_out, d_sae)


def acts_and_weights(batch, d_in, d_out, d_sae):
    return normal(batch, d_sae, seed=9).relu(), *weights(d_in, d_out, d_sae)


@pytest.fixture
def pre_activations(transcoder):
    def pre_activations(x, *given):
        return with_weights(transcoder.L1Transcoder, given, 0.1).pre_activations(x)

    return pre_activations


@pytest.fixture
def decode(transcoder):
    def decode(acts, *given):
        return with_weights(transcoder.L1Transcoder, given, 0.1).decode(acts)

    return decode


@exercise("11.1")
def test_pre_activations_on_odd_inputs(pre_activations):
    oracle = lambda x, W_enc, b_enc, W_dec, b_dec: dot(x, W_enc) + b_enc  # noqa: E731
    check_odd(pre_activations, oracle, x_and_weights, **SIZES)


@exercise("11.1")
def test_decode_on_odd_inputs(decode):
    oracle = lambda acts, W_enc, b_enc, W_dec, b_dec: dot(acts, W_dec) + b_dec  # noqa: E731
    check_odd(decode, oracle, acts_and_weights, **SIZES)


@exercise("11.1")
def test_inputs_and_outputs_of_one_size_are_not_mixed(pre_activations):
    """With d_in = d_out an SAE's shift by b_dec would run too."""
    given, x = weights(4, 4, 6), normal(2, 3, 4, seed=1)
    claim = "The input must not be shifted by b_dec, which belongs to the output."
    check(pre_activations, x, *given, expected=dot(x, given[0]) + given[1], claim=claim)


@exercise("11.1")
def test_gradients_reach_every_weight(transcoder):
    made, x = with_weights(transcoder.L1Transcoder, weights(3, 4, 7), 0.1), normal(5, 3, seed=4)
    leaves = {name: getattr(made, name) for name in WEIGHTS}
    wrong = wrong_gradients(lambda: made.decode(made.pre_activations(x)), leaves)
    assert not wrong, f"The gradients of {', '.join(wrong)} are wrong: is something detached?"


@pytest.fixture
def loss_parts(transcoder):
    def loss_parts(y, y_hat, acts, W_dec, l1_coefficient):
        given = weights(3, y.shape[-1], acts.shape[-1])
        made = with_weights(transcoder.L1Transcoder, (*given[:2], W_dec, given[3]), l1_coefficient)
        return list(made.loss_parts(y, transcoder.TranscoderOutput(y_hat, acts, acts)))

    return loss_parts


def loss_by_token(y, y_hat, acts, W_dec, l1_coefficient):
    lengths = [sum(row.square()) ** 0.5 for row in W_dec]
    errors = [sum((a - b).square()) for a, b in zip(y, y_hat, strict=True)]
    penalties = [sum(f * n for f, n in zip(row, lengths, strict=True)) for row in acts]
    sparsity = l1_coefficient * sum(penalties) / len(y)
    return [sum(errors) / len(y), sparsity, torch.zeros((), dtype=y.dtype)]


def predictions(batch, d_out, d_sae):
    y, y_hat = normal(batch, d_out, seed=1), normal(batch, d_out, seed=2)
    return y, y_hat, normal(batch, d_sae, seed=3).relu(), normal(d_sae, d_out, seed=4), 0.7


@exercise("11.2")
def test_the_loss_on_odd_inputs(loss_parts):
    skip = "batch=300 d_out=300 d_sae=300"
    check_odd(loss_parts, loss_by_token, predictions, skip=skip, batch=4, d_out=3, d_sae=5)


@exercise("11.2")
def test_scaling_a_latent_against_its_decoder_changes_nothing(transcoder):
    given = weights(3, 4, 6)
    y, acts = normal(5, 4, seed=1), normal(5, 6, seed=2).relu()
    losses = []
    for factor in (1.0, 8.0):
        made = with_weights(transcoder.L1Transcoder, (*given[:2], given[2] * factor, given[3]), 0.5)
        losses.append(made.penalty(acts / factor).item())
    claim = "The penalty changes when activations shrink and decoder rows grow by the same factor."
    assert_close(losses[1], losses[0], claim)
    assert y.shape[1] == made.d_out


@exercise("11.2")
def test_both_losses_have_gradients(transcoder):
    made = with_weights(transcoder.L1Transcoder, weights(3, 4, 6), 0.5)
    x, y = normal(8, 3, seed=1), normal(8, 4, seed=2)
    leaves = {name: getattr(made, name) for name in ("W_enc", "W_dec")}
    wrong = wrong_gradients(lambda: torch.stack(list(made.loss_parts(y, made(x)))), leaves)
    assert not wrong, f"The gradients of {', '.join(wrong)} are wrong: is something detached?"


@exercise("11.3")
def test_an_mlp_with_relu_is_its_own_transcoder(transcoder, layers, config):
    sizes = config.TransformerConfig(1, 5, 1, 5, 9, 4, 3, activation="relu")
    mlp = layers.MLP(sizes).double()
    for seed, weight in enumerate(mlp.parameters()):
        weight.data = normal(*weight.shape, seed=seed)
    before = {name: value.clone() for name, value in mlp.state_dict().items()}
    made, x = transcoder.exact_transcoder(mlp), normal(2, 6, 5, seed=7)
    claim = "The transcoder's prediction is not the MLP's output."
    assert_close(made(x).y_hat, mlp(x), claim)
    assert_close(made(x).acts, mlp.activation(x @ mlp.W_in + mlp.b_in), "acts are not the neurons.")
    assert all(torch.equal(mlp.state_dict()[name], value) for name, value in before.items())
    with torch.no_grad():
        for name in WEIGHTS:
            getattr(made, name).zero_()
    assert all(weight.any() for weight in mlp.parameters()), (
        "The transcoder shares its memory with the MLP: training would change it."
    )
    mlp.W_in.data += 1
    claim = "The transcoder of an MLP whose weights were changed is wrong."
    assert_close(transcoder.exact_transcoder(mlp)(x).y_hat, mlp(x), claim)


@exercise("11.4")
def test_the_bypass_on_odd_inputs(skip):
    def bypass(x, W_skip, b_dec):
        given = weights(len(W_skip), len(b_dec), 3)
        made = with_weights(skip.SkipTranscoder, (*given[:3], b_dec), 1, W_skip=W_skip)
        return made.bypass(x)

    def make(batch, d_in, d_out):
        return normal(batch, d_in, seed=1), normal(d_in, d_out, seed=2), normal(d_out, seed=3)

    check_odd(bypass, lambda x, W, b: dot(x, W), make, batch=4, d_in=3, d_out=5)


@exercise("11.4")
def test_the_prediction_has_one_bias(skip):
    given, W_skip, x = weights(3, 4, 6), normal(3, 4, seed=5), normal(5, 3, seed=6)
    made = with_weights(skip.SkipTranscoder, given, 6, W_skip=W_skip)
    acts = (dot(x, given[0]) + given[1]).relu()
    expected = dot(acts, given[2]) + dot(x, W_skip) + given[3]
    assert_close(made(x).y_hat, expected, "y_hat is not acts @ W_dec + x @ W_skip + b_dec.")
    wrong = wrong_gradients(lambda: made(x).y_hat, {"W_skip": made.W_skip})
    assert not wrong, "The gradient of W_skip is wrong: is something detached?"


@exercise("11.5")
@pytest.mark.parametrize("rows, d_in", [(40, 3), (2, 1), (400, 9)])
def test_an_affine_map_is_found(skip, rows, d_in):
    x, W, b = normal(rows, d_in, seed=1) + 5, normal(d_in, 4, seed=2), normal(4, seed=3)
    for y, expected in ((x @ W + b, [W, b]), (b - x @ W, [-W, b])):
        found = check_pair(skip.fit_affine, x, y)
        assert_close(list(found), expected, "An exact affine map is not found.", tolerance=1e-6)


def check_pair(function, x, y, **settings):
    """Call a fit on copies, and fail if they were changed."""
    copies = x.clone(), y.clone()
    found = function(*copies, **settings)
    assert torch.equal(copies[0], x) and torch.equal(copies[1], y), "An argument was changed."
    return found


@exercise("11.5")
@pytest.mark.parametrize("ridge", [0.0, 0.3])
def test_the_fit_is_the_minimum(skip, ridge):
    """No small change of W or b lowers the penalized squared error."""
    x, y = normal(30, 4, seed=1) + 2, normal(30, 3, seed=2) - 1
    W, b = check_pair(skip.fit_affine, x, y, ridge=ridge)
    W, b = W.detach().clone().requires_grad_(), b.detach().clone().requires_grad_()
    strength = ridge * (x - x.mean(dim=0)).square().sum() / 4
    loss = (x @ W + b - y).square().sum() + strength * W.square().sum()
    slopes = torch.autograd.grad(loss, [W, b])
    claim = "The squared error, with the ridge, still falls when W or b is changed."
    assert_close([s.abs().max().item() for s in slopes], [0.0, 0.0], claim, tolerance=1e-8)


@exercise("11.5")
def test_inputs_that_are_constant_are_not_needed(skip):
    x = torch.cat([normal(20, 2, seed=1), torch.full((20, 1), 3.0).double()], dim=1)
    y = x[:, :2] @ normal(2, 4, seed=2) + 7
    W, b = skip.fit_affine(x, y)
    claim = "With a constant input, the fitted values are wrong."
    assert_close(x @ W + b, y, claim, tolerance=1e-6)


@exercise("11.5")
def test_sums_need_float64_inside(skip):
    """Inputs far from zero, in float32: the offset is a difference of large numbers."""
    x = (normal(500, 3, seed=1) + 3000).float()
    y = (x.double() @ normal(3, 2, seed=2) + 7).float()
    W, b = skip.fit_affine(x, y)
    assert W.dtype == b.dtype == torch.float32, "W and b must have the precision of y."
    wide = torch.cat([x.double(), torch.ones(500, 1).double()], dim=1)
    expected = torch.linalg.lstsq(wide, y.double()).solution[3]
    claim = "The offset is wrong where inputs are far from zero; float64 inside is needed."
    assert_close(b, expected, claim, tolerance=1e-3)


@pytest.mark.project
def test_the_trainer_trains_each_kind(transcoder, skip, train):
    """Squared error falls by half on a ReLU layer of known weights."""
    W_in, W_out = normal(6, 10, seed=1).float(), normal(10, 5, seed=2).float()

    def stream(step):
        x = normal(128, 6, seed=step).float()
        return torch.cat([x, (x @ W_in).relu() @ W_out], dim=1)

    for made in (
        transcoder.L1Transcoder(6, 5, 20, 1e-3),
        transcoder.TopKTranscoder(6, 5, 20, 8),
        skip.SkipTranscoder(6, 5, 20, 8),
    ):
        settings = train.SAETrainConfig(150, lr=1e-2)
        losses = [
            record.results["a"].loss.reconstruction.item()
            for record in train.train_saes(
                {"a": made}, stream, settings, training_pass=transcoder.pair_pass
            )
        ]
        assert losses[-1] < losses[0] / 2


@pytest.mark.project
def test_wrong_sizes_and_settings_raise(transcoder, skip, layers, config):
    with pytest.raises(ValueError, match="d_in=3"):
        transcoder.TopKTranscoder(3, 4, 5, 2)(torch.zeros(2, 4))
    with pytest.raises(ValueError, match="k from 1 to d_sae=5"):
        skip.SkipTranscoder(3, 4, 5, 6)
    with pytest.raises(ValueError, match="sizes of at least 1"):
        transcoder.TopKTranscoder(0, 4, 5, 2)
    with pytest.raises(ValueError, match="two rows"):
        skip.fit_affine(torch.zeros(1, 2), torch.zeros(1, 2))
    with pytest.raises(ValueError, match="finite inputs and outputs"):
        skip.fit_affine(torch.zeros(2, 2), torch.tensor([[0.0], [torch.nan]]))
    gelu = layers.MLP(config.TransformerConfig(1, 5, 1, 5, 9, 4, 3))
    with pytest.raises(ValueError, match="activation relu"):
        transcoder.exact_transcoder(gelu)
