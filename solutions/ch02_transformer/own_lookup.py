"""A transformer set by hand from your own seed: which heads move the answer, and where is it read?

Texts have eight tokens. The model predicts, at the last position, the token of one earlier
position, the same in every text. It takes two steps: in one block some heads copy that token to the
last position, in a form that the unembedding does not read; in a later block others translate it.
The other heads attend to the same positions or to one other; without them all the logits are the
same. Blocks, heads, positions and the basis of the residual stream follow from the seed; there is
no list of them.
Axes: batch, pos, head.
"""

from collections.abc import Iterable
from typing import NamedTuple, cast

import torch
from jaxtyping import Float, Int
from torch import Generator, Tensor

from .attention_only import ATTENTION_ONLY, AttentionOnlyBlock
from .config import TransformerConfig
from .hooks import Hook, HookPoint
from .model import HookedTransformer

N_LAYERS, N_HEADS, N_POS, D_VOCAB, D_HEAD = 6, 4, 8, 16, 16
TOKEN, MOVED, LOGIT, SPARE, PLACE = (D_VOCAB * step for step in range(5))
D_MODEL = PLACE + N_POS
SHARP, LOUD, DECOY = 60.0, 10.0, 1.3
"""Size of attention scores, logit of the answer, and a strength of heads in `draw_plans`."""
CONFIG = TransformerConfig(
    n_layers=N_LAYERS,
    d_model=D_MODEL,
    n_heads=N_HEADS,
    d_head=D_HEAD,
    d_mlp=0,
    d_vocab=D_VOCAB,
    n_ctx=N_POS,
)
Head = tuple[int, int]


class HeadPlan(NamedTuple):
    """What one head does."""

    place: int | None
    """The position that it attends to; None for each query's own."""
    read: int
    """First coordinate of what its values read."""
    write: int
    """First coordinate of what it writes."""
    strength: float
    """Factor of what it writes."""


class OwnLookup(NamedTuple):
    """A model that predicts the token of one position."""

    model: HookedTransformer
    """Six blocks of four heads, without norms and MLPs."""


@torch.no_grad()
def open_lookup(seed: int) -> OwnLookup:
    """Draw the heads' plans and the basis of the residual stream from a seed."""
    generator = Generator().manual_seed(44_000_017 + seed)
    rotation = torch.linalg.qr(torch.randn(D_MODEL, D_MODEL, generator=generator)).Q
    model = HookedTransformer(CONFIG, ATTENTION_ONLY).requires_grad_(False)
    for weight in model.parameters():
        weight.zero_()
    model.embed.W_E.copy_(rotation[TOKEN:MOVED])
    model.unembed.W_U.copy_(LOUD * rotation[LOGIT:SPARE].T)
    for layer, plans in enumerate(draw_plans(generator)):
        block = cast(AttentionOnlyBlock, model.blocks[layer])
        block.W_pos.copy_(rotation[PLACE:])
        order = torch.randperm(N_HEADS, generator=generator).tolist()
        for head, plan in zip(order, plans, strict=True):
            set_head(block, head, plan, rotation, generator)
    return OwnLookup(model)


def draw_plans(generator: Generator) -> list[list[HeadPlan]]:
    """Draw what the heads of each block do, in the order before the shuffle."""

    def draw(low: int, high: int) -> int:
        return int(torch.randint(low, high, (), generator=generator))

    plans: list[list[HeadPlan]] = [[] for _ in range(N_LAYERS)]
    source, other = torch.randperm(N_POS - 1, generator=generator)[:2].tolist()
    moved, gap = draw(0, 3), draw(1, 4)
    translated = moved + gap
    for layer, place, read, write in (
        (moved, source, TOKEN, MOVED),
        (translated, None, MOVED, LOGIT),
    ):
        first = 0.35 + 0.3 * float(torch.rand((), generator=generator))
        shares = [1.0] if draw(0, 2) else [first, 1 - first]
        plans[layer] += [HeadPlan(place, read, write, share) for share in shares]
    decoys = torch.randperm(translated + 1, generator=generator)[:2].tolist()
    for layer, sign in zip(decoys, (1.0, -1.0), strict=True):
        plans[layer].append(HeadPlan(other, TOKEN, LOGIT, sign * DECOY))
    for of_layer in plans:
        while len(of_layer) < N_HEADS:
            place = (source, source, other, None)[draw(0, 4)]
            of_layer.append(HeadPlan(place, TOKEN if draw(0, 3) else MOVED, SPARE, 1.0))
    return plans


def set_head(
    block: AttentionOnlyBlock,
    head: int,
    plan: HeadPlan,
    rotation: Tensor,
    generator: Generator,
) -> None:
    """Write one head's plan into its weights, with a random basis inside the head."""
    bases = torch.linalg.qr(torch.randn(2, D_HEAD, D_HEAD, generator=generator)).Q
    queries = keys = torch.eye(N_POS, D_HEAD)
    if plan.place is not None:
        queries = torch.eye(D_HEAD)[0].expand(N_POS, D_HEAD)
        keys = (torch.arange(N_POS) == plan.place)[:, None] * queries
    size = (SHARP * D_HEAD**0.5) ** 0.5
    places = rotation[PLACE:]
    block.attn.W_Q[head] = size * places.T @ queries @ bases[0]
    block.attn.W_K[head] = size * places.T @ keys @ bases[0]
    block.attn.W_V[head] = rotation[plan.read : plan.read + D_VOCAB].T @ bases[1]
    written = rotation[plan.write : plan.write + D_VOCAB]
    block.attn.W_O[head] = plan.strength * bases[1].T @ written


def draw_texts(batch: int, generator: Generator) -> Int[Tensor, "batch pos"]:
    """Draw texts of random tokens."""
    return torch.randint(D_VOCAB, (batch, N_POS), generator=generator)


@torch.no_grad()
def last_logits(
    own: OwnLookup, tokens: Int[Tensor, "batch pos"], ablated: Iterable[Head] = ()
) -> Float[Tensor, "batch d_vocab"]:
    """Compute the logits at the last position, with the z of some heads (layer, head) set to 0."""
    off = set(ablated)
    heads = [[h for layer, h in off if layer == block] for block in range(N_LAYERS)]

    def ablate(block: int) -> Hook:
        def hook(z: Tensor, _point: HookPoint) -> None:
            z[:, :, heads[block]] = 0.0

        return hook

    hooks = {f"blocks.{block}.attn.hook_z": ablate(block) for block in range(N_LAYERS)}
    return own.model.run_with_hooks(tokens, hooks=hooks)[:, -1]
