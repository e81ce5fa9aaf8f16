"""Multiply a transformer out: its logits as a sum over paths from the input.

Without MLPs and norms, and with the patterns held at what they were, a transformer is linear. Each
layer offers every path H + 1 ways to go on: past all heads, or through one of them. So two layers
of H heads have (1 + H)^2 paths: the direct one, 2H through one head, H^2 through a head of each
layer (virtual heads). Biases start paths of their own.
Axes: path, batch, pos, d_model; head, query, key.
Source: Elhage et al. 2021, "A Mathematical Framework for Transformer Circuits".
"""

from typing import NamedTuple

import torch
from einops import einsum
from jaxtyping import Float, Int
from torch import Tensor

from ..ch02_transformer import HookedTransformer
from ..ch02_transformer.attention import Attention
from ..ch02_transformer.attention_only import NoNorm
from ..ch02_transformer.train import next_token_loss
from .circuits import attention_of, ov_circuit, per_query_head, qk_circuit
from .factored import FactoredMatrix

Pattern = Float[Tensor, "batch head query key"]


class Paths(NamedTuple):
    """Contributions to the residual stream; the values sum to it."""

    names: list[tuple[str, ...]]
    """Where each path starts and the heads that it goes through: ("embed", "0.1", "1.0")."""
    values: Float[Tensor, "path batch pos d_model"]
    """What arrives along each."""


def through_heads(
    values: Float[Tensor, "path batch pos d_model"], pattern: Pattern, ov: FactoredMatrix
) -> Float[Tensor, "path head batch pos d_model"]:
    """What each head of a layer makes of each path, its pattern held fixed.

    The values at the keys go through the OV circuit, and the pattern takes them to the queries.
    """
    # exercise 3.14
    raise NotImplementedError("exercise 3.14")


def extend(
    paths: Paths, pattern: Pattern, attn: Attention, ov: FactoredMatrix, layer: int
) -> Paths:
    """Let every path go past a layer's heads or through one of them, and add the layer's bias.

    A value bias is moved by patterns whose rows sum to one, so it arrives whole at every position.
    """
    new = through_heads(paths.values, pattern, ov)
    n_heads = new.shape[1]
    b_V = per_query_head(attn.b_V[:, None], n_heads)[:, 0]
    bias = attn.b_O + einsum(b_V, attn.W_O, "head d_head, head d_head d_model -> d_model")
    names = [*paths.names, *((*n, f"{layer}.{h}") for n in paths.names for h in range(n_heads))]
    values = [paths.values, new.flatten(0, 1), bias.expand_as(paths.values[:1])]
    return Paths([*names, (f"bias {layer}",)], torch.cat(values))


def check_linear(model: HookedTransformer) -> None:
    """Refuse a model with MLPs or norms, which cannot be multiplied out."""
    if model.parts.norm is not NoNorm:
        raise ValueError("paths are exact only without norms and MLPs; use an attention-only model")


@torch.no_grad()
def expand(model: HookedTransformer, tokens: Int[Tensor, "batch pos"]) -> Paths:
    """All paths from the embedding, and from each bias, to the stream after the last block.

    Raises: ValueError for a model with MLPs or norms.
    """
    check_linear(model)
    names = [name for name in model.hook_points() if name.endswith("hook_pattern")]
    _, cache = model.run_with_cache(tokens, names=names)
    paths = Paths([("embed",)], model.embedding(tokens)[None])
    for layer, block in enumerate(model.blocks):
        pattern = cache[f"blocks.{layer}.attn.hook_pattern"]
        paths = extend(paths, pattern, block.attn, ov_circuit(model, layer), layer)
    return paths


@torch.no_grad()
def score_terms(
    model: HookedTransformer, paths: Paths, layer: int
) -> Float[Tensor, "head query_path key_path batch query key"]:
    """Attention scores before the mask, by the paths that made the query and the key.

    paths: all that arrives at the layer; its positions are added as one more path, the last.
    Every pair of paths gives one term, and all terms sum to the scores of a model without query
    and key biases.

    Units: scores, divided by sqrt(d_head) as the softmax gets them.
    Raises: ValueError for a model with MLPs or norms, and for a layer that it does not have.
    """
    check_linear(model)
    attn, qk = attention_of(model, layer), qk_circuit(model, layer)
    where = model.blocks[layer].W_pos[: paths.values.shape[2]].expand_as(paths.values[:1])
    values = torch.cat([paths.values, where])
    # exercise 3.15
    raise NotImplementedError("exercise 3.15")


def order(name: tuple[str, ...]) -> int:
    """How many heads a path goes through: 0 for the direct path and for biases."""
    return len(name) - 1


@torch.no_grad()
def losses_by_order(
    model: HookedTransformer, tokens: Int[Tensor, "batch pos"]
) -> Float[Tensor, " order"]:
    """Next-token loss with the paths through at most 0, 1, 2, ... heads kept, in that order.

    Patterns stay what they were in the whole model. Units: nats a token.
    """
    paths = expand(model, tokens)
    orders = torch.tensor([order(name) for name in paths.names], device=tokens.device)
    kept = [paths.values[orders <= most].sum(dim=0) for most in range(int(orders.max()) + 1)]
    return torch.stack([next_token_loss(model.read_out(stream), tokens) for stream in kept])


class SkipTrigram(NamedTuple):
    """A pattern "source ... here -> out" that one head carries out."""

    source: int
    """The token that is looked at."""
    here: int
    """The token that looks."""
    out: int
    """The token whose logit rises."""
    strength: float
    """How much it rises when all attention is on the source, times how far the source wins."""


@torch.no_grad()
def skip_trigrams(
    looks: Float[Tensor, "here source"], raises: Float[Tensor, "source out"], n: int
) -> list[SkipTrigram]:
    """The n strongest skip-trigrams of a head, from its full QK and OV circuits.

    looks: full QK, softmaxed over sources here, so that a source counts where it wins. raises: full
    OV. A head knows no more than these two tables: if `keep ... in` makes it look at `keep`, and
    `keep` raises both `mind` and `bay`, then `keep ... in -> bay` rises with `mind`. That is the
    skip-trigram bug.
    """
    strengths = looks.softmax(dim=-1)[:, :, None] * raises[None]
    best = strengths.flatten().topk(n)
    _, sources, outs = strengths.shape
    found = []
    for value, index in zip(best.values.tolist(), best.indices.tolist(), strict=True):
        here, rest = divmod(index, sources * outs)
        source, out = divmod(rest, outs)
        found.append(SkipTrigram(source, here, out, value))
    return found
