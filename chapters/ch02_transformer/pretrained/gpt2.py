"""GPT-2: LayerNorm, learned positions, GELU, q, k and v in one matrix, tied embedding.

Its linear layers are stored as [in, out], so they need no transpose.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from einops import rearrange
from torch import Tensor

from ..config import TransformerConfig
from ..layers import Unembed
from ..model import GPT2, Parts
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

IGNORED_TENSORS: tuple[str, ...] = (
    ".attn.bias",
    ".attn.masked_bias",
)  # the causal mask, saved as a tensor
OPTIONAL_PARAMS: tuple[str, ...] = ("b_U",)

BLOCK = {
    "attn.b_O": "attn.c_proj.bias",
    "ln1.w": "ln_1.weight",
    "ln1.b": "ln_1.bias",
    "ln2.w": "ln_2.weight",
    "ln2.b": "ln_2.bias",
    "mlp.W_in": "mlp.c_fc.weight",
    "mlp.b_in": "mlp.c_fc.bias",
    "mlp.W_out": "mlp.c_proj.weight",
    "mlp.b_out": "mlp.c_proj.bias",
}


def config(settings: dict[str, Any]) -> TransformerConfig:
    """Read the sizes from a GPT-2 config.json.

    Raises: ValueError for a setting of a wrong type or size, or one that is not implemented here.
    """
    require_settings(
        settings,
        "gpt2",
        scale_attn_by_inverse_layer_idx=False,
        scale_attn_weights=True,
        reorder_and_upcast_attn=False,
    )
    d_model, n_heads = integer(settings, "n_embd"), integer(settings, "n_head")
    if d_model % n_heads:
        raise ValueError(
            f"expected n_embd in config.json to be a multiple of n_head={n_heads}, got {d_model}"
        )
    return TransformerConfig(
        n_layers=integer(settings, "n_layer", low=0, high=MOST_LAYERS),
        d_model=d_model,
        n_heads=n_heads,
        d_head=d_model // n_heads,
        d_mlp=optional_integer(settings, "n_inner") or 4 * d_model,
        d_vocab=integer(settings, "vocab_size"),
        n_ctx=integer(settings, "n_positions"),
        activation=one_of(settings, "activation_function", ACTIVATION_NAMES, "gelu_new"),
        eps=number(settings, "layer_norm_epsilon", 0.0, 1.0, default=1e-5),
    )


def parts(settings: dict[str, Any]) -> Parts:
    """Return GPT-2's parts; the unembedding is tied unless config.json unties it."""
    tied = flag(settings, "tie_word_embeddings", default=True)
    return GPT2 if tied else replace(GPT2, unembed=Unembed)


def translate(weights: Weights, config: TransformerConfig) -> Iterator[tuple[str, Tensor]]:
    """Yield each tensor of a GPT-2 checkpoint under our name and in our layout."""
    prefix = "transformer." if "transformer.wte.weight" in weights else ""
    yield "embed.W_E", weights[f"{prefix}wte.weight"]
    yield "pos_embed.W_pos", weights[f"{prefix}wpe.weight"]
    for layer in range(config.n_layers):
        ours, theirs = f"blocks.{layer}", f"{prefix}h.{layer}"
        # c_attn holds q, k and v concatenated.
        matrices = weights[f"{theirs}.attn.c_attn.weight"].chunk(3, dim=1)
        biases = weights[f"{theirs}.attn.c_attn.bias"].chunk(3)
        for letter, W, b in zip("QKV", matrices, biases, strict=True):
            split = "d_model (head d_head) -> head d_model d_head"
            yield f"{ours}.attn.W_{letter}", rearrange(W, split, d_head=config.d_head)
            split = "(head d_head) -> head d_head"
            yield f"{ours}.attn.b_{letter}", rearrange(b, split, d_head=config.d_head)
        W_O = weights[f"{theirs}.attn.c_proj.weight"]
        split = "(head d_head) d_model -> head d_head d_model"
        yield f"{ours}.attn.W_O", rearrange(W_O, split, d_head=config.d_head)
        for name, their_name in BLOCK.items():
            yield f"{ours}.{name}", weights[f"{theirs}.{their_name}"]
    yield "ln_final.w", weights[f"{prefix}ln_f.weight"]
    yield "ln_final.b", weights[f"{prefix}ln_f.bias"]
    if "lm_head.weight" in weights:
        yield "unembed.W_U", weights["lm_head.weight"].T
