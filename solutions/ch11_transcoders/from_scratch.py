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
    generator = torch.Generator().manual_seed(0)
    weights: list[Tensor] = []
    optimizer, causal = None, torch.empty(0)
    for x, y in batches:
        if optimizer is None:
            layers, d_model = x.shape[1:]
            W_enc = torch.randn(layers, d_model, d_sae, generator=generator).to(x)
            W_enc /= W_enc.norm(dim=1, keepdim=True)
            sizes = [(layers, d_sae), (layers, layers, d_sae, d_model), (layers, d_model)]
            weights = [W_enc.requires_grad_(), *(x.new_zeros(s).requires_grad_() for s in sizes)]
            optimizer = torch.optim.Adam(weights, lr=lr)
            causal = torch.ones(layers, layers).triu().to(x)[:, :, None, None]
        W_enc, b_enc, W_dec, b_dec = weights
        pre_acts = torch.einsum("bld,lds->bls", x, W_enc) + b_enc
        values, indices = pre_acts.topk(k, dim=2)
        acts = torch.zeros_like(pre_acts).scatter(2, indices, values.relu())
        y_hat = torch.einsum("bas,atsd->btd", acts, W_dec * causal) + b_dec
        loss = (y_hat - y).square().sum(dim=(1, 2)).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    W_enc, b_enc, W_dec, b_dec = (w.detach() for w in weights)
    return CLTWeights(W_enc, b_enc, W_dec * causal, b_dec)
