"""A small model of your own for the IOI task, with weights that are set by hand.

A prompt is two names in either order, S again, and END. Three layers of eight heads work at END.
Each layer has impostors with the pattern of a working head, which write what nothing reads. How
many heads have each role, and which heads these are, follows from a seed.

Axes: batch, pos. Dimensions of the residual stream: name, inhibited name, mark, ones, logit,
unread, position.
Source: the classes are those of Wang et al. 2022, "Interpretability in the Wild".
"""

from typing import Literal, NamedTuple, cast

import torch
from torch import Tensor

from ..ch02_transformer import HookedTransformer, TransformerConfig
from ..ch02_transformer.attention import Attention
from ..ch02_transformer.attention_only import ATTENTION_ONLY, AttentionOnlyBlock
from .prompts import IOIPrompts, RolePositions

N_NAMES, N_HEADS = 12, 8
END_TOKEN = N_NAMES
INHIBITED = N_NAMES
MARK = INHIBITED + N_NAMES
ONES = MARK + 1
LOGIT = ONES + 1
UNREAD = LOGIT + N_NAMES
POSITION = UNREAD + N_NAMES
S2, END = 2, 3
SHARP = 40.0
CONFIG = TransformerConfig(
    n_layers=3,
    d_model=POSITION + 4,
    n_heads=N_HEADS,
    d_head=N_NAMES + 3,
    d_mlp=0,
    d_vocab=N_NAMES + 1,
    n_ctx=4,
)
LOOK = CONFIG.d_head - 2
"""Dimension of queries and keys that compares positions; the one after it is the gate."""
Gate = Literal["always", "mark", "no mark"]


class Role(NamedTuple):
    """What the heads of one role do: where they attend, when, and what they write."""

    attends: Literal["s2", "io"]
    """The position they attend to; IO is the name that is not inhibited."""
    target: int
    """First of the dimensions that get the attended name."""
    strength: float
    """Size of what they write together."""
    gate: Gate = "always"
    """When they attend there; at other times they attend to END, where there is no name."""
    marks: bool = False
    """Whether they write the mark."""


ROLES: tuple[dict[str, Role], ...] = (
    {"S-inhibition": Role("s2", INHIBITED, 1.0)},
    {
        "name mover": Role("io", LOGIT, 3.0, marks=True),
        "subject suppressor": Role("s2", LOGIT, -0.5),
    },
    {
        "backup name mover": Role("io", LOGIT, 2.5, "no mark"),
        "negative name mover": Role("io", LOGIT, -1.0, "mark"),
    },
)
"""The roles of each layer, by name."""
SHARED = ("S-inhibition", "name mover", "backup name mover")
"""Roles of two or three heads; the others have one."""


def draw_names(n: int, generator: torch.Generator) -> IOIPrompts:
    """Draw prompts [name, name, S, END], with IO first or second, in this chapter's form."""
    io, s = torch.rand(n, N_NAMES, generator=generator).argsort(dim=1)[:, :2].T
    abba = torch.rand(n, generator=generator) < 0.5
    first, second = torch.where(abba, io, s), torch.where(abba, s, io)
    tokens = torch.stack([first, second, s, torch.full_like(s, END_TOKEN)], dim=1)
    s1 = abba.long()
    places = RolePositions(1 - s1, s1, s1 + 1, torch.full_like(s1, S2), torch.full_like(s1, END))
    return IOIPrompts(tokens, places, io, s, 1 - s1, abba)


@torch.no_grad()
def open_names(seed: int) -> HookedTransformer:
    """Draw which heads have which role, and set the weights, in float64.

    Tokens are names from 0, and END_TOKEN.
    """
    generator = torch.Generator().manual_seed(seed)
    model = HookedTransformer(CONFIG, ATTENTION_ONLY).double()
    for weight in model.parameters():
        weight.zero_()
    names, places = torch.eye(N_NAMES).double(), torch.zeros(CONFIG.n_ctx, CONFIG.d_model)
    model.embed.W_E[:N_NAMES, :N_NAMES] = names
    model.embed.W_E[:, ONES] = 1.0
    model.unembed.W_U[LOGIT:UNREAD, :N_NAMES] = names
    places[:, POSITION:] = torch.eye(CONFIG.n_ctx)
    for roles, block in zip(ROLES, model.blocks, strict=True):
        attn = cast(AttentionOnlyBlock, block).attn
        block.load_state_dict({"W_pos": places}, strict=False)
        free = torch.randperm(N_HEADS, generator=generator).tolist()
        for name, role in roles.items():
            n = int(torch.randint(2, 4, (), generator=generator)) if name in SHARED else 1
            for _ in range(n):
                set_head(attn, free.pop(), role, 1 / n)
        for head in free:  # impostors
            choices = list(roles.values())
            role = choices[int(torch.randint(len(choices), (), generator=generator))]
            set_head(attn, head, role._replace(target=UNREAD, marks=False), 1.0)
    return model.requires_grad_(False)


def set_head(attn: Attention, head: int, role: Role, share: float) -> None:
    """Write the weights of one head of a role, with a share of its strength, over zeros."""
    names, scale = torch.eye(N_NAMES).double(), SHARP * CONFIG.d_head**0.5
    Q, K = attn.W_Q[head], attn.W_K[head]
    Q[ONES, LOOK] = scale
    if role.attends == "s2":
        K[POSITION + S2, LOOK] = 1.0
    else:  # one of the first two names, but not the inhibited one
        K[POSITION : POSITION + S2, LOOK] = 1.0
        Q[INHIBITED : INHIBITED + N_NAMES, :N_NAMES] = -2 * scale * names
        K[:N_NAMES, :N_NAMES] = names
    gate_closed(Q, K, role.gate, scale)
    attn.W_V[head, :N_NAMES, :N_NAMES] = names
    attn.W_O[head, :N_NAMES, role.target : role.target + N_NAMES] = share * role.strength * names
    if role.marks:
        attn.W_V[head, ONES, N_NAMES] = 1.0
        attn.W_O[head, N_NAMES, MARK] = share


def gate_closed(Q: Tensor, K: Tensor, gate: Gate, scale: float) -> None:
    """Let END attend to itself, more than to any name, while the gate is closed.

    A third of the mark counts as the mark: one of three name movers keeps the backups silent.
    """
    gate_dim = LOOK + 1
    K[POSITION + END, gate_dim] = 1.0
    if gate == "no mark":
        Q[MARK, gate_dim] = 4 * scale
    elif gate == "mark":
        Q[ONES, gate_dim] = 2 * scale
        Q[MARK, gate_dim] = -4 * scale
