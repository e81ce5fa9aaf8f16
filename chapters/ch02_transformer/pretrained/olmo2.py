"""OLMo 2: Llama with norms on what attention and MLP write, in place of those on what they read.

The gain of an output norm is folded into W_O and W_out. Queries and keys have norms too, each over
all heads together.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from jaxtyping import Float
from torch import Tensor, nn

from ..attention import Attention, QKNorms, Rotary
from ..attention_only import NoNorm
from ..config import TransformerConfig
from ..model import Block, Parts, SequentialBlock
from ..norms import RMSNorm
from ..output_norms import NormedAttention, NormedGatedMLP
from . import layouts, llama
from .checkpoint_files import Weights
from .config_json import require_settings
from .rope import read_rope

IGNORED_TENSORS: tuple[str, ...] = llama.IGNORED_TENSORS
OPTIONAL_PARAMS: tuple[str, ...] = llama.OPTIONAL_PARAMS


class ProjectionNorm(nn.Module):
    """RMSNorm of a position's queries, or keys, over all heads together."""

    def __init__(self, config: TransformerConfig, n_heads: int) -> None:
        super().__init__()
        self.norm = RMSNorm(replace(config, d_model=n_heads * config.d_head))

    def forward(
        self, x: Float[Tensor, "batch pos head d_head"]
    ) -> Float[Tensor, "batch pos head d_head"]:
        """Normalise the concatenation of the heads."""
        return self.norm(x.flatten(2)).unflatten(2, x.shape[2:])


def attention(config: TransformerConfig, layer: int) -> Attention:
    """Build attention with rotary embeddings and norms of queries, keys and the output."""
    del layer
    norms = QKNorms(ProjectionNorm(config, config.n_heads), ProjectionNorm(config, config.kv_heads))
    return NormedAttention(config, Rotary(config), qk_norms=norms)


def block(config: TransformerConfig, parts: Parts, layer: int) -> Block:
    """Build a block that reads the residual stream without a norm."""
    return SequentialBlock(config, replace(parts, norm=NoNorm), layer)


def config(settings: dict[str, Any]) -> TransformerConfig:
    """Read the sizes from an OLMo 2 config.json.

    Raises: ValueError for a setting of a wrong type or size, or one that is not implemented here.
    """
    require_settings(settings, "olmo2", attention_bias=False)
    return llama.sizes(settings, read_rope(settings), eps="rms_norm_eps")


def parts(settings: dict[str, Any]) -> Parts:
    """Return Llama's parts with output norms, and blocks that read without a norm."""
    return replace(llama.parts(settings), attention=attention, mlp=NormedGatedMLP, block=block)


def translate(weights: Weights, config: TransformerConfig) -> Iterator[tuple[str, Tensor]]:
    """Yield each tensor of an OLMo 2 checkpoint under our name and in our layout."""
    yield "embed.W_E", weights["model.embed_tokens.weight"]
    for layer in range(config.n_layers):
        ours, theirs = f"blocks.{layer}", f"model.layers.{layer}"
        attn, post = f"{theirs}.self_attn", weights[f"{theirs}.post_attention_layernorm.weight"]
        named = layouts.attention(weights, f"{ours}.attn", attn, config.d_head)
        yield from layouts.with_output_gain(named, f"{ours}.attn.", "W_O", post)
        for name in ("q_norm", "k_norm"):
            yield f"{ours}.attn.{name}.norm.w", weights[f"{attn}.{name}.weight"]
        post = weights[f"{theirs}.post_feedforward_layernorm.weight"]
        named = layouts.mlp(weights, f"{ours}.mlp", f"{theirs}.mlp", layouts.LLAMA_MLP, False)
        yield from layouts.with_output_gain(named, f"{ours}.mlp.", "W_out", post)
    yield "ln_final.w", weights["model.norm.weight"]
    if "lm_head.weight" in weights:
        yield "unembed.W_U", weights["lm_head.weight"].T
