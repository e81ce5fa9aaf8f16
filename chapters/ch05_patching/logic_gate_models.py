"""Two transformers with hand-set weights that compute the AND and the OR of two input bits.

A prompt is [a, b, ?] with bits a and b. Head 0 copies a to the last position, head 1 copies b, each
with all of its attention. The MLP there computes a AND b = relu(a + b - 1), or
a OR b = a + b - relu(a + b - 1), exactly. The logit of token 1 is the result, that of token 0 is 0.
Axes of d_model: token is 0 or 1 (2), position (3), copy of a, copy of b, result.
"""

from dataclasses import replace
from typing import Literal, cast, get_args

import torch

from ..ch02_transformer import GPT2, HookedTransformer, TransformerConfig
from ..ch02_transformer.attention_only import NoNorm
from ..ch02_transformer.layers import Unembed
from ..ch02_transformer.model import MLPBlock

Gate = Literal["and", "or"]
SIZES = TransformerConfig(
    n_layers=1, d_model=8, n_heads=2, d_head=3, d_mlp=3, d_vocab=3, n_ctx=3, activation="relu"
)
ATTENTION_SCORE = 3000.0
"""Large enough for a softmax to return exactly 1 and 0."""


@torch.no_grad()
def logic_gate_model(gate: Gate) -> HookedTransformer:
    """Build the model of one gate, in float64. Tokens are 0, 1 and 2, the question mark.

    Raises: ValueError for another gate.
    """
    if gate not in get_args(Gate):
        raise ValueError(f"expected gate in {', '.join(get_args(Gate))}, got {gate!r}")
    parts = replace(GPT2, norm=NoNorm, unembed=Unembed)
    model = HookedTransformer(SIZES, parts)
    model.double()
    for weight in model.parameters():
        weight.zero_()
    model.embed.W_E[:2, :2] = torch.eye(2)
    W_pos = torch.zeros(3, 8)
    W_pos[:, 2:5] = torch.eye(3)
    model.pos_embed.load_state_dict({"W_pos": W_pos})
    block = cast(MLPBlock, model.blocks[0])
    attn, mlp = block.attn, block.mlp
    for head in range(2):
        attn.W_Q[head, 4, 0] = ATTENTION_SCORE  # position 2 asks for ...
        attn.W_K[head, 2 + head, 0] = 1  # ... position 0 or 1
        attn.W_V[head, 1, 1] = 1
        attn.W_O[head, 1, 5 + head] = 1
    mlp.W_in[5:7, 0] = 1  # neuron 0: relu(a + b - 1)
    mlp.b_in[0] = -1
    mlp.W_in[5, 1] = mlp.W_in[6, 2] = 1  # neurons 1 and 2: a, b
    mlp.W_out[:, 7] = torch.tensor([1.0, 0, 0] if gate == "and" else [-1.0, 1, 1])
    model.unembed.W_U[7, 1] = 1
    return model.requires_grad_(False)
