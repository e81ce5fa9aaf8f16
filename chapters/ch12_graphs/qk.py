"""Why does a head attend there? Its scores as sums over pairs of sources.

A score is a product of a query and a key, and with the norm's divisor held fixed both are sums over
what was written to the residual stream before:

    score = (sum_a q_a) . (sum_b k_b) / sqrt(d_head) = sum_ab terms[a, b]

The rotation by position is linear, and query heads of a group share a key head, so the sum is exact
for rotary models with grouped queries. All the way down it has too many terms to read. One step
deep, sources are the heads and MLPs themselves, at the query's or the key's position; and a
contrast of two keys, in two prompts, leaves the terms that make the difference. A constant added
to all keys changes no attention, so only differences between keys mean something.
Axes: part (sources), pos, d_head; query part and key part.
Source: Kamath et al. 2025, "Tracing Attention Computation Through Feature Interactions".
"""

import math
from collections.abc import Sequence
from typing import Literal, NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from ..ch02_transformer import HookedTransformer, HookPoint, KVCache
from ..ch02_transformer.attention import Attention
from ..ch02_transformer.layers import Tokens
from ..ch03_circuits.circuits import check_no_qk_norms
from ..ch03_circuits.decompose import apply_frozen_norm, decompose

Head = tuple[int, int]
"""Layer and head."""


class HeadParts(NamedTuple):
    """Queries or keys of one head in one text, as sums over sources."""

    names: list[str]
    """Chapter 3's names of components, then `norm bias` and `own bias`."""
    vectors: Float[Tensor, "part pos d_head"]
    """What each source adds to the query or key at each position, rotated."""

    def total(self) -> Float[Tensor, "pos d_head"]:
        """Sum over sources: the head's queries or keys, after the rotation."""
        return self.vectors.sum(dim=0)


def written_before(component: str, layer: int) -> bool:
    """Whether a component of chapter 3 is in the residual stream before this layer."""
    number = component.partition(" ")[2].partition(".")[0]
    return not number or int(number) < layer


def linear_projection(
    attn: Attention, head: int, side: Literal["query", "key"]
) -> tuple[Float[Tensor, "d_model d_head"], Float[Tensor, " d_head"]]:
    """Return weight and bias of one head's queries, or of the keys that it uses."""
    if side == "query":
        return attn.W_Q[head].detach(), attn.b_Q[head].detach()
    # exercise 12.19
    raise NotImplementedError("exercise 12.19")


@torch.no_grad()
def head_parts(
    model: HookedTransformer, tokens: Tokens, head: Head, side: Literal["query", "key"]
) -> HeadParts:
    """Split the queries or keys of one head over the sources in the residual stream.

    Raises: ValueError for a batch of several texts, or attention with norms on queries and keys or
        with capped scores, which are no such product.
    """
    if len(tokens) != 1:
        raise ValueError(f"expected tokens of shape [1, pos], got {list(tokens.shape)}")
    layer, index = head
    block = model.blocks[layer]
    check_no_qk_norms(block.attn)
    if block.attn.softcap is not None:
        raise ValueError(
            "expected scores without a cap, got capped ones, which are no sum over sources"
        )
    _, cache = model.run_with_cache(tokens, names=f"blocks.{layer}.ln1.hook_scale")
    scale = cache[f"blocks.{layer}.ln1.hook_scale"]
    names, values = decompose(model, tokens)
    W, b = linear_projection(block.attn, index, side)
    # exercise 12.19
    raise NotImplementedError("exercise 12.19")


def score_terms(
    queries: HeadParts, keys: HeadParts, query: int, key: int
) -> Float[Tensor, "query_part key_part"]:
    """Attribute one score to pairs of a query's source and a key's source."""
    q, k = queries.vectors[:, query], keys.vectors[:, key]
    # exercise 12.19
    raise NotImplementedError("exercise 12.19")


class KeyContrast(NamedTuple):
    """Two keys between which a query chooses."""

    query: int
    """Position of the query."""
    key: int
    """Position of the key that is preferred."""
    than: int
    """Position of the other key."""


def query_contributions(
    queries: HeadParts, keys: HeadParts, where: KeyContrast
) -> Float[Tensor, " part"]:
    """Attribute the difference of two scores to the query's sources."""
    k = keys.total()
    # exercise 12.20
    raise NotImplementedError("exercise 12.20")


@torch.no_grad()
def predicted_changes(
    model: HookedTransformer, tokens: Int[Tensor, "2 pos"], head: Head, where: KeyContrast
) -> dict[str, float]:
    """Predict the change of the score difference if one source at the query is patched.

    tokens: the prompt, and the prompt that the source's output comes from. Everything else stays as
    in the first one: its keys, its norm's divisor, its other sources.

    Units: change of score(key) - score(than); an attention score, before the softmax.
    """
    layer, index = head
    block, name = model.blocks[layer], f"blocks.{layer}.ln1.hook_scale"
    _, cache = model.run_with_cache(tokens[:1], names=name)
    keys = head_parts(model, tokens[:1], head, "key")
    clean, other = (decompose(model, row[None]) for row in tokens)
    W, _ = linear_projection(block.attn, index, "query")
    # exercise 12.20
    raise NotImplementedError("exercise 12.20")


@torch.no_grad()
def measured_changes(
    model: HookedTransformer,
    tokens: Int[Tensor, "2 pos"],
    head: Head,
    where: KeyContrast,
    sources: Sequence[Sequence[Head]],
) -> Float[Tensor, " source"]:
    """Patch sets of earlier heads at the query with the other prompt; measure score differences.

    Everything after a patched head reacts. Returns the change of score(key) - score(than) for each
    set of heads.
    """
    layer, index = head
    early = sorted({place for one in sources for place, _ in one})
    names = [f"blocks.{place}.attn.hook_z" for place in early]
    _, other = model.run_with_cache(tokens[1:], names=names, stop_at_layer=max(early) + 1)
    score = f"blocks.{layer}.attn.hook_attn_scores"

    def patch(z: Tensor, point: HookPoint) -> Tensor:
        for row, one in enumerate(sources, start=1):
            for place, number in one:
                if point.name == f"blocks.{place}.attn.hook_z":
                    z[row, 0, number] = other[point.name][0, where.query, number]
        return z

    # Positions before the query do not change: all rows share their keys and values.
    before = KVCache(len(model.blocks))
    model(tokens[:1, : where.query], past=before, stop_at_layer=layer + 1)
    n_rows = len(sources) + 1  # the first row is not patched
    past = KVCache(len(model.blocks))
    for shared, rows in zip(before.layers, past.layers, strict=True):
        if shared.k is not None and shared.v is not None:
            rows.k, rows.v = (x.expand(n_rows, -1, -1, -1) for x in (shared.k, shared.v))
    last = tokens[:1, where.query, None].expand(n_rows, -1)
    with model.hooks(dict.fromkeys(names, patch)):
        _, cache = model.run_with_cache(last, names=score, past=past, stop_at_layer=layer + 1)
    scores = cache[score][:, index, 0]
    differences = scores[:, where.key] - scores[:, where.than]
    return differences[1:] - differences[0]
