"""Keys and values of the tokens that a model has already read.

A token's keys and values never change once it is read, because nothing after it can reach back.
So generation keeps them, and each step runs the model on the new token alone.
"""

from dataclasses import dataclass, field

import torch
from jaxtyping import Float
from torch import Tensor

from .attention import AbstractLayerCache, Attention, KvKeys, Queries

New = Float[Tensor, "batch new kv_head d_head"]


@dataclass
class LayerCache(AbstractLayerCache):
    """One layer's keys (turned to their positions already) and values, oldest first."""

    k: KvKeys | None = None
    """Keys of all tokens read so far; None before the first."""
    v: KvKeys | None = None
    """Values of the same tokens."""

    def extend(self, k: New, v: New) -> tuple[KvKeys, KvKeys]:
        """Append the new tokens' keys and values, and return all there are."""
        # exercise 2.19
        if self.k is not None and self.v is not None:
            k, v = torch.cat([self.k, k], dim=1), torch.cat([self.v, v], dim=1)
        self.k, self.v = k, v
        return k, v

    @property
    def length(self) -> int:
        """How many tokens are remembered: the position at which the next one stands."""
        # exercise 2.19
        return 0 if self.k is None else self.k.shape[1]

    def attend(self, attention: Attention, q: Queries, k: New, v: New) -> Queries:
        """Append the new keys and values, then attend to all of them."""
        return attention.attend(q, *self.extend(k, v))


@dataclass
class KVCache:
    """A LayerCache for each layer of a model, grown by every forward that is given it."""

    n_layers: int
    """Layers of the model."""
    layers: list[LayerCache] = field(init=False)
    """One memory a layer, empty at first."""

    def __post_init__(self) -> None:
        self.layers = [LayerCache() for _ in range(self.n_layers)]

    @property
    def length(self) -> int:
        """How many tokens the model has read so far."""
        return self.layers[0].length if self.layers else 0
