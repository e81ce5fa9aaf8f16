"""A geography to learn: cities lie in states, and answers depend on state and relation.

    [city, relation]  -> the answer of the city's state
    [state, relation] -> the same, asked about the state itself

For every city one relation is held out: it can be answered only by a model that finds the state.
Answers are a Latin square: each state has another answer for each relation, each answer belongs to
another state in each relation. So no sum of a score of the state and one of the relation is right.
The toy `two_hop` is trained on it. Nothing is set by hand there, unlike in `two_hop.py`.
Axes: city, state, relation; tokens are cities, states, relations, answers in this order.
"""

from dataclasses import replace
from typing import NamedTuple

import torch
from jaxtyping import Int
from torch import Tensor

from ..ch02_transformer import HookedTransformer, TransformerConfig
from ..ch02_transformer.layers import Unembed
from ..ch02_transformer.model import GPT2, MLPBlock

N_CITIES, N_STATES, N_RELATIONS = 128, 8, 4
FIRST_STATE = N_CITIES
FIRST_RELATION = FIRST_STATE + N_STATES
FIRST_ANSWER = FIRST_RELATION + N_RELATIONS
N_TOKENS = FIRST_ANSWER + N_STATES
PARTS = replace(GPT2, unembed=Unembed)
CONFIG = TransformerConfig(
    n_layers=2,
    d_model=64,
    n_heads=1,
    d_head=16,
    d_mlp=128,
    d_vocab=N_TOKENS,
    n_ctx=2,
    activation="relu",
)


class Geography(NamedTuple):
    """What is true, and which questions are held out."""

    state_of: Int[Tensor, " city"]
    """State of each city, from 0."""
    answer: Int[Tensor, "state relation"]
    """Answers as tokens."""
    held_out: Int[Tensor, " city"]
    """Relation of each city, from 0, that no training question asks."""

    def questions(self, held_out: bool) -> Int[Tensor, "question pos"]:
        """List the held-out questions about cities, or the others, as tokens."""
        relations = torch.arange(N_RELATIONS)
        chosen = (self.held_out[:, None] == relations) == held_out
        city, relation = chosen.nonzero(as_tuple=True)
        return torch.stack([city, FIRST_RELATION + relation], dim=1)

    def answers(self, questions: Int[Tensor, "question pos"]) -> Int[Tensor, " question"]:
        """Look up the answers to questions about cities, as tokens."""
        city, relation = questions[:, 0], questions[:, 1] - FIRST_RELATION
        return self.answer[self.state_of[city], relation]

    def state_questions(self) -> Int[Tensor, "question pos"]:
        """List the questions about states themselves, state by state, as tokens."""
        states = FIRST_STATE + torch.arange(N_STATES)
        return torch.cartesian_prod(states, FIRST_RELATION + torch.arange(N_RELATIONS))


def make_geography(seed: int = 0) -> Geography:
    """Draw the geography. One seed is one world, whatever model is trained on it."""
    generator = torch.Generator().manual_seed(seed)

    def shuffled(n: int) -> Tensor:
        return torch.randperm(n, generator=generator)

    state_of = (torch.arange(N_CITIES) % N_STATES)[shuffled(N_CITIES)]
    row = shuffled(N_STATES)[:, None] + torch.arange(N_RELATIONS)  # Latin: one step per relation
    answer = FIRST_ANSWER + shuffled(N_STATES)[row % N_STATES]
    held_out = torch.randint(N_RELATIONS, (N_CITIES,), generator=generator)
    return Geography(state_of, answer, held_out)


@torch.no_grad()
def geography_model(seed: int) -> HookedTransformer:
    """Build the model before training.

    The first layer has no attention, so the state must be found by its MLP, at the city. Norms have
    no gain and bias, and token embeddings stay random: what is learned is in the other weights.
    """
    model = HookedTransformer(CONFIG, PARTS, seed)
    generator = torch.Generator().manual_seed(seed)
    for name, weight in model.named_parameters():
        if (kind := name.rpartition(".")[2]).startswith("W_"):
            fan_in = CONFIG.d_model if kind != "W_out" else CONFIG.d_mlp
            std = 0.02 if kind == "W_pos" else fan_in**-0.5
            weight.copy_(torch.randn(weight.shape, generator=generator) * std)
    block = model.blocks[0]
    assert isinstance(block, MLPBlock)
    for weight in block.attn.parameters():
        weight.zero_().requires_grad_(False)
    norms = [norm for norm, _ in model.norms_and_readers()]
    for part in (model.embed, *norms):
        part.requires_grad_(False)
    return model
