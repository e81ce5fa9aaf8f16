"""Gemma 2: Gemma with output norms, soft-caps on scores and logits, and a window in some layers.

Of its four norms per block, two are output norms, whose gain is folded into W_O and W_out. Scores
are divided by the root of `query_pre_attn_scalar` and not of d_head, so W_Q is multiplied by the
root of their ratio.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from torch import Tensor

from ..attention import Attention, Rotary, causal_mask
from ..config import TransformerConfig
from ..layers import Unembed
from ..model import LLAMA, Parts
from ..norms import at_least_float32
from ..output_norms import NormedAttention, NormedGatedMLP
from ..soft_caps import CappedLogits, SoftCap
from . import layouts, llama
from .checkpoint_files import Weights
from .config_json import integer, number, read_json, require_settings, take
from .rope import read_rope
from .windows import SlidingWindow

IGNORED_TENSORS: tuple[str, ...] = llama.IGNORED_TENSORS
OPTIONAL_PARAMS: tuple[str, ...] = llama.OPTIONAL_PARAMS
READ = ("sliding_window", "layer_types", "attn_logit_softcapping", "final_logit_softcapping")
KINDS = ("sliding_attention", "full_attention")


@dataclass(frozen=True)
class Gemma2Attention:
    """Build attention with an output norm, rotary embeddings, capped scores, and some windows."""

    windows: tuple[int | None, ...]
    """The window of each layer; None for all earlier positions."""
    softcap: SoftCap | None
    """Cap of the scores."""

    def __call__(self, config: TransformerConfig, layer: int) -> Attention:
        """Build the attention of one layer."""
        window = self.windows[layer]
        mask = causal_mask if window is None else SlidingWindow(window)
        return NormedAttention(config, Rotary(config), mask, softcap=self.softcap)


def config(settings: dict[str, Any]) -> TransformerConfig:
    """Read the sizes from a Gemma 2 config.json.

    Raises: ValueError for a setting of a wrong type or size, or one that is not implemented here.
    """
    require_settings(settings, "gemma2", read=READ, attention_bias=False, tie_word_embeddings=True)
    number(settings, "query_pre_attn_scalar", 0.0, 1e6)  # read by `translate`
    given = settings.get("hidden_activation") is not None
    name = "hidden_activation" if given else "hidden_act"
    return llama.sizes(settings, read_rope(settings), activation=name)


def parts(settings: dict[str, Any]) -> Parts:
    """Return Llama's parts with output norms, and the caps and windows of config.json."""
    attention = Gemma2Attention(windows(settings), soft_cap(settings, "attn_logit_softcapping"))
    final = soft_cap(settings, "final_logit_softcapping")
    unembed = Unembed if final is None else CappedLogits(final)
    return replace(LLAMA, attention=attention, mlp=NormedGatedMLP, unembed=unembed)


def soft_cap(settings: dict[str, Any], name: str) -> SoftCap | None:
    """Read a soft-cap; null is none.

    Raises: ValueError when the setting is missing, or no positive number.
    """
    if name in settings and settings[name] is None:
        return None
    return SoftCap(number(settings, name, 0.0, 1e6))


def windows(settings: dict[str, Any]) -> tuple[int | None, ...]:
    """Return the window of each layer: every other one has it, from layer 0 on, by default.

    Raises: ValueError when the kinds of layers are not known ones, one for each layer.
    """
    layers = integer(settings, "num_hidden_layers", low=0)

    def accept(kinds: Any) -> bool:
        known = type(kinds) is list and all(kind in KINDS for kind in kinds)
        return known and len(kinds) == layers

    alternate = [KINDS[layer % 2] for layer in range(layers)]
    expected = f"{layers} times 'sliding_attention' or 'full_attention'"
    kinds = take(settings, "layer_types", None, expected, accept) or alternate
    window = integer(settings, "sliding_window")
    return tuple(window if kind == KINDS[0] else None for kind in kinds)


def translate(weights: Weights, config: TransformerConfig) -> Iterator[tuple[str, Tensor]]:
    """Yield each tensor of a Gemma 2 checkpoint under our name and in our layout."""
    W_E = weights["model.embed_tokens.weight"]
    yield "unembed.W_U", W_E.T
    yield "embed.W_E", at_least_float32(W_E) * config.d_model**0.5
    scale = query_scale(weights, config)
    for layer in range(config.n_layers):
        ours, theirs = f"blocks.{layer}", f"model.layers.{layer}"
        yield f"{ours}.ln1.w", gain(weights, f"{theirs}.input_layernorm")
        yield f"{ours}.ln2.w", gain(weights, f"{theirs}.pre_feedforward_layernorm")
        attn, post = f"{theirs}.self_attn", gain(weights, f"{theirs}.post_attention_layernorm")
        named = layouts.attention(weights, f"{ours}.attn", attn, config.d_head)
        for name, weight in layouts.with_output_gain(named, f"{ours}.attn.", "W_O", post):
            yield name, at_least_float32(weight) * scale if name.endswith("W_Q") else weight
        post = gain(weights, f"{theirs}.post_feedforward_layernorm")
        named = layouts.mlp(weights, f"{ours}.mlp", f"{theirs}.mlp", layouts.LLAMA_MLP, False)
        yield from layouts.with_output_gain(named, f"{ours}.mlp.", "W_out", post)
    yield "ln_final.w", gain(weights, "model.norm")


def query_scale(weights: Weights, config: TransformerConfig) -> float:
    """Return the ratio of the root of d_head to that of `query_pre_attn_scalar`."""
    settings = read_json(weights.folder / "config.json")
    return (config.d_head / number(settings, "query_pre_attn_scalar", 0.0, 1e6)) ** 0.5


def gain(weights: Weights, name: str) -> Tensor:
    """Read the gain of a norm, which is stored minus one."""
    return 1 + at_least_float32(weights[f"{name}.weight"])
