"""A model of your own: which sets of heads are sufficient for the answer, and which necessary?

A prompt is ten bits and a question mark. Each of ten heads copies one bit to the last position. The
MLP of layer 0 computes the AND of each group of copies, the MLP of layer 1 the OR of these ANDs,
which is the logit of token 1. Some heads belong to no group, and nothing reads what they write.
Order, sizes and number of the groups follow from a seed. All numbers are 0 or 1, exactly.

Axes: batch, pos. Dimensions of the residual stream: bit, position, copies, ANDs, result.
Source: AND and OR as in Zhang and Nanda 2023, "Towards Best Practices of Activation Patching".
"""

from dataclasses import replace
from typing import NamedTuple, cast

import torch
from jaxtyping import Int
from torch import Tensor

from ..ch02_transformer import GPT2, HookedTransformer, TransformerConfig
from ..ch02_transformer.attention_only import NoNorm
from ..ch02_transformer.layers import Unembed
from ..ch02_transformer.model import MLPBlock
from .logic_gate_models import ATTENTION_SCORE

N_BITS = 10
QUESTION = 2
GROUP_SIZES = ((1, 2, 3), (2, 2, 3), (1, 3, 3), (2, 3), (1, 2, 2), (3, 3))
PLACE = 1
COPY = PLACE + N_BITS + 1
AND = COPY + N_BITS
RESULT = AND + 3
SIZES = TransformerConfig(
    n_layers=2,
    d_model=RESULT + 1,
    n_heads=N_BITS,
    d_head=2,
    d_mlp=3,
    d_vocab=3,
    n_ctx=N_BITS + 1,
    activation="relu",
)


class OwnGates(NamedTuple):
    """A model with its two prompts."""

    model: HookedTransformer
    """In float64. Tokens: the bits 0 and 1, and QUESTION."""
    clean: Int[Tensor, "batch pos"]
    """One prompt of ones: the logit of token 1 is 1."""
    corrupted: Int[Tensor, "batch pos"]
    """One prompt of zeros: it is 0."""


@torch.no_grad()
def open_gates(seed: int) -> OwnGates:
    """Draw groups of heads, and the bit that each head copies, and set the weights."""
    generator = torch.Generator().manual_seed(seed)
    sizes = GROUP_SIZES[int(torch.randint(len(GROUP_SIZES), (), generator=generator))]
    order = torch.randperm(N_BITS, generator=generator)[: sum(sizes)]
    bits = torch.randperm(N_BITS, generator=generator).tolist()
    model = HookedTransformer(SIZES, replace(GPT2, norm=NoNorm, unembed=Unembed)).double()
    for weight in model.parameters():
        weight.zero_()
    model.embed.W_E[1, 0] = 1
    places = torch.zeros(N_BITS + 1, RESULT + 1)
    places[:, PLACE:COPY] = torch.eye(N_BITS + 1)
    model.pos_embed.load_state_dict({"W_pos": places})
    first, second = (cast(MLPBlock, block) for block in model.blocks)
    for head, bit in enumerate(bits):
        first.attn.W_Q[head, PLACE + N_BITS, 0] = ATTENTION_SCORE
        first.attn.W_K[head, PLACE + bit, 0] = 1
        first.attn.W_V[head, 0, 1] = 1
        first.attn.W_O[head, 1, COPY + head] = 1
    for number, group in enumerate(order.split(list(sizes))):
        first.mlp.W_in[COPY + group, number] = 1
        first.mlp.b_in[number] = 1 - len(group)
        first.mlp.W_out[number, AND + number] = 1
    second.mlp.W_in[AND:RESULT, :2] = 1
    second.mlp.b_in[1] = -1
    second.mlp.W_out[:2, RESULT] = torch.tensor([1.0, -1.0]).double()
    model.unembed.W_U[RESULT, 1] = 1
    prompts = torch.tensor([[1] * N_BITS + [QUESTION], [0] * N_BITS + [QUESTION]])
    return OwnGates(model.requires_grad_(False), prompts[:1], prompts[1:])
