"""A JumpReLU dictionary drawn from your own seed, with an absorbed parent and wrong thresholds.

The activations have a parent concept with four children, and eight other concepts. A child never
occurs without its parent, and at most one child occurs at a time. Some children's latents have
absorbed the parent: they write its direction too, and the parent's own latent is silent there.
Which ones, and how many, depends on the seed. Of the other latents two have a threshold so low that
they are active on noise, and one has a threshold so high that it misses weak examples.
Axes: batch, concept, d_in, d_sae.
"""

from typing import NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from .jumprelu import JumpReLUSAE

D_IN, N_CHILDREN, N_OTHERS = 32, 4, 8
N_CONCEPTS = 1 + N_CHILDREN + N_OTHERS
PARENT, CHILDREN, OTHERS = 0, slice(1, 1 + N_CHILDREN), slice(1 + N_CHILDREN, N_CONCEPTS)
NOISE, LOW, MIDDLE, HIGH = 0.05, 0.02, 0.35, 1.0


class OwnDictionary(NamedTuple):
    """A dictionary, and the directions of the concepts that it describes."""

    sae: JumpReLUSAE
    """The dictionary."""
    concepts: Float[Tensor, "concept d_in"]
    """Orthonormal directions: the parent, its four children, eight others."""


class ConceptBatch(NamedTuple):
    """Activations, and the concepts they contain."""

    x: Float[Tensor, "batch d_in"]
    """Activations."""
    present: Bool[Tensor, "batch concept"]
    """Whether each concept is present."""


@torch.no_grad()
def open_dictionary(seed: int) -> OwnDictionary:
    """Draw directions, roles and order of the latents from a seed."""
    generator = torch.Generator().manual_seed(99_000_017 + seed)
    concepts = torch.linalg.qr(torch.randn(D_IN, D_IN, generator=generator)).Q.T[:N_CONCEPTS]
    number = int(torch.randint(1, N_CHILDREN, (), generator=generator))  # 1 to 3 absorb
    absorbs = torch.zeros(N_CHILDREN, dtype=torch.bool)
    absorbs[torch.randperm(N_CHILDREN, generator=generator)[:number]] = True
    parent, children = concepts[PARENT], concepts[CHILDREN]
    reads, writes = concepts.clone(), concepts.clone()
    reads[PARENT] -= 2 * children[absorbs].sum(dim=0)
    writes[CHILDREN] += absorbs[:, None] * parent
    thresholds = torch.full((N_CONCEPTS,), MIDDLE)
    wrong = OTHERS.start + torch.randperm(N_OTHERS, generator=generator)[:3]
    thresholds[wrong] = torch.tensor([LOW, LOW, HIGH])
    order = torch.randperm(N_CONCEPTS, generator=generator)
    gains = 0.6 + 0.8 * torch.rand(N_CONCEPTS, 1, generator=generator)
    sae = JumpReLUSAE(D_IN, N_CONCEPTS, coefficient=0.0, seed=seed)
    sae.W_enc.copy_((gains * reads[order]).T)
    sae.W_dec.copy_(writes[order] / gains)
    sae.log_threshold.copy_((gains[:, 0] * thresholds[order]).log())
    return OwnDictionary(sae, concepts)


def draw_concepts(own: OwnDictionary, batch: int, generator: torch.Generator) -> ConceptBatch:
    """Draw activations: the parent with probability .5, then a child with .8; others with .15."""
    present = torch.rand(batch, N_CONCEPTS, generator=generator) < 0.15
    present[:, PARENT] = torch.rand(batch, generator=generator) < 0.5
    child = torch.randint(N_CHILDREN, (batch,), generator=generator)
    has_child = present[:, PARENT] & (torch.rand(batch, generator=generator) < 0.8)
    present[:, CHILDREN] = has_child[:, None] & (child[:, None] == torch.arange(N_CHILDREN))
    strengths = 0.7 + 0.6 * torch.rand(batch, N_CONCEPTS, generator=generator)
    noise = NOISE * torch.randn(batch, D_IN, generator=generator)
    return ConceptBatch((present * strengths) @ own.concepts + noise, present)


@torch.no_grad()
def without_latents(
    own: OwnDictionary, x: Float[Tensor, "batch d_in"], latents: list[int]
) -> Float[Tensor, "batch d_in"]:
    """Return the activations with some latents set to zero and the error term kept."""
    acts = own.sae.encode(x)
    edited = acts.clone()
    edited[:, latents] = 0
    return x + (own.sae.decode(edited) - own.sae.decode(acts))


@torch.no_grad()
def error_with_threshold(
    own: OwnDictionary, x: Float[Tensor, "batch d_in"], latent: int, factor: float
) -> float:
    """Compute the mean squared error with one latent's threshold multiplied by a factor."""
    acts, pre_acts = own.sae.encode(x), own.sae.pre_activations(x)
    changed = acts.clone()
    limit = factor * own.sae.threshold[latent]
    changed[:, latent] = pre_acts[:, latent] * (pre_acts[:, latent] > limit)
    return (own.sae.decode(changed) - x).square().sum(dim=-1).mean().item()
