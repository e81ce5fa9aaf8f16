"""Attention of families in which a query attends to the last few positions only, in some layers."""

from dataclasses import dataclass

import torch
from jaxtyping import Bool
from torch import Tensor

from ..attention import causal_mask


@dataclass(frozen=True)
class SlidingWindow:
    """A causal mask of the last `window` positions, the query's own included.

    Source: Beltagy et al. 2020, "Longformer".
    """

    window: int
    """How many positions a query attends to at most."""

    def __call__(self, n_queries: int, n_keys: int) -> Bool[Tensor, "query key"]:
        """Mark the keys that each of the last n_queries positions may attend to."""
        visible = causal_mask(n_queries, n_keys)
        query = torch.arange(n_keys - n_queries, n_keys)
        return visible & (query[:, None] - torch.arange(n_keys) < self.window)
