"""Graphs of models with output norms or capped logits: hold the divisors of one text fixed.

An output norm divides what attention or an MLP writes (chapter 2's `output_norms`). In one text the
divisors are numbers, one per position. `freeze` takes those of attention into the pattern. Those of
an MLP divide its neurons: `hold_output_norms` returns a model for this text alone in which each
activation is divided already, and logits are those before a cap.

    held = hold_output_norms(model, tokens)
    local = freeze(held, tokens)

Graphs of latents and of neurons then close as in other models. A transcoder replaces an MLP with
its norm, so latents keep their activations.
Axes: batch (one text), pos, d_mlp.
"""

from copy import deepcopy
from typing import cast

import torch
from jaxtyping import Float
from torch import Tensor, nn

from ..ch02_transformer import HookedTransformer
from ..ch02_transformer.layers import Embed, GatedMLP, Resid, Tokens, Unembed
from ..ch02_transformer.model import MLPBlock
from ..ch02_transformer.output_norms import NormedGatedMLP

Divisors = Float[Tensor, "pos 1"]


class OneText(Embed):
    """An embedding that accepts the text whose divisors are held, and no other."""

    def __init__(self, embed: Embed, tokens: Tokens) -> None:
        nn.Module.__init__(self)
        self.W_E, self.tokens = embed.W_E, tokens

    def forward(self, tokens: Tokens) -> Resid:
        """Look up the tokens' vectors.

        Raises: ValueError for another text.
        """
        if not torch.equal(tokens, self.tokens):
            raise ValueError(
                f"expected the text whose divisors are held, {self.tokens.tolist()!r:.80}, got "
                f"{tokens.tolist()!r:.80}; call hold_output_norms for each text"
            )
        return super().forward(tokens)


class HeldMLP(GatedMLP):
    """A gated MLP whose activations are divided by numbers, in the place of its output norm."""

    def __init__(self, mlp: NormedGatedMLP, divisors: Divisors) -> None:
        nn.Module.__init__(self)
        nonlinearity = mlp.activation
        self.activation = lambda gate: nonlinearity(gate) / divisors
        self.W_gate, self.b_gate = mlp.W_gate, mlp.b_gate
        self.W_in, self.b_in = mlp.W_in, mlp.b_in
        self.W_out, self.b_out = mlp.W_out, mlp.b_out
        self.hook_pre, self.hook_pre_linear = mlp.hook_pre, mlp.hook_pre_linear
        self.hook_post = mlp.hook_post


@torch.no_grad()
def hold_output_norms(model: HookedTransformer, tokens: Tokens) -> HookedTransformer:
    """Return the model of one text with the divisors of its MLPs' outputs held fixed.

    Weights are shared with the model. Its activations at `mlp.hook_post` are the model's, divided;
    its logits are the model's before a cap, and so are probabilities computed from them.

    Raises: ValueError for several texts, a model without output norms, or an MLP with an output
        bias, which would be divided too.
    """
    mlps = [cast(MLPBlock, block).mlp for block in model.blocks]
    if len(tokens) != 1 or any(mlp.writers for mlp in mlps):
        raise ValueError(
            "expected tokens of shape [1, pos] and a model with norms on its MLPs' outputs, got "
            f"{list(tokens.shape)} and {type(mlps[0]).__name__}; other models need no holding"
        )
    if any(mlp.b_out.any() for mlp in mlps):
        raise ValueError("expected MLPs with a zero b_out before an output norm, got another")
    names = [f"blocks.{layer}.mlp.ln_post.hook_scale" for layer in range(len(mlps))]
    _, cache = model.run_with_cache(tokens, names=names)
    # A copy of all modules, in which the parameters are the model's own.
    held = deepcopy(model, {id(weight): weight for weight in model.parameters()})
    held.embed = OneText(held.embed, tokens)
    for name, block in zip(names, held.blocks, strict=True):
        block = cast(MLPBlock, block)
        block.mlp = HeldMLP(cast(NormedGatedMLP, block.mlp), cache[name][0])
    if not model.unembed.linear:
        with torch.device("meta"):
            unembed = Unembed(model.config, held.embed)
        capped = cast(Unembed, model.unembed)
        unembed.W_U, unembed.b_U = capped.W_U, capped.b_U
        held.unembed = unembed
    return held
