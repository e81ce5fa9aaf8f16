"""Attention: each position computes a query and averages the values at earlier positions.

1. Every head projects each position to a query, a key and a value (`project`).
2. Rotary embeddings rotate queries and keys by position (`Rotary`); other families add positions
   to the embedding.
3. Query times key, scaled, masked, softmax over keys: the attention pattern (`pattern`).
4. The pattern averages the values to z (`apply_pattern`), which W_O maps to the residual stream
   (`output_projection`).

Axes: batch pos head d_head; query and key are both positions; kv_head counts the key heads.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import ClassVar, NamedTuple

import torch
import torch.nn.functional as F
from einops import einsum, repeat
from jaxtyping import Bool, Float
from torch import Tensor, nn

from .config import TransformerConfig
from .hooks import HookPoint
from .layers import Resid, ResidualModule, affine, empty, zeros
from .norms import at_least_float32
from .padding import Start, count_runs, first_position

Queries = Float[Tensor, "batch query head d_head"]
Keys = Float[Tensor, "batch key head d_head"]
KvKeys = Float[Tensor, "batch key kv_head d_head"]
Pattern = Float[Tensor, "batch head query key"]
Mask = Callable[[int, int], Bool[Tensor, "query key"]]
PaddingMask = Bool[Tensor, "batch key"] | None


class QKNorms(NamedTuple):
    """Modules that are applied to each head's queries and keys before the rotation."""

    q: nn.Module
    """On queries [batch, pos, head, d_head]."""
    k: nn.Module
    """On keys [batch, pos, kv_head, d_head]."""
    mix_positions: bool = False
    """Whether k mixes the keys of several positions, which a KV cache and padding take apart."""


def causal_mask(n_queries: int, n_keys: int) -> Bool[Tensor, "query key"]:
    """Mark the keys each query may attend to: its own position and all before it.

    The queries are the last n_queries of the n_keys positions; there are fewer queries than keys
    when earlier positions come from a cache.
    """
    # exercise 2.8
    raise NotImplementedError("exercise 2.8")


def repeat_kv_heads(
    x: Float[Tensor, "batch pos kv_head d_head"], n_heads: int
) -> Float[Tensor, "batch pos head d_head"]:
    """Repeat each KV head for every query head of its group.

    With 6 query heads and 2 key heads, queries 0-2 use key head 0 and queries 3-5 key head 1.

    Source: Ainslie et al. 2023, "GQA: Training Generalized Multi-Query Transformer Models".
    """
    group = n_heads // x.shape[2]
    # exercise 2.11
    raise NotImplementedError("exercise 2.11")


