"""Path patching by brute force: the model written out as a tree, a branch for every path.

Nothing is computed once and shared. To know what a part reads, everything that writes before it is
asked again, and each branch knows what it is asked for:

    clean, corrupted    what that run says
    onward              behind the receivers: whatever follows from what they received
    asked               between sender and receivers: the sender is corrupted, other heads clean

The cost grows exponentially with depth, so two or three layers are all it can do. path.py gives the
same numbers from four runs.
Source: Goldowsky-Dill et al. 2023, "Localizing Model Behavior with Path Patching".
"""

from dataclasses import dataclass

import torch
from einops import einsum
from jaxtyping import Float, Int
from torch import Tensor

from ..ch02_transformer import HookedTransformer
from ..ch02_transformer.attention import project

Resid = Float[Tensor, "batch pos d_model"]
Tokens = Int[Tensor, "batch pos"]
Reader = tuple[int, int, str]


@dataclass(frozen=True)
class ComputationTree:
    """What if the sender told the receivers what it says on the corrupted prompts?

    For models whose blocks have attention before their MLP.
    """

    model: HookedTransformer
    """The model."""
    clean: Tokens
    """Prompts of all other paths."""
    corrupted: Tokens
    """Prompts of the paths in question."""
    sender: tuple[int, int]
    """A head: layer and number."""
    receivers: frozenset[Reader]
    """(layer, head, "q", "k" or "v") or (layer, 0, "mlp"); none means the logits."""
    through_mlps: bool
    """Whether paths from sender to receiver may lead through MLPs."""

    @torch.no_grad()
    def logits(self) -> Float[Tensor, "batch pos d_vocab"]:
        """What the model says then."""
        request = "onward" if self.receivers else "asked"
        return self.model.unembed_resid(self.stream(len(self.model.blocks), False, request))

    def stream(self, layer: int, middle: bool, request: str) -> Resid:
        """The sum of all that is written before a layer's heads, or before its MLP (`middle`)."""
        total = self.model.embed_tokens(self.corrupted if request == "corrupted" else self.clean)
        for lower in range(layer + middle):
            total = total + self.model.blocks[lower].attn.b_O
            for head in range(self.model.config.n_heads):
                total = total + self.head(lower, head, request)
            if lower < layer:
                total = total + self.mlp(lower, request)
        return total

    def head(self, layer: int, head: int, request: str) -> Resid:
        """What one head writes, when asked this way."""
        request = self.head_run(layer, head, request)
        block, kv_head = self.model.blocks[layer], head // self.group
        attn, sides = block.attn, {}
        for kind, number, W, b in (
            ("q", head, attn.W_Q, attn.b_Q),
            ("k", kv_head, attn.W_K, attn.b_K),
            ("v", kv_head, attn.W_V, attn.b_V),
        ):
            passed_on = self.input_run((layer, number, kind), request)
            x = block.ln1(self.stream(layer, False, passed_on))
            sides[kind] = project(x, W[number : number + 1], b[number : number + 1])
        q, k = attn.rotate(attn.q_norm(sides["q"]), 0), attn.rotate(attn.k_norm(sides["k"]), 0)
        z = attn.apply_pattern(attn.pattern(q, k), sides["v"])[:, :, 0]
        return einsum(z, attn.W_O[head], "batch pos d_head, d_head d_model -> batch pos d_model")

    def mlp(self, layer: int, request: str) -> Resid:
        """What an MLP writes, when asked this way."""
        request = self.input_run((layer, 0, "mlp"), self.mlp_run(request))
        block = self.model.blocks[layer]
        return block.mlp(block.ln2(self.stream(layer, True, request)))

    def head_run(self, layer: int, head: int, request: str) -> str:
        """How a head answers: between sender and receivers only the sender is corrupted."""
        # exercise 5.13
        raise NotImplementedError("exercise 5.13")

    def mlp_run(self, request: str) -> str:
        """How an MLP answers: between sender and receivers it is either passed or clean."""
        # exercise 5.13
        raise NotImplementedError("exercise 5.13")

    def input_run(self, reader: Reader, request: str) -> str:
        """What a part asks of everything before it: a receiver asks for the sender's message."""
        # exercise 5.13
        raise NotImplementedError("exercise 5.13")

    @property
    def group(self) -> int:
        """How many heads share a key head."""
        return self.model.config.n_heads // self.model.config.kv_heads
