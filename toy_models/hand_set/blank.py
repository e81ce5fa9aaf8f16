"""What the hand-set models share: an empty model, attention to one position, and an exact CLT."""

from dataclasses import replace
from typing import cast

import torch
from torch import Tensor

from solutions.ch02_transformer import GPT2, HookedTransformer, TransformerConfig
from solutions.ch02_transformer.attention_only import NoNorm
from solutions.ch02_transformer.layers import Unembed
from solutions.ch02_transformer.model import MLPBlock
from solutions.ch11_transcoders import JumpReLUCLT

PARTS = replace(GPT2, norm=NoNorm, unembed=Unembed)
SCORE = 4000.0
"""Large enough for a softmax to return exactly 1 and 0."""


@torch.no_grad()
def blank_model(config: TransformerConfig) -> HookedTransformer:
    """Build a model without norms whose weights are all zero, in float64."""
    model = HookedTransformer(config, PARTS).double()
    for weight in model.parameters():
        weight.zero_()
    return model.requires_grad_(False)


def blocks_of(model: HookedTransformer) -> list[MLPBlock]:
    """Return the blocks."""
    return [cast(MLPBlock, block) for block in model.blocks]


def move(
    block: MLPBlock, query: slice, key: slice, value: slice, to: slice, sign: float = 1.0
) -> None:
    """Let positions with an entry in `query` attend to those with one in `key`, and copy `value`.

    With sign -1 they attend to positions without an entry in `key`. A position without an entry in
    `query` attends to all earlier positions and itself alike.
    """
    attn = block.attn
    attn.W_Q[0, query, 0] = SCORE
    attn.W_K[0, key, 0] = sign
    size = value.stop - value.start
    attn.W_V[0, value, :size] = torch.eye(size, dtype=torch.float64)
    attn.W_O[0, :size, to] = torch.eye(size, dtype=torch.float64)


def add_neuron(block: MLPBlock, neuron: int, reads: Tensor, bias: float, writes: Tensor) -> None:
    """Set a neuron: relu(reads . x + bias) times `writes`."""
    block.mlp.W_in[:, neuron] = reads
    block.mlp.b_in[neuron] = bias
    block.mlp.W_out[neuron] = writes


@torch.no_grad()
def neurons_as_latents(model: HookedTransformer) -> JumpReLUCLT:
    """Make a CLT whose latents are the model's neurons, so that it has no error."""
    config = model.config
    clt = JumpReLUCLT(config.n_layers, config.d_model, config.d_mlp, coefficient=0.0).double()
    for layer, block in enumerate(blocks_of(model)):
        clt.W_enc[layer], clt.b_enc[layer] = block.mlp.W_in, block.mlp.b_in
        clt.W_dec[layer][0] = block.mlp.W_out
    return clt.requires_grad_(False)
