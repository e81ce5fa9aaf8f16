"""StableLM: Llama with LayerNorm, and rotary embeddings on a part of each head."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from torch import Tensor

from ..config import TransformerConfig
from ..layers import TiedUnembed, Unembed
from ..model import LLAMA, Parts
from ..norms import LayerNorm
from . import llama
from .checkpoint_files import Weights
from .config_json import flag, require_settings
from .layouts import llama_like
from .rope import FRACTION, read_rope

IGNORED_TENSORS: tuple[str, ...] = llama.IGNORED_TENSORS
OPTIONAL_PARAMS: tuple[str, ...] = llama.OPTIONAL_PARAMS


def config(settings: dict[str, Any]) -> TransformerConfig:
    """Read the sizes from a StableLM config.json.

    Raises: ValueError for a setting of a wrong type or size, or one that is not implemented here.
    """
    require_settings(settings, "stablelm", read=(FRACTION,), use_parallel_residual=False)
    return llama.sizes(settings, read_rope(settings, fraction=0.25), eps="layer_norm_eps")


def parts(settings: dict[str, Any]) -> Parts:
    """Return Llama's parts, with LayerNorm."""
    tied = flag(settings, "tie_word_embeddings", default=False)
    return replace(LLAMA, norm=LayerNorm, unembed=TiedUnembed if tied else Unembed)


def translate(weights: Weights, config: TransformerConfig) -> Iterator[tuple[str, Tensor]]:
    """Yield each tensor of a StableLM checkpoint under our name and in our layout.

    Some of its models have biases on queries, keys and values.
    """
    biased = "QKV" if "model.layers.0.self_attn.q_proj.bias" in weights else ""
    yield from llama_like(weights, config, biased=biased, norm_bias=True)
