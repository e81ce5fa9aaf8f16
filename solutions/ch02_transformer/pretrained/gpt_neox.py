"""GPT-NeoX and Pythia: attention and MLP in parallel, and rotary embeddings on a part of each head.

Queries, keys and values of one head are stored side by side, then those of the next.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from einops import rearrange
from torch import Tensor

from ..attention import rotary_attention
from ..config import TransformerConfig
from ..layers import MLP, NoPositions, TiedUnembed, Unembed
from ..model import ParallelBlock, Parts, SequentialBlock
from ..norms import LayerNorm
from . import layouts, llama
from .checkpoint_files import Weights
from .config_json import flag, require_settings
from .rope import FRACTION, read_rope

IGNORED_TENSORS: tuple[str, ...] = (
    ".attention.bias",
    ".attention.masked_bias",
    ".rotary_emb.inv_freq",
)  # the causal mask, saved as a tensor, and what is computed from rope_theta
OPTIONAL_PARAMS: tuple[str, ...] = ("b_U",)
MLP_NAMES = {"W_in": "dense_h_to_4h", "W_out": "dense_4h_to_h"}
NEOX = Parts(NoPositions, LayerNorm, rotary_attention, MLP, ParallelBlock, Unembed)


def config(settings: dict[str, Any]) -> TransformerConfig:
    """Read the sizes from a GPT-NeoX config.json.

    Raises: ValueError for a setting of a wrong type or size, or one that is not implemented here.
    """
    require_settings(settings, "gpt_neox", read=(FRACTION,), attention_bias=True)
    renamed = {"rotary_emb_base": "rope_theta"}
    settings = {renamed.get(name, name): value for name, value in settings.items()}
    return llama.sizes(settings, read_rope(settings, fraction=0.25), eps="layer_norm_eps")


def parts(settings: dict[str, Any]) -> Parts:
    """Return GPT-NeoX's parts; older models of the family have attention first, then the MLP."""
    parallel = flag(settings, "use_parallel_residual", default=True)
    tied = flag(settings, "tie_word_embeddings", default=False)
    return replace(
        NEOX,
        block=ParallelBlock if parallel else SequentialBlock,
        unembed=TiedUnembed if tied else Unembed,
    )


def translate(weights: Weights, config: TransformerConfig) -> Iterator[tuple[str, Tensor]]:
    """Yield each tensor of a GPT-NeoX checkpoint under our name and in our layout."""
    yield "embed.W_E", weights["gpt_neox.embed_in.weight"]
    for layer in range(config.n_layers):
        ours, theirs = f"blocks.{layer}", f"gpt_neox.layers.{layer}"
        yield from layouts.norm(weights, f"{ours}.ln1", f"{theirs}.input_layernorm", True)
        yield from layouts.norm(weights, f"{ours}.ln2", f"{theirs}.post_attention_layernorm", True)
        stored, size = f"{theirs}.attention.query_key_value", config.d_head
        split = "(head qkv d_head) d_model -> qkv head d_model d_head"
        W = rearrange(weights[f"{stored}.weight"], split, qkv=3, d_head=size)
        split = "(head qkv d_head) -> qkv head d_head"
        b = rearrange(weights[f"{stored}.bias"], split, qkv=3, d_head=size)
        for index, letter in enumerate("QKV"):
            yield f"{ours}.attn.W_{letter}", W[index]
            yield f"{ours}.attn.b_{letter}", b[index]
        W_O = weights[f"{theirs}.attention.dense.weight"]
        yield f"{ours}.attn.W_O", layouts.split_writer(W_O, size)
        yield f"{ours}.attn.b_O", weights[f"{theirs}.attention.dense.bias"]
        yield from layouts.mlp(weights, f"{ours}.mlp", f"{theirs}.mlp", MLP_NAMES, True)
    yield from layouts.norm(weights, "ln_final", "gpt_neox.final_layer_norm", True)
    if "embed_out.weight" in weights:
        yield "unembed.W_U", weights["embed_out.weight"].T
