"""A TopK SAE from an empty file: one function, without any class of this course.

Axes: batch (tokens), d_in, d_sae.
Source: Gao et al. 2024, "Scaling and evaluating sparse autoencoders".
"""

from collections.abc import Iterable
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor


class Dictionary(NamedTuple):
    """The weights of an SAE."""

    W_enc: Float[Tensor, "d_in d_sae"]
    """Encoder."""
    b_enc: Float[Tensor, " d_sae"]
    """Its bias."""
    W_dec: Float[Tensor, "d_sae d_in"]
    """Decoder, with unit rows."""
    b_dec: Float[Tensor, " d_in"]
    """Its bias, which the encoder subtracts."""


def fit_topk_sae(
    batches: Iterable[Float[Tensor, "batch d_in"]], d_sae: int, k: int, lr: float = 3e-3
) -> Dictionary:
    """Train a TopK SAE with one step per batch; return its weights, without a graph.

    acts = the k largest of (x - b_dec) @ W_enc + b_enc, after ReLU; x_hat = acts @ W_dec + b_dec.
    """
    # exercise 9.18
    raise NotImplementedError("exercise 9.18")
