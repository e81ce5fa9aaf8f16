"""A model set by hand from your own seed, whose transcoder holds impostors.

The task has two hops. A sequence is [city, relation]; each city lies in a state, and the answer
depends on the state and the relation alone. The model works it out in two steps:

    layer 0, at the city:      one neuron per state is active for its cities, and writes the state
    layer 1, attention:        the relation's position reads the state from the city's position
    layer 1, at the relation:  one neuron per (state, relation) writes the answer

There is no norm, so every edge is a product of weights. The transcoder of layer 0 computes what the
MLP computes, with other latents: some states are split into two latents, each for a part of the
cities; impostors are active for a state's cities too, and write to directions that nothing reads.
Which cities, which states are split, and the order of the latents follow from the seed.
Axes: batch, pos (0 the city, 1 the relation), d_model.
Source: the two-hop question "the capital of the state containing Dallas" of Lindsey et al. 2025.
"""

from collections.abc import Sequence
from typing import NamedTuple, cast

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from ..ch02_transformer import HookedTransformer, TransformerConfig
from ..ch02_transformer.attention import plain_attention
from ..ch02_transformer.layers import MLP, NoPositions, Unembed
from ..ch02_transformer.model import MLPBlock, Parts, SequentialBlock
from ..ch02_transformer.norms import Affine, Norm
from .replacement import ACTS, replace_mlps
from .transcoder import L1Transcoder

N_CITIES, N_STATES, N_RELATIONS, N_SPARE = 24, 6, 3, 6
N_ANSWERS = N_STATES * N_RELATIONS
CITY = 0
STATE = CITY + N_CITIES
RELATION = STATE + N_STATES
MOVED = RELATION + N_RELATIONS
ANSWER = MOVED + N_STATES
SPARE = ANSWER + N_ANSWERS
D_MODEL = SPARE + N_SPARE
FIRST_RELATION = N_CITIES
FIRST_ANSWER = N_CITIES + N_RELATIONS
LATENTS = f"blocks.0.mlp.{ACTS}"


class NoNorm(Norm):
    """Leave the residual stream as it is."""

    centers = False

    def forward(self, x: Float[Tensor, "*batch d_model"]) -> Float[Tensor, "*batch d_model"]:
        """Return x."""
        scale = torch.ones_like(x[..., :1])
        return self.hook_normalized(x / self.hook_scale(scale))

    def affine(self) -> Affine:
        """Return a gain of ones and a bias of zeros: this norm has no parameters."""
        ones = torch.ones(D_MODEL)
        return Affine(ones, torch.zeros_like(ones))


PARTS = Parts(NoPositions, NoNorm, plain_attention, MLP, SequentialBlock, Unembed)
CONFIG = TransformerConfig(
    n_layers=2,
    d_model=D_MODEL,
    n_heads=1,
    d_head=N_STATES,
    d_mlp=N_ANSWERS,
    d_vocab=FIRST_ANSWER + N_ANSWERS,
    n_ctx=2,
    activation="relu",
)


class OwnTwoHop(NamedTuple):
    """A model, the geography that it knows, and a transcoder of its first MLP."""

    model: HookedTransformer
    """Tokens: cities from 0, relations from FIRST_RELATION, answers from FIRST_ANSWER."""
    state_of: Int[Tensor, " city"]
    """State of each city."""
    transcoder: L1Transcoder
    """Of layer 0; the error is zero on cities."""
    asked: tuple[int, int]
    """The two cities of your swap; they lie in different states."""


@torch.no_grad()
def open_two_hop(seed: int) -> OwnTwoHop:
    """Draw a geography, a model and a transcoder from a seed."""
    generator = torch.Generator().manual_seed(111_000_017 + seed)
    order = torch.randperm(N_CITIES, generator=generator)
    state_of = torch.empty(N_CITIES, dtype=torch.long)
    state_of[order] = torch.arange(N_CITIES) % N_STATES
    answer_of = torch.randperm(N_ANSWERS, generator=generator).view(N_STATES, N_RELATIONS)
    model = HookedTransformer(CONFIG, PARTS)
    for weight in model.parameters():
        weight.zero_()
    set_weights(model, state_of, answer_of)
    states = torch.randperm(N_STATES, generator=generator)
    transcoder = draw_transcoder(state_of, states, generator)
    lots = torch.rand(N_CITIES, generator=generator)
    first, second = (int((lots * (state_of == state)).argmax()) for state in states[1:3])
    return OwnTwoHop(model, state_of, transcoder, (first, second))


