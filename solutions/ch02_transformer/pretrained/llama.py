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
from ..layers import TiedUnembed
from ..model import LLAMA, Parts
from .checkpoint_files import Weights, activation_name, require_settings

IGNORED_TENSORS: tuple[str, ...] = (".rotary_emb.inv_freq",)  # computed from rope_theta
OPTIONAL_PARAMS: tuple[str, ...] = ("b_",)


def config(settings: dict[str, Any]) -> TransformerConfig:
    """Read the sizes from a Llama config.json.

    Raises: ValueError for scaled rotary embeddings, which are not implemented here.
    """
    require_settings(settings, attention_bias=False, mlp_bias=False, pretraining_tp=1)
    d_model, n_heads = settings["hidden_size"], settings["num_attention_heads"]
    return TransformerConfig(
        n_layers=settings["num_hidden_layers"],
        d_model=d_model,
        n_heads=n_heads,
        d_head=settings.get("head_dim") or d_model // n_heads,
        d_mlp=settings["intermediate_size"],
        d_vocab=settings["vocab_size"],
        n_ctx=settings["max_position_embeddings"],
        n_kv_heads=settings.get("num_key_value_heads") or n_heads,
        activation=activation_name(settings.get("hidden_act", "silu")),
        eps=settings.get("rms_norm_eps", 1e-6),
        rotary_base=rotary_base(settings),
    )


def rotary_base(settings: dict[str, Any]) -> float:
    """Read the base of the rotary frequencies, under its older or newer name in config.json.

    Raises: ValueError for any scaling of the frequencies to longer texts.
    """
    base = settings.get("rope_theta", 10_000.0)
    for key in ("rope_scaling", "rope_parameters"):  # the older name and the newer
        rope = settings.get(key) or {}
        kind = rope.get("rope_type", rope.get("type", "default"))
        if kind != "default":
            raise ValueError(
                f"expected {key} of type 'default' in config.json, got {kind!r}, which is not "
                f"supported"
            )
        base = rope.get("rope_theta", base)
    return float(base)


def parts(settings: dict[str, Any]) -> Parts:
    """Return Llama's parts, with a tied unembedding if config.json says so."""
    return replace(LLAMA, unembed=TiedUnembed) if settings.get("tie_word_embeddings") else LLAMA


def translate(weights: Weights, config: TransformerConfig) -> Iterator[tuple[str, Tensor]]:
    """Yield our name and our layout of each tensor of a Llama checkpoint.

    weights["model.norm.weight"] is that tensor; every tensor must be used. Names, with {l} for
    the layer: model.embed_tokens.weight, model.layers.{l}.input_layernorm.weight,
    .self_attn.q_proj.weight (k_proj, v_proj, o_proj), .post_attention_layernorm.weight,
    .mlp.gate_proj.weight (up_proj, down_proj), model.norm.weight, lm_head.weight (untied only).
    """
    # exercise 2.23
    yield "embed.W_E", weights["model.embed_tokens.weight"]
    for layer in range(config.n_layers):
        ours, theirs = f"blocks.{layer}", f"model.layers.{layer}"
        yield f"{ours}.ln1.w", weights[f"{theirs}.input_layernorm.weight"]
        yield f"{ours}.ln2.w", weights[f"{theirs}.post_attention_layernorm.weight"]
        for letter in "QKV":
            W = weights[f"{theirs}.self_attn.{letter.lower()}_proj.weight"]
            split = "(head d_head) d_model -> head d_model d_head"
            yield f"{ours}.attn.W_{letter}", rearrange(W, split, d_head=config.d_head)
        W_O = weights[f"{theirs}.self_attn.o_proj.weight"]
        split = "d_model (head d_head) -> head d_head d_model"
        yield f"{ours}.attn.W_O", rearrange(W_O, split, d_head=config.d_head)
        for ours_name, name in (("W_gate", "gate"), ("W_in", "up"), ("W_out", "down")):
            yield f"{ours}.mlp.{ours_name}", weights[f"{theirs}.mlp.{name}_proj.weight"].T
    yield "ln_final.w", weights["model.norm.weight"]
    if "lm_head.weight" in weights:
        yield "unembed.W_U", weights["lm_head.weight"].T
