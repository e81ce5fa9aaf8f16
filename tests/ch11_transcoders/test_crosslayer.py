"""Graders of crosslayer.py (11.9-11.11) and cost.py (11.12)."""

import math

import pytest
import torch
from torch import nn

from tests.grading import exercise
from tests.grading.assertions import assert_close, check, normal, wrong_gradients
from tests.grading.odd_inputs import check_odd


def dot(x, W):
    return (x[..., :, None] * W).sum(dim=-2)


def random_clt(kind, n_layers, d_model, d_sae, *settings):
    """A CLT of random weights in float64."""
    made = kind(n_layers, d_model, d_sae, *settings).double()
    for seed, weight in enumerate(made.parameters()):
        weight.data = normal(*weight.shape, seed=30 + seed)
    return made


@exercise("11.9")
def test_pre_activations_on_odd_inputs(crosslayer):
    def pre_activations(x, W_enc, b_enc):
        made = crosslayer.TopKCLT(*W_enc.shape, 1)
        made.W_enc, made.b_enc = nn.Parameter(W_enc), nn.Parameter(b_enc)
        made.b_dec = nn.Parameter(torch.ones_like(W_enc[:, :, 0]))
        return [made.pre_activations(x, layer) for layer in range(len(W_enc))]

    def oracle(x, W_enc, b_enc):
        return [dot(x, W) + b for W, b in zip(W_enc, b_enc, strict=True)]

    def make(batch, layer, d_model, d_sae):
        shapes = ((batch, d_model), (layer, d_model, d_sae), (layer, d_sae))
        return tuple(normal(*shape, seed=seed) for seed, shape in enumerate(shapes))

    skip = "layer=300 d_sae=300"
    check_odd(pre_activations, oracle, make, skip=skip, batch=4, layer=3, d_model=5, d_sae=6)


@exercise("11.9")
@pytest.mark.parametrize("shape", [(5,), (2, 3), (), (1,)])
def test_each_target_adds_its_sources(crosslayer, shape):
    made = random_clt(crosslayer.TopKCLT, 3, 4, 6, 2)
    acts = [normal(*shape, 6, seed=seed).relu() for seed in range(3)]
    for target in range(3):
        parts = [dot(acts[s], made.W_dec[s][target - s]) for s in range(target + 1)]
        expected = sum(parts) + made.b_dec[target]
        claim = f"The prediction of layer {target} is wrong."
        check(made.decode_layer, acts, target, expected=expected, claim=claim)


@exercise("11.9")
def test_later_layers_are_not_needed(crosslayer):
    """A target gets the list of what has been computed so far."""
    made = random_clt(crosslayer.TopKCLT, 3, 4, 6, 2)
    acts = [normal(5, 6, seed=seed).relu() for seed in range(3)]
    claim = "The prediction of layer 1 depends on activations of later layers."
    assert_close(made.decode_layer(acts[:2], 1), made.decode_layer(acts, 1), claim)


@exercise("11.9")
def test_gradients_reach_every_decoder(crosslayer):
    made, acts = (
        random_clt(crosslayer.TopKCLT, 3, 4, 6, 2),
        [normal(5, 6, seed=s) for s in range(3)],
    )
    leaves = {f"W_dec[{s}]": made.W_dec[s] for s in range(3)} | {"b_dec": made.b_dec}
    decoded = lambda: torch.stack([made.decode_layer(acts, t) for t in range(3)])  # noqa: E731
    wrong = wrong_gradients(decoded, leaves)
    assert not wrong, f"The gradients of {', '.join(wrong)} are wrong: is something detached?"
    x = normal(5, 4, seed=9)
    leaves = {"W_enc": made.W_enc, "b_enc": made.b_enc}
    wrong = wrong_gradients(lambda: made.pre_activations(x, 1), leaves)
    assert not wrong, f"The gradients of {', '.join(wrong)} are wrong: is something detached?"


