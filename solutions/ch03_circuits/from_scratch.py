"""Path expansion from an empty file: the logits of two layers of heads as a sum over paths.

Axes: batch, pos, head, d_model, d_head.
Source: Elhage et al. 2021, "A Mathematical Framework for Transformer Circuits".
"""

from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

Path = tuple[str, ...]


class TwoLayers(NamedTuple):
    """Weights of an attention-only model without norms and biases."""

    W_E: Float[Tensor, "d_vocab d_model"]
    """Embedding."""
    W_pos: Float[Tensor, "layer n_ctx d_model"]
    """Added to what the queries and keys of each layer read; values do not read it."""
    W_Q: Float[Tensor, "layer head d_model d_head"]
    """Queries."""
    W_K: Float[Tensor, "layer head d_model d_head"]
    """Keys."""
    W_V: Float[Tensor, "layer head d_model d_head"]
    """Values."""
    W_O: Float[Tensor, "layer head d_head d_model"]
    """Outputs."""
    W_U: Float[Tensor, "d_model d_vocab"]
    """Unembedding."""


@torch.no_grad()
def expand_logits(
    weights: TwoLayers, tokens: Int[Tensor, "batch pos"]
) -> dict[Path, Float[Tensor, "batch pos d_vocab"]]:
    """Split the logits into one term per path, with the patterns held at those of the whole model.

    A path is a tuple of heads in the order of their layers: () is the direct path, ("0.1",) goes
    through head 1 of layer 0, ("0.1", "1.0") then through head 0 of layer 1. There are (1 + H)^2
    paths, and the terms sum to the logits. Scores are divided by sqrt(d_head).
    """
    # exercise 3.18
    paths: dict[Path, Tensor] = {(): weights.W_E[tokens]}
    n_pos = tokens.shape[1]
    future = torch.ones(n_pos, n_pos, dtype=torch.bool).triu(diagonal=1)
    for layer in range(2):
        resid = torch.stack(list(paths.values())).sum(dim=0)
        read = resid + weights.W_pos[layer, :n_pos]
        extended: dict[Path, Tensor] = {}
        for head in range(weights.W_Q.shape[1]):
            q, k = read @ weights.W_Q[layer, head], read @ weights.W_K[layer, head]
            scores = q @ k.mT / q.shape[-1] ** 0.5
            pattern = scores.masked_fill(future, -torch.inf).softmax(dim=-1)
            for path, value in paths.items():
                moved = pattern @ (value @ weights.W_V[layer, head])
                extended[(*path, f"{layer}.{head}")] = moved @ weights.W_O[layer, head]
        paths |= extended
    return {path: value @ weights.W_U for path, value in paths.items()}
