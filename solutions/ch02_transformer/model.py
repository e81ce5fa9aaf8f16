"""The full transformer: tokens in, logits out, every step on one residual stream.

1. Embed: token vector + position vector (`embed_tokens`).
2. Each block adds the outputs of attention and MLP, which read the residual stream through norms
   (`run_blocks`).
3. A final norm, then logits over the vocabulary (`unembed_resid`).

A family of models is a choice of parts (`Parts`); a new kind of block is a new class, not a flag.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar, cast

import torch
from jaxtyping import Float
from torch import Tensor, nn

from ..ch00_looking.checks import check_tensor
from .attention import AbstractLayerCache, Attention, plain_attention, rotary_attention
from .config import TransformerConfig
from .hooks import HookedModule, HookPoint
from .kv_cache import KVCache
from .layers import (
    MLP,
    AbstractMLP,
    Embed,
    GatedMLP,
    LearnedPositions,
    NoPositions,
    Resid,
    ResidualModule,
    TiedUnembed,
    Tokens,
    Unembed,
    Unembedding,
)
from .norms import LayerNorm, Norm, RMSNorm
from .padding import Mask, Start


class Block(nn.Module, ABC):
    """Base class of blocks, the layers that read from and add to the residual stream."""

    adds_up: ClassVar[bool] = True
    """Whether the residual stream after the block is the one before it plus the outputs."""

    def __init__(self, config: TransformerConfig, parts: "Parts", layer: int) -> None:
        super().__init__()
        self.ln1, self.attn = parts.norm(config), parts.attention(config, layer)
        self.hook_resid_pre = HookPoint()  # [batch, pos, d_model]
        self.hook_attn_out = HookPoint()  # [batch, pos, d_model]
        self.hook_resid_post = HookPoint()  # [batch, pos, d_model]

    @abstractmethod
    def forward(self, resid: Resid, past: AbstractLayerCache | None = None) -> Resid:
        """Return the residual stream with this block's outputs added."""

    @abstractmethod
    def norms_and_readers(self) -> Iterator[tuple[Norm, ResidualModule]]:
        """Yield each norm with the part that reads through it."""


class MLPBlock(Block):
    """Base class of blocks with attention and an MLP, each behind a norm of its own."""

    def __init__(self, config: TransformerConfig, parts: "Parts", layer: int) -> None:
        super().__init__(config, parts, layer)
        self.ln2, self.mlp = parts.norm(config), parts.mlp(config)
        self.hook_mlp_out = HookPoint()  # [batch, pos, d_model]

    def norms_and_readers(self) -> Iterator[tuple[Norm, ResidualModule]]:
        """Yield each norm with the part that reads through it."""
        yield self.ln1, self.attn
        yield self.ln2, self.mlp


class SequentialBlock(MLPBlock):
    """Attention first, then an MLP that reads the sum (GPT-2, Llama)."""

    def __init__(self, config: TransformerConfig, parts: "Parts", layer: int) -> None:
        super().__init__(config, parts, layer)
        self.hook_resid_mid = HookPoint()  # [batch, pos, d_model]

    def forward(self, resid: Resid, past: AbstractLayerCache | None = None) -> Resid:
        """Add the attention output, then what the MLP makes of the sum, to the residual stream."""
        # exercise 2.13
        resid_pre = self.hook_resid_pre(resid)
        attn_out = self.hook_attn_out(self.attn(self.ln1(resid_pre), past))
        resid_mid = self.hook_resid_mid(resid_pre + attn_out)
        mlp_out = self.hook_mlp_out(self.mlp(self.ln2(resid_mid)))
        return self.hook_resid_post(resid_mid + mlp_out)


class ParallelBlock(MLPBlock):
    """Attention and MLP in parallel, both reading the block's input (GPT-NeoX, Pythia)."""

    def forward(self, resid: Resid, past: AbstractLayerCache | None = None) -> Resid:
        """Add the outputs of attention and MLP to the residual stream."""
        resid = self.hook_resid_pre(resid)
        attn_out = self.hook_attn_out(self.attn(self.ln1(resid), past))
        mlp_out = self.hook_mlp_out(self.mlp(self.ln2(resid)))
        return self.hook_resid_post(resid + attn_out + mlp_out)


@dataclass(frozen=True)
class Parts:
    """The parts of a family of models: each field builds one part from the config."""

    positions: Callable[[TransformerConfig], ResidualModule]
    """Added to the embedding: LearnedPositions, NoPositions."""
    norm: Callable[[TransformerConfig], Norm]
    """LayerNorm, RMSNorm."""
    attention: Callable[[TransformerConfig, int], Attention]
    """Attention of the layer with that index: plain_attention, rotary_attention."""
    mlp: Callable[[TransformerConfig], AbstractMLP]
    """MLP, GatedMLP."""
    block: Callable[[TransformerConfig, "Parts", int], Block]
    """How attention and MLP are connected: SequentialBlock, ParallelBlock."""
    unembed: Callable[[TransformerConfig, Embed], Unembedding]
    """From the residual stream to logits: Unembed, TiedUnembed."""


GPT2 = Parts(LearnedPositions, LayerNorm, plain_attention, MLP, SequentialBlock, TiedUnembed)
LLAMA = Parts(NoPositions, RMSNorm, rotary_attention, GatedMLP, SequentialBlock, Unembed)


