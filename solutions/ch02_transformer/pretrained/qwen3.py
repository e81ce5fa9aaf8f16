"""Qwen 3: Llama with an RMSNorm on the queries and keys of each head, before the rotation."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from torch import Tensor

from ..attention import Attention, QKNorms, Rotary
from ..config import TransformerConfig
from ..model import Parts
from ..norms import RMSNorm
from . import llama
from .checkpoint_files import Weights
from .layouts import llama_like
from .qwen2 import require_full_attention
from .rope import read_rope

IGNORED_TENSORS: tuple[str, ...] = llama.IGNORED_TENSORS
OPTIONAL_PARAMS: tuple[str, ...] = llama.OPTIONAL_PARAMS


def config(settings: dict[str, Any]) -> TransformerConfig:
    """Read the sizes from a Qwen3 config.json.

    Raises: ValueError for a setting of a wrong type or size, or one that is not implemented here.
    """
    require_full_attention(settings, "qwen3", attention_bias=False)
    return llama.sizes(settings, read_rope(settings))


def attention(config: TransformerConfig, layer: int) -> Attention:
    """Build attention with rotary embeddings and a norm of each head's queries and keys."""
    del layer
    head = replace(config, d_model=config.d_head)
    return Attention(config, Rotary(config), qk_norms=QKNorms(RMSNorm(head), RMSNorm(head)))


def parts(settings: dict[str, Any]) -> Parts:
    """Return Llama's parts with this attention."""
    return replace(llama.parts(settings), attention=attention)


def translate(weights: Weights, config: TransformerConfig) -> Iterator[tuple[str, Tensor]]:
    """Yield each tensor of a Qwen3 checkpoint under our name and in our layout."""
    yield from llama_like(weights, config)
    for layer in range(config.n_layers):
        for name in ("q_norm", "k_norm"):
            theirs = f"model.layers.{layer}.self_attn.{name}.weight"
            yield f"blocks.{layer}.attn.{name}.w", weights[theirs]
