"""Path expansion: the logits of an attention-only model as a sum over paths from the input.

Without MLPs and norms, and with the attention patterns held fixed, a transformer is linear. At
each layer a path goes on in one of H + 1 ways: past all heads, or through one of them. Two layers
of H heads therefore have (1 + H)^2 paths: the direct path, 2H paths through one head, and H^2 paths
through one head of each layer (virtual heads). Biases start paths of their own.
Axes: path, batch, pos, d_model; head, query, key.
Source: Elhage et al. 2021, "A Mathematical Framework for Transformer Circuits".
"""

from typing import NamedTuple, cast

import torch
from einops import einsum
from jaxtyping import Float, Int
from torch import Tensor

from ..ch00_looking.checks import check_finite
from ..ch02_transformer import HookedTransformer
from ..ch02_transformer.attention import Attention
from ..ch02_transformer.attention_only import AttentionOnlyBlock, NoNorm, no_mlp
from ..ch02_transformer.train import next_token_loss
from .circuits import attention_of, ov_circuit, per_query_head, qk_circuit
from .factored_matrix import FactoredMatrix

Pattern = Float[Tensor, "batch head query key"]


class Paths(NamedTuple):
    """Contributions of paths to the residual stream, which is the sum of `values` over paths."""

    names: list[tuple[str, ...]]
    """Start of each path and the heads on it: ("embed", "0.1", "1.0")."""
    values: Float[Tensor, "path batch pos d_model"]
    """Contribution of each path to the residual stream."""


def apply_heads_to_paths(
    values: Float[Tensor, "path batch pos d_model"], pattern: Pattern, ov: FactoredMatrix
) -> Float[Tensor, "path head batch pos d_model"]:
    """Apply each head of a layer to each path, with the attention pattern held fixed.

    The values at the key positions are multiplied by the OV circuit and averaged by the pattern.
    """
    values, pattern = values.to(ov.A), pattern.to(ov.A)
    # exercise 3.14
    read = einsum(
        values, ov.A, "path batch key d_model, head d_model d_head -> path head batch key d_head"
    )
    moved = einsum(
        read,
        pattern,
        "path head batch key d_head, batch head query key -> path head batch query d_head",
    )
    return einsum(
        moved,
        ov.B,
        "path head batch query d_head, head d_head d_model -> path head batch query d_model",
    )


def extend_paths(
    paths: Paths, pattern: Pattern, attn: Attention, ov: FactoredMatrix, layer: int
) -> Paths:
    """Extend every path past a layer's heads and through each of them; add the layer's bias.

    A value bias is averaged by a pattern whose rows sum to one, so each position receives the
    whole of it.
    """
    new = apply_heads_to_paths(paths.values, pattern, ov)
    n_heads = new.shape[1]
    b_V = per_query_head(attn.b_V[:, None], n_heads)[:, 0]  # [head, d_head]
    bias = attn.b_O + einsum(b_V, attn.W_O, "head d_head, head d_head d_model -> d_model")
    names = [*paths.names, *((*n, f"{layer}.{h}") for n in paths.names for h in range(n_heads))]
    values = [paths.values, new.flatten(0, 1), bias.expand_as(paths.values[:1])]
    return Paths([*names, (f"bias {layer}",)], torch.cat(values))


def check_linear(model: HookedTransformer) -> None:
    """Raise ValueError unless a model has neither MLPs nor norms."""
    if model.parts.norm is not NoNorm or model.parts.mlp is not no_mlp:
        raise ValueError(
            "expected a model without norms and MLPs, got one with them; use an attention-only "
            "model, for which paths are exact"
        )


@torch.no_grad()
def expand_paths(model: HookedTransformer, tokens: Int[Tensor, "batch pos"]) -> Paths:
    """Compute all paths from the embedding and the biases to the final residual stream.

    Raises: ValueError for a model with MLPs or norms.
    """
    check_linear(model)
    names = [name for name in model.hook_points() if name.endswith("hook_pattern")]
    _, cache = model.run_with_cache(tokens, names=names)
    paths = Paths([("embed",)], model.embed_tokens(tokens)[None])
    for layer, block in enumerate(model.blocks):
        pattern = cache[f"blocks.{layer}.attn.hook_pattern"]
        paths = extend_paths(paths, pattern, block.attn, ov_circuit(model, layer), layer)
    return paths


