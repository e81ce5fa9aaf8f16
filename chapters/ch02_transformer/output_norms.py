"""Norms on the outputs of attention and MLP, before they are added to the residual stream.

An output norm divides by the root mean square of the whole output and multiplies by a gain. The
gain is folded into W_O or W_out, so what is left is one divisor per position (`OutputNorm`). With
the divisors of one forward pass held fixed, each head's output is again a term of the residual
stream (`divide_by_output_norms`). The norm is a part of the module whose output it divides, so
that a transcoder in the place of the MLP replaces both.
Source: Gemma Team 2024, "Gemma 2: Improving Open Language Models at a Practical Size";
OLMo et al. 2025, "2 OLMo 2 Furious".
Differs: TransformerLens has these norms in the block (`ln1_post`, `ln2_post`), with their gains.
"""

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor, nn

from .attention import AbstractLayerCache, Attention, Keys, Mask, QKNorms, causal_mask
from .config import TransformerConfig
from .hooks import HookPoint
from .layers import GatedMLP, Resid
from .model import HookedTransformer
from .norms import at_least_float32

DIVISOR = "attn.ln_post.hook_scale"
"""Name in a block of the hook point at which attention's divisor is read."""


class OutputNorm(nn.Module):
    """Divide a vector, in which the gain is included, by its root mean square without the gain.

    x / sqrt(mean((x * inverse_gain)^2) + eps): the RMSNorm of x * inverse_gain, times the gain.
    """

    inverse_gain: Float[Tensor, " d_model"]

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        self.eps = config.eps
        self.inverse_gain = nn.Parameter(torch.ones(config.d_model))
        self.hook_scale = HookPoint()  # [batch, pos, 1]
        self.hook_normalized = HookPoint()  # [batch, pos, d_model]

    def forward(self, x: Resid) -> Resid:
        """Divide in float32 at least, and return x's own precision."""
        wide = at_least_float32(x)
        squares = (wide * self.inverse_gain).pow(2).mean(dim=-1, keepdim=True)
        return self.hook_normalized(wide / self.hook_scale((squares + self.eps).sqrt())).to(x.dtype)


class NormedAttention(Attention):
    """Attention with a norm on its output. `hook_result` sees the heads before the division."""

    writers = ()

    def __init__(
        self,
        config: TransformerConfig,
        rotate: Callable[[Keys, int], Keys] | None = None,
        mask: Mask = causal_mask,
        qk_norms: QKNorms | None = None,
        softcap: Callable[[Tensor], Tensor] | None = None,
    ) -> None:
        super().__init__(config, rotate, mask, qk_norms, softcap)
        self.ln_post = OutputNorm(config)

    def forward(
        self, x: Resid, past: AbstractLayerCache | None = None, qk_pos_embed: Resid | None = None
    ) -> Resid:
        """Compute the sum of all heads' outputs at every position, and divide it."""
        return self.ln_post(super().forward(x, past, qk_pos_embed))


class NormedGatedMLP(GatedMLP):
    """Gated MLP with a norm on its output."""

    writers = ()

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__(config)
        self.ln_post = OutputNorm(config)

    def forward(self, x: Resid) -> Resid:
        """Compute the MLP's output, and divide it."""
        return self.ln_post(super().forward(x))


def divisor_hook_names(model: HookedTransformer) -> list[str]:
    """List the hook points at which attention's divisors are read; none without output norms."""
    return [name for name in model.hook_points() if name.endswith(DIVISOR)]


def divide_by_output_norms(model: HookedTransformer, cache: dict[str, Tensor]) -> None:
    """Divide every cached z by the divisor of its attention's output, in place.

    z @ W_O is then what each head adds to the residual stream. Without output norms nothing
    changes.

    Raises: ValueError for an output bias, which the divisor would divide too.
    """
    for name in divisor_hook_names(model):
        block = name.removesuffix(DIVISOR)
        bias: Tensor = model.get_submodule(f"{block}attn").get_parameter("b_O")
        if bias.any():
            raise ValueError(
                f"expected a zero b_O in {block}attn, whose output is normalized, got another; "
                "its contribution depends on the position, and is not a component"
            )
        z = cache[f"{block}attn.hook_z"]
        cache[f"{block}attn.hook_z"] = (z / cache[name][..., None]).to(z.dtype)
