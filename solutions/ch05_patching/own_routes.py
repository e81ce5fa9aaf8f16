"""A model of your own: which head of layer 0 acts through which input of a head of layer 1?

A prompt is four pairs and a question. Each pair is one token, a label with a content. The question
names a label, and the answer is the content of the pair with that label. Layer 0 has eight heads;
each attends to its own position and writes there. One of the two heads of layer 1 answers: its
queries compare the asked label with the labels in its keys, and its values carry the contents.
Which heads of layer 0 write into what it reads follows from a seed. A head may write for two of
the three inputs, and two heads may share the work for one input. Other heads write the same things
to dimensions that nothing reads, or a constant to dimensions that the keys read.

Axes: batch, pos. Dimensions of the residual stream: token, ones, slots (what layer 0 writes for
each input, and one that nothing reads), answer, position.
"""

from typing import Literal, NamedTuple, cast

import torch
from jaxtyping import Float, Int
from torch import Tensor

from ..ch02_transformer import HookedTransformer, TransformerConfig
from ..ch02_transformer.attention import Attention
from ..ch02_transformer.attention_only import ATTENTION_ONLY, AttentionOnlyBlock
from .metrics import ResidMetric

Side = Literal["q", "k", "v"]
SIDES: tuple[Side, ...] = ("q", "k", "v")
N_PAIRS, N_HEADS, N_VALUES = 4, 8, 4
"""N_VALUES: number of labels, and of contents."""
FIRST_QUESTION = N_VALUES * N_VALUES
FIRST_ANSWER = FIRST_QUESTION + N_VALUES
ONES = FIRST_ANSWER
UNREAD = ONES + 1
SLOT = {"q": UNREAD + 4, "k": UNREAD + 8, "v": UNREAD + 12}
ANSWER = UNREAD + 16
POSITION = ANSWER + N_VALUES
SHARP = 60.0
"""Attention score of a key whose label is the asked one."""
CONFIG = TransformerConfig(
    n_layers=2,
    d_model=POSITION + N_PAIRS + 1,
    n_heads=N_HEADS,
    d_head=2 * N_VALUES,
    d_mlp=0,
    d_vocab=FIRST_ANSWER + N_VALUES,
    n_ctx=N_PAIRS + 1,
)
EYE = torch.eye(N_VALUES).double()


class Questions(NamedTuple):
    """Prompts with their answers."""

    tokens: Int[Tensor, "batch pos"]
    """Four pairs, N_VALUES x label + content, and FIRST_QUESTION + the asked label."""
    answer: Int[Tensor, " batch"]
    """FIRST_ANSWER + the content of the asked pair."""


def draw_questions(n: int, generator: torch.Generator) -> Questions:
    """Draw prompts: labels and contents in random order, and a random question."""
    labels, contents = (torch.rand(n, 4, generator=generator).argsort(dim=1) for _ in range(2))
    asked = torch.randint(N_VALUES, (n, 1), generator=generator)
    tokens = torch.cat([N_VALUES * labels + contents, FIRST_QUESTION + asked], dim=1)
    return Questions(tokens, FIRST_ANSWER + contents[labels == asked])


