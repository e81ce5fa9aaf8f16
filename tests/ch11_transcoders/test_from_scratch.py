"""Graders of from_scratch.py (11.15), by claims alone."""

import pytest
import torch

from tests.grading import exercise
from tests.grading.assertions import assert_close, normal

LAYERS, D_MODEL, N_FEATURES, K = 3, 16, 24, 2


def batches(module, steps, seed):
    """Each feature is read at one layer and written to that layer and all later ones."""
    reads = torch.nn.functional.normalize(normal(LAYERS, N_FEATURES, D_MODEL, seed=seed), dim=2)
    writes = torch.nn.functional.normalize(
        normal(LAYERS, N_FEATURES, D_MODEL, seed=seed + 1), dim=2
    )
    generator = torch.Generator().manual_seed(seed)
    for _ in range(steps):
        chosen = torch.rand(128, LAYERS, N_FEATURES, generator=generator).topk(K, dim=2).indices
        strengths = torch.zeros(128, LAYERS, N_FEATURES)
        strengths.scatter_(2, chosen, 0.5 + torch.rand(128, LAYERS, K, generator=generator))
        x = torch.einsum("blf,lfd->bld", strengths, reads.float())
        y = torch.einsum("blf,lfd->bld", strengths, writes.float()).cumsum(dim=1) + 0.3
        yield module.MLPBatch(x, y)


def predict(fitted, x):
    """y_hat of a CLT, one layer after another; decoders that point backward are used too."""
    pre_acts = torch.einsum("bld,lds->bls", x, fitted.W_enc) + fitted.b_enc
    values, indices = pre_acts.topk(K, dim=2)
    acts = torch.zeros_like(pre_acts).scatter(2, indices, values.relu())
    return torch.einsum("bas,atsd->btd", acts, fitted.W_dec) + fitted.b_dec


@exercise("11.15")
@pytest.mark.parametrize("seed", [1, 5])
def test_outputs_of_all_layers_are_predicted(from_scratch, seed):
    fitted = from_scratch.fit_clt(batches(from_scratch, 500, seed), 2 * N_FEATURES, K, lr=1e-2)
    d_sae = 2 * N_FEATURES
    expected = [
        [LAYERS, D_MODEL, d_sae],
        [LAYERS, d_sae],
        [LAYERS, LAYERS, d_sae, D_MODEL],
        [LAYERS, D_MODEL],
    ]
    sizes = [list(weight.shape) for weight in fitted]
    assert sizes == expected, f"Expected weights of shapes {expected}, got {sizes}."
    assert not any(w.requires_grad for w in fitted), "The weights still require gradients."
    backward = [(s, t) for s in range(LAYERS) for t in range(s) if fitted.W_dec[s, t].any()]
    assert not backward, f"Decoders (source, target) that point backward must be 0: {backward}."
    x, y = next(iter(batches(from_scratch, 1, seed)))
    for layer in range(LAYERS):
        error = (predict(fitted, x)[:, layer] - y[:, layer]).square().sum()
        share = (error / (y[:, layer] - y[:, layer].mean(dim=0)).square().sum()).item()
        assert share < 0.35, (
            f"{share:.2f} of the variance of layer {layer} is unexplained on new tokens, more than "
            ".35."
        )


@exercise("11.15")
def test_later_outputs_need_earlier_latents(from_scratch):
    """Without the decoders across layers the last layer must be predicted worse."""
    fitted = from_scratch.fit_clt(batches(from_scratch, 300, 1), 2 * N_FEATURES, K, lr=1e-2)
    x, y = next(iter(batches(from_scratch, 1, 1)))
    own = fitted._replace(W_dec=fitted.W_dec * torch.eye(LAYERS)[:, :, None, None])
    errors = [(predict(f, x)[:, -1] - y[:, -1]).square().sum().item() for f in (fitted, own)]
    assert errors[1] > 2 * errors[0], "Decoders across layers explain nothing: are they trained?"


def active(fitted, x):
    """Which latents of each layer are active on some token."""
    pre_acts = torch.einsum("bld,lds->bls", x, fitted.W_enc) + fitted.b_enc
    chosen = torch.zeros_like(pre_acts).scatter(2, pre_acts.topk(K, dim=2).indices, 1.0)
    return (chosen * pre_acts.relu() > 0).any(dim=0)


@exercise("11.15")
@pytest.mark.parametrize("seed", [1, 5])
def test_a_step_moves_the_decoders_of_active_latents(from_scratch, seed):
    """Of 40 latents per layer at most 6 are active on three tokens."""
    drawn = [normal(3, LAYERS, D_MODEL, seed=seed + i).float() for i in range(4)]
    first, second = (from_scratch.MLPBatch(*drawn[i : i + 2]) for i in (0, 2))
    start = from_scratch.fit_clt([first], 40, K, lr=1e-9)
    one, two = (from_scratch.fit_clt(some, 40, K, lr=0.5) for some in ([first], [first, second]))
    claim = "A step moves the decoders of the k latents that are active on each token, alone."
    expected = active(start, first.x)
    for before, after in ((start, one), (one, two)):
        moved = (after.W_dec - before.W_dec).abs().amax(dim=(1, 3)) > 0.05
        assert_close(moved, expected, claim)
        expected = expected | active(one, second.x)  # Adam moves those of the first step on
    assert two.b_enc.any(), "The encoder's bias is not trained."


@exercise("11.15")
def test_one_layer_one_input_and_one_latent_keep_their_axes(from_scratch):
    batch = from_scratch.MLPBatch(*(normal(4, 1, 1, seed=seed).float() for seed in (1, 2)))
    sizes = [list(weight.shape) for weight in from_scratch.fit_clt([batch], 1, 1)]
    expected = [[1, 1, 1], [1, 1], [1, 1, 1, 1], [1, 1]]
    assert sizes == expected, f"With one of each the shapes are {sizes}."


@exercise("11.15")
def test_global_chance_is_left_alone(from_scratch):
    before = torch.random.get_rng_state()
    from_scratch.fit_clt(batches(from_scratch, 2, 1), 8, K)
    assert torch.equal(before, torch.random.get_rng_state()), (
        "torch's global random state has changed; draw from a generator of your own."
    )
