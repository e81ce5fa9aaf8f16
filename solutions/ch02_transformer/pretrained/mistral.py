"""Mistral: Llama, where a query may attend to the last few thousand positions only."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from torch import Tensor

from ..attention import Attention, Rotary
from ..config import TransformerConfig
from ..model import Parts
from . import llama
from .checkpoint_files import Weights
from .config_json import optional_integer, require_settings
from .layouts import llama_like
from .rope import read_rope
from .windows import SlidingWindow

IGNORED_TENSORS: tuple[str, ...] = llama.IGNORED_TENSORS
OPTIONAL_PARAMS: tuple[str, ...] = llama.OPTIONAL_PARAMS


@dataclass(frozen=True)
class WindowedAttention:
    """Build attention with rotary embeddings and a sliding window, the same for every layer."""

    window: int
    """How many positions a query attends to at most."""

    def __call__(self, config: TransformerConfig, layer: int) -> Attention:
        """Build the attention of one layer."""
        del layer
        return Attention(config, Rotary(config), SlidingWindow(self.window))


def config(settings: dict[str, Any]) -> TransformerConfig:
    """Read the sizes from a Mistral config.json.

    Raises: ValueError for a setting of a wrong type or size, or one that is not implemented here.
    """
    require_settings(settings, "mistral", read=("sliding_window",))
    return llama.sizes(settings, read_rope(settings))


def parts(settings: dict[str, Any]) -> Parts:
    """Return Llama's parts; with a `sliding_window`, attention sees the last positions only."""
    window = optional_integer(settings, "sliding_window")
    family = llama.parts(settings)
    return family if window is None else replace(family, attention=WindowedAttention(window))


def translate(weights: Weights, config: TransformerConfig) -> Iterator[tuple[str, Tensor]]:
    """Yield each tensor of a Mistral checkpoint under our name and in our layout."""
    yield from llama_like(weights, config)