def corrupt(questions: Questions) -> Int[Tensor, "batch pos"]:
    """Change labels, contents and question; each of the three changes gives a wrong answer."""
    pairs, asked = questions.tokens[:, :-1], questions.tokens[:, -1:] - FIRST_QUESTION
    labels, contents = (pairs // N_VALUES + 1) % N_VALUES, (pairs + 1) % N_VALUES
    return torch.cat([N_VALUES * labels + contents, FIRST_QUESTION + (asked + 2) % N_VALUES], dim=1)


def right_logit(model: HookedTransformer, questions: Questions) -> ResidMetric:
    """Make the metric of the paths: the logit of the right answer, which is 10 on clean prompts."""
    rows = torch.arange(len(questions.answer))

    def metric(end: Float[Tensor, "*patch batch d_model"]) -> Float[Tensor, "*patch batch"]:
        return model.unembed_resid(end)[..., rows, questions.answer]

    return metric


@torch.no_grad()
def open_routes(seed: int) -> HookedTransformer:
    """Draw which heads write for which input, and set the weights, in float64."""
    generator = torch.Generator().manual_seed(seed)
    model = HookedTransformer(CONFIG, ATTENTION_ONLY).double()
    for weight in model.parameters():
        weight.zero_()
    model.embed.W_E[:FIRST_ANSWER, :FIRST_ANSWER] = torch.eye(FIRST_ANSWER).double()
    model.embed.W_E[:, ONES] = 1.0
    model.unembed.W_U[ANSWER:POSITION, FIRST_ANSWER:] = 10 * EYE
    first, last = (cast(AttentionOnlyBlock, block) for block in model.blocks)
    places = torch.zeros(CONFIG.n_ctx, CONFIG.d_model)
    places[:, POSITION:] = torch.eye(CONFIG.n_ctx)
    first.load_state_dict({"W_pos": places}, strict=False)
    set_writers(first.attn, generator)
    answering = int(torch.randint(N_HEADS, (), generator=generator))
    other = (answering + 1 + int(torch.randint(N_HEADS - 1, (), generator=generator))) % N_HEADS
    for head, target in ((answering, ANSWER), (other, UNREAD)):
        for side, matrix in (("q", last.attn.W_Q), ("k", last.attn.W_K), ("v", last.attn.W_V)):
            matrix[head, SLOT[side] : SLOT[side] + N_VALUES, :N_VALUES] = EYE
        last.attn.W_Q[head] *= SHARP * CONFIG.d_head**0.5
        last.attn.W_O[head, :N_VALUES, target : target + N_VALUES] = EYE
    return model.requires_grad_(False)


def set_writers(attn: Attention, generator: torch.Generator) -> None:
    """Draw one or two heads of layer 0 per input, which may overlap; the other heads are idle."""
    here = torch.eye(CONFIG.n_ctx).double()
    attn.W_Q[:, POSITION:, : CONFIG.n_ctx] = 200.0 * here
    attn.W_K[:, POSITION:, : CONFIG.n_ctx] = here
    maps, used = token_maps(), torch.zeros(N_HEADS, dtype=torch.long)
    for side in SIDES:
        free = (used < 2).nonzero()[:, 0]
        n_writers = int(torch.randint(1, 3, (), generator=generator))
        for head in free[torch.randperm(len(free), generator=generator)[:n_writers]].tolist():
            carry(attn, head, int(used[head]), maps[side], SLOT[side], 1 / n_writers)
            used[head] += 1
    idle = (used == 0).nonzero()[:, 0]
    for number, place in enumerate(torch.randperm(len(idle), generator=generator).tolist()):
        head = int(idle[place])
        if number % 2:  # the same for all labels, so no attention moves
            constant = torch.zeros(CONFIG.d_model, N_VALUES).double()
            constant[ONES] = 1.0
            carry(attn, head, 0, constant, SLOT["k"], 1.0)
        else:
            carry(attn, head, 0, maps[SIDES[number // 2 % 3]], UNREAD, 1.0)


def token_maps() -> dict[Side, Float[Tensor, "d_model value"]]:
    """Map a token to what is written for each input: asked label, label or content, one-hot."""
    pair = torch.arange(FIRST_QUESTION)
    maps: dict[Side, Tensor] = {s: torch.zeros(CONFIG.d_model, N_VALUES).double() for s in SIDES}
    maps["q"][FIRST_QUESTION:FIRST_ANSWER] = EYE
    maps["k"][pair, pair // N_VALUES] = 1.0
    maps["v"][pair, pair % N_VALUES] = 1.0
    return maps


def carry(attn: Attention, head: int, half: int, read: Tensor, slot: int, share: float) -> None:
    """Let one half of a head's d_head copy what `read` finds at its position into a slot."""
    columns = slice(half * N_VALUES, (half + 1) * N_VALUES)
    attn.W_V[head, :, columns] = read
    attn.W_O[head, columns, slot : slot + N_VALUES] = share * EYE
