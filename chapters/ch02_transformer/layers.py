"""The parts of a transformer other than norms and attention: embeddings, MLPs, the unembedding.

Each part is a small module that takes its sizes from the config. Weights are used as `x @ W`: the
first axis of a weight is the input, the last is the output. `readers` and `writers` name the
weights through which a part reads from and writes to the residual stream. Biases start at zero;
families without biases leave them there.
"""

from collections.abc import Callable
from functools import partial
from typing import ClassVar

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from ..ch00_looking.checks import check_tokens
from .config import TransformerConfig
from .hooks import HookPoint
from .padding import Start, rows_from

Tokens = Int[Tensor, "batch pos"]
Resid = Float[Tensor, "batch pos d_model"]
ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "relu": F.relu,
    "silu": F.silu,
    "gelu": F.gelu,
    "gelu_tanh": partial(F.gelu, approximate="tanh"),
}


def activation(name: str) -> Callable[[Tensor], Tensor]:
    """Look up a nonlinearity by its name in ACTIVATIONS.

    Raises: ValueError for an unknown name.
    """
    if name not in ACTIVATIONS:
        raise ValueError(f"expected an activation out of {', '.join(ACTIVATIONS)}, got {name!r}")
    return ACTIVATIONS[name]


def zeros(*shape: int) -> nn.Parameter:
    """Create a parameter of zeros: the start of every bias."""
    return nn.Parameter(torch.zeros(*shape))


def empty(*shape: int) -> nn.Parameter:
    """Create a parameter that the model's `initialize` or a loader will fill."""
    return nn.Parameter(torch.empty(*shape))


def affine(
    x: Float[Tensor, "*batch d_in"], W: Float[Tensor, "d_in d_out"], b: Float[Tensor, " d_out"]
) -> Float[Tensor, "*batch d_out"]:
    """Compute x @ W + b in one operation: adding b separately would write the output twice."""
    return F.linear(x, W.T, b)


class ResidualModule(nn.Module):
    """Part of the model that reads from or writes to the residual stream."""

    readers: ClassVar[tuple[tuple[str, str], ...]] = ()
    """Names of weight and bias of each projection of the residual stream."""
    writers: ClassVar[tuple[str, ...]] = ()
    """Names of weights and biases whose last axis, d_model, is added to the residual stream."""


class Embed(ResidualModule):
    """Map each token to its vector: row `token` of W_E.

    Raises: ValueError for anything but a batch of tokens of the vocabulary.
    """

    W_E: Float[Tensor, "d_vocab d_model"]
    writers = ("W_E",)

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        self.W_E = empty(config.d_vocab, config.d_model)

    def forward(self, tokens: Tokens) -> Resid:
        """Look up the tokens' vectors."""
        check_tokens(tokens, len(self.W_E))
        # exercise 2.6
        raise NotImplementedError("exercise 2.6")


class LearnedPositions(ResidualModule):
    """Map each position to its own learned vector: row `position` of W_pos."""

    W_pos: Float[Tensor, "n_ctx d_model"]
    writers = ("W_pos",)

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        self.W_pos = empty(config.n_ctx, config.d_model)

    def forward(self, tokens: Tokens, start: Start) -> Resid:
        """Return the vectors of positions start, start + 1, ..., the same for every sequence.

        With padding every sequence has a start of its own.
        """
        batch, pos = tokens.shape
        if not isinstance(start, int):
            return rows_from(self.W_pos, start, pos)
        # exercise 2.6
        raise NotImplementedError("exercise 2.6")


class NoPositions(ResidualModule):
    """Add nothing to the embedding: the model has rotary positions, or none."""

    zero: Tensor

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        self.d_model = config.d_model
        self.register_buffer("zero", torch.zeros(1), persistent=False)

    def forward(self, tokens: Tokens, start: Start) -> Resid:
        """Return zeros, expanded from a single number in memory."""
        del start
        return self.zero.expand(*tokens.shape, self.d_model)


class AbstractMLP(ResidualModule):
    """Base class of MLPs: a hidden layer of neurons, projected back by W_out."""

    W_in: Float[Tensor, "d_model d_mlp"]
    b_in: Float[Tensor, " d_mlp"]
    W_out: Float[Tensor, "d_mlp d_model"]
    b_out: Float[Tensor, " d_model"]
    writers: ClassVar[tuple[str, ...]] = ("W_out", "b_out")


