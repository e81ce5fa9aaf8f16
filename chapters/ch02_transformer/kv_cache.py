"""KV cache: keys and values of the tokens that a model has already processed.

A token's keys and values depend on no later token, so they never change. Generation keeps them,
and each step runs the model on the new token alone.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from .attention import AbstractLayerCache, Attention, KvKeys, Queries

New = Float[Tensor, "batch new kv_head d_head"]


@dataclass
class LayerCache(AbstractLayerCache):
    """Keys (after the rotary embedding) and values of one layer, oldest first."""

    k: KvKeys | None = None
    """Keys of all tokens processed so far; None before the first."""
    v: KvKeys | None = None
    """Values of the same tokens."""

    def extend(self, k: New, v: New) -> tuple[KvKeys, KvKeys]:
        """Append the new tokens' keys and values, and return all of them."""
        # exercise 2.19
        raise NotImplementedError("exercise 2.19")

    @property
    def length(self) -> int:
        """Number of cached tokens, which is the position of the next one."""
        # exercise 2.19
        raise NotImplementedError("exercise 2.19")

    def attend(self, attention: Attention, q: Queries, k: New, v: New) -> Queries:
        """Append the new keys and values, then attend to all of them."""
        return attention.attend(q, *self.extend(k, v))


class KVCache:
    """One LayerCache per layer of a model, extended by every forward that gets it."""

    def __init__(self, n_layers: int) -> None:
        self.layers = [LayerCache() for _ in range(n_layers)]

    @property
    def length(self) -> int:
        """Number of tokens the model has processed so far."""
        return self.layers[0].length if self.layers else 0
