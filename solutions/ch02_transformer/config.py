"""The sizes of a transformer.

Every part takes its shape from this one record. What a block is made of (which norm, which MLP,
which position embeddings) is not a size; model.py defines it.
"""

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
            if getattr(self, name) < smallest:
                raise ValueError(
                    f"expected {name} of at least {smallest}, got {getattr(self, name)}"
                )
        if self.kv_heads < 1 or self.n_heads % self.kv_heads:
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
