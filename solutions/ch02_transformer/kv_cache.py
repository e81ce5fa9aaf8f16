"""KV cache: keys and values of the tokens that a model has already processed.

A token's keys and values depend on no later token, so they never change. Generation keeps them,
and each step runs the model on the new token alone.
"""

from dataclasses import dataclass, replace

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from .attention import AbstractLayerCache, Attention, KvKeys, Queries
from .padding import Mask, Start, check_mask, first_position

New = Float[Tensor, "batch new kv_head d_head"]


@dataclass
class LayerCache(AbstractLayerCache):
    """Keys (after the rotary embedding) and values of one layer, oldest first."""

    k: KvKeys | None = None
    """Keys of all tokens processed so far; None before the first."""
    v: KvKeys | None = None
    """Values of the same tokens."""
    mask: Bool[Tensor, "batch text"] | None = None
    """Which keys are tokens and not padding, those of the next forward included; None for all."""

    def extend(self, k: New, v: New) -> tuple[KvKeys, KvKeys]:
        """Append the new tokens' keys and values, and return all of them."""
        # exercise 2.19
        if self.k is not None and self.v is not None:
            k, v = torch.cat([self.k, k], dim=1), torch.cat([self.v, v], dim=1)
        self.k, self.v = k, v
        return k, v

    @property
    def length(self) -> int:
        """Number of cached tokens, which is the position of the next one."""
        # exercise 2.19
        return 0 if self.k is None else self.k.shape[1]

    def attend(self, attention: Attention, q: Queries, k: New, v: New) -> Queries:
        """Append the new keys and values, then attend to all of them."""
        return attention.attend(q, *self.extend(k, v), self.mask)


class KVCache:
    """One LayerCache per layer of a model, extended by every forward that gets it.

    A forward works on a draft, which replaces the layers once the forward is through: where it
    fails, the cache stays as it was.
    """

    def __init__(self, n_layers: int) -> None:
        self.layers = [LayerCache() for _ in range(n_layers)]
        self.n_committed = 0
        self.mask: Mask | None = None

    @property
    def n_tokens(self) -> int:
        """Number of tokens so far, padding included."""
        return max([self.n_committed, *(layer.length for layer in self.layers)])

    @property
    def length(self) -> Start:
        """Position of the next token: the number of tokens so far, one per prompt if padded."""
        return self.n_tokens if self.mask is None else first_position(self.mask, self.n_tokens)

    def draft(self, tokens: Int[Tensor, "batch new"], mask: Mask | None, stop: int) -> "KVCache":
        """Copy the cache for a forward of these tokens through the layers before `stop`.

        Raises: ValueError for another number of prompts, a mask that does not fit, or layers that
            lack some of the earlier tokens.
        """
        batches = {len(layer.k) for layer in self.layers if layer.k is not None}
        if batches - {len(tokens)}:
            raise ValueError(
                f"expected {batches.pop()} prompts, as in the KV cache, got {len(tokens)}"
            )
        self.check_even(0, stop, self.n_tokens)
        draft = KVCache(0)
        draft.n_committed = self.n_tokens
        if mask is not None:
            check_mask(mask, tokens)
        if mask is not None or self.mask is not None:
            new = torch.ones_like(tokens, dtype=torch.bool) if mask is None else mask
            old = new.new_ones(len(new), self.n_tokens) if self.mask is None else self.mask
            draft.mask = torch.cat([old, new], dim=1)
        draft.layers = [replace(layer, mask=draft.mask) for layer in self.layers]
        return draft

    def commit(self, draft: "KVCache", n_new: int) -> None:
        """Adopt the draft of a forward of n_new tokens, in one call that no interrupt splits."""
        vars(self).update(vars(draft), n_committed=draft.n_committed + n_new)

    def check_even(self, start: int, stop: int, n_tokens: int | None = None) -> None:
        """Raise ValueError unless layers start to stop - 1 hold the same number of tokens."""
        if stop > len(self.layers):
            raise ValueError(
                f"expected a KV cache of {stop} layers, as the model has, got {len(self.layers)}"
            )
        lengths = [layer.length for layer in self.layers[start:stop]]
        expected = lengths[0] if lengths and n_tokens is None else n_tokens
        if any(length != expected for length in lengths):
            raise ValueError(
                f"expected a KV cache with {expected} tokens in each layer, got {lengths}; "
                "continue only from forwards that ran all of these layers to their end"
            )
