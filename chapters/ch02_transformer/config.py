"""The sizes of a transformer.

Every part takes its shape from this one record. What a block is made of (which norm, which MLP,
which position embeddings) is not a size; model.py defines it.
"""

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class TransformerConfig:
    """The sizes of a decoder-only transformer, and the few constants its parts need.

    Raises: ValueError when sizes do not fit together, naming the sizes and what would fit.
    """

    n_layers: int
    """Number of blocks."""
    d_model: int
    """Width of the residual stream."""
    n_heads: int
    """Query heads per block."""
    d_head: int
    """Width of one head; usually d_model / n_heads, but it need not be."""
    d_mlp: int
    """Hidden neurons of one MLP."""
    d_vocab: int
    """Number of tokens in the vocabulary."""
    n_ctx: int
    """Longest sequence in tokens."""
    n_kv_heads: int | None = None
    """Key and value heads per block; None means one per query head (multi-head attention)."""
    activation: str = "gelu_tanh"
    """The MLP's nonlinearity, a key of layers.ACTIVATIONS."""
    eps: float = 1e-5
    """Added to the variance inside a norm's root, against division by zero."""
    rotary_base: float = 10_000.0
    """Ratio between the slowest and fastest rotation (rotary embeddings only)."""
    rotary_dims: int | None = None
    """How many of a head's dimensions rotate; None means all of d_head."""

    def __post_init__(self) -> None:
        for name in ("n_layers", "d_model", "n_heads", "d_head", "d_mlp", "d_vocab", "n_ctx"):
            smallest = 0 if name in ("n_layers", "d_mlp") else 1
            check_size(name, getattr(self, name), smallest)
        for name in ("n_kv_heads", "rotary_dims"):
            if getattr(self, name) is not None:
                check_size(name, getattr(self, name), 1 if name == "n_kv_heads" else 0)
        for name in ("eps", "rotary_base"):
            value = getattr(self, name)
            if type(value) not in (int, float) or not 0 <= value < math.inf:
                raise ValueError(f"expected {name} as a finite number from 0, got {value!r}")
        if self.n_heads % self.kv_heads:
            raise ValueError(
                f"expected n_heads to be a multiple of n_kv_heads, so that each key head is used "
                f"by equally many query heads, got n_heads={self.n_heads}, "
                f"n_kv_heads={self.n_kv_heads}"
            )
        if self.rotating > self.d_head:
            raise ValueError(
                f"expected rotary_dims of at most d_head={self.d_head}, got {self.rotary_dims}"
            )

    @property
    def kv_heads(self) -> int:
        """Key and value heads per block."""
        return self.n_heads if self.n_kv_heads is None else self.n_kv_heads

    @property
    def rotating(self) -> int:
        """Number of dimensions of a head that rotary embeddings rotate."""
        return self.d_head if self.rotary_dims is None else self.rotary_dims


def check_size(name: str, value: int, smallest: int) -> None:
    """Raise ValueError unless a size is a whole number of at least `smallest`, below 2^31."""
    if type(value) is not int or not smallest <= value < 2**31:
        raise ValueError(f"expected {name} as an integer of at least {smallest}, got {value!r:.40}")
