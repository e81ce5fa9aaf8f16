"""The plain steps that ours are measured against compute the same losses and gradients."""

import pytest
import torch

from solutions.ch08_saes.train import dense_pass
from solutions.ch08_saes.vanilla import VanillaSAE

from .sae_steps import L1, sizes_of
from .sparse_sae_steps import encoded, error, variants_of
from .test_benchmarks import TINY


def l1_loss(x, w):
    acts = encoded(x, w).relu()
    return error(x, acts, w) + L1 * acts.sum(1).mean()


def compared():
    """An SAE of each kind with random weights in float64, and its loss in plain torch."""
    d_in, d_sae, _ = sizes_of(TINY)
    pairs = {name: (v.sae, v.loss) for name, v in variants_of(TINY).items()}
    return {**pairs, "L1": (VanillaSAE(d_in, d_sae, L1), l1_loss)}


@pytest.mark.parametrize("name", list(compared()))
def test_plain_losses_and_gradients_equal_ours(name):
    sae, loss = compared()[name]
    generator = torch.Generator().manual_seed(3)
    for weight in sae.double().parameters():
        weight.data += 0.1 * torch.randn(weight.shape, generator=generator)
    x = torch.randn(32, sae.d_in, generator=generator, dtype=torch.float64)
    weights = {n: w.detach().clone().requires_grad_() for n, w in sae.named_parameters()}
    actual, expected = dense_pass(sae, x).loss.total(), loss(x, weights)
    assert abs(actual.item() - expected.item()) < 1e-9
    actual.backward()
    expected.backward()
    for key, weight in sae.named_parameters():
        assert torch.allclose(weight.grad, weights[key].grad, rtol=1e-9, atol=1e-11), key
