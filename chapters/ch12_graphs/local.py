"""The local replacement model: the transformer of one text, with all but the MLPs made linear.

1. Run the text once; keep every attention pattern and every norm's divisor (`freeze`).
2. With these held fixed, attention and norms are linear maps, so the residual stream is a sum of
   what was written to it, each piece carried along by these maps (`run_local`).
3. A direction that something reads can be carried back to what was written earlier, by the
   transposed maps (`norm_transpose`, `attention_transpose`).

The MLPs' outputs are held at their values too: what they are made of is decided in `nodes.py`. The
model on this one text is reproduced exactly. On another text the constants would be others.
Axes: pos (query and key are both positions), head, d_model, target (rows that are carried back).
Source: Ameisen et al. 2025, "Circuit Tracing", section 3.1.
"""

from collections.abc import Mapping
from typing import NamedTuple, cast

import torch
from einops import einsum, reduce
from jaxtyping import Float, Int
from torch import Tensor

from ..ch02_transformer import HookedTransformer
from ..ch02_transformer.attention import Attention, project, repeat_kv_heads
from ..ch02_transformer.layers import Tokens
from ..ch02_transformer.model import MLPBlock
from ..ch02_transformer.norms import Norm
from ..ch02_transformer.output_norms import DIVISOR

Vectors = Float[Tensor, "pos d_model"]
Rows = Float[Tensor, "target pos d_model"]
EMBEDDING = -1
"""Key of what is added to the embeddings, next to the layers 0, 1, ... whose MLPs write."""


class FrozenNorm(NamedTuple):
    """A norm with its divisor held fixed: a linear map, and a bias."""

    gain: Float[Tensor, " d_model"]
    """Multiplies each entry."""
    bias: Float[Tensor, " d_model"]
    """Added at the end; zeros for an RMSNorm."""
    centers: bool
    """Whether the mean is subtracted first."""
    scale: Float[Tensor, "pos 1"]
    """Divisor of each position in this text."""


class FrozenAttention(NamedTuple):
    """An attention layer with its pattern held fixed: linear in the values."""

    attn: Attention
    """The model's own layer."""
    pattern: Float[Tensor, "head query key"]
    """How much each query attends to each key in this text."""


class FrozenLayer(NamedTuple):
    """One block of the model in this text."""

    norm1: FrozenNorm
    """Before attention."""
    attention: FrozenAttention
    """Attention."""
    norm2: FrozenNorm
    """Before the MLP."""
    mlp_in: Vectors
    """What the MLP reads, after its norm."""
    mlp_out: Vectors
    """What the MLP writes."""


class LocalModel(NamedTuple):
    """The local replacement model of one text."""

    tokens: Int[Tensor, " pos"]
    """The text."""
    embed: Vectors
    """Token embeddings."""
    pos_embed: Vectors
    """Position embeddings; zeros in a model without them."""
    layers: tuple[FrozenLayer, ...]
    """The blocks."""
    norm_final: FrozenNorm
    """Before the unembedding."""
    final: Vectors
    """What the unembedding reads, after that norm."""
    W_U: Float[Tensor, "d_model d_vocab"]
    """Unembedding."""
    b_U: Float[Tensor, " d_vocab"]
    """Its bias."""
    logits: Float[Tensor, "pos d_vocab"]
    """The model's logits."""


class LocalRun(NamedTuple):
    """What a forward pass of the local replacement model computes."""

    resid_mid: Float[Tensor, "layer pos d_model"]
    """Residual stream before each MLP's norm."""
    resid_final: Vectors
    """Residual stream before the final norm."""
    logits: Float[Tensor, "pos d_vocab"]
    """Logits."""


def freeze_norm(norm: Norm, scale: Float[Tensor, "1 pos 1"]) -> FrozenNorm:
    """Hold a norm's divisor at its values in one text."""
    gain, bias = norm.affine()
    return FrozenNorm(gain.detach(), bias.detach(), norm.centers, scale[0])