class MLP(AbstractMLP):
    """Two matrices with a nonlinearity between them: activation(x W_in + b_in) W_out + b_out."""

    readers = (("W_in", "b_in"),)

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        self.activation = activation(config.activation)
        self.W_in, self.b_in = empty(config.d_model, config.d_mlp), zeros(config.d_mlp)
        self.W_out, self.b_out = empty(config.d_mlp, config.d_model), zeros(config.d_model)
        self.hook_pre = HookPoint()  # [batch, pos, d_mlp]
        self.hook_post = HookPoint()  # [batch, pos, d_mlp]

    def forward(self, x: Resid) -> Resid:
        """Project to the hidden layer, apply the activation, project back."""
        pre = self.hook_pre(affine(x, self.W_in, self.b_in))
        post = self.hook_post(self.activation(pre))
        return affine(post, self.W_out, self.b_out)


class GatedMLP(AbstractMLP):
    """MLP whose neurons are products: activation(x W_gate + b_gate) * (x W_in + b_in).

    `hook_pre` receives the gate before its activation, `hook_pre_linear` the other factor,
    `hook_post` the product.

    Source: Shazeer 2020, "GLU Variants Improve Transformer" (SwiGLU with silu, GeGLU with gelu).
    Differs: TransformerLens adds b_in after the product; here it belongs to the linear factor, as
        in the checkpoints that have one.
    """

    W_gate: Float[Tensor, "d_model d_mlp"]
    b_gate: Float[Tensor, " d_mlp"]
    readers = (("W_gate", "b_gate"), ("W_in", "b_in"))

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        self.activation = activation(config.activation)
        self.W_gate, self.b_gate = empty(config.d_model, config.d_mlp), zeros(config.d_mlp)
        self.W_in, self.b_in = empty(config.d_model, config.d_mlp), zeros(config.d_mlp)
        self.W_out, self.b_out = empty(config.d_mlp, config.d_model), zeros(config.d_model)
        self.hook_pre = HookPoint()  # [batch, pos, d_mlp]
        self.hook_pre_linear = HookPoint()  # [batch, pos, d_mlp]
        self.hook_post = HookPoint()  # [batch, pos, d_mlp]

    def forward(self, x: Resid) -> Resid:
        """Multiply the activated gate with the linear factor, project back."""
        # exercise 2.7
        raise NotImplementedError("exercise 2.7")


class Unembed(ResidualModule):
    """Map the residual stream to logits with a matrix of its own: x @ W_U + b_U."""

    W_U: Float[Tensor, "d_model d_vocab"]
    b_U: Float[Tensor, " d_vocab"]
    readers = (("W_U", "b_U"),)
    linear: ClassVar[bool] = True
    """Whether the logits are x @ W_U + b_U, and nothing is applied to them."""

    def __init__(self, config: TransformerConfig, embed: Embed) -> None:
        super().__init__()
        del embed
        self.W_U, self.b_U = empty(config.d_model, config.d_vocab), zeros(config.d_vocab)

    def forward(self, x: Float[Tensor, "*batch d_model"]) -> Float[Tensor, "*batch d_vocab"]:
        """Compute logits."""
        return affine(x, self.W_U, self.b_U)


class TiedUnembed(ResidualModule):
    """Map the residual stream to logits with the transposed embedding: W_U is W_E.T, not a copy."""

    W_E: Float[Tensor, "d_vocab d_model"]
    linear: ClassVar[bool] = True
    """Whether the logits are x @ W_U + b_U, and nothing is applied to them."""

    def __init__(self, config: TransformerConfig, embed: Embed) -> None:
        super().__init__()
        del config
        self.W_E = embed.W_E

    @property
    def W_U(self) -> Float[Tensor, "d_model d_vocab"]:
        """Return the embedding, transposed: a view."""
        return self.W_E.T

    @property
    def b_U(self) -> Float[Tensor, " d_vocab"]:
        """Return zeros: a tied unembedding has no bias."""
        return torch.zeros_like(self.W_E[:, 0])

    def forward(self, x: Float[Tensor, "*batch d_model"]) -> Float[Tensor, "*batch d_vocab"]:
        """Compute logits."""
        return x @ self.W_U


Unembedding = Unembed | TiedUnembed
"""Map from the residual stream to logits, with W_U and b_U."""