class Rotary(nn.Module):
    """Rotate pairs of dimensions by an angle proportional to the position.

    Dimension i is paired with i + n/2, where n is the number of rotating dimensions, and the pair
    at position p is rotated by p * base^(-2i/n). The score of a query and a key then depends on
    their distance only. Dimensions from n on are left unchanged (partial rotary).

    Source: Su et al. 2021, "RoFormer".
    Differs: the paper pairs neighbours (2i, 2i + 1); checkpoints in Hugging Face's format pair
        halves. The two are the same up to the order of W_Q's and W_K's columns.
    """

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        self.n, self.base = config.rotating, config.rotary_base
        if self.n % 2 or self.n < 2:
            raise ValueError(f"expected an even number of rotary dimensions, got {self.n}")

    def forward(self, x: Keys, start: int) -> Keys:
        """Rotate x, whose first position is `start`."""
        wide = at_least_float32(x)
        position = torch.arange(start, start + x.shape[1]).to(wide)
        pair = torch.arange(self.n // 2).to(wide)
        # exercise 2.10
        raise NotImplementedError("exercise 2.10")


def keep_unrotated(x: Keys, start: Start) -> Keys:
    """Return x: the rotation of families without rotary embeddings."""
    del start
    return x


def rotate_from(rotate: Callable[[Keys, int], Keys], x: Keys, start: Start) -> Keys:
    """Rotate x, whose first position is `start`: one for all prompts, or one per prompt."""
    if isinstance(start, int):
        return rotate(x, start)
    rows = [rotate(row, first) for row, first in zip(x.split(1), start.tolist(), strict=True)]
    return torch.cat(rows)


class AbstractLayerCache(ABC):
    """Cached keys and values of one layer, for the tokens before the new ones."""

    mask: PaddingMask
    """Which of the cached and the new tokens are not padding; None for all of them."""

    @property
    @abstractmethod
    def length(self) -> int:
        """Number of cached tokens, which is the position of the next one."""

    @property
    def start(self) -> Start:
        """Position of the first new token, one per prompt where prompts are padded."""
        return self.length if self.mask is None else first_position(self.mask, self.length)

    @abstractmethod
    def attend(self, attention: "Attention", q: Queries, k: KvKeys, v: KvKeys) -> Queries:
        """Compute z of the new tokens from the cached keys and values and their own."""


class Attention(ResidualModule):
    """Attention with n_heads query heads on kv_heads key and value heads.

    Families differ in its parts: `rotate` (rotary embedding), `mask` (causal, or a sliding
    window), `q_norm` and `k_norm` on queries and keys, `softcap` on the scores.

    Source: Vaswani et al. 2017, "Attention Is All You Need".
    """

    W_Q: Float[Tensor, "head d_model d_head"]
    W_K: Float[Tensor, "kv_head d_model d_head"]
    W_V: Float[Tensor, "kv_head d_model d_head"]
    W_O: Float[Tensor, "head d_head d_model"]
    b_Q: Float[Tensor, "head d_head"]
    b_K: Float[Tensor, "kv_head d_head"]
    b_V: Float[Tensor, "kv_head d_head"]
    b_O: Float[Tensor, " d_model"]
    readers = (("W_Q", "b_Q"), ("W_K", "b_K"), ("W_V", "b_V"))
    writers: ClassVar[tuple[str, ...]] = ("W_O", "b_O")

    def __init__(
        self,
        config: TransformerConfig,
        rotate: Callable[[Keys, int], Keys] | None = None,
        mask: Mask = causal_mask,
        qk_norms: QKNorms | None = None,
        softcap: Callable[[Tensor], Tensor] | None = None,
    ) -> None:
        super().__init__()
        heads, kv_heads = config.n_heads, config.kv_heads
        d_model, d_head = config.d_model, config.d_head
        # In memory these are [d_model, head, d_head], so that x @ W needs no copy of W.
        self.W_Q = nn.Parameter(torch.empty(d_model, heads, d_head).transpose(0, 1))
        self.W_K = nn.Parameter(torch.empty(d_model, kv_heads, d_head).transpose(0, 1))
        self.W_V = nn.Parameter(torch.empty(d_model, kv_heads, d_head).transpose(0, 1))
        self.W_O = empty(heads, d_head, d_model)
        self.b_Q, self.b_K = zeros(heads, d_head), zeros(kv_heads, d_head)
        self.b_V, self.b_O = zeros(kv_heads, d_head), zeros(d_model)
        self.rotate = rotate or keep_unrotated
        self.mask, self.softcap = mask, softcap
        norms = qk_norms or QKNorms(nn.Identity(), nn.Identity())
        self.q_norm, self.k_norm, self.mixes_positions = norms
        self.hook_q = HookPoint()  # [batch, pos, head, d_head]
        self.hook_k = HookPoint()  # [batch, pos, kv_head, d_head]
        self.hook_v = HookPoint()  # [batch, pos, kv_head, d_head]
        self.hook_rot_q = HookPoint()  # [batch, pos, head, d_head]
        self.hook_rot_k = HookPoint()  # [batch, pos, kv_head, d_head]
        self.hook_attn_scores = HookPoint(pos_axis=2)  # [batch, head, query, key]
        self.hook_pattern = HookPoint(pos_axis=2)  # [batch, head, query, key]
        self.hook_z = HookPoint()  # [batch, pos, head, d_head]
        self.hook_result = HookPoint(on_request=True)  # [batch, pos, head, d_model]

    def forward(
        self, x: Resid, past: AbstractLayerCache | None = None, qk_pos_embed: Resid | None = None
    ) -> Resid:
        """Compute the sum of all heads' outputs at every position.

        past: keys and values of the tokens before x. qk_pos_embed: position embeddings that are
        added to the input of queries and keys, but not of values (Press et al. 2021, Shortformer).

        Raises: ValueError for a cache or padding if keys mix positions.
        """
        start = 0 if past is None else past.start
        if self.mixes_positions and past is not None and (past.length or past.mask is not None):
            raise ValueError(
                "expected whole texts without padding, because the keys of this model mix "
                "neighboring positions, got padding or a KV cache; this model cannot run from a "
                "KV cache: run it on the whole text"
            )
        qk_input = x if qk_pos_embed is None else x + qk_pos_embed
        q = self.hook_q(project(qk_input, self.W_Q, self.b_Q))
        k = self.hook_k(project(qk_input, self.W_K, self.b_K))
        v = self.hook_v(project(x, self.W_V, self.b_V))
        q = self.hook_rot_q(rotate_from(self.rotate, self.q_norm(q), start))
        k = self.hook_rot_k(rotate_from(self.rotate, self.k_norm(k), start))
        z = self.attend(q, k, v) if past is None else past.attend(self, q, k, v)
        return self.output_projection(self.hook_z(z))

    @property
    def needs_pattern(self) -> bool:
        """Whether the pattern is computed explicitly: for a hook on it, or to cap the scores."""
        hooked = self.hook_attn_scores.has_hooks or self.hook_pattern.has_hooks
        return hooked or self.softcap is not None

    def attend(self, q: Queries, k: KvKeys, v: KvKeys, padding: PaddingMask = None) -> Queries:
        """Average the values by the pattern; in one fused operation unless `needs_pattern`."""
        k, v = repeat_kv_heads(k, q.shape[2]), repeat_kv_heads(v, q.shape[2])
        if self.needs_pattern:
            return self.apply_pattern(self.pattern(q, k, padding), v)
        square = self.mask is causal_mask and q.shape[1] == k.shape[1] and padding is None
        mask = None if square else self.visible_keys(q, k, padding)
        q, k, v = (x.transpose(1, 2) for x in (q, k, v))  # [batch, head, pos, d_head]
        z = F.scaled_dot_product_attention(q, k, v, attn_mask=mask, is_causal=square)
        return z.transpose(1, 2)

    def visible_keys(
        self, q: Queries, k: Keys, padding: PaddingMask
    ) -> Bool[Tensor, "*batch query key"]:
        """Mark the keys that each query may attend to: those in its mask that are not padding.

        Padding attends to itself, since a softmax over no keys would be NaN.

        Raises: ValueError for padding inside a text, with a mask that counts distances.
        """
        mask = self.mask(q.shape[1], k.shape[1]).to(q.device)
        if padding is None:
            return mask
        if self.mask is not causal_mask and (count_runs(padding) != 1).any():
            raise ValueError(
                "expected padding before or after each text, because this model's attention counts "
                "distances, got padding inside one; pad on the left, or run prompts alone"
            )
        index = torch.arange(k.shape[1], device=q.device)
        itself = index[-q.shape[1] :, None] == index  # [query, key]
        return (mask & padding[:, None, None, :]) | itself  # [batch, 1, query, key]

    def pattern(self, q: Queries, k: Keys, padding: PaddingMask = None) -> Pattern:
        """Compute the attention pattern: softmax over keys of q . k / sqrt(d_head), masked.

        `hook_attn_scores` receives the scores after the mask: -inf where a query may not attend.
        The softmax is computed in float32 at least, and the pattern is returned in q's precision.
        """
        softcap = self.softcap or (lambda scores: scores)
        hidden = ~self.visible_keys(q, k, padding)
        # exercise 2.9
        raise NotImplementedError("exercise 2.9")

    def apply_pattern(self, pattern: Pattern, v: Keys) -> Queries:
        """Compute z: for each query, the values of all keys, weighted by the pattern."""
        # exercise 2.12
        raise NotImplementedError("exercise 2.12")

    def output_projection(self, z: Queries) -> Float[Tensor, "batch query d_model"]:
        """Multiply z by W_O, sum over heads, add the bias.

        The outputs of single heads (`hook_result`) are computed only if a hook needs them.
        """
        if self.hook_result.has_hooks:
            axes = "batch pos head d_head, head d_head d_model -> batch pos head d_model"
            return self.hook_result(einsum(z, self.W_O, axes)).sum(dim=2) + self.b_O
        # exercise 2.12
        raise NotImplementedError("exercise 2.12")


def project(
    x: Resid, W: Float[Tensor, "head d_model d_head"], b: Float[Tensor, "head d_head"]
) -> Float[Tensor, "batch pos head d_head"]:
    """Project the residual stream to one vector per head: one product for all heads."""
    flat = affine(x, W.transpose(0, 1).flatten(1), b.flatten())
    return flat.unflatten(-1, b.shape)


def rotary_attention(config: TransformerConfig, layer: int) -> Attention:
    """Build attention with rotary embeddings, the same for every layer."""
    del layer
    return Attention(config, rotate=Rotary(config))


def plain_attention(config: TransformerConfig, layer: int) -> Attention:
    """Build attention without rotary embeddings, the same for every layer."""
    del layer
    return Attention(config)
