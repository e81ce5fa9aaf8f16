"""Path patching by brute force: the model written out as a tree with one branch per path.

No activation is computed once and shared. To compute an output, everything that it reads is
computed again, and every recursive call carries the run (see path.py) whose value is wanted:

    corrupted          run A: the corrupted prompts
    clean              run B: the clean prompts
    sender_patched     run C: between sender and receivers; the sender is corrupted, others clean
    receivers_patched  run D: the receivers read run C, everything after them follows

The cost is exponential in depth, so two or three layers are the limit. path.py computes the same
from four forwards.
Source: Goldowsky-Dill et al. 2023, "Localizing Model Behavior with Path Patching".
"""

from dataclasses import dataclass
from typing import Literal, cast

import torch
from einops import einsum
from jaxtyping import Float
from torch import Tensor, nn

from ..ch02_transformer import HookedTransformer
from ..ch02_transformer.attention import project
from ..ch02_transformer.layers import Resid, Tokens
from ..ch02_transformer.model import MLPBlock, SequentialBlock
from ..ch02_transformer.norms import RMSNorm

Run = Literal["clean", "corrupted", "sender_patched", "receivers_patched"]
Input = tuple[int, int, str]
"""(layer, head, "q", "k" or "v"; k and v count key heads) or (layer, 0, "mlp")."""


@dataclass(frozen=True)
class ComputationTree:
    """The output when the paths from a sender to the receivers start at the corrupted prompts.

    For models whose blocks add the output of each head, then that of an MLP.

    Raises: ValueError for other blocks: parallel ones, and those that normalize what several heads
        make together.
    """

    model: HookedTransformer
    """Model."""
    clean: Tokens
    """Prompts that all other paths see."""
    corrupted: Tokens
    """Prompts that the paths from sender to receivers see."""
    sender: tuple[int, int]
    """Layer and index of a head."""
    receivers: frozenset[Input]
    """Inputs that receive; none means the logits."""
    through_mlps: bool
    """Whether paths from sender to receivers may go through MLPs."""

    def __post_init__(self) -> None:
        for layer, block in enumerate(self.model.blocks):
            attn = block.attn
            each_head = {type(attn.q_norm), type(attn.k_norm)} <= {nn.Identity, RMSNorm}
            if type(block) is not SequentialBlock or not attn.writers or not each_head:
                raise ValueError(
                    "expected blocks that add each head's output, then an MLP's, got block "
                    f"{layer} with other parts; use path_patch"
                )

    @torch.no_grad()
    def logits(self) -> Float[Tensor, "batch pos d_vocab"]:
        """Compute the logits of run D, or of run C if the logits are the receiver."""
        run: Run = "receivers_patched" if self.receivers else "sender_patched"
        return self.model.unembed_resid(self.resid(len(self.model.blocks), run))

    def resid(self, layer: int, run: Run, *, after_attention: bool = False) -> Resid:
        """Compute the residual stream before a layer, or between its attention and its MLP."""
        total = self.model.embed_tokens(self.corrupted if run == "corrupted" else self.clean)
        for lower in range(layer + after_attention):
            total = total + self.model.blocks[lower].attn.b_O
            for head in range(self.model.config.n_heads):
                total = total + self.head_output(lower, head, run)
            if lower < layer:
                total = total + self.mlp_output(lower, run)
        return total

    def head_output(self, layer: int, head: int, run: Run) -> Resid:
        """Compute what one head writes to the residual stream in a run."""
        run = self.run_of_head(layer, head, run)
        block = self.model.blocks[layer]
        attn, qkv = block.attn, {}
        kv_head = head // (self.model.config.n_heads // self.model.config.kv_heads)
        for side, index, W, b in (
            ("q", head, attn.W_Q, attn.b_Q),
            ("k", kv_head, attn.W_K, attn.b_K),
            ("v", kv_head, attn.W_V, attn.b_V),
        ):
            x = block.ln1(self.resid(layer, self.run_of_input((layer, index, side), run)))
            # [batch, pos, 1, d_head]
            qkv[side] = project(x, W[index : index + 1], b[index : index + 1])
        q, k = attn.rotate(attn.q_norm(qkv["q"]), 0), attn.rotate(attn.k_norm(qkv["k"]), 0)
        z = attn.apply_pattern(attn.pattern(q, k), qkv["v"])[:, :, 0]  # [batch, pos, d_head]
        axes = "batch pos d_head, d_head d_model -> batch pos d_model"
        written: Tensor = einsum(z, attn.W_O[head], axes)
        return written

    def mlp_output(self, layer: int, run: Run) -> Resid:
        """Compute what an MLP writes to the residual stream in a run."""
        run = self.run_of_input((layer, 0, "mlp"), self.run_of_mlp(run))
        block = cast(MLPBlock, self.model.blocks[layer])
        written: Tensor = block.mlp(block.ln2(self.resid(layer, run, after_attention=True)))
        return written

    def run_of_head(self, layer: int, head: int, run: Run) -> Run:
        """Return the run from which a head's output is taken when a value of `run` is wanted."""
        # exercise 5.13
        if run != "sender_patched":
            return run
        return "corrupted" if (layer, head) == self.sender else "clean"

    def run_of_mlp(self, run: Run) -> Run:
        """Return the run in which an MLP's output is computed, when something in `run` reads it."""
        # exercise 5.13
        return "clean" if run == "sender_patched" and not self.through_mlps else run

    def run_of_input(self, reader: Input, run: Run) -> Run:
        """Return the run whose residual stream a head or MLP reads to compute its output in `run`.

        In run D a receiver reads run C.
        """
        # exercise 5.13
        receives = run == "receivers_patched" and reader in self.receivers
        return "sender_patched" if receives else run
