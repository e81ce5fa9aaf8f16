"""Llama, SmolLM2, TinyLlama: RMSNorm, rotary positions, grouped queries, gated MLP.

Its linear layers are stored as [out, in], the transpose of ours (`x @ W`), and the heads are
concatenated along the projected axis.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from einops import rearrange
from torch import Tensor

from ..config import TransformerConfig
from ..layers import TiedUnembed, Unembed
from ..model import LLAMA, Parts
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
)
from .rope import Rope, read_rope

IGNORED_TENSORS: tuple[str, ...] = (".rotary_emb.inv_freq",)  # computed from rope_theta
OPTIONAL_PARAMS: tuple[str, ...] = ("b_",)


def config(settings: dict[str, Any]) -> TransformerConfig:
    """Read the sizes from a Llama config.json.

    Raises: ValueError for a setting of a wrong type or size, or one that is not implemented here.
    """
    require_settings(settings, "llama", attention_bias=False, mlp_bias=False, pretraining_tp=1)
    return sizes(settings, read_rope(settings, stretchable=True))


def sizes(
    settings: dict[str, Any], rope: Rope, eps: str = "rms_norm_eps", activation: str = "hidden_act"
) -> TransformerConfig:
    """Read the sizes from the config.json of a family that uses Llama's names.

    eps and activation: their names of these two settings.
    """
    d_model, n_heads = integer(settings, "hidden_size"), integer(settings, "num_attention_heads")
    d_head = optional_integer(settings, "head_dim")
    if d_head is None and d_model % n_heads:
        raise ValueError(
            f"expected hidden_size in config.json to be a multiple of num_attention_heads="
            f"{n_heads}, or a head_dim, got {d_model}"
        )
    d_head = d_head or d_model // n_heads
    return TransformerConfig(
        n_layers=integer(settings, "num_hidden_layers", low=0, high=MOST_LAYERS),
        d_model=d_model,
        n_heads=n_heads,
        d_head=d_head,
        d_mlp=integer(settings, "intermediate_size"),
        d_vocab=integer(settings, "vocab_size"),
        n_ctx=integer(settings, "max_position_embeddings"),
        n_kv_heads=optional_integer(settings, "num_key_value_heads") or n_heads,
        activation=one_of(settings, activation, ACTIVATION_NAMES, "silu"),
        eps=number(settings, eps, 0.0, 1.0, default=1e-6),
        rotary_base=rope.base,
        rotary_dims=rope.dims(d_head),
    )


def parts(settings: dict[str, Any]) -> Parts:
    """Return Llama's parts: the unembedding may be tied, and rotary frequencies stretched."""
    tied = flag(settings, "tie_word_embeddings", default=False)
    unembed = TiedUnembed if tied else Unembed
    return replace(
        LLAMA, attention=read_rope(settings, stretchable=True).attention(), unembed=unembed
    )


def translate(weights: Weights, config: TransformerConfig) -> Iterator[tuple[str, Tensor]]:
    """Yield our name and our layout of each tensor of a Llama checkpoint.

    weights["model.norm.weight"] is that tensor; every tensor must be used. Names, with {l} for
    the layer: model.embed_tokens.weight, model.layers.{l}.input_layernorm.weight,
    .self_attn.q_proj.weight (k_proj, v_proj, o_proj), .post_attention_layernorm.weight,
    .mlp.gate_proj.weight (up_proj, down_proj), model.norm.weight, lm_head.weight (untied only).
    """
    # exercise 2.23
    raise NotImplementedError("exercise 2.23")
