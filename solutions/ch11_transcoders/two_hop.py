"""A model with hand-set weights that needs two hops, its exact CLT, and its attribution graph.

A prompt is [city, relation]. The answer depends on the city's state and the relation:

    layer 0, at the city:      one neuron per state is active for its cities, and writes STATE
    layer 1, at the city:      one neuron per state reads STATE, and writes it again as AGAIN
    layer 2, attention:        the relation's position reads STATE + AGAIN of the city, as MOVED
    layer 2, at the relation:  neuron (state, relation) = relu(MOVED + RELATION - 3/2) writes ANSWER

The CLT needs no latent in layer 1: the state latents of layer 0 write to the outputs of both MLPs.
Half of the 3/2 is the encoder's bias. The other half comes from a position embedding, two MLP
biases and an attention bias, so a graph without these sources does not add up. All weights are
multiples of 1/8, and the attention pattern is exactly 0 and 1, so every edge is exact in floating
point.
Axes of d_model: CITY (16), STATE (4), AGAIN (4), RELATION (3), MOVED (4), ANSWER (12), ONE (1).
Source: the two-hop question "the capital of the state containing Dallas" of Lindsey et al. 2025.
"""

from dataclasses import replace
from typing import NamedTuple, cast

import torch
from jaxtyping import Int
from torch import Tensor

from ..ch02_transformer import GPT2, HookedTransformer, TransformerConfig
from ..ch02_transformer.attention_only import NoNorm
from ..ch02_transformer.layers import LearnedPositions, Unembed
from ..ch02_transformer.model import MLPBlock
from .crosslayer import JumpReLUCLT

N_CITIES, N_STATES, N_RELATIONS = 16, 4, 3
N_ANSWERS = N_STATES * N_RELATIONS
CITY = 0
STATE = CITY + N_CITIES
AGAIN = STATE + N_STATES
RELATION = AGAIN + N_STATES
MOVED = RELATION + N_RELATIONS
ANSWER = MOVED + N_STATES
ONE = ANSWER + N_ANSWERS
FIRST_RELATION = N_CITIES
FIRST_ANSWER = N_CITIES + N_RELATIONS
CONFIG = TransformerConfig(
    n_layers=3,
    d_model=ONE + 1,
    n_heads=1,
    d_head=N_STATES,
    d_mlp=N_ANSWERS,
    d_vocab=FIRST_ANSWER + N_ANSWERS,
    n_ctx=2,
    activation="relu",
)
ATTENTION_SCORE = 4000.0
"""Large enough for a softmax to return exactly 1 and 0."""


def state_of(city: int) -> int:
    """Return the state of a city: the first four cities lie in state 0, and so on."""
    return city // (N_CITIES // N_STATES)


def answer_to(city: int, relation: int) -> int:
    """Return the token of the answer about a city; relations are counted from 0."""
    return FIRST_ANSWER + N_RELATIONS * state_of(city) + relation


def all_prompts() -> Int[Tensor, "prompt pos"]:
    """List all prompts, city by city, as tokens."""
    relations = FIRST_RELATION + torch.arange(N_RELATIONS)
    return torch.cartesian_prod(torch.arange(N_CITIES), relations)


