"""Graders of sae.py and vanilla.py: encode and decode (8.1), losses (8.2, 8.4), constraints (8.3),
and weights that are folded (8.4, 8.5)."""

import pytest
import torch

from tests.grading import exercise
from tests.grading.assertions import assert_close, check, normal, wrong_gradients
from tests.grading.odd_inputs import check_odd

from .small_saes import WEIGHTS, random_sae, weights, with_weights

SIZES = {"batch": 5, "d_in": 3, "d_sae": 7}
PARTS = ("reconstruction", "sparsity", "auxiliary")


def dot(x, W):
    """x @ W as products that are added, without a matrix product."""
    return (x[..., :, None] * W).sum(dim=-2)


def project(x, W_enc, b_enc, W_dec, b_dec):
    return dot(x - b_dec, W_enc) + b_enc


def add_rows(acts, W_enc, b_enc, W_dec, b_dec):
    return dot(acts, W_dec) + b_dec


@pytest.fixture
def pre_activations(vanilla):
    def pre_activations(x, *given):
        return with_weights(vanilla.VanillaSAE, given).pre_activations(x)

    return pre_activations


@pytest.fixture
def decode(vanilla):
    def decode(acts, *given):
        return with_weights(vanilla.VanillaSAE, given).decode(acts)

    return decode


def x_and_weights(batch, d_in, d_sae):
    return normal(batch, d_in, seed=9), *weights(d_in, d_sae)


def acts_and_weights(batch, d_in, d_sae):
    return normal(batch, d_sae, seed=9).relu(), *weights(d_in, d_sae)


@exercise("8.1")
def test_pre_activations_on_odd_inputs(pre_activations):
    check_odd(pre_activations, project, x_and_weights, **SIZES)


@exercise("8.1")
def test_decode_on_odd_inputs(decode):
    check_odd(decode, add_rows, acts_and_weights, **SIZES)


@exercise("8.1")
@pytest.mark.parametrize("shape", [(), (2, 4)])
def test_any_axes_before_the_last_are_kept(pre_activations, decode, shape):
    given = weights(3, 7)
    x, acts = normal(*shape, 3, seed=1), normal(*shape, 7, seed=2).relu()
    claim = f"With axes {list(shape)} before the last, "
    expected = project(x, *given)
    check(pre_activations, x, *given, expected=expected, claim=claim + "pre_acts are wrong.")
    check(decode, acts, *given, expected=add_rows(acts, *given), claim=claim + "x_hat is wrong.")


@exercise("8.1")
def test_gradients_reach_every_weight(vanilla):
    made, x = random_sae(vanilla.VanillaSAE, 3, 7), normal(5, 3, seed=4)
    leaves = {name: getattr(made, name) for name in WEIGHTS}
    wrong = wrong_gradients(lambda: made.decode(made.pre_activations(x)), leaves)
    assert not wrong, f"The gradients of {', '.join(wrong)} are wrong: is something detached?"


def parts(kind):
    """The parts of a loss by name, from what a reconstruction holds."""

    def loss_parts(x, x_hat, acts, pre_acts, W_dec, l1_coefficient):
        given = weights(x.shape[-1], acts.shape[-1])
        made = with_weights(kind[0], (*given[:2], W_dec, given[3]), l1_coefficient)
        loss = made.loss_parts(x, kind[1](x_hat, acts, pre_acts))
        return dict(zip(PARTS, loss, strict=True))

    return loss_parts


def loss_by_token(weighted):
    """The parts of the loss, token by token and latent by latent."""

    def loss(x, x_hat, acts, pre_acts, W_dec, l1_coefficient):
        lengths = [sum(row.square()) ** 0.5 if weighted else 1 for row in W_dec]
        errors = [sum((a - b).square()) for a, b in zip(x, x_hat, strict=True)]
        penalties = [sum(f * n for f, n in zip(row, lengths, strict=True)) for row in acts]
        sparsity = l1_coefficient * sum(penalties) / len(x)
        values = (sum(errors) / len(x), sparsity, torch.zeros((), dtype=x.dtype))
        return dict(zip(PARTS, values, strict=True))

    return loss


def reconstructions(batch, d_in, d_sae):
    x, x_hat = normal(batch, d_in, seed=1), normal(batch, d_in, seed=2)
    pre_acts = normal(batch, d_sae, seed=3)
    return x, x_hat, pre_acts.relu(), pre_acts, normal(d_sae, d_in, seed=4), 0.7


@exercise("8.2")
def test_loss_is_error_plus_l1_on_odd_inputs(vanilla, sae):
    kind = vanilla.VanillaSAE, sae.Reconstruction
    skip = "batch=300 d_in=300 d_sae=300"
    check_odd(parts(kind), loss_by_token(False), reconstructions, skip=skip, **SIZES)


