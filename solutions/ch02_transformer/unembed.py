"""From the residual stream to logits, one score for every token of the vocabulary."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from .config import TransformerConfig
from .layers import Embed, affine, empty, zeros


class Unembed(nn.Module):
    """Read the stream with a matrix of its own: x @ W_U + b_U."""

    W_U: Float[Tensor, "d_model d_vocab"]
    b_U: Float[Tensor, " d_vocab"]
    readers = (("W_U", "b_U"),)

    def __init__(self, config: TransformerConfig, embed: Embed) -> None:
        super().__init__()
        del embed
        self.W_U, self.b_U = empty(config.d_model, config.d_vocab), zeros(config.d_vocab)

    def forward(self, x: Float[Tensor, "*batch d_model"]) -> Float[Tensor, "*batch d_vocab"]:
        """Logits."""
        return affine(x, self.W_U, self.b_U)


class TiedUnembed(nn.Module):
    """Read the stream with the embedding itself: W_U is W_E transposed, one tensor in two roles."""

    W_E: Float[Tensor, "d_vocab d_model"]

    def __init__(self, config: TransformerConfig, embed: Embed) -> None:
        super().__init__()
        del config
        self.W_E = embed.W_E

    @property
    def W_U(self) -> Float[Tensor, "d_model d_vocab"]:  # noqa: N802 (the field's name)
        """The embedding, transposed: a view."""
        return self.W_E.T

    @property
    def b_U(self) -> Float[Tensor, " d_vocab"]:  # noqa: N802
        """Zeros: a tied unembedding has no bias."""
        return torch.zeros_like(self.W_E[:, 0])

    def forward(self, x: Float[Tensor, "*batch d_model"]) -> Float[Tensor, "*batch d_vocab"]:
        """Logits."""
        return x @ self.W_U
