"""A transformer that can predict only tokens to which its last layer attends.

The first d_head tokens of the vocabulary are the possible predictions. The residual stream has
three parts: d_head dimensions with the token at this position (one-hot, or zero), d_head that sum
the tokens attended to, and the workspace, in which the layers read and write. The heads of the last
layer copy the first part of what they attend to into the second part; these value and output
weights are fixed. So logits = log(attention that each token got, mean over heads).

A model with a free unembedding can learn to lower a wrong answer instead of finding the right one.
This one has to attend to its answer: copying is given, and where a head attends is learned.
Differs: from trained language models, in which a head learns to copy.
"""

from dataclasses import replace

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from ..ch02_transformer.attention import Attention
from ..ch02_transformer.attention_only import ATTENTION_ONLY, UnscaledNorm
from ..ch02_transformer.config import TransformerConfig
from ..ch02_transformer.layers import Embed, Unembed
from ..ch02_transformer.norms import Affine, at_least_float32

FLOOR = 1e-3
"""Added to the attention before the logarithm: a token with none has a logit of -6.9."""


class WorkspaceNorm(UnscaledNorm):
    """LayerNormPre on the workspace; the two other parts of the residual stream are unchanged.

    Raises: ValueError when d_model has no room for a workspace.
    """

    centers = True

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__(config)
        self.fixed = 2 * config.d_head
        if config.d_model <= self.fixed:
            raise ValueError(
                f"expected d_model above 2 x d_head = {self.fixed}, so that the layers have "
                f"a workspace, got {config.d_model}"
            )

    def affine(self) -> Affine:
        """Raise an error: these models cannot be folded.

        Raises: ValueError always: the output is a logarithm, so subtracting the mean over tokens
            from the unembedding would change the predictions.
        """
        raise ValueError("a model with pointers cannot be folded: its output is not linear")

    def forward(self, x: Float[Tensor, "*batch d_model"]) -> Float[Tensor, "*batch d_model"]:
        """Normalise the workspace, in float32 at least, and return x's own precision."""
        fixed, work = torch.split(
            at_least_float32(x), [self.fixed, x.shape[-1] - self.fixed], dim=-1
        )
        work = work - work.mean(dim=-1, keepdim=True)
        scale = self.hook_scale((work.pow(2).mean(dim=-1, keepdim=True) + self.eps).sqrt())
        return self.hook_normalized(torch.cat([fixed, work / scale], dim=-1).to(x.dtype))


class PointerAttention(Attention):
    """Attention that copies the attended tokens; only queries and keys are learned."""

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__(config)
        token, gathered = part(config, 0), part(config, 1)
        value_shape = (config.kv_heads, config.d_model, config.d_head)
        output_shape = (config.n_heads, config.d_head, config.d_model)
        fix_weights(
            self,
            W_V=token.expand(value_shape).clone(),
            b_V=torch.zeros(config.kv_heads, config.d_head),
            W_O=gathered.T.expand(output_shape) / config.n_heads,  # the heads' mean
            b_O=torch.zeros(config.d_model),
        )


def part(config: TransformerConfig, index: int) -> Float[Tensor, "d_model d_head"]:
    """Build the projection to part 0 (this position's token) or 1 (the tokens attended to)."""
    start = index * config.d_head
    return torch.eye(config.d_model)[:, start : start + config.d_head]


def fix_weights(module: nn.Module, **weights: Tensor) -> None:
    """Replace parameters by constants, which are neither trained nor saved."""
    for name, weight in weights.items():
        delattr(module, name)
        module.register_buffer(name, weight, persistent=False)


class PointerUnembed(Unembed):
    """Logits: the logarithm of the gathered attention. The other dimensions have no effect."""

    def __init__(self, config: TransformerConfig, embed: Embed) -> None:
        super().__init__(config, embed)
        gathered = F.pad(part(config, 1), (0, config.d_vocab - config.d_head))
        fix_weights(self, W_U=gathered, b_U=torch.zeros(config.d_vocab))

    def forward(self, x: Float[Tensor, "*batch d_model"]) -> Float[Tensor, "*batch d_vocab"]:
        """Compute logits; amounts below zero, which patches can cause, count as zero."""
        return ((x @ self.W_U).clamp(min=0) + FLOOR).log()


def pointer_attention(config: TransformerConfig, layer: int) -> Attention:
    """Build plain attention, and PointerAttention in the last layer."""
    if layer == config.n_layers - 1:
        return PointerAttention(config)
    return Attention(config)


POINTER = replace(
    ATTENTION_ONLY, norm=WorkspaceNorm, attention=pointer_attention, unembed=PointerUnembed
)
