"""OPT: GPT-2 with ReLU, and a table of positions whose first two rows are not used.

The 350m has post-norm blocks, no norm at the end, and embeddings of another width than the residual
stream, with a projection at each end. Both projections are multiplied into the embedding and the
unembedding.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from torch import Tensor

from ..attention_only import NoNorm
from ..config import TransformerConfig
from ..layers import TiedUnembed, Unembed
from ..model import GPT2, Parts
from ..norms import at_least_float32
from ..post_norm import PostNormBlock
from . import layouts
from .checkpoint_files import Weights
from .config_json import (
    ACTIVATION_NAMES,
    MOST_LAYERS,
    flag,
    integer,
    one_of,
    optional_integer,
    require_settings,
)

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
    """Return GPT-2's parts, or post-norm blocks with a linear read.

    The unembedding is tied unless config.json unties it, or there are projections.
    """
    tied = flag(settings, "tie_word_embeddings", default=True)
    width = integer(settings, "hidden_size")
    projected = (optional_integer(settings, "word_embed_proj_dim") or width) != width
    family = replace(GPT2, unembed=TiedUnembed if tied and not projected else Unembed)
    if flag(settings, "do_layer_norm_before", default=True):
        return family
    return replace(family, norm=NoNorm, block=PostNormBlock)


def translate(weights: Weights, config: TransformerConfig) -> Iterator[tuple[str, Tensor]]:
    """Yield each tensor of an OPT checkpoint under our name and in our layout."""
    top = "model.decoder" if "model.decoder.embed_tokens.weight" in weights else "decoder"
    yield from embeddings(weights, top)
    yield "pos_embed.W_pos", weights[f"{top}.embed_positions.weight"][UNUSED_POSITIONS:]
    pre_norm = f"{top}.final_layer_norm.weight" in weights
    norms = ("ln1", "ln2") if pre_norm else ("ln1_post", "ln2_post")
    for layer in range(config.n_layers):
        ours, theirs = f"blocks.{layer}", f"{top}.layers.{layer}"
        for our_name, name in zip(norms, ("self_attn_layer_norm", "final_layer_norm"), strict=True):
            yield from layouts.norm(weights, f"{ours}.{our_name}", f"{theirs}.{name}", True)
        yield from layouts.attention(
            weights,
            f"{ours}.attn",
            f"{theirs}.self_attn",
            config.d_head,
            out="out_proj",
            biased="QKVO",
        )
        yield from layouts.mlp(weights, f"{ours}.mlp", theirs, MLP_NAMES, True)
    if pre_norm:
        yield from layouts.norm(weights, "ln_final", f"{top}.final_layer_norm", True)


def embeddings(weights: Weights, top: str) -> Iterator[tuple[str, Tensor]]:
    """Yield embedding and unembedding, each with its projection multiplied in."""
    W_E = weights[f"{top}.embed_tokens.weight"]
    untied = "lm_head.weight" in weights
    W_U = weights["lm_head.weight"] if untied else W_E
    if f"{top}.project_in.weight" not in weights:
        yield "embed.W_E", W_E
        if untied:
            yield "unembed.W_U", W_U.T
        return
    W_E, W_U = at_least_float32(W_E), at_least_float32(W_U)
    yield "embed.W_E", W_E @ at_least_float32(weights[f"{top}.project_in.weight"]).T
    yield "unembed.W_U", (W_U @ at_least_float32(weights[f"{top}.project_out.weight"])).T
