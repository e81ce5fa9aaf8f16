"""Gemma: Llama with a gain of 1 + w in its norms, and embeddings times the root of d_model.

Both are folded into the weights. The unembedding is the embedding before that multiplication, so
our copy of it is not tied.
"""

from collections.abc import Iterator
from typing import Any

from torch import Tensor

from ..config import TransformerConfig
from ..model import LLAMA, Parts
from ..norms import at_least_float32
from . import llama
from .checkpoint_files import Weights
from .config_json import require_settings
from .layouts import llama_like
from .rope import read_rope

IGNORED_TENSORS: tuple[str, ...] = llama.IGNORED_TENSORS
OPTIONAL_PARAMS: tuple[str, ...] = llama.OPTIONAL_PARAMS


def config(settings: dict[str, Any]) -> TransformerConfig:
    """Read the sizes from a Gemma config.json.

    Raises: ValueError for a setting of a wrong type or size, or one that is not implemented here.
    """
    require_settings(settings, "gemma", attention_bias=False, tie_word_embeddings=True)
    rope = read_rope(settings)
    given = settings.get("hidden_activation") is not None
    name = "hidden_activation" if given else "hidden_act"
    # The first release has "gelu" in its config.json, and means the approximation by tanh.
    exact = settings.get(name) == "gelu"
    return llama.sizes(
        {**settings, name: "gelu_pytorch_tanh"} if exact else settings, rope, activation=name
    )


def parts(settings: dict[str, Any]) -> Parts:
    """Return Llama's parts."""
    del settings
    return LLAMA


def translate(weights: Weights, config: TransformerConfig) -> Iterator[tuple[str, Tensor]]:
    """Yield each tensor of a Gemma checkpoint under our name and in our layout."""
    for name, weight in llama_like(weights, config):
        if name == "embed.W_E":
            yield "unembed.W_U", weight.T
            yield name, at_least_float32(weight) * config.d_model**0.5
        elif name.endswith(".w"):
            yield name, 1 + at_least_float32(weight)
        elif name != "unembed.W_U":
            yield name, weight