def norms_by_latent(made):
    n_layers, d_sae = made.b_enc.shape
    return torch.tensor(
        [
            [
                math.sqrt(
                    sum(float(x) ** 2 for W in made.W_dec[source].detach() for x in W[latent])
                )
                for latent in range(d_sae)
            ]
            for source in range(n_layers)
        ]
    ).double()


@exercise("11.10")
@pytest.mark.parametrize("sizes", [(3, 4, 5), (1, 2, 3), (4, 1, 1)])
def test_norms_are_of_all_decoders_together(crosslayer, sizes):
    made = random_clt(crosslayer.TopKCLT, *sizes, 1)
    claim = "decoder_norms is not the length of all decoders of a latent, concatenated."
    assert_close(made.decoder_norms(), norms_by_latent(made), claim, tolerance=1e-6)


@pytest.fixture
def loss_parts(crosslayer):
    def loss_parts(y, y_hat, acts, coefficient):
        made = random_clt(
            crosslayer.JumpReLUCLT, y.shape[1], y.shape[2], acts.shape[2], coefficient
        )
        made.to(y.dtype)
        return list(made.loss_parts(y, crosslayer.CLTOutput(y_hat, acts, acts)))

    return loss_parts


@exercise("11.10")
def test_the_loss_on_odd_inputs(crosslayer, loss_parts):
    def oracle(y, y_hat, acts, coefficient):
        made = random_clt(
            crosslayer.JumpReLUCLT, y.shape[1], y.shape[2], acts.shape[2], coefficient
        )
        norms = norms_by_latent(made)
        errors = [((a - b) ** 2).sum() for a, b in zip(y, y_hat, strict=True)]
        penalties = [(4 * one * norms).tanh().sum() for one in acts]
        sparsity = coefficient * sum(penalties) / len(y)
        return [sum(errors) / len(y), sparsity, torch.zeros((), dtype=y.dtype)]

    def make(batch, layer, d_model, d_sae):
        y, y_hat = (normal(batch, layer, d_model, seed=seed) for seed in (1, 2))
        return y, y_hat, 0.1 * normal(batch, layer, d_sae, seed=3).relu(), 0.3

    skip = "batch=300 layer=300 d_model=300 d_sae=300 close float32"
    sizes = {"batch": 4, "layer": 2, "d_model": 3, "d_sae": 3}
    check_odd(loss_parts, oracle, make, skip=skip, tolerance=1e-6, **sizes)


@exercise("11.10")
def test_the_penalty_saturates(crosslayer):
    made = random_clt(crosslayer.JumpReLUCLT, 2, 4, 5, 1.0)
    acts = torch.full((3, 2, 5), 20.0).double()
    claim = "Doubling a strong activation changes the penalty."
    assert_close(made.penalty(2 * acts).item(), made.penalty(acts).item(), claim, tolerance=1e-3)


@exercise("11.10")
def test_the_penalty_has_gradients_for_the_decoders(crosslayer):
    made, acts = random_clt(crosslayer.JumpReLUCLT, 2, 3, 4, 0.5), normal(5, 2, 4, seed=3).relu()
    leaves = {"W_dec[0]": made.W_dec[0], "W_dec[1]": made.W_dec[1]}
    wrong = wrong_gradients(lambda: made.penalty(0.05 * acts)[None], leaves)
    assert not wrong, f"The gradients of {', '.join(wrong)} are wrong: is something detached?"


@exercise("11.10")
def test_all_parts_of_the_loss_have_gradients(crosslayer):
    made = random_clt(crosslayer.JumpReLUCLT, 2, 3, 4, 0.5)
    x, y, leaves = normal(5, 2, 3, seed=1), normal(5, 2, 3, seed=2), {"b_dec": made.b_dec}
    leaves["W_dec[1]"] = made.W_dec[1]
    wrong = wrong_gradients(lambda: torch.stack([*made.loss_parts(y, made(0.1 * x))]), leaves)
    assert not wrong, f"The gradients of {', '.join(wrong)} are wrong: is something detached?"


