"""OPT: GPT-2 with ReLU, and a table of positions whose first two rows are not used.

Differs: the 350m, whose norms come after attention and MLP, is refused.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from torch import Tensor

from ..config import TransformerConfig
from ..layers import TiedUnembed, Unembed
from ..model import GPT2, Parts
from . import layouts
from .checkpoint_files import Weights
from .config_json import ACTIVATION_NAMES, MOST_LAYERS, flag, integer, one_of, require_settings

IGNORED_TENSORS: tuple[str, ...] = ()
OPTIONAL_PARAMS: tuple[str, ...] = ("b_U",)
MLP_NAMES = {"W_in": "fc1", "W_out": "fc2"}
UNUSED_POSITIONS = 2
"""Rows before that of position 0, which fairseq kept for padding."""


def config(settings: dict[str, Any]) -> TransformerConfig:
    """Read the sizes from an OPT config.json.

    Raises: ValueError for a setting of a wrong type or size, or one that is not implemented here.
    """
    d_model, n_heads = integer(settings, "hidden_size"), integer(settings, "num_attention_heads")
    require_settings(
        settings,
        "opt",
        do_layer_norm_before=True,
        word_embed_proj_dim=d_model,
        enable_bias=True,
        layer_norm_elementwise_affine=True,
        _remove_final_layer_norm=False,
    )
    if d_model % n_heads:
        raise ValueError(
            f"expected hidden_size in config.json to be a multiple of num_attention_heads="
            f"{n_heads}, got {d_model}"
        )
    return TransformerConfig(
        n_layers=integer(settings, "num_hidden_layers", low=0, high=MOST_LAYERS),
        d_model=d_model,
        n_heads=n_heads,
        d_head=d_model // n_heads,
        d_mlp=integer(settings, "ffn_dim"),
        d_vocab=integer(settings, "vocab_size"),
        n_ctx=integer(settings, "max_position_embeddings"),
        activation=one_of(settings, "activation_function", ACTIVATION_NAMES, "relu"),
    )


def parts(settings: dict[str, Any]) -> Parts:
    """Return GPT-2's parts; the unembedding is tied unless config.json unties it."""
    tied = flag(settings, "tie_word_embeddings", default=True)
    return replace(GPT2, unembed=TiedUnembed if tied else Unembed)


def translate(weights: Weights, config: TransformerConfig) -> Iterator[tuple[str, Tensor]]:
    """Yield each tensor of an OPT checkpoint under our name and in our layout."""
    top = "model.decoder" if "model.decoder.embed_tokens.weight" in weights else "decoder"
    yield "embed.W_E", weights[f"{top}.embed_tokens.weight"]
    yield "pos_embed.W_pos", weights[f"{top}.embed_positions.weight"][UNUSED_POSITIONS:]
    for layer in range(config.n_layers):
        ours, theirs = f"blocks.{layer}", f"{top}.layers.{layer}"
        yield from layouts.norm(weights, f"{ours}.ln1", f"{theirs}.self_attn_layer_norm", True)
        yield from layouts.norm(weights, f"{ours}.ln2", f"{theirs}.final_layer_norm", True)
        yield from layouts.attention(
            weights,
            f"{ours}.attn",
            f"{theirs}.self_attn",
            config.d_head,
            out="out_proj",
            biased="QKVO",
        )
        yield from layouts.mlp(weights, f"{ours}.mlp", theirs, MLP_NAMES, True)
    yield from layouts.norm(weights, "ln_final", f"{top}.final_layer_norm", True)
    if "lm_head.weight" in weights:
        yield "unembed.W_U", weights["lm_head.weight"].T
