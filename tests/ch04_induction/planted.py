"""An induction circuit written into weights by hand, and the text that it reads.

The stream holds the token, what stood before it, and a place for positions, side by side. Head 0.0
looks at the position before and notes the token there; head 1.0 looks for a key whose note is its
own token, and says the token that it finds. All other heads are silent.
"""

from typing import Any

import torch

D_VOCAB, POS, START = 10, 21, 9
SHARP = 60.0
SEGMENTS = torch.tensor([[3, 1, 4, 0, 5], [2, 8, 7, 1, 6]])
TOKENS = torch.cat([torch.full((2, 1), START), SEGMENTS.repeat(1, 4)], dim=1)


@torch.no_grad()
def induction(impl) -> Any:
    """The model in float64, from the tree that is graded."""
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
    last.W_O[0, words, words] = 2.0  # louder than the token itself
    model.unembed.W_U[words, words] = 10.0
    model.requires_grad_(False)
    return model
