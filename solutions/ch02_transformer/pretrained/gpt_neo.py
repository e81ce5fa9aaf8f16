"""GPT-Neo: GPT-2 with unscaled scores, and every other layer attending to a window.

Its scores are not divided by the root of d_head, so W_Q is multiplied by it.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from torch import Tensor

from ..attention import Attention, causal_mask
from ..config import TransformerConfig
from ..layers import TiedUnembed, Unembed
from ..model import GPT2, Parts
from ..norms import at_least_float32
from . import layouts
from .checkpoint_files import Weights
from .config_json import (
    ACTIVATION_NAMES,
    MOST_LAYERS,
    flag,
    integer,
    number,
    one_of,
    optional_integer,
    require_settings,
    take,
)
from .windows import SlidingWindow

IGNORED_TENSORS: tuple[str, ...] = (".attn.attention.bias", ".attn.attention.masked_bias")
OPTIONAL_PARAMS: tuple[str, ...] = ("b_Q", "b_K", "b_V", "b_U")
MLP_NAMES = {"W_in": "c_fc", "W_out": "c_proj"}


@dataclass(frozen=True)
class AlternatingAttention:
    """Build attention that sees all earlier positions in some layers, and a window in others."""

    windows: tuple[int | None, ...]
    """The window of each layer; None for all earlier positions."""

    def __call__(self, config: TransformerConfig, layer: int) -> Attention:
        """Build the attention of one layer."""
        window = self.windows[layer]
        return Attention(config, mask=causal_mask if window is None else SlidingWindow(window))


def config(settings: dict[str, Any]) -> TransformerConfig:
    """Read the sizes from a GPT-Neo config.json.

    Raises: ValueError for a setting of a wrong type or size, or one that is not implemented here.
    """
    require_settings(settings, "gpt_neo")
    d_model, n_heads = integer(settings, "hidden_size"), integer(settings, "num_heads")
    if d_model % n_heads:
        raise ValueError(
            f"expected hidden_size in config.json to be a multiple of num_heads={n_heads}, got "
            f"{d_model}"
        )
    return TransformerConfig(
        n_layers=integer(settings, "num_layers", low=0, high=MOST_LAYERS),
        d_model=d_model,
        n_heads=n_heads,
        d_head=d_model // n_heads,
        d_mlp=optional_integer(settings, "intermediate_size") or 4 * d_model,
        d_vocab=integer(settings, "vocab_size"),
        n_ctx=integer(settings, "max_position_embeddings"),
        activation=one_of(settings, "activation_function", ACTIVATION_NAMES, "gelu_new"),
        eps=number(settings, "layer_norm_epsilon", 0.0, 1.0, default=1e-5),
    )


def parts(settings: dict[str, Any]) -> Parts:
    """Return GPT-2's parts, with the windows that config.json gives for each layer.

    Raises: ValueError when the kinds of layers are not "global" and "local", one for each layer.
    """
    layers, window = integer(settings, "num_layers", low=0), integer(settings, "window_size")

    def accept(kinds: Any) -> bool:
        known = type(kinds) is list and all(kind in ("global", "local") for kind in kinds)
        return known and len(kinds) == layers

    kinds = settings.get("attention_layers")
    kinds = expand(settings.get("attention_types")) if kinds is None else kinds
    named, expected = {"attention_layers": kinds}, f"{layers} times 'global' or 'local'"
    kinds = take(named, "attention_layers", [], expected, accept)
    windows = tuple(window if kind == "local" else None for kind in kinds)
    tied = flag(settings, "tie_word_embeddings", default=True)
    unembed = TiedUnembed if tied else Unembed
    return replace(GPT2, attention=AlternatingAttention(windows), unembed=unembed)


def expand(groups: Any) -> Any:
    """Write [[["global", "local"], 6]] out as twelve kinds; anything else is returned as it is."""
    try:
        return [kind for kinds, times in groups for kind in kinds * times]
    except (TypeError, ValueError):
        return groups


def translate(weights: Weights, config: TransformerConfig) -> Iterator[tuple[str, Tensor]]:
    """Yield each tensor of a GPT-Neo checkpoint under our name and in our layout."""
    yield "embed.W_E", weights["transformer.wte.weight"]
    yield "pos_embed.W_pos", weights["transformer.wpe.weight"]
    for layer in range(config.n_layers):
        ours, theirs = f"blocks.{layer}", f"transformer.h.{layer}"
        yield from layouts.norm(weights, f"{ours}.ln1", f"{theirs}.ln_1", True)
        yield from layouts.norm(weights, f"{ours}.ln2", f"{theirs}.ln_2", True)
        attn, size = f"{theirs}.attn.attention", config.d_head
        for name, weight in layouts.attention(
            weights, f"{ours}.attn", attn, size, out="out_proj", biased="O"
        ):
            scaled = name.endswith("W_Q")
            yield name, at_least_float32(weight) * size**0.5 if scaled else weight
        yield from layouts.mlp(weights, f"{ours}.mlp", f"{theirs}.mlp", MLP_NAMES, True)
    yield from layouts.norm(weights, "ln_final", "transformer.ln_f", True)
    if "lm_head.weight" in weights:
        yield "unembed.W_U", weights["lm_head.weight"].T