@torch.no_grad()
def score_terms(
    model: HookedTransformer, paths: Paths, layer: int
) -> Float[Tensor, "head query_path key_path batch query key"]:
    """Split attention scores, before the mask, by the paths of the query and of the key.

    paths: the paths that reach the layer. The layer's positions are added as one more path, the
    last. Each pair of paths gives one term, and the terms sum to the scores of a model without
    query and key biases.

    Units: attention scores, divided by sqrt(d_head).
    Raises: ValueError for a model with MLPs or norms, and for a layer that it does not have.
    """
    check_linear(model)
    attn, qk = attention_of(model, layer), qk_circuit(model, layer)
    block = cast(AttentionOnlyBlock, model.blocks[layer])
    positions = block.W_pos[: paths.values.shape[2]].expand_as(paths.values[:1])
    values = torch.cat([paths.values, positions]).to(qk.A)  # [path + 1, batch, pos, d_model]
    # exercise 3.15
    queries = einsum(
        values, qk.A, "path batch pos d_model, head d_model d_head -> head path batch pos d_head"
    )
    keys = einsum(
        values, qk.B, "path batch pos d_model, head d_head d_model -> head path batch pos d_head"
    )
    terms = einsum(
        queries,
        keys,
        "head query_path batch query d_head, head key_path batch key d_head"
        " -> head query_path key_path batch query key",
    )
    return terms / attn.W_Q.shape[-1] ** 0.5


def path_order(name: tuple[str, ...]) -> int:
    """Count the heads on a path: 0 for the direct path and for biases."""
    return len(name) - 1


@torch.no_grad()
def losses_by_order(
    model: HookedTransformer, tokens: Int[Tensor, "batch pos"]
) -> Float[Tensor, " order"]:
    """Compute the next-token loss with only the paths of at most 0, 1, 2, ... heads kept.

    Patterns are held at those of the whole model. Units: nats per token.
    """
    names, values = expand_paths(model, tokens)
    values = values.to(model.unembed.W_U.dtype)
    orders = torch.tensor([path_order(name) for name in names], device=tokens.device)
    kept = [values[orders <= most].sum(dim=0) for most in range(int(orders.max()) + 1)]
    return torch.stack([next_token_loss(model.unembed_resid(resid), tokens) for resid in kept])


class SkipTrigram(NamedTuple):
    """A pattern "source ... destination -> out" that one head implements."""

    source: int
    """The attended token."""
    destination: int
    """The token at the position that attends."""
    out: int
    """The token whose logit rises."""
    strength: float
    """Attention to the source times its effect on the logit."""


@torch.no_grad()
def skip_trigrams(
    scores: Float[Tensor, "destination source"], logits: Float[Tensor, "source out"], n: int
) -> list[SkipTrigram]:
    """Return the n strongest skip-trigrams of a head, from its full QK and OV circuits.

    scores: the full QK circuit, to which a softmax over sources is applied here. logits: the full
    OV circuit. A head has only these two tables. If `in` attends to `keep`, and `keep` raises both
    `mind` and `bay`, then `keep ... in -> bay` rises together with `keep ... in -> mind`. The paper
    calls this a bug of skip-trigrams.
    """
    check_finite(scores, "scores", allow_minus_inf=True)
    check_finite(logits, "logits")
    # [destination, source, out]
    strengths = scores.softmax(dim=-1)[:, :, None] * logits[None]
    best = strengths.flatten().topk(n)
    destination, source, out = torch.unravel_index(best.indices, strengths.shape)
    columns = [column.tolist() for column in (source, destination, out, best.values)]
    return [SkipTrigram(*row) for row in zip(*columns, strict=True)]
