"""The paper's method from an empty file: activations in, a dictionary out.

The answer uses nothing of this chapter. Its graders know only what a dictionary must do.
Axes: batch, d_in, d_sae.
Source: Bricken et al. 2023, "Towards Monosemanticity".
"""

from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor


class Dictionary(NamedTuple):
    """A trained sparse autoencoder: acts = relu((x - b_dec) @ W_enc + b_enc)."""

    W_enc: Float[Tensor, "d_in d_sae"]
    """Encoder."""
    b_enc: Float[Tensor, " d_sae"]
    """Encoder's bias."""
    W_dec: Float[Tensor, "d_sae d_in"]
    """Decoder, whose rows have length 1."""
    b_dec: Float[Tensor, " d_in"]
    """Decoder's bias, which the encoder subtracts first."""


def learn_dictionary(
    x: Float[Tensor, "batch d_in"], d_sae: int, l1_coefficient: float, steps: int, seed: int
) -> Dictionary:
    """Train a sparse autoencoder on activations, and return its weights without gradients.

    The loss is ||x - x_hat||^2 + l1_coefficient * sum_i acts_i, a mean over a batch of 256 rows of
    x that each step draws at random. Adam with learning rate .003. All random numbers are from a
    generator seeded by `seed`.
    """
    # exercise 8.19
    generator = torch.Generator().manual_seed(seed)
    rows = torch.randn(d_sae, x.shape[1], generator=generator).to(x)
    rows /= rows.norm(dim=1, keepdim=True)
    W_enc, W_dec = rows.T.clone().requires_grad_(), rows.clone().requires_grad_()
    b_enc = torch.zeros(d_sae).to(x).requires_grad_()
    b_dec = x.detach().mean(dim=0).clone().requires_grad_()
    weights = [W_enc, b_enc, W_dec, b_dec]
    optimizer = torch.optim.Adam(weights, lr=3e-3)
    with torch.enable_grad():
        for _ in range(steps):
            batch = x.detach()[torch.randint(len(x), (256,), generator=generator)]
            acts = ((batch - b_dec) @ W_enc + b_enc).relu()
            error = batch - (acts @ W_dec + b_dec)
            loss = (error.square().sum(1) + l1_coefficient * acts.sum(1)).mean()
            gradients = torch.autograd.grad(loss, weights)
            with torch.no_grad():
                along = (gradients[2] * W_dec).sum(1, keepdim=True) * W_dec
                for weight, gradient in zip(weights, gradients, strict=True):
                    weight.grad = gradient - along if weight is W_dec else gradient
                optimizer.step()
                W_dec /= W_dec.norm(dim=1, keepdim=True)
    return Dictionary(*(weight.detach() for weight in weights))
