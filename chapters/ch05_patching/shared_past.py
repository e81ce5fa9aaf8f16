"""Many continuations of a few texts, which share the keys and values of what came before.

Generation has one continuation a text and appends to its cache. A sweep of patches has hundreds,
which differ from some position on.
Axes: row is (version batch), version first; new is the positions that rows have of their own.
"""

from dataclasses import dataclass

import torch
from einops import einsum, rearrange
from jaxtyping import Float
from torch import Tensor

from ..ch02_transformer.kv_cache import Attend, Past
from ..ch02_transformer.norms import lift

Heads = Float[Tensor, "row new head d_head"]
KvHeads = Float[Tensor, "row new kv_head d_head"]


@dataclass(frozen=True)
class SharedPast(Past):
    """One layer's keys and values of some texts, each shared by many continuations.

    Row i goes on from text i % batch. To copy the past for every row would cost more than the rest
    of a sweep, so scores with the past and among the new tokens meet only in the softmax.
    """

    k: Float[Tensor, "batch key kv_head d_head"]
    """Keys of the texts, turned to their positions already."""
    v: Float[Tensor, "batch key kv_head d_head"]
    """Values of the same tokens."""

    @property
    def length(self) -> int:
        """How many tokens of the texts are shared."""
        return self.k.shape[1]

    def attend(self, q: Heads, k: KvHeads, v: KvHeads, attend: Attend, plain: bool) -> Heads:
        """Attend to the shared past and to the row's own new tokens."""
        rows = len(q) // len(self.k)
        if not plain:
            past = (x.repeat(rows, 1, 1, 1) for x in (self.k, self.v))
            return attend(q, *(torch.cat(pair, dim=1) for pair in zip(past, (k, v), strict=True)))
        asked = "version batch kv_head group new d_head"
        q = rearrange(
            q / q.shape[-1] ** 0.5,
            f"(version batch) new (kv_head group) d_head -> {asked}",
            version=rows,
            kv_head=k.shape[2],
        )
        k, v = (
            rearrange(x, "(version batch) ... -> version batch ...", version=rows) for x in (k, v)
        )
        old, own = "batch key kv_head d_head", "version batch key kv_head d_head"
        pattern = "version batch kv_head group new key"
        # exercise 5.8
        raise NotImplementedError("exercise 5.8")
