"""Two models that complete a rhyme, one with a plan and one without, with hand-set weights.

A text is [first, line break, middle, end]: `end` rhymes with `first`, and `middle` fits `end`. Both
models predict `middle` at the line break and `end` at the middle word, and both give the same
logits on every text.

The planner, at the line break:
    layer 1, attention reads the rhyme of the first word; neuron r writes PLAN_r, the end word
    layer 2, a neuron reads PLAN and writes the middle word that fits it
  and at the middle word:
    layer 2, attention reads PLAN at the line break; neuron r writes the end word

The improviser finds the middle word from the rhyme at the line break in layer 1, and the end word
from the rhyme of the first word, which it reads at the middle word in layer 2.
Axes of d_model: FIRST, BREAK, MIDDLE, RHYME, SEEN (moved in layer 1), PLAN, MOVED (moved in layer
2), OUT_MIDDLE, OUT_END.
Source: the study of planning in poems of Lindsey et al. 2025.
"""

import torch
from jaxtyping import Int
from torch import Tensor

from solutions.ch02_transformer import HookedTransformer, TransformerConfig
from toy_models.hand_set.blank import add_neuron, blank_model, blocks_of, move

N_FIRST, N_RHYMES, N_MIDDLES = 12, 4, 2
LINE_BREAK = N_FIRST
FIRST_MIDDLE = LINE_BREAK + 1
FIRST_END = FIRST_MIDDLE + N_MIDDLES
FIRST = slice(0, N_FIRST)
BREAK = slice(FIRST.stop, FIRST.stop + 1)
MIDDLE = slice(BREAK.stop, BREAK.stop + N_MIDDLES)
RHYME = slice(MIDDLE.stop, MIDDLE.stop + N_RHYMES)
SEEN = slice(RHYME.stop, RHYME.stop + N_RHYMES)
PLAN = slice(SEEN.stop, SEEN.stop + N_RHYMES)
MOVED = slice(PLAN.stop, PLAN.stop + N_RHYMES)
OUT_MIDDLE = slice(MOVED.stop, MOVED.stop + N_MIDDLES)
OUT_END = slice(OUT_MIDDLE.stop, OUT_MIDDLE.stop + N_RHYMES)
CONFIG = TransformerConfig(
    n_layers=3,
    d_model=OUT_END.stop,
    n_heads=1,
    d_head=N_RHYMES,
    d_mlp=N_RHYMES + N_MIDDLES,
    d_vocab=FIRST_END + N_RHYMES,
    n_ctx=3,
    activation="relu",
)


def rhyme_of(first: int) -> int:
    """Return the rhyme of a first word; it is also the number of its end word."""
    return first % N_RHYMES


def middle_of(rhyme: int) -> int:
    """Return the middle word, as a token, that fits an end word."""
    return FIRST_MIDDLE + rhyme // (N_RHYMES // N_MIDDLES)


def all_prompts() -> Int[Tensor, "prompt pos"]:
    """List the texts of all first words, without their ends."""
    return torch.tensor(
        [[first, LINE_BREAK, middle_of(rhyme_of(first))] for first in range(N_FIRST)]
    )


def axes(*places: int, value: float = 1.0) -> Tensor:
    """Make a vector of the residual stream with a value at some places."""
    made = torch.zeros(CONFIG.d_model, dtype=torch.float64)
    made[list(places)] = value
    return made


@torch.no_grad()
def rhyme_model(plans: bool) -> HookedTransformer:
    """Build the planner or the improviser, in float64."""
    model = blank_model(CONFIG)
    model.embed.W_E[:FIRST_END, : MIDDLE.stop] = torch.eye(FIRST_END, dtype=torch.float64)
    first, second, third = blocks_of(model)
    for rhyme in range(N_RHYMES):
        words = [word for word in range(N_FIRST) if rhyme_of(word) == rhyme]
        add_neuron(first, rhyme, axes(*words), 0.0, axes(RHYME.start + rhyme))
        at_end = axes(MOVED.start + rhyme, *range(MIDDLE.start, MIDDLE.stop))
        add_neuron(third, rhyme, at_end, -1.0, axes(OUT_END.start + rhyme, value=8.0))
        if plans:
            seen = axes(SEEN.start + rhyme, BREAK.start)
            add_neuron(second, rhyme, seen, -1.0, axes(PLAN.start + rhyme))
    move(second, BREAK, FIRST, RHYME, SEEN)
    source, key, block = (PLAN, BREAK, third) if plans else (RHYME, FIRST, second)
    move(third, MIDDLE, key, source, MOVED)
    read = PLAN if plans else SEEN
    for middle in range(N_MIDDLES):
        fitting = [r for r in range(N_RHYMES) if middle_of(r) == FIRST_MIDDLE + middle]
        reads = axes(*(read.start + rhyme for rhyme in fitting), BREAK.start)
        writes = axes(OUT_MIDDLE.start + middle, value=8.0)
        add_neuron(block, N_RHYMES + middle, reads, -1.0, writes)
    for place in range(N_MIDDLES + N_RHYMES):
        model.unembed.W_U[OUT_MIDDLE.start + place, FIRST_MIDDLE + place] = 1.0
    return model