@torch.no_grad()
def two_hop_model() -> HookedTransformer:
    """Build the model, in float64."""
    model = HookedTransformer(CONFIG, replace(GPT2, norm=NoNorm, unembed=Unembed)).double()
    for weight in model.parameters():
        weight.zero_()
    model.embed.W_E[:N_CITIES, CITY:STATE] = torch.eye(N_CITIES)
    model.embed.W_E[FIRST_RELATION:FIRST_ANSWER, RELATION:MOVED] = torch.eye(N_RELATIONS)
    positions = cast(LearnedPositions, model.pos_embed)
    positions.W_pos[:, ONE] = torch.tensor([1 / 2, 1 / 4])
    blocks = [cast(MLPBlock, block) for block in model.blocks]
    first, second, third = (block.mlp for block in blocks)
    states = torch.eye(N_STATES)
    for state in range(N_STATES):
        cities = [city for city in range(N_CITIES) if state_of(city) == state]
        first.W_in[cities, state] = 3.0  # neuron = relu(3 - 1)
    first.b_in[:N_STATES] = -1.0
    first.W_out[:N_STATES, STATE:AGAIN] = states / 4
    second.W_in[STATE:AGAIN, :N_STATES] = states * 2
    second.W_out[:N_STATES, AGAIN:RELATION] = states / 2
    for state in range(N_STATES):
        for relation in range(N_RELATIONS):
            neuron = state * N_RELATIONS + relation
            third.W_in[[MOVED + state, RELATION + relation], neuron] = 1.0
    third.W_in[ONE] = -1.0
    third.b_in.fill_(-3 / 4)
    third.W_out[:, ANSWER:ONE] = 16 * torch.eye(N_ANSWERS)
    for mlp in (first, second, third):
        mlp.b_out[ONE] = 1 / 8
    attn = blocks[2].attn
    attn.W_Q[0, RELATION:MOVED] = ATTENTION_SCORE
    attn.W_K[0, STATE:AGAIN] = states
    attn.W_V[0, STATE:AGAIN] = attn.W_V[0, AGAIN:RELATION] = states
    attn.W_O[0, :, MOVED:ANSWER] = states
    attn.b_O[ONE] = 1 / 4
    model.unembed.W_U[ANSWER:ONE, FIRST_ANSWER:] = torch.eye(N_ANSWERS)
    return model.requires_grad_(False)


@torch.no_grad()
def exact_clt(model: HookedTransformer) -> JumpReLUCLT:
    """Build the CLT of the model, without error: latents of states and of pairs.

    Layer 0: latent s is state s, for the first four latents. Layer 2: latent 3 s + r is state s and
    relation r. All others are never active.
    """
    clt = JumpReLUCLT(CONFIG.n_layers, CONFIG.d_model, N_ANSWERS, coefficient=0.0).double()
    clt.W_enc.zero_()
    first, second, third = (cast(MLPBlock, block).mlp for block in model.blocks)
    for layer, mlp in ((0, first), (2, third)):
        clt.W_enc[layer], clt.b_enc[layer] = mlp.W_in, mlp.b_in
        clt.W_dec[layer][0] = mlp.W_out
    # Layer 1 is linear where states are: what a state writes there follows from what it wrote in 0.
    clt.W_dec[0][1] = first.W_out @ second.W_in @ second.W_out
    for layer, mlp in enumerate((first, second, third)):
        clt.b_dec[layer] = mlp.b_out
    return clt.requires_grad_(False)


class KnownEdge(NamedTuple):
    """One edge of the model's attribution graph: a direct effect, patterns held constant.

    Nodes are `token POS`, `position POS`, `latent LAYER POS UNIT`, `b_dec LAYER POS`, `attention
    bias LAYER POS`, `b_enc LAYER POS UNIT` and `answer`, the answer's logit minus the mean logit.
    """

    source: str
    """Node that writes."""
    target: str
    """Node that reads: a latent or the answer."""
    weight: float
    """Effect on the target's pre-activation, or on the logit."""


def known_edges(city: int, relation: int) -> list[KnownEdge]:
    """List all edges of one prompt's graph with the exact CLT that are not zero.

    The edges into a latent sum to its pre-activation (2 in layer 0, 1/2 in layer 2), which is also
    its activation; those into the answer to 8 times 30/31, since the mean logit is 8/31.
    """
    state = state_of(city)
    hop = f"latent 0 0 {state}"
    pair = f"latent 2 1 {N_RELATIONS * state + relation}"
    return [
        KnownEdge("token 0", hop, 3.0),
        KnownEdge(hop.replace("latent", "b_enc"), hop, -1.0),
        KnownEdge(hop, pair, 1.0),
        KnownEdge("token 1", pair, 1.0),
        KnownEdge("position 1", pair, -1 / 4),
        KnownEdge("b_dec 0 1", pair, -1 / 8),
        KnownEdge("b_dec 1 1", pair, -1 / 8),
        KnownEdge("attention bias 2 1", pair, -1 / 4),
        KnownEdge(pair.replace("latent", "b_enc"), pair, -3 / 4),
        KnownEdge(pair, "answer", 8 - 8 / CONFIG.d_vocab),
    ]
