"""The given code of chapter 3: full circuits, random baselines, neurons, the tuned lens, errors."""

import pytest
import torch

from tests.grading.assertions import assert_close, normal, randomise
from tests.grading.tiny_models import TOKENS, shared

pytestmark = pytest.mark.project


@torch.no_grad()
def test_full_circuits_map_tokens_to_tokens(circuits, build):
    model = build("parallel")
    attn, W_E = model.blocks[1].attn, model.embed.W_E
    full_ov = W_E @ shared(attn.W_V, 6) @ attn.W_O @ model.unembed.W_U
    assert_close(circuits.full_ov(model, 1).product(), full_ov, "W_E W_V W_O W_U")
    full_qk = W_E @ attn.W_Q @ shared(attn.W_K, 6).mT @ W_E.T
    assert_close(circuits.full_qk(model, 1).product(), full_qk, "W_E W_Q W_K^T W_E^T")
    assert circuits.full_ov(model, 1).A.shape[-1] == 4, "the rank stays d_head"


@pytest.mark.parametrize("d_head, spread", [(8, 0.157), (32, 0.051)])
def test_spread_of_random_copying_scores(circuits, d_head, spread):
    generator = torch.Generator().manual_seed(0)
    scores = circuits.random_copying_scores(300, 128, d_head, 200, generator)
    assert abs(scores.mean()) < 4 * spread / 200**0.5
    assert abs(scores.std() / spread - 1) < 0.25, f"expected about {spread}, got {scores.std():.3f}"


@pytest.mark.parametrize("d_model, d_head", [(64, 8), (100, 3)])
def test_random_composition_is_one_over_root_d_model(composition, d_model, d_head):
    for seed in range(4):
        generator = torch.Generator().manual_seed(seed)
        scores = composition.random_composition_scores(d_model, d_head, 200, generator)
        assert abs(scores.square().mean().sqrt() * d_model**0.5 - 1) < 0.1


@torch.no_grad()
def test_neurons_and_bias_sum_to_the_mlp_contribution(decompose, build):
    model = build("gpt2")
    mlp, direction = model.blocks[1].mlp, normal(3, 5, 10, seed=3)
    points = ["blocks.1.mlp.hook_post", "blocks.1.hook_mlp_out"]
    _, cache = model.run_with_cache(TOKENS, names=points)
    neurons = decompose.neuron_logit_contributions(cache[points[0]], mlp.W_out, direction).sum(-1)
    expected = (cache[points[1]] * direction).sum(-1)
    claim = "Neurons and the output bias must sum to the MLP's contribution."
    assert_close(neurons + direction @ mlp.b_out, expected, claim)


@pytest.mark.parametrize("layers", [0, 2])
@torch.no_grad()
def test_residual_stream_starts_and_ends_right(lens, build, layers):
    model = build("attention-only", n_layers=layers)
    stream = lens.residual_stream(model, TOKENS)
    assert len(stream) == layers + 1
    assert_close(stream[0], model.embed.W_E[TOKENS], "The first entry is the embedding.")
    assert_close(lens.logit_lens(model, stream)[-1], model(TOKENS), "The last gives the logits.")


def test_tuned_lens_starts_as_identity_and_learns(lens, build):
    model = build("gpt2").float()
    before = {name: weight.clone() for name, weight in model.named_parameters()}
    tuned = lens.TunedLens(2, 10)
    stream = normal(2, 3, 5, 10, seed=4).float()
    assert_close(tuned(stream), stream, "A new lens is the identity.")
    losses = list(lens.train_tuned_lens(model, iter([TOKENS] * 40), tuned, steps=40, lr=0.03))
    assert (losses[-1] < 0.5 * losses[0]).all(), f"from {losses[0]} to {losses[-1]}"
    assert all(torch.equal(w, before[name]) for name, w in model.named_parameters())
    assert all(w.grad is None for w in model.parameters()), "the model is not trained"


@torch.no_grad()
def test_tuned_lens_is_one_affine_map_per_layer(lens):
    tuned, x = randomise(lens.TunedLens(2, 4), seed=5), normal(2, 1, 3, 4, seed=6)
    expected = torch.stack([x[i] + x[i] @ tuned.W[i] + tuned.b[i] for i in range(2)])
    assert_close(tuned(x), expected, "Each layer gets x + x W + b with its own W and b.")


@pytest.mark.parametrize("layer", [2, -1])
def test_circuits_reject_layers_that_do_not_exist(circuits, composition, build, layer):
    model = build("gpt2")
    for read in (circuits.ov_circuit, circuits.qk_circuit, circuits.full_ov, circuits.full_qk):
        with pytest.raises(ValueError, match=rf"layer in 0\.\.1, got {layer}"):
            read(model, layer)
    with pytest.raises(ValueError, match="layer"):
        composition.all_composition_scores(model, 0, layer)


@pytest.mark.parametrize("earlier, later", [(1, 0), (1, 1)])
def test_composition_rejects_layers_in_the_wrong_order(composition, build, earlier, later):
    with pytest.raises(ValueError, match=f"got {earlier} and {later}"):
        composition.all_composition_scores(build("gpt2"), earlier, later)


def test_eigenvalues_need_a_square_product(factored_matrix):
    matrix = factored_matrix.FactoredMatrix(normal(6, 2, seed=1), normal(2, 5, seed=2))
    with pytest.raises(ValueError, match="square product, got 6 x 5"):
        matrix.eigenvalues()


def test_factored_matrix_rejects_unequal_inner_axes(factored_matrix):
    """The object is built without its constructor, whose shape check would fail first."""
    matrix = object.__new__(factored_matrix.FactoredMatrix)
    vars(matrix).update(A=normal(6, 2, seed=1), B=normal(3, 5, seed=2))
    with pytest.raises(ValueError, match=r"got \[6, 2\] and \[3, 5\]"):
        matrix.__post_init__()


def test_products_and_transposes_equal_those_of_matrices(factored_matrix):
    first = factored_matrix.FactoredMatrix(normal(3, 1, 6, 2, seed=1), normal(3, 1, 2, 5, seed=2))
    second = factored_matrix.FactoredMatrix(normal(4, 5, 3, seed=3), normal(4, 3, 7, seed=4))
    M, N, plain = first.product(), second.product(), normal(7, 6, seed=5)
    assert_close((first @ second).product(), M @ N, "The product must be (AB)(CD).")
    assert (first @ second).A.shape[-1] == 2, "the inner axis stays that of the first factor"
    assert_close(first.T.product(), M.mT, "The transpose must be that of the product.")
    assert_close((plain @ first).product(), plain @ M, "A plain matrix on the left.")
    assert_close((second @ plain).product(), N @ plain, "A plain matrix on the right.")