@exercise("8.2")
@pytest.mark.parametrize("l1_coefficient", [0.0, 3.0])
def test_the_coefficient_multiplies_the_penalty(vanilla, sae, l1_coefficient):
    arguments = (*reconstructions(4, 3, 6)[:-1], l1_coefficient)
    check(
        parts((vanilla.VanillaSAE, sae.Reconstruction)),
        *arguments,
        expected=loss_by_token(False)(*arguments),
        claim=f"With lambda = {l1_coefficient} the parts of the loss are wrong.",
    )


def total_is_differentiable(kind):
    """The weights with a wrong gradient of the whole loss."""
    made, x = random_sae(kind, 3, 7), normal(5, 3, seed=4)
    leaves = {name: getattr(made, name) for name in WEIGHTS}
    return wrong_gradients(lambda: made(x).loss.total(0.5)[None], leaves)


@exercise("8.2")
def test_gradients_of_the_loss_agree_with_differences(vanilla):
    wrong = total_is_differentiable(vanilla.VanillaSAE)
    assert not wrong, f"The gradients of {', '.join(wrong)} are wrong: is something detached?"


@exercise("8.4")
def test_weighted_loss_on_odd_inputs(vanilla, sae):
    kind = vanilla.NormWeightedSAE, sae.Reconstruction
    skip = "batch=300 d_in=300 d_sae=300"
    check_odd(parts(kind), loss_by_token(True), reconstructions, skip=skip, **SIZES)


@exercise("8.4")
def test_gradients_of_the_weighted_loss_agree_with_differences(vanilla):
    wrong = total_is_differentiable(vanilla.NormWeightedSAE)
    assert not wrong, f"The gradients of {', '.join(wrong)} are wrong: is something detached?"


def gradient_left(vanilla):
    """What is left of a gradient."""

    def remove_parallel_gradient(W_dec, gradient):
        weight = W_dec.clone().requires_grad_()
        weight.grad = gradient.clone()
        vanilla.remove_parallel_gradient(weight)
        return {"gradient": weight.grad, "W_dec": weight.detach()}

    return remove_parallel_gradient


def orthogonal_part(W_dec, gradient):
    """Per row: g - (g.w) / (w.w) w."""
    rows = []
    for w, g in zip(W_dec.double(), gradient.double(), strict=True):
        square = sum(w * w)
        rows.append(g if square == 0 else g - sum(g * w) / square * w)
    return {"gradient": torch.stack(rows), "W_dec": W_dec}


def decoder_and_gradient(d_sae, d_in):
    return normal(d_sae, d_in, seed=5), normal(d_sae, d_in, seed=6)


@exercise("8.3")
def test_the_rest_is_orthogonal_on_odd_inputs(vanilla):
    skip = "float32 close d_in=1 ones"  # with one dimension everything is parallel
    check_odd(
        gradient_left(vanilla), orthogonal_part, decoder_and_gradient, skip=skip, d_sae=6, d_in=4
    )


@exercise("8.3")
def test_a_gradient_along_the_rows_is_removed(vanilla):
    W = normal(6, 4, seed=7)
    gradient = normal(6, 1, seed=8) * W
    actual = gradient_left(vanilla)(W, gradient)["gradient"]
    assert_close(actual, torch.zeros(6, 4), "A gradient along the rows is not removed.")


def normalized(vanilla):
    def normalize_rows(W_dec):
        weight = W_dec.clone().requires_grad_()
        vanilla.normalize_rows(weight)
        return weight.detach()

    return normalize_rows


def unit_rows(W_dec):
    rows = []
    for row in W_dec:
        length = sum(row.square()) ** 0.5
        rows.append(row if length == 0 else row / length)
    return torch.stack(rows)


@exercise("8.3")
def test_rows_have_length_one_on_odd_inputs(vanilla):
    def make(d_sae, d_in):
        return (normal(d_sae, d_in, seed=5),)

    check_odd(normalized(vanilla), unit_rows, make, skip="d_in=300", d_sae=6, d_in=4)


@exercise("8.3")
def test_a_row_of_zeros_stays_among_others(vanilla):
    W = normal(4, 3, seed=2)
    W[1] = 0
    check(normalized(vanilla), W, expected=unit_rows(W), claim="A row of zeros must stay zero.")


