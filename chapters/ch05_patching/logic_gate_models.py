"""Two transformers set by hand, whose answer is known to need both inputs, or either of them.

A text is [a, b, ?] with bits a and b. Head 0 copies a to the last position, head 1 copies b, each
with all its attention. The MLP there makes a AND b or a OR b of the two, exactly: AND is
relu(a + b - 1), OR is a + b - relu(a + b - 1). The logit of token 1 is the result, that of token 0
is nought.
Axes of the stream: is a 0 or 1 (2), position (3), copy of a, copy of b, result.
"""

from dataclasses import replace

import torch

from ..ch02_transformer import GPT2, HookedTransformer, TransformerConfig
from ..ch02_transformer.attention_only import NoNorm
from ..ch02_transformer.layers import Unembed

SIZES = TransformerConfig(
    n_layers=1, d_model=8, n_heads=2, d_head=3, d_mlp=3, d_vocab=3, n_ctx=3, activation="relu"
)
SHARP = 3000.0
"""Large enough that a softmax gives exactly 1 and 0."""


@torch.no_grad()
def gate(kind: str) -> HookedTransformer:
    """The model of one gate, in float64: `and` or `or`. Tokens are 0, 1 and 2, the question mark.

    Raises: ValueError for another gate.
    """
    if kind not in ("and", "or"):
        raise ValueError(f"a gate is 'and' or 'or', but {kind!r} came")
    parts = replace(GPT2, norm=NoNorm, unembed=Unembed)
    model = HookedTransformer(SIZES, parts)
    model.double()
    for weight in model.parameters():
        weight.zero_()
    model.embed.W_E[:2, :2] = torch.eye(2)
    W_pos = torch.zeros(3, 8)
    W_pos[:, 2:5] = torch.eye(3)
    model.pos_embed.load_state_dict({"W_pos": W_pos})
    attn, mlp = model.blocks[0].attn, model.blocks[0].mlp
    for head in range(2):
        attn.W_Q[head, 4, 0] = SHARP
        attn.W_K[head, 2 + head, 0] = 1
        attn.W_V[head, 1, 1] = 1
        attn.W_O[head, 1, 5 + head] = 1
    mlp.W_in[5:7, 0] = 1
    mlp.b_in[0] = -1
    mlp.W_in[5, 1] = mlp.W_in[6, 2] = 1
    mlp.W_out[:, 7] = torch.tensor([1.0, 0, 0] if kind == "and" else [-1.0, 1, 1])
    model.unembed.W_U[7, 1] = 1
    return model.requires_grad_(False)
