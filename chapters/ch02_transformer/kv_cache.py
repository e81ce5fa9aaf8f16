"""Keys and values of the tokens that a model has already read.

A token's keys and values never change once it is read, because nothing after it can reach back.
So generation keeps them, and each step runs the model on the new token alone.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from jaxtyping import Float
from torch import Tensor

New = Float[Tensor, "batch new kv_head d_head"]
Keys = Float[Tensor, "batch key kv_head d_head"]
Queries = Float[Tensor, "batch new head d_head"]
Attend = Callable[[Tensor, Tensor, Tensor], Tensor]


class AbstractLayerCache(ABC):
    """What one layer's attention knows of the tokens before the new ones."""

    @property
    @abstractmethod
    def length(self) -> int:
        """How many tokens are remembered: the position at which the next one stands."""

    @abstractmethod
    def attend(self, q: Queries, k: New, v: New, attend: Attend, plain: bool) -> Queries:
        """Z of the new tokens, from what is remembered and their own keys and values.

        attend: attention over all keys and values at once. plain: whether that is no more than a
        causal softmax to which nobody listens.
        """


@dataclass
class LayerCache(AbstractLayerCache):
    """One layer's keys (turned to their positions already) and values, oldest first."""

    k: Keys | None = None
    """Keys of all tokens read so far; None before the first."""
    v: Keys | None = None
    """Values of the same tokens."""

    def extend(self, k: New, v: New) -> tuple[Keys, Keys]:
        """Append the new tokens' keys and values, and return all there are."""
        # exercise 2.19
        raise NotImplementedError("exercise 2.19")

    @property
    def length(self) -> int:
        """How many tokens are remembered: the position at which the next one stands."""
        # exercise 2.19
        raise NotImplementedError("exercise 2.19")

    def attend(self, q: Queries, k: New, v: New, attend: Attend, plain: bool) -> Queries:
        """Append the new keys and values, then attend to all there are."""
        del plain
        return attend(q, *self.extend(k, v))


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
