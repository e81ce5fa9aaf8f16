"""The given code of chapter 3: full circuits, random baselines, neurons, the tuned lens, errors."""

import pytest
import torch

from tests.grading.assertions import assert_close, normal, randomise
from tests.grading.tiny_models import TOKENS, shared

pytestmark = pytest.mark.project


@torch.no_grad()
def test_full_circuits_speak_of_tokens(circuits, build):
    model = build("parallel")
    attn, W_E = model.blocks[1].attn, model.embed.W_E
    moves = W_E @ shared(attn.W_V, 6) @ attn.W_O @ model.unembed.W_U
    assert_close(circuits.full_ov(model, 1).product(), moves, "W_E W_V W_O W_U is expected.")
    looks = W_E @ attn.W_Q @ shared(attn.W_K, 6).mT @ W_E.T
    assert_close(circuits.full_qk(model, 1).product(), looks, "W_E W_Q W_K^T W_E^T is expected.")
    assert circuits.full_ov(model, 1).A.shape[-1] == 4, "the rank stays d_head"


@pytest.mark.parametrize("d_head, spread", [(8, 0.157), (32, 0.051)])
def test_copying_scores_of_random_heads_spread_as_measured(circuits, d_head, spread):
    generator = torch.Generator().manual_seed(0)
    scores = circuits.random_copying_scores(300, 128, d_head, 200, generator)
    assert abs(scores.mean()) < 4 * spread / 200**0.5
    assert abs(scores.std() / spread - 1) < 0.25, f"{spread} is expected, {scores.std():.3f} came"


@pytest.mark.parametrize("d_model, d_head", [(64, 8), (100, 3)])
def test_composition_of_random_heads_is_one_over_the_root_of_d_model(composition, d_model, d_head):
    for seed in range(4):
        generator = torch.Generator().manual_seed(seed)
        scores = composition.random_composition_scores(d_model, d_head, 200, generator)
        assert abs(scores.square().mean().sqrt() * d_model**0.5 - 1) < 0.1


@torch.no_grad()
def test_neuron_shares_and_the_bias_sum_to_the_mlps_share(decompose, build):
    model = build("gpt2")
    mlp, direction = model.blocks[1].mlp, normal(3, 5, 10, seed=3)
    points = ["blocks.1.mlp.hook_post", "blocks.1.hook_mlp_out"]
    _, cache = model.run_with_cache(TOKENS, names=points)
    came = decompose.neuron_logit_contributions(cache[points[0]], mlp.W_out, direction).sum(-1)
    right = (cache[points[1]] * direction).sum(-1)
    assert_close(came + direction @ mlp.b_out, right, "Neurons and the bias make the MLP's output.")


@pytest.mark.parametrize("layers", [0, 2])
@torch.no_grad()
def test_the_stream_is_read_before_each_block_and_after_the_last(lens, build, layers):
    model = build("attention-only", n_layers=layers)
    stream = lens.residual_stream(model, TOKENS)
    assert len(stream) == layers + 1
    assert_close(stream[0], model.embed.W_E[TOKENS], "The first is the embedding.")
    assert_close(lens.logit_lens(model, stream)[-1], model(TOKENS), "The last gives the logits.")


def test_a_tuned_lens_starts_as_the_logit_lens_and_comes_nearer_to_the_answer(lens, build):
    model = build("gpt2").float()
    before = {name: weight.clone() for name, weight in model.named_parameters()}
    tuned = lens.TunedLens(2, 10)
    stream = normal(2, 3, 5, 10, seed=4).float()
    assert_close(tuned(stream), stream, "It starts as the identity.")
    losses = list(lens.train_tuned_lens(model, iter([TOKENS] * 40), tuned, steps=40, lr=0.03))
    assert (losses[-1] < 0.5 * losses[0]).all(), f"from {losses[0]} to {losses[-1]}"
    assert all(torch.equal(w, before[name]) for name, w in model.named_parameters())
    assert all(w.grad is None for w in model.parameters()), "nothing of the model is trained"


@torch.no_grad()
def test_a_tuned_lens_is_one_affine_map_a_layer(lens):
    tuned, x = randomise(lens.TunedLens(2, 4), seed=5), normal(2, 1, 3, 4, seed=6)
    right = torch.stack([x[i] + x[i] @ tuned.W[i] + tuned.b[i] for i in range(2)])
    assert_close(tuned(x), right, "x + x W + b of its own layer is expected.")


@pytest.mark.parametrize("layer", [2, -1])
def test_a_layer_that_does_not_exist_is_refused(circuits, composition, build, layer):
    model = build("gpt2")
    for read in (circuits.ov_circuit, circuits.qk_circuit, circuits.full_ov, circuits.full_qk):
        with pytest.raises(ValueError, match=rf"numbered 0\.\.1, but {layer} came"):
            read(model, layer)
    with pytest.raises(ValueError, match="layer"):
        composition.all_composition_scores(model, 0, layer)


@pytest.mark.parametrize("earlier, later", [(1, 0), (1, 1)])
def test_layers_in_the_wrong_order_are_refused(composition, build, earlier, later):
    with pytest.raises(ValueError, match=f"layer {earlier} does not come before layer {later}"):
        composition.all_composition_scores(build("gpt2"), earlier, later)


def test_a_matrix_that_is_not_square_has_no_eigenvalues(factored):
    matrix = factored_matrix.FactoredMatrix(normal(6, 2, seed=1), normal(2, 5, seed=2))
    with pytest.raises(ValueError, match="square .* 6 x 5"):
        matrix.eigenvalues()


def test_factors_that_do_not_fit_are_refused(factored):
    """Past the shape checks, which only tests have on."""
    matrix = object.__new__(factored_matrix.FactoredMatrix)
    vars(matrix).update(A=normal(6, 2, seed=1), B=normal(3, 5, seed=2))
    with pytest.raises(ValueError, match=r"do not fit: \[6, 2\] times \[3, 5\]"):
        matrix.__post_init__()


def test_products_and_transposes_are_those_of_the_matrices(factored):
    first = factored_matrix.FactoredMatrix(normal(3, 1, 6, 2, seed=1), normal(3, 1, 2, 5, seed=2))
    second = factored_matrix.FactoredMatrix(normal(4, 5, 3, seed=3), normal(4, 3, 7, seed=4))
    M, N, plain = first.product(), second.product(), normal(7, 6, seed=5)
    assert_close((first @ second).product(), M @ N, "(AB)(CD) is expected.")
    assert (first @ second).A.shape[-1] == 2, "the rank stays the first one's"
    assert_close(first.T.product(), M.mT, "The transpose is expected.")
    assert_close((plain @ first).product(), plain @ M, "A plain matrix on the left.")
    assert_close((second @ plain).product(), N @ plain, "A plain matrix on the right.")