def folded(vanilla, name, *more):
    """The weights after a function that folds something into them."""

    def fold(W_enc, b_enc, W_dec, b_dec):
        copies = tuple(w.clone() for w in (W_enc, b_enc, W_dec, b_dec))
        made = with_weights(vanilla.VanillaSAE, copies)
        getattr(vanilla, name)(made, *more)
        return [getattr(made, weight).detach() for weight in WEIGHTS]

    fold.__name__ = name
    return fold


def unit_decoder(W_enc, b_enc, W_dec, b_dec):
    lengths = [float(sum(row.double().square()) ** 0.5) or 1.0 for row in W_dec]
    columns = [W_enc[:, i] * n for i, n in enumerate(lengths)]
    biases = [b * n for b, n in zip(b_enc, lengths, strict=True)]
    rows = [row / n for row, n in zip(W_dec, lengths, strict=True)]
    return [torch.stack(columns, dim=1), torch.stack(biases), torch.stack(rows), b_dec]


@exercise("8.4")
def test_folding_the_decoder_norm_on_odd_inputs(vanilla):
    skip = "d_in=300 nan"
    make = weights
    check_odd(folded(vanilla, "fold_decoder_norm"), unit_decoder, make, skip=skip, d_in=4, d_sae=6)


@exercise("8.4")
@pytest.mark.parametrize("seed", [1, 2])
def test_folding_the_decoder_norm_keeps_x_hat(vanilla, seed):
    made, x = random_sae(vanilla.NormWeightedSAE, 4, 6, seed), normal(9, 4, seed=3)
    with torch.no_grad():
        before = made(x)
        lengths = made.W_dec.norm(dim=-1)
        vanilla.fold_decoder_norm(made)
        after = made(x)
    assert_close(after.x_hat, before.x_hat, "Folding changes x_hat.")
    assert_close(after.acts, before.acts * lengths, "Activations must be f_i ||W_dec,i||.")
    assert_close(after.loss.sparsity, before.loss.sparsity, "The penalty must not change.")


@exercise("8.5")
@pytest.mark.parametrize("scale", [0.1, 4.0])
def test_the_folded_sae_equals_scaling_around_it(vanilla, scale):
    made, x = random_sae(vanilla.VanillaSAE, 4, 6), normal(9, 4, seed=3)
    with torch.no_grad():
        expected = made(scale * x)
        vanilla.fold_input_scale(made, scale)
        actual = made(x)
    assert_close(actual.acts, expected.acts, "The activations of a folded SAE differ.")
    claim = "x_hat of a folded SAE is not that of the scaled input, divided by the scale."
    assert_close(actual.x_hat, expected.x_hat / scale, claim)


@exercise("8.5")
def test_each_weight_is_folded_the_right_way(vanilla):
    given = weights(4, 6)
    W_enc, b_enc, W_dec, b_dec = given
    check(
        folded(vanilla, "fold_input_scale", 2.0),
        *given,
        expected=[2 * W_enc, b_enc, W_dec / 2, b_dec / 2],
        claim="W_enc, b_enc, W_dec and b_dec after folding a scale of 2 are wrong.",
    )


@pytest.mark.project
def test_wrong_sizes_and_coefficients_raise(vanilla):
    for call, words in (
        (lambda: vanilla.VanillaSAE(0, 3, 1.0), "of at least 1, got 0"),
        (lambda: vanilla.VanillaSAE(2, 3, -1.0), "coefficient of zero or more, got -1"),
        (lambda: vanilla.VanillaSAE(2, 3, float("nan")), "coefficient"),
        (lambda: vanilla.VanillaSAE(2, 3, 1.0).encode(torch.zeros(4, 5)), "d_in=2 entries"),
        (lambda: vanilla.fold_input_scale(vanilla.VanillaSAE(2, 3, 1.0), 0.0), "positive scale"),
        (lambda: vanilla.remove_parallel_gradient(torch.ones(2, 2)), "call backward first"),
    ):
        with pytest.raises(ValueError, match=words):
            call()


@pytest.mark.project
def test_shrinkage_of_one_feature_is_half_lambda(vanilla):
    """One feature of strength 1: the best activation is 1 - lambda / 2 (papers: check 24)."""
    for l1_coefficient in (0.0, 0.3, 1.0):
        made = vanilla.VanillaSAE(1, 1, l1_coefficient).double()
        with torch.no_grad():
            for weight, value in zip((made.W_enc, made.W_dec), (1.0, 1.0), strict=True):
                weight.fill_(value)
        x = torch.ones(1, 1, dtype=torch.float64)
        for _ in range(300):
            made.b_enc.grad = None
            made(x).loss.total().backward()
            made.b_enc.data -= 0.1 * made.b_enc.grad
        assert abs(made.encode(x).item() - (1 - l1_coefficient / 2)) < 1e-6