@exercise("11.10")
def test_the_first_step_is_finite(crosslayer):
    """A new CLT's decoders are zero, where a square root has no gradient."""
    made, acts = crosslayer.JumpReLUCLT(2, 3, 4, 0.5), normal(5, 2, 4, seed=3).relu().float()
    claim = "The decoders are zero, so their lengths are."
    assert_close(made.decoder_norms(), torch.zeros(2, 4), claim)
    made.penalty(acts).backward()
    finite = all(weight.grad is None or weight.grad.isfinite().all() for weight in made.W_dec)
    assert finite, (
        "With decoders of zeros, as at the start, the penalty has gradients that are not finite."
    )


def random_transcoder(transcoder, layer, d_model=4, d_sae=6, k=2):
    made = transcoder.TopKTranscoder(d_model, d_model, d_sae, k).double()
    for seed, weight in enumerate(made.parameters()):
        weight.data = normal(*weight.shape, seed=50 + 10 * layer + seed)
    return made


@exercise("11.11")
@pytest.mark.parametrize("n_layers", [1, 3])
def test_a_clt_computes_what_transcoders_compute(crosslayer, transcoder, n_layers):
    others = [random_transcoder(transcoder, layer + 5) for layer in range(n_layers)]
    own = [random_transcoder(transcoder, layer) for layer in range(n_layers)]
    crosslayer.as_crosslayer(others, 2)  # a copy of the first call would be wrong
    clt, x = crosslayer.as_crosslayer(own, 2), normal(7, n_layers, 4, seed=9)
    made = clt(x)
    for layer, one in enumerate(own):
        expected = one(x[:, layer])
        claim = f"Layer {layer} of the CLT is not the transcoder of layer {layer}."
        assert_close(made.y_hat[:, layer], expected.y_hat, claim)
        assert_close(made.acts[:, layer], expected.acts, claim)
    across = [clt.W_dec[source][1:].abs().sum().item() for source in range(n_layers)]
    assert not any(across), "Decoders to other layers must be zero."


@exercise("11.11")
def test_the_clt_has_memory_of_its_own(crosslayer, transcoder):
    own = [random_transcoder(transcoder, layer) for layer in range(2)]
    clt = crosslayer.as_crosslayer(own, 2)
    places = {weight.data_ptr() for one in own for weight in one.parameters()}
    shared = places & {weight.data_ptr() for weight in clt.parameters()}
    assert not shared, "The CLT shares its memory with the transcoders: copy the weights."


def count(module):
    return sum(weight.numel() for weight in module.parameters())


SIZES = [(2, 8, 16, 3), (1, 5, 7, 2), (5, 3, 4, 4)]


@exercise("11.12")
@pytest.mark.parametrize("given", SIZES)
def test_parameters_are_those_of_real_modules(cost, crosslayer, transcoder, given):
    sizes, (n_layers, d_model, d_sae, k) = cost.Sizes(*given), given
    own = [transcoder.TopKTranscoder(d_model, d_model, d_sae, k) for _ in range(n_layers)]
    clt = crosslayer.TopKCLT(n_layers, d_model, d_sae, k)
    expected = sum(map(count, own))
    claim = "The number of parameters of one transcoder per layer is wrong."
    assert_close(cost.per_layer_cost(sizes).parameters, expected, claim)
    claim = "The number of parameters of a CLT is wrong."
    assert_close(cost.crosslayer_cost(sizes).parameters, count(clt), claim)