def set_weights(model: HookedTransformer, state_of: Tensor, answer_of: Tensor) -> None:
    """Write the three steps into a model of zeros."""
    inputs = FIRST_ANSWER
    model.embed.W_E[:N_CITIES, CITY:STATE] = torch.eye(N_CITIES)
    model.embed.W_E[FIRST_RELATION:inputs, RELATION:MOVED] = torch.eye(N_RELATIONS)
    first, second = (cast(MLPBlock, block).mlp for block in model.blocks)
    states = torch.eye(N_STATES)
    first.W_in[CITY:STATE, :N_STATES] = states[state_of]
    first.W_out[:N_STATES, STATE:RELATION] = states
    attn = model.blocks[1].attn
    attn.W_Q[0, RELATION:MOVED] = 40.0
    attn.W_K[0, STATE:RELATION] = states
    attn.W_V[0, STATE:RELATION] = states
    attn.W_O[0, :, MOVED:ANSWER] = states
    for state in range(N_STATES):
        for relation in range(N_RELATIONS):
            neuron = state * N_RELATIONS + relation
            second.W_in[[MOVED + state, RELATION + relation], neuron] = 1.0
            second.W_out[neuron, ANSWER + answer_of[state, relation]] = 10.0
    second.b_in.fill_(-1.0)
    model.unembed.W_U[ANSWER:SPARE, inputs:] = torch.eye(N_ANSWERS)


def draw_transcoder(state_of: Tensor, states: Tensor, generator: torch.Generator) -> L1Transcoder:
    """Draw latents of states and impostors; the first two states are split, the next four not.

    The second to the fifth have an impostor each.
    """
    members = torch.eye(N_STATES)[state_of]
    reads, writes = [], []
    for state in range(N_STATES):
        cities, target = members[:, state], torch.zeros(D_MODEL)
        target[STATE + state] = 1.0
        groups = [cities]
        if state in states[:2]:
            half = torch.zeros(N_CITIES)
            half[cities.nonzero()[:2, 0]] = 1.0
            groups = [half, cities - half]
        reads += groups
        writes += [target] * len(groups)
    for spare, state in enumerate(states[1:5]):
        target = torch.zeros(D_MODEL)
        target[SPARE + spare] = 1.5
        reads.append(members[:, state])
        writes.append(target)
    order = torch.randperm(len(reads), generator=generator)
    made = L1Transcoder(D_MODEL, D_MODEL, len(reads), l1_coefficient=0.0)
    made.W_enc.zero_()
    made.W_enc[CITY:STATE] = torch.stack(reads)[order].T
    made.W_dec.copy_(torch.stack(writes)[order])
    return made


@torch.no_grad()
def answer_logits(
    own: OwnTwoHop,
    tokens: Int[Tensor, "batch pos"],
    off: Sequence[int] = (),
    on: Sequence[int] = (),
) -> Float[Tensor, "batch answer"]:
    """Compute the answers' logits with some latents of layer 0 set to 0 and others to 1.

    Latents are changed at the city's position alone.
    """

    def edit(acts: Float[Tensor, "batch pos d_sae"], _point: object) -> Tensor:
        acts[:, 0, list(off)] = 0.0
        acts[:, 0, list(on)] = 1.0
        return acts

    with replace_mlps(own.model, {0: own.transcoder}) as model, model.hooks({LATENTS: edit}):
        return model(tokens)[:, -1, FIRST_ANSWER:]


def questions_of(city: int) -> Int[Tensor, "batch pos"]:
    """List the questions about one city, one per relation."""
    relations = FIRST_RELATION + torch.arange(N_RELATIONS)
    return torch.stack([torch.full_like(relations, city), relations], dim=1)


def active_latents(own: OwnTwoHop) -> Bool[Tensor, "city latent"]:
    """Mark the latents of layer 0 that are active for each city."""
    x = own.model.embed.W_E[:N_CITIES].detach()
    return own.transcoder(x).acts > 0
