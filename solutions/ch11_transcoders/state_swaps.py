"""Swap one state's latents of layer 0 for another's: does the model give the other state's answer?

1. Choose latents on training questions: activation times gradient of the answer's logit (minus the
   mean logit) in the replacement model, averaged over a state's questions; the largest ones up to
   95 % of the positive sum (`state_latents`).
2. Change the model itself, not the replacement: to each MLP's output at the city, add what the new
   latents write on average, and subtract what the old ones write (`swapped_answers`).
3. Controls: other active latents, and random directions, with the same length of change.
Axes: state, question, latent.
"""

from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from ..ch02_transformer import HookedTransformer, HookPoint
from .crosslayer import AbstractCLT
from .geography import FIRST_RELATION, N_CITIES, N_RELATIONS, N_STATES, Geography
from .replacement import replace_mlps

SHARE = 0.95
DRAWS = 5
"""Draws of each control."""
LATENTS = "blocks.0.mlp.hook_transcoder_acts"


class Swaps(NamedTuple):
    """Shares of questions whose answer becomes the other state's."""

    swapped: float
    """With the latents of the two states exchanged."""
    held_out: float
    """The same, on held-out questions alone."""
    other_latents: float
    """With other latents instead, as many and with a change of the same length."""
    random_direction: float
    """With a random change of the same length."""
    latents: float
    """Latents per state."""


def state_latents(
    model: HookedTransformer, clt: AbstractCLT, world: Geography
) -> Bool[Tensor, "state latent"]:
    """Choose each state's latents by their contribution to the answers of training questions."""
    questions = world.questions(held_out=False)
    taken: list[Tensor] = []

    def take(acts: Tensor, _point: HookPoint) -> Tensor:
        taken.append(acts.detach().requires_grad_())
        return taken[0]

    with replace_mlps(model, clt), model.hooks({LATENTS: take}):
        logits = model(questions)[:, -1]
    scores = logits.gather(1, world.answers(questions)[:, None])[:, 0] - logits.mean(dim=1)
    slopes = torch.autograd.grad(scores.sum(), taken[0])[0][:, 0]
    helps = (slopes * taken[0].detach()[:, 0]).clamp(min=0)
    state = world.state_of[questions[:, 0]]
    means = torch.stack([helps[state == one].mean(dim=0) for one in range(N_STATES)])
    ordered, order = means.sort(dim=1, descending=True)
    before = ordered.cumsum(dim=1) - ordered
    chosen = before < SHARE * ordered.sum(dim=1, keepdim=True)
    return torch.zeros_like(means).scatter(1, order, chosen.to(means)).bool()


@torch.no_grad()
def city_acts(model: HookedTransformer, clt: AbstractCLT) -> Float[Tensor, "city latent"]:
    """Compute the latents of layer 0 at every city, which do not depend on the question."""
    cities = torch.arange(N_CITIES)
    tokens = torch.stack([cities, torch.full_like(cities, FIRST_RELATION)], dim=1)
    _, cache = model.run_with_cache(tokens, names="blocks.0.ln2.hook_normalized")
    x = cache["blocks.0.ln2.hook_normalized"][:, 0]
    return clt.activate(clt.pre_activations(x, 0), 0)


@torch.no_grad()
def swapped_answers(
    model: HookedTransformer,
    questions: Int[Tensor, "question pos"],
    changes: Float[Tensor, "question layer d_model"],
) -> Int[Tensor, " question"]:
    """Return the most likely tokens with changes added to the MLPs' outputs at the city."""

    def add(layer: int, out: Tensor) -> Tensor:
        changed = out.clone()
        changed[:, 0] += changes[:, layer]
        return changed

    hooks = {
        f"blocks.{layer}.hook_mlp_out": (lambda out, _point, layer=layer: add(layer, out))
        for layer in range(len(model.blocks))
    }
    return model.run_with_hooks(questions, hooks=hooks)[:, -1].argmax(dim=1)


@torch.no_grad()
def measure_swaps(
    model: HookedTransformer, clt: AbstractCLT, world: Geography, seed: int = 0
) -> Swaps:
    """Ask every question with the latents of a random other state, and with the two controls.

    Questions that the model answers wrong without any change are left out.
    """
    generator = torch.Generator().manual_seed(seed)
    with torch.enable_grad():
        chosen = state_latents(model, clt, world)
    questions = torch.cat([world.questions(held_out) for held_out in (False, True)])
    relation = questions[:, 1] - FIRST_RELATION
    state = world.state_of[questions[:, 0]]
    step = torch.randint(1, N_STATES, state.shape, generator=generator)
    other = (state + step) % N_STATES
    acts = city_acts(model, clt)
    means = torch.stack([acts[world.state_of == one].mean(dim=0) for one in range(N_STATES)])
    change = (means * chosen)[other] - acts[questions[:, 0]] * chosen[state]
    written = torch.einsum("ql,tld->qtd", change, clt.W_dec[0])
    target = world.answer[other, relation]
    right = model(questions)[:, -1].argmax(dim=1) == world.answers(questions)
    assert len(questions) == N_CITIES * N_RELATIONS

    def rate(changes: Tensor, among: Tensor = right) -> float:
        return (swapped_answers(model, questions, changes) == target)[among].double().mean().item()

    is_held_out = torch.arange(len(questions)) >= len(world.questions(held_out=False))
    free = (acts > 0).any(dim=0) & ~(chosen[state] | chosen[other])  # [question, latent]
    latents, directions = [], []
    for _ in range(DRAWS):
        draws = torch.rand(free.shape, generator=generator) * free
        ranks = draws.argsort(dim=1, descending=True).argsort(dim=1)
        on, off = chosen[other].sum(dim=1), chosen[state].sum(dim=1)
        signs = torch.where(ranks < on[:, None], 1.0, -1.0) * (ranks < (on + off)[:, None]) * free
        wrong = torch.einsum("ql,tld->qtd", signs * (0.5 + draws), clt.W_dec[0])
        latents.append(rate(_rescaled(wrong, written)))
        directions.append(rate(_rescaled(torch.randn(written.shape, generator=generator), written)))
    return Swaps(
        rate(written),
        rate(written, right & is_held_out),
        sum(latents) / DRAWS,
        sum(directions) / DRAWS,
        chosen.sum(dim=1).double().mean().item(),
    )


def _rescaled(changes: Tensor, like: Tensor) -> Tensor:
    """Give each question's change the length of another one."""
    lengths = changes.flatten(1).norm(dim=1).clamp(min=1e-12)
    return changes * (like.flatten(1).norm(dim=1) / lengths)[:, None, None]
