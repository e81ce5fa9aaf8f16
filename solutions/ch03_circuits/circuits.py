"""What a head does, read from its weights: where it looks (QK), and what it moves (OV).

    score of query and key = x_query @ W_Q @ W_K^T @ x_key^T / sqrt(d_head)      QK circuit
    moved to the query     = pattern * x_key @ W_V @ W_O                         OV circuit

Row vectors throughout. Norms must be folded into the weights first (chapter 2's `fold`), or these
products are not what the model computes. With rotary positions the QK circuit depends on how far
apart query and key are. Axes: head, d_model, d_vocab; rank d_head inside.
Source: Elhage et al. 2021, "A Mathematical Framework for Transformer Circuits".
"""

import torch
from jaxtyping import Complex, Float
from torch import Tensor, nn

from ..ch02_transformer import HookedTransformer
from ..ch02_transformer.attention import Attention, share_heads
from .factored import FactoredMatrix


def attention_of(model: HookedTransformer, layer: int) -> Attention:
    """The attention of one layer.

    Raises: ValueError for a layer that the model does not have.
    """
    if not 0 <= layer < len(model.blocks):
        raise ValueError(f"layers are numbered 0..{len(model.blocks) - 1}, but {layer} came")
    return model.blocks[layer].attn


def per_query_head(
    W: Float[Tensor, "kv_head d_model d_head"], n_heads: int
) -> Float[Tensor, "head d_model d_head"]:
    """The key or value weights that each query head uses: its group's (grouped queries)."""
    return share_heads(W.transpose(0, 1)[None], n_heads)[0].transpose(0, 1)


def turned(
    rotate: nn.Module, W: Float[Tensor, "head d_model d_head"], position: int
) -> Float[Tensor, "head d_model d_head"]:
    """Weights that give at once what W and then the rotation at a position give."""
    rows = W.transpose(0, 1)[:, None]  # every row as an example of one position
    return rotate(rows, position)[:, 0].transpose(0, 1)


@torch.no_grad()
def ov_circuit(model: HookedTransformer, layer: int) -> FactoredMatrix:
    """W_V @ W_O of each head of a layer, [head, d_model, d_model]: what it makes of what it moves.

    Raises: ValueError for a layer that the model does not have.
    """
    attn = attention_of(model, layer)
    # exercise 3.10
    return FactoredMatrix(per_query_head(attn.W_V, len(attn.W_O)), attn.W_O)


@torch.no_grad()
def qk_circuit(model: HookedTransformer, layer: int, distance: int = 0) -> FactoredMatrix:
    """W_Q @ W_K^T of each head of a layer, [head, d_model, d_model]: queries left, keys right.

    distance: position of the query minus that of the key. It matters to rotary models alone: they
    turn both by their positions, so there is one QK circuit for every distance.
    Divided by nothing: scores are these products over sqrt(d_head).

    Raises: ValueError for a layer that the model does not have.
    """
    attn = attention_of(model, layer)
    # exercise 3.10
    W_K = per_query_head(attn.W_K, len(attn.W_Q))
    queries, keys = turned(attn.rotate, attn.W_Q, distance), turned(attn.rotate, W_K, 0)
    return FactoredMatrix(queries, keys.mT)


@torch.no_grad()
def full_ov(model: HookedTransformer, layer: int) -> FactoredMatrix:
    """W_E @ W_V @ W_O @ W_U of each head: attending to this token raises the logit of that one."""
    return model.embed.W_E @ ov_circuit(model, layer) @ model.unembed.W_U


@torch.no_grad()
def full_qk(model: HookedTransformer, layer: int, distance: int = 0) -> FactoredMatrix:
    """W_E @ W_Q @ W_K^T @ W_E^T of each head: how much this token looks for that one."""
    return model.embed.W_E @ qk_circuit(model, layer, distance) @ model.embed.W_E.T


def copying_score(eigenvalues: Complex[Tensor, "*lead rank"]) -> Float[Tensor, "*lead"]:
    """How far a full OV circuit copies: the sum of its eigenvalues over the sum of their sizes.

    Positive eigenvalues mean that some mixtures of tokens raise themselves. That is a summary, not
    a proof: a matrix with positive eigenvalues alone can still lower a token's own logit.

    Units: -1 to 1; 1 copies, -1 does the opposite, about 0 for random weights (`random_copying`).
    Source: Elhage et al. 2021, on copying heads; the ratio is spelt out in Olsson et al. 2022.
    """
    # exercise 3.11
    return eigenvalues.sum(dim=-1).real / eigenvalues.abs().sum(dim=-1)


def random_copying(
    d_vocab: int, d_model: int, d_head: int, n_heads: int, generator: torch.Generator
) -> Float[Tensor, " n_heads"]:
    """Copying scores of heads with random weights of the same sizes: the null to compare with.

    Small heads spread widely: a head of 8 dimensions needs far more than .3 to mean anything.
    """
    shapes = ((d_vocab, d_model), (d_model, d_head), (d_head, d_model), (d_model, d_vocab))

    def draw(shape: tuple[int, int]) -> Float[Tensor, "n_heads left right"]:
        return torch.randn(n_heads, *shape, generator=generator) / shape[0] ** 0.5

    W_E, W_V, W_O, W_U = (draw(shape) for shape in shapes)
    return copying_score(FactoredMatrix(W_E @ W_V, W_O @ W_U).eigenvalues())