class HookedTransformer(HookedModule):
    """A decoder-only transformer in which every activation has a named hook point.

    parts: the parts it is built of; GPT-2's by default. seed: of the initial weights; None leaves
    them uninitialised, for a loader that fills all of them.
    """

    blocks: Sequence[Block]
    unembed: Unembedding

    def __init__(
        self, config: TransformerConfig, parts: Parts = GPT2, seed: int | None = 0
    ) -> None:
        super().__init__()
        self.config, self.parts = config, parts
        self.embed = Embed(config)
        self.hook_embed = HookPoint()  # [batch, pos, d_model]
        self.pos_embed = parts.positions(config)
        self.hook_pos_embed = HookPoint()  # [batch, pos, d_model]
        blocks = [parts.block(config, parts, layer) for layer in range(config.n_layers)]
        self.blocks = cast(Sequence[Block], nn.ModuleList(blocks))
        self.ln_final = parts.norm(config)
        self.unembed = parts.unembed(config, self.embed)
        if seed is not None:
            self.initialize(seed)

    def __call__(
        self,
        tokens: Tokens,
        past: KVCache | None = None,
        stop_at_layer: int | None = None,
        *,
        mask: Mask | None = None,
    ) -> Float[Tensor, "batch pos d_out"]:
        """Run `forward`, and extend the KV cache once it is through.

        mask: True for tokens, False for padding, where prompts have different lengths (see
        `pad_prompts`). Positions are then counted from each prompt's first token.
        """
        if past is None and mask is None:
            return super().__call__(tokens, None, stop_at_layer)
        past = KVCache(len(self.blocks)) if past is None else past
        stop = len(self.blocks) if stop_at_layer is None else stop_at_layer
        draft = past.draft(tokens, mask, stop)
        output = super().__call__(tokens, draft, stop_at_layer)
        past.commit(draft, tokens.shape[1])
        return output

    def forward(
        self, tokens: Tokens, past: KVCache | None = None, stop_at_layer: int | None = None
    ) -> Float[Tensor, "batch pos d_out"]:
        """Compute the logits of the next token at every position.

        past: keys and values of earlier tokens; those of `tokens` are appended to it.
        stop_at_layer: return the residual stream before this block instead, and stop there.
        """
        # exercise 2.14
        resid = self.embed_tokens(tokens, start=0 if past is None else past.length)
        if stop_at_layer is not None:
            return self.run_blocks(resid, stop=stop_at_layer, past=past)
        return self.unembed_resid(self.run_blocks(resid, past=past))

    def embed_tokens(self, tokens: Tokens, start: Start = 0) -> Resid:
        """Add the tokens' vectors and their positions' vectors.

        start: the position of the first token, or of each prompt's first.

        Raises: ValueError when the sequence is longer than n_ctx, or for a list.
        """
        check_tensor(tokens, "tokens")
        stop = tokens.shape[-1] + (start if isinstance(start, int) else int(start.max()))
        if stop > self.config.n_ctx:
            raise ValueError(
                f"expected at most n_ctx={self.config.n_ctx} tokens, got {stop}; shorten the text"
            )
        # exercise 2.14
        return self.hook_embed(self.embed(tokens)) + self.hook_pos_embed(
            self.pos_embed(tokens, start)
        )

    def run_blocks(
        self, resid: Resid, start: int = 0, stop: int | None = None, past: KVCache | None = None
    ) -> Resid:
        """Apply blocks start, ..., stop - 1 to the residual stream; all blocks by default.

        Raises: ValueError for layers that the model does not have, or a cache whose layers hold
            different numbers of tokens.
        """
        stop = len(self.blocks) if stop is None else stop
        if not 0 <= start <= stop <= len(self.blocks):
            raise ValueError(
                f"expected 0 <= start <= stop <= {len(self.blocks)}, the number of blocks, "
                f"got start={start}, stop={stop}"
            )
        if past is not None:
            past.check_even(start, stop)
        # exercise 2.14
        for layer in range(start, stop):
            resid = self.blocks[layer](resid, None if past is None else past.layers[layer])
        return resid

    def unembed_resid(self, resid: Resid) -> Float[Tensor, "batch pos d_vocab"]:
        """Compute logits from the residual stream after the last block."""
        # exercise 2.14
        return self.unembed(self.ln_final(resid))

    def norms_and_readers(self) -> Iterator[tuple[Norm, ResidualModule]]:
        """Yield each norm of the model with the part that reads through it, in order."""
        for block in self.blocks:
            yield from block.norms_and_readers()
        yield self.ln_final, self.unembed

    @torch.no_grad()
    def initialize(self, seed: int) -> None:
        """Draw the weights as GPT-2: normal, std .02; biases are 0 and gains 1.

        Weights that write to the residual stream are divided by sqrt(2 n_layers), so that its size
        after the last block does not grow with depth.
        """
        generator = torch.Generator().manual_seed(seed)
        for name, weight in self.named_parameters():
            kind = name.rpartition(".")[2]
            if kind.startswith("W_"):
                std = 0.02
                if kind in ("W_O", "W_out"):
                    std /= (2 * self.config.n_layers) ** 0.5
                weight.copy_(torch.randn(weight.shape, generator=generator) * std)
