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
    raise NotImplementedError("exercise 8.19")
