"""Qwen 2 and 2.5: Llama with biases on queries, keys and values."""

from collections.abc import Iterator
from typing import Any

from torch import Tensor

from ..config import TransformerConfig
from . import layouts, llama
from .checkpoint_files import Weights
from .config_json import require_settings, take
from .rope import read_rope

IGNORED_TENSORS: tuple[str, ...] = llama.IGNORED_TENSORS
OPTIONAL_PARAMS: tuple[str, ...] = ("b_O", "b_gate", "b_in", "b_out", "b_U")
parts = llama.parts


def config(settings: dict[str, Any]) -> TransformerConfig:
    """Read the sizes from a Qwen2 config.json.

    Raises: ValueError for a setting of a wrong type or size, or one that is not implemented here.
    """
    require_full_attention(settings, "qwen2")
    return llama.sizes(settings, read_rope(settings))


def require_full_attention(settings: dict[str, Any], family: str, **expected: Any) -> None:
    """Raise ValueError if any layer attends to a window only, or a setting is not implemented.

    A `sliding_window` counts only where `use_sliding_window` is true.
    """
    read = ("sliding_window", "layer_types")
    require_settings(settings, family, read=read, use_sliding_window=False, **expected)

    def accept(kinds: Any) -> bool:
        return type(kinds) is list and all(kind == "full_attention" for kind in kinds)

    take(settings, "layer_types", None, "a list of 'full_attention'", accept)


def translate(weights: Weights, config: TransformerConfig) -> Iterator[tuple[str, Tensor]]:
    """Yield each tensor of a Qwen2 checkpoint under our name and in our layout."""
    yield from layouts.llama_like(weights, config, biased="QKV")
