"""The parts of a transformer other than norms and attention: embeddings, positions, MLPs.

Each part is a small module that reads its sizes from the config. Weights multiply from the right,
`x @ W`, so the first axis of a weight is what it reads and the last is what it writes. `readers`
and `writers` name the weights by which a part reads from and writes to the residual stream.
Biases start at zero; families without biases leave them there.
"""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from .config import TransformerConfig
from .hooks import HookPoint

ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "relu": F.relu,
    "silu": F.silu,
    "gelu": F.gelu,
    "gelu_tanh": lambda x: F.gelu(x, approximate="tanh"),
}


def activation(name: str) -> Callable[[Tensor], Tensor]:
    """The nonlinearity of that name.

    Raises: ValueError for a name that ACTIVATIONS does not have.
    """
    if name not in ACTIVATIONS:
        raise ValueError(f"activation must be one of {', '.join(ACTIVATIONS)}, but it is {name!r}")
    return ACTIVATIONS[name]


def zeros(*shape: int) -> nn.Parameter:
    """A parameter of zeros: every bias, until something is learned or loaded."""
    return nn.Parameter(torch.zeros(*shape))


def empty(*shape: int) -> nn.Parameter:
    """A parameter that the model's `initialize` or a loader will fill."""
    return nn.Parameter(torch.empty(*shape))


def affine(
    x: Float[Tensor, "*batch d_in"], W: Float[Tensor, "d_in d_out"], b: Float[Tensor, " d_out"]
) -> Float[Tensor, "*batch d_out"]:
    """Give x @ W + b in one step: adding b by itself would write every number a second time."""
    return F.linear(x, W.T, b)


class Embed(nn.Module):
    """Give each token its vector: row number `token` of W_E.

    Raises: ValueError when a token is not in the vocabulary.
    """

    W_E: Float[Tensor, "d_vocab d_model"]
    writers = ("W_E",)

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        self.W_E = empty(config.d_vocab, config.d_model)

    def forward(self, tokens: Int[Tensor, "batch pos"]) -> Float[Tensor, "batch pos d_model"]:
        """Look the tokens up."""
        if tokens.numel() and not 0 <= tokens.min() <= tokens.max() < len(self.W_E):
            raise ValueError(
                f"tokens must lie in 0..{len(self.W_E) - 1}, the vocabulary; "
                f"here they reach from {tokens.min().item()} to {tokens.max().item()}"
            )
        # exercise 2.6
        raise NotImplementedError("exercise 2.6")


class LearnedPositions(nn.Module):
    """Give each position its own learned vector: row number `position` of W_pos."""

    W_pos: Float[Tensor, "n_ctx d_model"]
    writers = ("W_pos",)

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        self.W_pos = empty(config.n_ctx, config.d_model)

    def forward(
        self, tokens: Int[Tensor, "batch pos"], start: int
    ) -> Float[Tensor, "batch pos d_model"]:
        """Vectors of positions start, start + 1, ...: the same for every sequence of the batch."""
        batch, pos = tokens.shape
        # exercise 2.6
        raise NotImplementedError("exercise 2.6")


class NoPositions(nn.Module):
    """Add nothing to the embedding: positions come in elsewhere (rotary), or not at all."""

    zero: Tensor
    writers = ()

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        self.d_model = config.d_model
        self.register_buffer("zero", torch.zeros(1), persistent=False)

    def forward(
        self, tokens: Int[Tensor, "batch pos"], start: int
    ) -> Float[Tensor, "batch pos d_model"]:
        """Zeros that take no memory."""
        del start
        return self.zero.expand(*tokens.shape, self.d_model)


class MLP(nn.Module):
    """Two matrices with a nonlinearity between them: activation(x W_in + b_in) W_out + b_out."""

    W_in: Float[Tensor, "d_model d_mlp"]
    b_in: Float[Tensor, " d_mlp"]
    W_out: Float[Tensor, "d_mlp d_model"]
    b_out: Float[Tensor, " d_model"]
    readers = (("W_in", "b_in"),)
    writers = ("W_out", "b_out")

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        self.activation = activation(config.activation)
        self.W_in, self.b_in = empty(config.d_model, config.d_mlp), zeros(config.d_mlp)
        self.W_out, self.b_out = empty(config.d_mlp, config.d_model), zeros(config.d_model)
        self.hook_pre = HookPoint()  # [batch, pos, d_mlp]
        self.hook_post = HookPoint()  # [batch, pos, d_mlp]

    def forward(self, x: Float[Tensor, "batch pos d_model"]) -> Float[Tensor, "batch pos d_model"]:
        """Read neurons off the residual stream, and write what they say back."""
        pre = self.hook_pre(affine(x, self.W_in, self.b_in))
        post = self.hook_post(self.activation(pre))
        return affine(post, self.W_out, self.b_out)


class GatedMLP(nn.Module):
    """MLP whose neurons are products: activation(x W_gate + b_gate) * (x W_in + b_in).

    `hook_pre` sees the gate before its activation, `hook_pre_linear` the other factor, `hook_post`
    the product.

    Source: Shazeer 2020, "GLU Variants Improve Transformer" (SwiGLU with silu, GeGLU with gelu).
    Differs: TransformerLens adds b_in after the product; here it belongs to the linear factor, as
        in the checkpoints that have one.
    """

    W_gate: Float[Tensor, "d_model d_mlp"]
    b_gate: Float[Tensor, " d_mlp"]
    W_in: Float[Tensor, "d_model d_mlp"]
    b_in: Float[Tensor, " d_mlp"]
    W_out: Float[Tensor, "d_mlp d_model"]
    b_out: Float[Tensor, " d_model"]
    readers = (("W_gate", "b_gate"), ("W_in", "b_in"))
    writers = ("W_out", "b_out")

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        self.activation = activation(config.activation)
        self.W_gate, self.b_gate = empty(config.d_model, config.d_mlp), zeros(config.d_mlp)
        self.W_in, self.b_in = empty(config.d_model, config.d_mlp), zeros(config.d_mlp)
        self.W_out, self.b_out = empty(config.d_mlp, config.d_model), zeros(config.d_model)
        self.hook_pre = HookPoint()  # [batch, pos, d_mlp]
        self.hook_pre_linear = HookPoint()  # [batch, pos, d_mlp]
        self.hook_post = HookPoint()  # [batch, pos, d_mlp]

    def forward(self, x: Float[Tensor, "batch pos d_model"]) -> Float[Tensor, "batch pos d_model"]:
        """Let the gate decide how much of each linear reading passes, and write the result."""
        # exercise 2.7
        raise NotImplementedError("exercise 2.7")
