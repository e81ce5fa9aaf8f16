"""The QK and OV circuits of a head, read from its weights.

    score of a query and a key   = x_query @ W_Q @ W_K^T @ x_key^T / sqrt(d_head)      QK circuit
    output at the query position = pattern * x_key @ W_V @ W_O                         OV circuit

Row vectors throughout. Norms must be folded into the weights first (chapter 2's `fold`), or these
products are not what the model computes. With rotary positions the QK circuit depends on the
distance between query and key. Where a norm divides attention's output (`output_norms`), W_O
includes its gain, and the OV circuit is what a head writes up to that divisor.
Axes: head, d_model, d_vocab; the inner axis has size d_head.
Source: Elhage et al. 2021, "A Mathematical Framework for Transformer Circuits".
"""

from collections.abc import Callable

import torch
from jaxtyping import Complex, Float
from torch import Tensor, nn

from ..ch02_transformer import HookedTransformer
from ..ch02_transformer.attention import Attention, repeat_kv_heads
from .factored_matrix import FactoredMatrix


def attention_of(model: HookedTransformer, layer: int) -> Attention:
    """Return the attention module of one layer.

    Raises: ValueError for a layer that the model does not have.
    """
    if not 0 <= layer < len(model.blocks):
        raise ValueError(f"expected a layer in 0..{len(model.blocks) - 1}, got {layer}")
    return model.blocks[layer].attn


def check_no_qk_norms(attn: Attention) -> None:
    """Raise ValueError for attention that changes queries or keys after their projection."""
    names = {type(attn.q_norm).__name__, type(attn.k_norm).__name__} - {nn.Identity.__name__}
    if names:
        raise ValueError(
            "expected attention without norms on queries and keys, got "
            f"{', '.join(sorted(names))}; scores depend on more than weights; read them from "
            "attn.hook_attn_scores"
        )


def per_query_head(
    W: Float[Tensor, "kv_head d_model d_head"], n_heads: int
) -> Float[Tensor, "head d_model d_head"]:
    """Repeat key or value weights so that each query head has those of its group."""
    return repeat_kv_heads(W.transpose(0, 1)[None], n_heads)[0].transpose(0, 1)


def rotate_weights(
    rotate: Callable[[Tensor, int], Tensor],
    W: Float[Tensor, "head d_model d_head"],
    position: int,
) -> Float[Tensor, "head d_model d_head"]:
    """Multiply W by the rotation of one position: x @ result is rotate(x @ W)."""
    # each row of W is treated as an example with one position: [d_model, 1, head, d_head]
    rows = W.transpose(0, 1)[:, None]
    return rotate(rows, position)[:, 0].transpose(0, 1)


@torch.no_grad()
def ov_circuit(model: HookedTransformer, layer: int) -> FactoredMatrix:
    """Return W_V @ W_O of each head of a layer: the linear map from attended position to output.

    Shape: [head, d_model, d_model].

    Raises: ValueError for a layer that the model does not have.
    """
    attn = attention_of(model, layer)
    # exercise 3.10
    return FactoredMatrix(per_query_head(attn.W_V, len(attn.W_O)), attn.W_O)


@torch.no_grad()
def qk_circuit(model: HookedTransformer, layer: int, distance: int = 0) -> FactoredMatrix:
    """Return W_Q @ W_K^T of each head of a layer, queries on the left and keys on the right.

    Shape: [head, d_model, d_model]. distance: position of the query minus that of the key. It
    matters to rotary models only, which rotate both by their positions and so have one QK circuit
    per distance. Of keys that mix positions (chapter 4), it is the circuit before mixing.

    Not divided by sqrt(d_head); attention scores are.
    Raises: ValueError for a layer that the model does not have, or one with norms on queries and
        keys, whose scores depend on more than weights.
    """
    attn = attention_of(model, layer)
    if not attn.mixes_positions:
        check_no_qk_norms(attn)
    # exercise 3.10
    W_K = per_query_head(attn.W_K, len(attn.W_Q))
    queries = rotate_weights(attn.rotate, attn.W_Q, distance)
    keys = rotate_weights(attn.rotate, W_K, 0)
    return FactoredMatrix(queries, keys.mT)


@torch.no_grad()
def full_ov(model: HookedTransformer, layer: int) -> FactoredMatrix:
    """Return W_E @ W_V @ W_O @ W_U of each head: the effect of an attended token on each logit."""
    return model.embed.W_E @ ov_circuit(model, layer) @ model.unembed.W_U


@torch.no_grad()
def full_qk(model: HookedTransformer, layer: int, distance: int = 0) -> FactoredMatrix:
    """Return W_E @ W_Q @ W_K^T @ W_E^T of each head: scores of query tokens with key tokens."""
    return model.embed.W_E @ qk_circuit(model, layer, distance) @ model.embed.W_E.T


def copying_score(eigenvalues: Complex[Tensor, "*lead rank"]) -> Float[Tensor, "*lead"]:
    """Divide the sum of a full OV circuit's eigenvalues by the sum of their absolute values.

    Positive eigenvalues mean that some mixtures of tokens raise their own logits. This is a
    summary, not a proof: a matrix with only positive eigenvalues can still lower a token's own
    logit.

    Units: -1 to 1; 1 copies, -1 does the opposite; random weights (`random_copying_scores`) have
    a mean near 0.
    Source: Elhage et al. 2021, on copying heads; the ratio is spelt out in Olsson et al. 2022.
    """
    # exercise 3.11
    return eigenvalues.sum(dim=-1).real / eigenvalues.abs().sum(dim=-1)


def random_copying_scores(
    d_vocab: int, d_model: int, d_head: int, n_heads: int, generator: torch.Generator
) -> Float[Tensor, " n_heads"]:
    """Compute copying scores of heads with random weights of the same sizes: the null.

    Small heads vary widely: with d_head 8 a score of .3 is within chance.
    """
    shapes = ((d_vocab, d_model), (d_model, d_head), (d_head, d_model), (d_model, d_vocab))

    def draw(shape: tuple[int, int]) -> Float[Tensor, "n_heads left right"]:
        return torch.randn(n_heads, *shape, generator=generator) / shape[0] ** 0.5

    W_E, W_V, W_O, W_U = (draw(shape) for shape in shapes)
    return copying_score(FactoredMatrix(W_E @ W_V, W_O @ W_U).eigenvalues())
