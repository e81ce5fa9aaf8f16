"""A cross-layer transcoder from an empty file: one function, without any class of this course.

Axes: batch (tokens), layer, d_model, d_sae.
Source: Ameisen et al. 2025, "Circuit Tracing", section 2.
"""

from collections.abc import Iterable
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor


class CLTWeights(NamedTuple):
    """The weights of a CLT. Decoders to earlier layers are zero."""

    W_enc: Float[Tensor, "layer d_model d_sae"]
    """Encoder per layer."""
    b_enc: Float[Tensor, "layer d_sae"]
    """Its bias."""
    W_dec: Float[Tensor, "source target d_sae d_model"]
    """Decoder from each layer to each layer; zero where target < source."""
    b_dec: Float[Tensor, "layer d_model"]
    """Bias of each layer's prediction."""


class MLPBatch(NamedTuple):
    """Inputs and outputs of all MLPs on the same tokens."""

    x: Float[Tensor, "batch layer d_model"]
    """Inputs."""
    y: Float[Tensor, "batch layer d_model"]
    """Outputs."""


def fit_clt(batches: Iterable[MLPBatch], d_sae: int, k: int, lr: float = 3e-3) -> CLTWeights:
    """Train a TopK CLT with one step per batch; return its weights, without a graph.

    acts_l = the k largest of x_l @ W_enc_l + b_enc_l, after ReLU; y_hat_l = b_dec_l + sum over
    s <= l of acts_s @ W_dec_{s->l}. Loss: squared error, summed over layers, mean over the batch.
    """
    # exercise 11.15
    raise NotImplementedError("exercise 11.15")
