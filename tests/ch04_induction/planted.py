"""An induction circuit written into weights by hand, and a text for it.

The residual stream has subspaces for the token, the previous token and the position. Head 0.0
attends to the previous position and copies its token into the second subspace. Head 1.0 attends to
keys whose previous token is its own token, and raises the logit of the token there. All other heads
write zero.
"""

from typing import Any

import torch

D_VOCAB, POS, START = 10, 21, 9
SHARP = 60.0
SEGMENTS = torch.tensor([[3, 1, 4, 0, 5], [2, 8, 7, 1, 6]])
TOKENS = torch.cat([torch.full((2, 1), START), SEGMENTS.repeat(1, 4)], dim=1)


@torch.no_grad()
def induction(impl) -> Any:
    """Build the model in float64, from the tree that is graded."""
    note, place = D_VOCAB, 2 * D_VOCAB
    config = impl("ch02_transformer.config").TransformerConfig(
        n_layers=2,
        d_model=2 * D_VOCAB + POS,
        n_heads=2,
        d_head=POS,
        d_mlp=0,
        d_vocab=D_VOCAB,
        n_ctx=POS,
    )
    only = impl("ch02_transformer.attention_only").ATTENTION_ONLY
    model = impl("ch02_transformer.model").HookedTransformer(config, only, seed=0).double()
    for parameter in model.parameters():
        parameter.zero_()
    words, places = torch.arange(D_VOCAB), torch.arange(POS)
    model.embed.W_E[words, words] = 1.0
    first, last = model.blocks[0].attn, model.blocks[1].attn
    model.blocks[0].W_pos[places, place + places] = 1.0
    first.W_Q[0, place + places[1:], places[:-1]] = SHARP
    first.W_K[0, place + places, places] = 1.0
    first.W_V[0, words, words] = 1.0
    first.W_O[0, words, note + words] = 1.0
    last.W_Q[0, words, words] = SHARP
    last.W_K[0, note + words, words] = 1.0
    last.W_V[0, words, words] = 1.0
    last.W_O[0, words, words] = 2.0  # larger than the token itself
    model.unembed.W_U[words, words] = 10.0
    model.requires_grad_(False)
    return model
