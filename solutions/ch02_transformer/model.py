"""The whole transformer: tokens in, logits out, every step on one residual stream.

1. Embed: token vector + position vector (`embed_tokens`).
2. Each block reads the stream through a norm and adds what attention and MLP say (`run_blocks`).
3. A last norm, then a score for every token of the vocabulary (`unembed_resid`).

A family is a choice of parts (`Parts`); a new kind of block is a new class, not a new flag.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from .attention import AbstractLayerCache, Attention, plain_attention, rotary_attention
from .config import TransformerConfig
from .hooks import HookedModule, HookPoint
from .kv_cache import KVCache
from .layers import (
    MLP,
    Embed,
    GatedMLP,
    LearnedPositions,
    NoPositions,
    TiedUnembed,
    Unembed,
)
from .norms import LayerNorm, Norm, RMSNorm

Resid = Float[Tensor, "batch pos d_model"]


class SequentialBlock(nn.Module):
    """Attention first, then an MLP that reads what attention wrote (GPT-2, Llama)."""

    def __init__(self, config: TransformerConfig, parts: "Parts", layer: int) -> None:
        super().__init__()
        self.ln1, self.attn = parts.norm(config), parts.attention(config, layer)
        self.ln2, self.mlp = parts.norm(config), parts.mlp(config)
        self.hook_resid_pre = HookPoint()  # [batch, pos, d_model]
        self.hook_attn_out = HookPoint()  # [batch, pos, d_model]
        self.hook_resid_mid = HookPoint()  # [batch, pos, d_model]
        self.hook_mlp_out = HookPoint()  # [batch, pos, d_model]
        self.hook_resid_post = HookPoint()  # [batch, pos, d_model]

    def forward(self, resid: Resid, past: AbstractLayerCache | None = None) -> Resid:
        """Add to the stream what attention says, then what the MLP says about the sum."""
        # exercise 2.13
        resid_pre = self.hook_resid_pre(resid)
        attn_out = self.hook_attn_out(self.attn(self.ln1(resid_pre), past))
        resid_mid = self.hook_resid_mid(resid_pre + attn_out)
        mlp_out = self.hook_mlp_out(self.mlp(self.ln2(resid_mid)))
        return self.hook_resid_post(resid_mid + mlp_out)

    def norms_and_readers(self) -> Iterator[tuple[Norm, Any]]:
        """Each norm with the part that reads through it."""
        yield self.ln1, self.attn
        yield self.ln2, self.mlp


class ParallelBlock(nn.Module):
    """Attention and MLP side by side, both reading what came in (GPT-NeoX, Pythia)."""

    def __init__(self, config: TransformerConfig, parts: "Parts", layer: int) -> None:
        super().__init__()
        self.ln1, self.attn = parts.norm(config), parts.attention(config, layer)
        self.ln2, self.mlp = parts.norm(config), parts.mlp(config)
        self.hook_resid_pre = HookPoint()  # [batch, pos, d_model]
        self.hook_attn_out = HookPoint()  # [batch, pos, d_model]
        self.hook_mlp_out = HookPoint()  # [batch, pos, d_model]
        self.hook_resid_post = HookPoint()  # [batch, pos, d_model]

    def forward(self, resid: Resid, past: AbstractLayerCache | None = None) -> Resid:
        """Add to the stream what attention and MLP say about it."""
        resid = self.hook_resid_pre(resid)
        attn_out = self.hook_attn_out(self.attn(self.ln1(resid), past))
        mlp_out = self.hook_mlp_out(self.mlp(self.ln2(resid)))
        return self.hook_resid_post(resid + attn_out + mlp_out)

    def norms_and_readers(self) -> Iterator[tuple[Norm, Any]]:
        """Each norm with the part that reads through it."""
        yield self.ln1, self.attn
        yield self.ln2, self.mlp


@dataclass(frozen=True)
class Parts:
    """What a model is made of: each field builds one part from the config."""

    positions: Callable[[TransformerConfig], nn.Module]
    """Added to the embedding: LearnedPositions, NoPositions."""
    norm: Callable[[TransformerConfig], Norm]
    """LayerNorm, RMSNorm."""
    attention: Callable[[TransformerConfig, int], Attention]
    """Attention of the layer with that number: plain_attention, rotary_attention."""
    mlp: Callable[[TransformerConfig], nn.Module]
    """MLP, GatedMLP."""
    block: Callable[[TransformerConfig, "Parts", int], nn.Module]
    """How the two are wired: SequentialBlock, ParallelBlock."""
    unembed: Callable[[TransformerConfig, Embed], nn.Module]
    """From stream to logits: Unembed, TiedUnembed."""


GPT2 = Parts(LearnedPositions, LayerNorm, plain_attention, MLP, SequentialBlock, TiedUnembed)
LLAMA = Parts(NoPositions, RMSNorm, rotary_attention, GatedMLP, SequentialBlock, Unembed)


class HookedTransformer(HookedModule):
    """A decoder-only transformer whose every intermediate tensor has a name.

    parts: what the blocks are made of; GPT-2's unless said otherwise. seed: of the initial weights;
    None leaves them empty, for a loader that fills every one.
    """

    blocks: Any
    unembed: Any

    def __init__(
        self, config: TransformerConfig, parts: Parts = GPT2, seed: int | None = 0
    ) -> None:
        super().__init__()
        self.config, self.parts = config, parts
        self.embed = Embed(config)
        self.hook_embed = HookPoint()  # [batch, pos, d_model]
        self.pos_embed = parts.positions(config)
        self.hook_pos_embed = HookPoint()  # [batch, pos, d_model]
        layers = range(config.n_layers)
        self.blocks = nn.ModuleList([parts.block(config, parts, layer) for layer in layers])
        self.ln_final = parts.norm(config)
        self.unembed = parts.unembed(config, self.embed)
        if seed is not None:
            self.initialize(seed)

    def forward(
        self,
        tokens: Int[Tensor, "batch pos"],
        past: KVCache | None = None,
        stop_at_layer: int | None = None,
    ) -> Float[Tensor, "batch pos d_out"]:
        """Logits of the next token at every position.

        past: what the model has read before these tokens; it grows by them. stop_at_layer: return the
        residual stream in front of this block instead, and compute nothing beyond it.
        """
        check_tokens(tokens)
        # exercise 2.14
        resid = self.embed_tokens(tokens, start=0 if past is None else past.length)
        if stop_at_layer is not None:
            return self.run_blocks(resid, stop=stop_at_layer, past=past)
        return self.unembed_resid(self.run_blocks(resid, past=past))

    def embed_tokens(self, tokens: Int[Tensor, "batch pos"], start: int = 0) -> Resid:
        """The stream at its source: what the token is, plus where it stands.

        start: the position of the first token.

        Raises: ValueError when the sequence is longer than the model can read.
        """
        if start + tokens.shape[1] > self.config.n_ctx:
            raise ValueError(
                f"the model reads at most n_ctx={self.config.n_ctx} tokens, "
                f"but {start + tokens.shape[1]} came; shorten the text"
            )
        # exercise 2.14
        return self.hook_embed(self.embed(tokens)) + self.hook_pos_embed(
            self.pos_embed(tokens, start)
        )

    def run_blocks(
        self, resid: Resid, start: int = 0, stop: int | None = None, past: KVCache | None = None
    ) -> Resid:
        """Carry the stream through blocks start, ..., stop - 1; through all by default.

        Raises: ValueError for layers that the model does not have.
        """
        stop = len(self.blocks) if stop is None else stop
        if not 0 <= start <= stop <= len(self.blocks):
            raise ValueError(
                f"blocks are numbered 0..{len(self.blocks) - 1}; start={start}, stop={stop} given"
            )
        # exercise 2.14
        for layer in range(start, stop):
            resid = self.blocks[layer](resid, None if past is None else past.layers[layer])
        return resid

    def unembed_resid(self, resid: Resid) -> Float[Tensor, "batch pos d_vocab"]:
        """From the stream after the last block to logits."""
        # exercise 2.14
        return self.unembed(self.ln_final(resid))

    def norms_and_readers(self) -> Iterator[tuple[Norm, Any]]:
        """Each norm of the model with the part that reads through it, in order."""
        for block in self.blocks:
            yield from block.norms_and_readers()
        yield self.ln_final, self.unembed

    @torch.no_grad()
    def initialize(self, seed: int) -> None:
        """Fill the weights at random: normal, std .02, as GPT-2; biases and gains stay as made.

        What writes to the stream is divided by sqrt(2 n_layers), so that its size after the last
        block does not grow with depth.
        """
        generator = torch.Generator().manual_seed(seed)
        for name, weight in self.named_parameters():
            kind = name.rpartition(".")[2]
            if kind.startswith("W_"):
                std = 0.02
                if kind in ("W_O", "W_out"):
                    std /= (2 * self.config.n_layers) ** 0.5
                weight.copy_(torch.randn(weight.shape, generator=generator) * std)


def check_tokens(tokens: Tensor) -> None:
    """Refuse what is not a batch of token sequences, and say what is expected."""
    if tokens.ndim != 2:
        raise ValueError(
            f"tokens of shape [batch, pos] are expected, but {list(tokens.shape)} came; "
            f"for one sequence, write tokens[None]"
        )
    if tokens.is_floating_point():
        raise ValueError(f"tokens are whole numbers, but {tokens.dtype} came")