@torch.no_grad()
def freeze(model: HookedTransformer, tokens: Tokens) -> LocalModel:
    """Run one text, and keep what the local replacement model holds fixed.

    The divisor of a norm on attention's output is taken into the pattern.

    Raises: ValueError for a batch of several texts, blocks other than attention, then MLP, norms on
        the outputs of MLPs, capped logits, or half precision.
    """
    points = model.hook_points()
    if len(tokens) != 1 or any(
        f"blocks.{layer}.hook_resid_mid" not in points for layer in range(len(model.blocks))
    ):
        raise ValueError(
            "expected tokens of shape [1, pos] and blocks with attention, then an MLP, got "
            f"{list(tokens.shape)} and {type(model.blocks[0]).__name__}; freeze one text at a time"
        )
    check_written_directly(model)
    ends = ("hook_scale", "hook_pattern", "hook_mlp_out", "hook_resid_mid", "resid_post", "embed")
    logits, cache = model.run_with_cache(tokens, names=[x for x in points if x.endswith(ends)])
    if logits.dtype not in (torch.float32, torch.float64):
        raise ValueError(
            "expected logits in float32 or float64, because the parts of a graph add up to them, "
            f"got {logits.dtype}; call model.float()"
        )
    norm_final = freeze_norm(model.ln_final, cache["ln_final.hook_scale"])
    layers = []
    for number, block in enumerate(model.blocks):
        block, name = cast(MLPBlock, block), f"blocks.{number}."
        norm2 = freeze_norm(block.ln2, cache[name + "ln2.hook_scale"])
        layers.append(
            FrozenLayer(
                freeze_norm(block.ln1, cache[name + "ln1.hook_scale"]),
                FrozenAttention(block.attn, divided_pattern(block.attn, cache, name)[0]),
                norm2,
                apply_norm(norm2, cache[name + "hook_resid_mid"][0]) + norm2.bias,
                cache[name + "hook_mlp_out"][0],
            )
        )
    return LocalModel(
        tokens[0],
        cache["hook_embed"][0],
        cache["hook_pos_embed"][0],
        tuple(layers),
        norm_final,
        apply_norm(norm_final, cache[f"blocks.{len(layers) - 1}.hook_resid_post"][0])
        + norm_final.bias,
        model.unembed.W_U.detach(),
        model.unembed.b_U.detach(),
        logits[0],
    )


def check_written_directly(model: HookedTransformer) -> None:
    """Raise ValueError for norms on the outputs of MLPs, or capped logits."""
    normed = any(name.endswith("mlp.ln_post.hook_scale") for name in model.hook_points())
    if normed or not model.unembed.linear:
        raise ValueError(
            "expected MLPs that write to the residual stream, and logits without a cap, got a norm "
            "on an MLP's output or a cap; call hold_output_norms(model, tokens) and use its model"
        )


def divided_pattern(
    attn: Attention, cache: Mapping[str, Tensor], block: str
) -> Float[Tensor, "batch head query key"]:
    """Return a block's attention pattern, divided by the divisor of attention's output if any.

    block: beginning of the block's names in the cache.

    Raises: ValueError for an output bias before such a divisor.
    """
    pattern = cache[f"{block}attn.hook_pattern"]
    if block + DIVISOR not in cache:
        return pattern
    if attn.b_O.any():
        raise ValueError(
            f"expected a zero b_O in {block}attn, whose output is normalized, got another"
        )
    return pattern / cache[block + DIVISOR][:, None]  # [batch, 1, query, 1]


def apply_norm(
    norm: FrozenNorm, x: Float[Tensor, "*batch pos d_model"]
) -> Float[Tensor, "*batch pos d_model"]:
    """Apply the linear part of a frozen norm: center, divide by the scale, multiply by the gain.

    The bias is not added. It belongs to no piece of the residual stream.
    """
    # exercise 12.1
    raise NotImplementedError("exercise 12.1")


def norm_transpose(norm: FrozenNorm, rows: Rows) -> Rows:
    """Carry directions that are read after a frozen norm back to before it.

    <rows, apply_norm(x)> = <norm_transpose(rows), x> for every x.
    """
    # exercise 12.2
    raise NotImplementedError("exercise 12.2")


def apply_attention(frozen: FrozenAttention, x: Vectors) -> Vectors:
    """Compute what attention writes when it reads x, with its biases and the frozen pattern."""
    attn, pattern = frozen
    v = repeat_kv_heads(project(x[None], attn.W_V, attn.b_V), len(pattern))
    return attn.output_projection(attn.apply_pattern(pattern[None], v))[0]


@torch.no_grad()
def attention_transpose(frozen: FrozenAttention, rows: Rows) -> Rows:
    """Carry directions that are read after attention back to what attention reads.

    <rows, W x> = <attention_transpose(rows), x> for every x, where W x is what attention writes
    without its biases. Query heads that share a key head add up in its W_V.
    """
    (attn, pattern), kv_heads = frozen, len(frozen.attn.W_V)
    # exercise 12.2
    raise NotImplementedError("exercise 12.2")


@torch.no_grad()
def run_local(local: LocalModel, added: Mapping[int, Vectors] | None = None) -> LocalRun:
    """Run the local replacement model; without additions its logits are the model's.

    added: vectors that are added to an MLP's output, by layer, or to the embeddings, at EMBEDDING.
    Nothing reacts to them but what is linear: MLP outputs stay as they are.
    """
    added = added or {}
    # exercise 12.1
    raise NotImplementedError("exercise 12.1")
