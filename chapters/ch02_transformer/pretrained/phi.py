"""Phi 1, 1.5 and 2: attention and MLP in parallel behind one LayerNorm, and biases everywhere.

Our parallel block has a norm for each of the two; both get the weights of the one.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from torch import Tensor

from ..attention import rotary_attention
from ..config import TransformerConfig
from ..layers import MLP, NoPositions, TiedUnembed, Unembed
from ..model import ParallelBlock, Parts
from ..norms import LayerNorm
from . import layouts, llama
from .checkpoint_files import Weights
from .config_json import flag, require_settings
from .rope import FRACTION, read_rope

IGNORED_TENSORS: tuple[str, ...] = llama.IGNORED_TENSORS
OPTIONAL_PARAMS: tuple[str, ...] = ()
MLP_NAMES = {"W_in": "fc1", "W_out": "fc2"}
PHI = Parts(NoPositions, LayerNorm, rotary_attention, MLP, ParallelBlock, Unembed)


def config(settings: dict[str, Any]) -> TransformerConfig:
    """Read the sizes from a Phi config.json.

    Raises: ValueError for a setting of a wrong type or size, or one that is not implemented here.
    """
    require_settings(settings, "phi", read=(FRACTION,))
    return llama.sizes(settings, read_rope(settings, fraction=0.5), eps="layer_norm_eps")


def parts(settings: dict[str, Any]) -> Parts:
    """Return Phi's parts."""
    tied = flag(settings, "tie_word_embeddings", default=False)
    return replace(PHI, unembed=TiedUnembed if tied else Unembed)


def translate(weights: Weights, config: TransformerConfig) -> Iterator[tuple[str, Tensor]]:
    """Yield each tensor of a Phi checkpoint under our name and in our layout."""
    yield "embed.W_E", weights["model.embed_tokens.weight"]
    for layer in range(config.n_layers):
        ours, theirs = f"blocks.{layer}", f"model.layers.{layer}"
        for name in ("ln1", "ln2"):
            yield from layouts.norm(weights, f"{ours}.{name}", f"{theirs}.input_layernorm", True)
        yield from layouts.attention(
            weights,
            f"{ours}.attn",
            f"{theirs}.self_attn",
            config.d_head,
            out="dense",
            biased="QKVO",
        )
        yield from layouts.mlp(weights, f"{ours}.mlp", f"{theirs}.mlp", MLP_NAMES, True)
    yield from layouts.norm(weights, "ln_final", "model.final_layernorm", True)
    yield "unembed.W_U", weights["lm_head.weight"].T
    yield "unembed.b_U", weights["lm_head.bias"]