@exercise("11.12")
@pytest.mark.parametrize("given", SIZES)
def test_multiplications_are_counted_one_by_one(cost, given):
    """Every latent is encoded; an active one is decoded once per target."""
    n_layers, d_model, d_sae, k = given
    encoded = sum(d_model for _ in range(n_layers) for _ in range(d_sae))
    one_target = sum(d_model for _ in range(n_layers) for _ in range(k))
    targets = sum(d_model * k for s in range(n_layers) for t in range(n_layers) if t >= s)
    sizes = cost.Sizes(*given)
    claim = "The multiplications of one transcoder per layer are wrong."
    assert_close(cost.per_layer_cost(sizes).multiplications, encoded + one_target, claim)
    claim = "The multiplications of a CLT are wrong."
    assert_close(cost.crosslayer_cost(sizes).multiplications, encoded + targets, claim)


@exercise("11.12")
def test_training_holds_four_numbers_per_parameter(cost):
    claim = "Weights, gradients and Adam's two averages take four bytes each."
    for parameters in (1, 1000, 3 * 10**12):
        assert_close(cost.training_bytes(cost.Cost(parameters, 5)), 16 * parameters, claim)


@exercise("11.12")
def test_counts_are_whole_numbers(cost):
    for made in (cost.per_layer_cost, cost.crosslayer_cost):
        counts = made(cost.Sizes(30, 576, 49_152, 64))
        whole = all(type(number) is int for number in counts)
        assert whole, f"Expected whole numbers, got {counts}: is something divided with /?"


@pytest.mark.project
def test_the_trainer_trains_a_clt(crosslayer, train):
    W = normal(4, 4, seed=5).float()

    def stream(step):
        x = normal(64, 3, 4, seed=step).float()
        return torch.stack([x, (x @ W).relu().cumsum(dim=1)], dim=1).flatten(1)

    for made in (crosslayer.TopKCLT(3, 4, 16, 6), crosslayer.JumpReLUCLT(3, 4, 16, 1e-3)):
        config = train.SAETrainConfig(150, lr=1e-2)
        losses = [
            record.results["a"].loss.reconstruction.item()
            for record in train.train_saes(
                {"a": made}, stream, config, training_pass=crosslayer.clt_pass
            )
        ]
        assert losses[-1] < losses[0] / 2


@pytest.mark.project
def test_wrong_settings_raise(crosslayer, transcoder):
    with pytest.raises(ValueError, match="k from 1"):
        crosslayer.TopKCLT(2, 3, 4, 0)
    with pytest.raises(ValueError, match="sizes of at least 1"):
        crosslayer.TopKCLT(0, 3, 4, 1)
    with pytest.raises(ValueError, match="positive threshold"):
        crosslayer.JumpReLUCLT(1, 2, 3, 0.1, threshold=0.0)
    own = [transcoder.TopKTranscoder(3, 4, 5, 2)]
    with pytest.raises(ValueError, match="one size with d_in = d_out"):
        crosslayer.as_crosslayer(own, 2)


@pytest.mark.project
@pytest.mark.parametrize("kind", ["TopKTranscoder", "SkipTranscoder", "TopKCLT"])
def test_the_fast_pass_equals_the_dense_one(crosslayer, transcoder, skip, fast_pass, kind):
    if kind == "TopKCLT":
        made, fast, dense = (
            random_clt(crosslayer.TopKCLT, 3, 4, 9, 2),
            "sparse_clt_pass",
            "clt_pass",
        )
        passes = getattr(fast_pass, fast), getattr(crosslayer, dense)
    else:
        made = getattr(skip if kind == "SkipTranscoder" else transcoder, kind)(4, 5, 9, 2).double()
        for seed, weight in enumerate(made.parameters()):
            weight.data = normal(*weight.shape, seed=seed)
        passes = fast_pass.sparse_pair_pass, transcoder.pair_pass
    rows, results = normal(20, made.row_size, seed=9), []
    for one in passes:
        made.zero_grad()
        loss, n_active = one(made, rows)
        loss.total().backward()
        grads = [weight.grad.clone() for weight in made.parameters()]
        results.append([loss.total().item(), n_active.double(), grads])
    assert_close(results[0], results[1], "The sparse pass differs from the dense one.")
