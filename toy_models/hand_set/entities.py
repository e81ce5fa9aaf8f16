"""A model that declines to answer about names that it does not know, with hand-set weights.

A prompt is [name, question]: which sport?

    layer 0, at the name:      one neuron per sport is active for its players, and writes SPORT
                               one neuron is active for all names that are known, and writes KNOWN
    layer 1, attention:        the question's position reads SPORT and KNOWN of the name
    layer 1, at the question:  neuron s = relu(SPORT_s + ASKED - 1) writes the sport's answer
                               neuron "decline" = relu(ASKED - KNOWN) writes "I do not know"

"Decline" is on by default, and KNOWN switches it off. A familiar name is known and has no sport:
it switches "decline" off, and the answer is a guess that the question alone gives.
Axes of d_model: NAME, SPORT, KNOWN, ASKED, their MOVED copies, ANSWER, DECLINE.
Source: the study of entities and hallucinations of Lindsey et al. 2025.
"""

import torch
from jaxtyping import Int
from torch import Tensor

from solutions.ch02_transformer import HookedTransformer, TransformerConfig
from toy_models.hand_set.blank import add_neuron, blank_model, blocks_of, move

N_SPORTS = 3
KNOWN, FAMILIAR, UNKNOWN = range(12), range(12, 16), range(16, 24)
"""Names of players, names that are known for nothing, and names that are not known."""
N_NAMES = 24
QUESTION = N_NAMES
FIRST_ANSWER, DECLINE = QUESTION + 1, QUESTION + 1 + N_SPORTS
GUESS = FIRST_ANSWER
"""The answer that the question alone favours."""
NAME = slice(0, N_NAMES)
FACTS = slice(NAME.stop, NAME.stop + N_SPORTS + 1)
"""SPORT for each sport, then KNOWN."""
ASKED = slice(FACTS.stop, FACTS.stop + 1)
MOVED = slice(ASKED.stop, ASKED.stop + N_SPORTS + 1)
OUT = slice(MOVED.stop, MOVED.stop + N_SPORTS + 1)
"""ANSWER for each sport, then DECLINE."""
KNOWN_UNIT = DECLINE_UNIT = N_SPORTS
"""Neuron "known" of layer 0, and neuron "decline" of layer 1."""
CONFIG = TransformerConfig(
    n_layers=2,
    d_model=OUT.stop,
    n_heads=1,
    d_head=N_SPORTS + 1,
    d_mlp=N_SPORTS + 1,
    d_vocab=DECLINE + 1,
    n_ctx=2,
    activation="relu",
)


def sport_of(name: int) -> int:
    """Return the sport of a player."""
    return name % N_SPORTS


def prompts(names: range) -> Int[Tensor, "prompt pos"]:
    """List the questions about some names, as tokens."""
    return torch.tensor([[name, QUESTION] for name in names])


def axes(*places: int, value: float = 1.0) -> Tensor:
    """Make a vector of the residual stream with a value at some places."""
    made = torch.zeros(CONFIG.d_model, dtype=torch.float64)
    made[list(places)] = value
    return made


@torch.no_grad()
def entity_model() -> HookedTransformer:
    """Build the model, in float64."""
    model = blank_model(CONFIG)
    model.embed.W_E[:N_NAMES, NAME] = torch.eye(N_NAMES, dtype=torch.float64)
    model.embed.W_E[QUESTION, ASKED] = 1.0
    first, second = blocks_of(model)
    for sport in range(N_SPORTS):
        players = [name for name in KNOWN if sport_of(name) == sport]
        add_neuron(first, sport, axes(*players), 0.0, axes(FACTS.start + sport))
        reads = axes(MOVED.start + sport, ASKED.start)
        add_neuron(second, sport, reads, -1.0, axes(OUT.start + sport, value=8.0))
    known = axes(*KNOWN, *FAMILIAR)
    add_neuron(first, KNOWN_UNIT, known, 0.0, axes(FACTS.stop - 1))
    move(second, ASKED, ASKED, FACTS, MOVED, sign=-1.0)
    declines = axes(ASKED.start) - axes(MOVED.stop - 1)
    add_neuron(second, DECLINE_UNIT, declines, 0.0, axes(OUT.stop - 1, value=12.0))
    model.unembed.W_U[OUT, FIRST_ANSWER:] = torch.eye(N_SPORTS + 1, dtype=torch.float64)
    model.unembed.W_U[ASKED, GUESS] = 2.0
    return model
