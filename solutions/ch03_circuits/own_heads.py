"""An attention-only model set by hand from your own seed: which heads copy, and who reads whom?

It has two layers of six heads, and no norms. In layer 1 some heads raise the logit of the token
that they attend to, and some lower it. The OV circuits of the others have the same singular values,
and map each token to another one, or copy half of the tokens' mixtures and suppress the others. One
head of layer 1, `asked`, reads the output of one head of layer 0 for its queries, of another one
for its keys, of a third for its values. The output weights of the other heads of layer 0 have the
same targets. Orders, bases and sizes follow from the seed.
Axes: head, d_model, d_head.
Source: Elhage et al. 2021, "A Mathematical Framework for Transformer Circuits".
"""

from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Generator, Tensor

from ..ch02_transformer import HookedTransformer, TransformerConfig
from ..ch02_transformer.attention_only import ATTENTION_ONLY

N_HEADS, D_VOCAB, D_HEAD, N_CTX = 6, 12, 12, 16
ROOMS = 4
"""Subspaces of D_HEAD dimensions, besides that of the tokens."""
D_MODEL = D_VOCAB + ROOMS * D_HEAD
CONFIG = TransformerConfig(
    n_layers=2,
    d_model=D_MODEL,
    n_heads=N_HEADS,
    d_head=D_HEAD,
    d_mlp=0,
    d_vocab=D_VOCAB,
    n_ctx=N_CTX,
)


class OwnHeads(NamedTuple):
    """A model, and the head whose inputs the second question is about."""

    model: HookedTransformer
    """Two layers of six heads, without norms and MLPs."""
    asked: int
    """A head of layer 1."""


@torch.no_grad()
def open_heads(seed: int) -> OwnHeads:
    """Draw the heads of both layers, their order and the basis of the residual stream."""
    generator = Generator().manual_seed(33_000_019 + seed)
    rotation = torch.linalg.qr(torch.randn(D_MODEL, D_MODEL, generator=generator)).Q
    model = HookedTransformer(CONFIG, ATTENTION_ONLY).requires_grad_(False)
    for weight in model.parameters():
        weight.zero_()
    model.embed.W_E.copy_(rotation[:D_VOCAB])
    model.unembed.W_U.copy_(3.0 * rotation[:D_VOCAB].T)
    tokens = rotation[:D_VOCAB]
    rooms = rotation[D_VOCAB:].split(D_HEAD)
    orders = [torch.randperm(N_HEADS, generator=generator).tolist() for _ in range(2)]
    for head in range(N_HEADS):
        attn, where = model.blocks[0].attn, orders[0][head]
        source, strength = (tokens, 1.0) if head < 3 else (rooms[3], 1.3)
        circuit = strength * mixed(generator)
        attn.W_V[where], attn.W_O[where] = split(circuit, source, rooms[head % 3])
        attn.W_Q[where], attn.W_K[where] = draw_attention(tokens, generator)
    attn = model.blocks[1].attn
    for where, kind in zip(orders[1], draw_kinds(generator), strict=True):
        attn.W_V[where], attn.W_O[where] = split(draw_circuit(kind, generator), tokens, tokens)
        attn.W_Q[where], attn.W_K[where] = draw_attention(tokens, generator)
    asked = orders[1][0]
    for reader, room in zip((attn.W_Q, attn.W_K, attn.W_V), rooms, strict=False):
        reader.data[asked] += 2.0 * room.T @ mixed(generator)
    return OwnHeads(model, asked)


def draw_kinds(generator: Generator) -> list[str]:
    """Draw what the heads of layer 1 do; the first is `asked`."""
    n_copies = 1 + int(torch.randint(2, (), generator=generator))
    return ["shift"] + ["copy"] * n_copies + ["suppress"] * (3 - n_copies) + ["half", "shift"]


def mixed(generator: Generator) -> Float[Tensor, "d_head d_head"]:
    """Draw a random orthogonal matrix."""
    return torch.linalg.qr(torch.randn(D_HEAD, D_HEAD, generator=generator)).Q


def draw_circuit(kind: str, generator: Generator) -> Float[Tensor, "d_vocab d_vocab"]:
    """Draw an OV circuit between tokens; all kinds have similar singular values."""
    sizes = 0.5 + torch.rand(D_VOCAB, generator=generator)
    if kind == "shift":  # each token raises another one
        order = torch.randperm(D_VOCAB, generator=generator)
        cycle = torch.zeros(D_VOCAB, D_VOCAB)
        cycle[order, order.roll(1)] = sizes
        return cycle
    signs = torch.ones(D_VOCAB) if kind == "copy" else -torch.ones(D_VOCAB)
    if kind == "half":
        signs[::2] = 1.0
    basis = mixed(generator)
    return basis @ torch.diag(signs * sizes) @ basis.T


def split(
    circuit: Tensor, source: Float[Tensor, "d_head d_model"], target: Tensor
) -> tuple[Tensor, Tensor]:
    """Split a map between two subspaces into W_V and W_O."""
    U, sizes, Vh = torch.linalg.svd(circuit)
    root = sizes.sqrt()
    return source.T @ U * root, (root[:, None] * Vh) @ target


def draw_attention(
    tokens: Float[Tensor, "d_vocab d_model"], generator: Generator
) -> tuple[Tensor, Tensor]:
    """Draw W_Q and W_K whose scores depend on the tokens of query and key."""
    draws = 2.0 * torch.randn(2, D_VOCAB, D_HEAD, generator=generator) / D_HEAD**0.25
    return tokens.T @ draws[0], tokens.T @ draws[1]
