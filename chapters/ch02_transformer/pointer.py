"""A transformer whose last layer points: it can say only what it looks at.

The first d_head tokens of the vocabulary are those that it can say. The stream has three parts:
d_head numbers that tell which of them stands here (one is 1, or none), d_head that gather what was
pointed at, and the rest, in which the layers work. A head of the last layer copies the first part
of what it attends to into the second part of the query's stream; these values and outputs are
fixed. So logits = log(attention that each token got, mean over heads).

A model that may write any logits can lower a wrong answer instead of finding the right one. This
one must look at what it says, so copying is given, and how a head knows where to look is learned.
Differs: from the models that people train: there a head that copies has learned to copy.
"""

from dataclasses import replace

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from .attention import Attention
from .attention_only import ATTENTION_ONLY, UnscaledNorm
from .config import TransformerConfig
from .layers import Embed
from .norms import at_least_float32

FLOOR = 1e-3
"""Added to the attention before the logarithm: a token that got none has a logit of -6.9."""


class WorkspaceNorm(UnscaledNorm):
    """Centre and scale the part in which the layers work, and leave the other two as they are.

    Raises: ValueError when the stream has no room for all three parts.
    """

    centers = True

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__(config)
        self.fixed = 2 * config.d_head
        if config.d_model <= self.fixed:
            raise ValueError(
                f"d_model must be more than 2 x d_head = {self.fixed}, so that the layers have "
                f"room to work, but it is {config.d_model}"
            )

    def affine(self) -> tuple[Float[Tensor, " d_model"], Float[Tensor, " d_model"]]:
        """Nothing that could be folded.

        Raises: ValueError always: the output takes a logarithm, so a rewriting that moves all
            logits of a linear output alike would change the answer.
        """
        raise ValueError("a model with pointers cannot be folded: its output is not linear")

    def forward(self, x: Float[Tensor, "*batch d_model"]) -> Float[Tensor, "*batch d_model"]:
        """Normalise the last part, in float32 at least, and return x's own precision."""
        token, work = at_least_float32(x).split([self.fixed, x.shape[-1] - self.fixed], dim=-1)
        work = work - work.mean(dim=-1, keepdim=True)
        scale = self.hook_scale((work.pow(2).mean(dim=-1, keepdim=True) + self.eps).sqrt())
        return self.hook_normalized(torch.cat([token, work / scale], dim=-1).to(x.dtype))


class PointerAttention(Attention):
    """Attention whose values say which token stands there, and whose outputs gather them.

    Only queries and keys are learned.
    """

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__(config)
        heads, kv_heads, d_head, d_model = (
            *(config.n_heads, config.kv_heads),
            *(config.d_head, config.d_model),
        )
        own, gathered = part(config, 0), part(config, 1)
        fixed = {
            "W_V": own.expand(kv_heads, d_model, d_head).clone(),
            "b_V": torch.zeros(kv_heads, d_head),
            "W_O": gathered.T.expand(heads, d_head, d_model) / heads,  # the heads' mean
            "b_O": torch.zeros(d_model),
        }
        for name, tensor in fixed.items():
            delattr(self, name)
            self.register_buffer(name, tensor, persistent=False)


def part(config: TransformerConfig, number: int) -> Float[Tensor, "d_model d_head"]:
    """Reads a part of the stream: 0 for the token that stands here, 1 for what was gathered."""
    start = number * config.d_head
    return torch.eye(config.d_model)[:, start : start + config.d_head]


class PointerUnembed(nn.Module):
    """Logits: the logarithm of what was gathered. Nothing else reaches the output."""

    W_U: Float[Tensor, "d_model d_vocab"]
    b_U: Float[Tensor, " d_vocab"]
    readers = (("W_U", "b_U"),)

    def __init__(self, config: TransformerConfig, embed: Embed) -> None:
        super().__init__()
        del embed
        gathered = F.pad(part(config, 1), (0, config.d_vocab - config.d_head))
        self.register_buffer("W_U", gathered, persistent=False)
        self.register_buffer("b_U", torch.zeros(config.d_vocab), persistent=False)

    def forward(self, x: Float[Tensor, "*batch d_model"]) -> Float[Tensor, "*batch d_vocab"]:
        """Logits; what patches take away beyond zero counts as nothing."""
        return ((x @ self.W_U).clamp(min=0) + FLOOR).log()


def pointer_attention(config: TransformerConfig, layer: int) -> Attention:
    """Plain attention, and pointers in the last layer."""
    if layer == config.n_layers - 1:
        return PointerAttention(config)
    return Attention(config)


POINTER = replace(
    ATTENTION_ONLY, norm=WorkspaceNorm, attention=pointer_attention, unembed=PointerUnembed
)
